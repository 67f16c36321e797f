# docs/recipes/active_record_accounts.rb. Without it first: what Rails does with a type that it does not know.
require 'active_record'
require 'stringio'
require_relative 'lib/tap'

def schema
  StringIO.new.tap { |out| ActiveRecord::SchemaDumper.dump(ActiveRecord::Base.connection, out) }.string
end

def connect(database)
  ActiveRecord::Base.establish_connection(adapter: 'postgresql', database: database)
  ActiveRecord::Base.logger = nil
  ActiveRecord::Migration.verbose = false
  ActiveRecord::Schema.verbose = false
  ActiveRecord::Base.connection
end

db = connect(ENV['PGDATABASE'])
db.execute('DROP TABLE literals')

check 'without the recipe, schema.rb loses the table' do
  $stderr = StringIO.new # Rails says there that it takes the type for a string
  text = schema
  $stderr = STDERR
  is text.include?('Could not dump table "accounts"'), true
  is text.include?('create_table "accounts"'), false
end

ActiveRecord::Base.remove_connection
$LOAD_PATH.unshift(File.expand_path('../../docs/recipes', __dir__))
require 'active_record_accounts'
db = connect(ENV['PGDATABASE'])
INDEXDEF = "SELECT indexdef FROM pg_indexes WHERE indexname = 'accounts_external_ids_key'"

check 'the migration, down and up' do
  db.execute('DROP TABLE accounts; DROP EXTENSION external_ids')
  db.create_table(:accounts) do |t|
    t.integer :org_id, null: false
    t.text :name, null: false
  end
  migration = AddExternalIdsToAccounts.new
  migration.migrate(:up)
  is db.select_value(INDEXDEF).include?('USING unique_members (external_ids, org_id)'), true
  migration.migrate(:down)
  is db.column_exists?(:accounts, :external_ids), false
  migration.migrate(:up)
end

check 'schema.rb holds the table, its index and the extension, and loads' do
  text = schema
  is text.include?('enable_extension "external_ids"'), true
  is text.include?('t.external_id_set "external_ids", default: "{}", null: false'), true
  is text.include?('using: :unique_members'), true
  definition = db.select_value(INDEXDEF)
  db.execute('CREATE DATABASE recipe_active_record_loaded')
  begin
    loaded = connect('recipe_active_record_loaded')
    eval(text)
    is loaded.select_value(INDEXDEF), definition
    is schema, text
  ensure
    db = connect(ENV['PGDATABASE'])
  end
end

API = JSON.parse('[{"external_id": "42", "label": "crm"}, {"external_id": "a \"b\\\\c, {d}", "label": null}]')

check 'set, read, find' do
  Account.reset_column_information
  account = Account.create!(org_id: 1, name: 'Acme', external_ids: ['stripe:cus_1'])
  is Account.create!(org_id: 1, name: 'none').reload.external_ids, []
  account.update!(external_ids: API)
  is account.reload.external_ids, ['a "b\\c, {d}', 'crm:42']
  is account.changed?, false
  account.external_ids << 'x:1'
  account.save!
  is account.reload.external_ids.last, 'x:1'
  is Account.where(org_id: 1).holding('crm:42').take, account
  is Account.holding(%w[crm:42 crm:43]).exists?, false
  is Account.holding_any(%w[crm:42 crm:43]).take, account
  is Account.holding_value('42').take, account
  is Account.holding_value('crm:42').exists?, false
  is Account.where(org_id: 2).holding('crm:42').take, nil
end

check 'a conflict' do
  other = Account.create!(org_id: 1, name: 'b', external_ids: ['crm:7'])
  other.external_ids = %w[crm:8 crm:42]
  is other.save_claiming, false
  is other.errors[:external_ids], ['Key (external_ids, org_id)=({crm:42}, 1) already exists.']
  is other.reload.external_ids, ['crm:7']
  other.external_ids = ['crm:8']
  is other.save_claiming, true
end

check "one integration's label" do
  account = Account.holding('crm:42').take.replace_label('crm', ['crm:43', { 'external_id' => '44', 'label' => 'crm' }])
  is account.external_ids, ['a "b\\c, {d}', 'crm:43', 'crm:44', 'x:1']
end

done
