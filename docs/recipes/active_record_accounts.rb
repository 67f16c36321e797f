# ActiveRecord 6.1 and later: external_id_set as a type of columns, and a model.
#
# In Rails the first part is config/initializers/external_ids.rb. With it schema.rb holds
# the table; without it Rails writes "Could not dump table" there and leaves the table out
# (the other way is config.active_record.schema_format = :sql).
require 'active_record'
require 'active_record/connection_adapters/postgresql_adapter'

# A set as an Array of strings, such as ["crm:42"]; also takes the API's parsed objects.
class ExternalIdSet < ActiveRecord::Type::Value
  ENCODER = PG::TextEncoder::Array.new
  DECODER = PG::TextDecoder::Array.new

  def type
    :external_id_set
  end

  def serialize(ids)
    ids = ids.map { |id| id.is_a?(Hash) ? JSON.generate(id) : id } if ids.is_a?(Array)
    ids.is_a?(Array) ? ENCODER.encode(ids) : ids
  end

  def deserialize(text)
    text && DECODER.decode(text)
  end

  # The default in schema.rb.
  def type_cast_for_schema(ids)
    serialize(ids).inspect
  end

  def changed_in_place?(raw_old, new)
    deserialize(raw_old) != new
  end

  private

  def cast_value(value)
    value.is_a?(String) && value.start_with?('{') ? deserialize(value) : value
  end
end

module ExternalIdSetColumns
  # t.external_id_set :external_ids
  module Table
    def external_id_set(*names, **options)
      names.each { |name| column(name, :external_id_set, **options) }
    end
  end

  module TypeMap
    def initialize_type_map(map = type_map)
      super
      map.register_type('external_id_set', ExternalIdSet.new)
    end
  end
end

ActiveRecord::ConnectionAdapters::PostgreSQLAdapter.prepend(ExternalIdSetColumns::TypeMap)
ActiveRecord::ConnectionAdapters::PostgreSQLAdapter::NATIVE_DATABASE_TYPES[:external_id_set] = { name: 'external_id_set' }
ActiveRecord::ConnectionAdapters::PostgreSQL::TableDefinition.include(ExternalIdSetColumns::Table)
ActiveRecord::ConnectionAdapters::PostgreSQL::Table.include(ExternalIdSetColumns::Table)

class AddExternalIdsToAccounts < ActiveRecord::Migration[6.1]
  # On a table in use: disable_ddl_transaction!, and algorithm: :concurrently for the index.
  def change
    enable_extension 'external_ids'
    change_table(:accounts) { |t| t.external_id_set :external_ids, null: false, default: '{}' }
    add_index :accounts, %i[external_ids org_id], name: 'accounts_external_ids_key', using: :unique_members
  end
end

class Account < ActiveRecord::Base
  INDEX = 'accounts_external_ids_key'.freeze

  # One external ID, or an Array: the account that holds all of them.
  scope :holding, ->(ids) { where('external_ids @> ?::external_id_set', ExternalIdSet.new.serialize(ids)) }
  scope :holding_any, ->(ids) { where('external_ids && ?::external_id_set', ExternalIdSet.new.serialize(ids)) }
  # A value, under any label.
  scope :holding_value, ->(value) { where('external_ids @= ?', value) }

  # Replaces what one integration has given, and leaves the others'.
  def replace_label(label, ids)
    self.class.where(id: id).update_all(
      ['external_ids = external_ids - external_ids_under(external_ids, ?) + ?::external_id_set', label, ExternalIdSet.new.serialize(ids)]
    )
    reload
  end

  # False, with an error on external_ids, if another row holds one of them.
  def save_claiming
    transaction(requires_new: true) { save }
  rescue ActiveRecord::RecordNotUnique => e
    result = e.cause.result
    raise unless result.error_field(PG::PG_DIAG_CONSTRAINT_NAME) == INDEX

    errors.add(:external_ids, result.error_field(PG::PG_DIAG_MESSAGE_DETAIL))
    false
  end
end
