# ruby-pg. A parameter has no type unless a type map gives it one; without a map an Array is bound as Ruby prints it.
require 'json'
require 'pg'
require_relative 'lib/tap'

DB = PG.connect
def one(query, *params)
  DB.exec_params(query, params).getvalue(0, 0)
end

# The error that the query must end in.
def fails(state, query, *params)
  got = DB.exec_params(query, params).values
rescue PG::Error => e
  is [e.result&.error_field(PG::PG_DIAG_SQLSTATE), e.message], [state, e.message]
  e
else
  raise "no error, but #{got}"
end

def account(ids = '{}')
  one("INSERT INTO accounts (org_id, name, external_ids) VALUES (1, 'ruby', $1) RETURNING id", ids)
end

ENCODER = PG::TextEncoder::Array.new(elements_type: PG::TextEncoder::String.new)
DECODER = PG::TextDecoder::Array.new
SET = 'UPDATE accounts SET external_ids = $1 WHERE id = $2 RETURNING external_ids'
STRINGS = ['crm:42', 'a "b", c', ':x:y']

check 'ruby-pg: text, both types and their arrays' do
  is one('SELECT $1::external_id', 'crm:42'), 'crm:42'
  is one('SELECT $1::external_id_set', '{stripe:1,crm:42}'), '{crm:42,stripe:1}'
  is DECODER.decode(one('SELECT $1::external_id[]', ENCODER.encode(STRINGS))), STRINGS
  is DECODER.decode(one('SELECT $1::external_id_set', ENCODER.encode(STRINGS))), ['a "b", c', ':x:y', 'crm:42']
  is DECODER.decode(one('SELECT $1::external_id_set[]', ENCODER.encode(['crm:1', '{b,a}']))), ['{crm:1}', '{a,b}']
end

check 'ruby-pg: binary, both types and their arrays' do
  { 'external_id' => 'crm:ключ', 'external_id_set' => '{a,crm:42}' }.each do |type, text|
    oid = one('SELECT $1::regtype::oid', type).to_i
    wire = "\x01".b + text.b
    array = [1, 0, oid, 1, 1, wire.bytesize].pack('N6') + wire
    { type => wire, "#{type}[]" => array }.each do |as, bytes|
      got = DB.exec_params("SELECT $1::#{as}", [{ value: bytes, format: 1 }], 1).getvalue(0, 0)
      is got, bytes
    end
    is DB.exec_params("SELECT $1::#{type}", [{ value: wire, format: 1 }]).getvalue(0, 0), text
    fails '22023', "SELECT $1::#{type}", { value: "\x02a", format: 1 }
  end
end

check "ruby-pg: a PATCH with the API's JSON, and read back as JSON" do
  body = [{ 'external_id' => 'x', 'label' => nil }, { 'external_id' => '42', 'label' => 'crm' }]
  id = account('{crm:old}')
  ids = one("SELECT ids::jsonb FROM external_ids_set('accounts', $1::bigint, $2)", id, JSON.generate(body))
  is JSON.parse(ids), body
  is JSON.parse(one('SELECT external_ids::json FROM accounts WHERE id = $1', id)), body
end

check 'ruby-pg: prepared @>, && and @=' do
  id = account('{crm:prep,stripe:prep2}')
  { '@>' => 'crm:prep', '&&' => '{zendesk:1,stripe:prep2}', '@=' => 'prep2' }.each do |operator, value|
    DB.prepare(operator, "SELECT id FROM accounts WHERE external_ids #{operator} $1 AND org_id = $2")
    7.times { is DB.exec_prepared(operator, [value, 1]).values, [[id]] }
  end
end

check 'ruby-pg: COPY in and out' do
  text = "2\tcopy\t{\"a,b\\\\\\\\\",crm:c1}\n2\tcopy\t{}\n"
  DB.copy_data('COPY accounts (org_id, name, external_ids) FROM STDIN') { DB.put_copy_data(text) }
  coder = PG::TextEncoder::CopyRow.new
  DB.copy_data('COPY accounts (org_id, name, external_ids) FROM STDIN', coder) do
    DB.put_copy_data(['2', 'copy', ENCODER.encode(['r,s', 'crm:c2'])])
  end
  out = ''
  DB.copy_data("COPY (SELECT org_id, name, external_ids FROM accounts WHERE name = 'copy' ORDER BY id) TO STDOUT") do
    while (line = DB.get_copy_data)
      out += line
    end
  end
  is out, text + "2\tcopy\t{\"r,s\",crm:c2}\n"
end

check 'ruby-pg: 23505 with constraint and DETAIL' do
  account('crm:taken')
  fields = ->(e) { [PG::PG_DIAG_TABLE_NAME, PG::PG_DIAG_CONSTRAINT_NAME].map { |f| e.result.error_field(f) } }
  e = fails('23505', "INSERT INTO accounts (org_id, name, external_ids) VALUES (1, 'b', $1)", 'crm:taken')
  is e.class, PG::UniqueViolation
  is fields.(e), %w[accounts accounts_external_ids_key]
  is e.result.error_field(PG::PG_DIAG_MESSAGE_DETAIL), 'Key (external_ids, org_id)=({crm:taken}, 1) already exists.'
  e = fails('23505', "SELECT ids FROM external_ids_add('accounts', $1::bigint, $2)", account, 'crm:taken')
  is fields.(e), %w[accounts accounts_external_ids_key]
  is e.result.error_field(PG::PG_DIAG_MESSAGE_DETAIL).start_with?('External ID crm:taken is held by the row with key'), true
end

check 'ruby-pg: 21000 with DETAIL' do
  account('crm:two')
  account('stripe:two')
  e = fails('21000', 'SELECT id FROM external_ids_resolve_value(NULL::accounts, $1, $2)', 'two', '{"org_id": 1}')
  is e.class, PG::CardinalityViolation
  is e.result.error_field(PG::PG_DIAG_MESSAGE_DETAIL).nil?, false
end

check 'ruby-pg: every literal of the regression suite' do
  DB.exec('SELECT n, type, lit, means FROM literals ORDER BY n').each_row do |n, type, lit, means|
    got = begin
      one("SELECT $1::#{type}", lit)
    rescue PG::Error => e
      "ERROR #{e.result.error_field(PG::PG_DIAG_SQLSTATE)}"
    end
    raise "literal #{n}, #{lit.inspect}: #{got.inspect}, not #{means.inspect}" if got != means
  end
end

check 'ruby-pg: an array of strings: as Ruby prints it, refused; with a type map, a set' do
  id = account
  strings = ['crm:l1', 'a,b', '{"external_id": "o"}', ':{']
  text = '{"a,b",o,":{",crm:l1}'
  fails '22023', SET, ['crm:1'], id # ["crm:1"] is a JSON array of strings
  is one(SET, [], id), '{}'
  is one(SET, ENCODER.encode(strings), id), text
  DB.type_map_for_queries = PG::BasicTypeMapForQueries.new(DB)
  fails '42804', SET, strings, id # typed as text[]
  is one(SET.sub('$1', 'external_id_set(VARIADIC $1::external_id[])'), strings, id), text
  map = PG::TypeMapByClass.new
  map[Array] = ENCODER
  DB.type_map_for_queries = map
  is one(SET, strings, id), text
  is one('SELECT id FROM accounts WHERE external_ids && $1', ['crm:no', 'crm:l1']), id
  is one(SET, [], id), '{}'
  fails '22023', SET, [nil], id
ensure
  DB.type_map_for_queries = PG::TypeMapAllStrings.new
end

check 'ruby-pg: an array of parsed JSON objects: refused as Ruby prints it; generated, it means what it says' do
  id = account
  body = JSON.parse('[{"external_id": "d\"{},", "label": "crm"}, {"external_id": "43"}]')
  fails '22P02', SET, body, id # {"external_id"=>"43"}
  fails '22P02', SET, JSON.parse('[{"external_id": "43"}]', symbolize_names: true), id
  fails '23502', SET, body[1], id # a Hash describes a parameter: this one has no :value, which is NULL
  fails '22004', "SELECT ids FROM external_ids_set('accounts', $2::bigint, $1)", body[1], id
  is one(SET, JSON.generate(body), id), '{43,"crm:d\"{},"}'
  is one(SET, ENCODER.encode(body.map { |m| JSON.generate(m) }), id), '{43,"crm:d\"{},"}'
  fails '22P02', SET, ENCODER.encode(body), id
end

check 'ruby-pg: strings without a type, and typed as text and varchar' do
  id = account('crm:untyped')
  is one('SELECT id FROM accounts WHERE external_ids @> $1', 'crm:untyped'), id
  { 25 => 'text', 1043 => 'varchar' }.each_key do |oid|
    typed = ->(text) { { value: text, type: oid } }
    is one(SET, typed.('{crm:typed,"a b"}'), id), '{"a b",crm:typed}'
    is one('SELECT id FROM accounts WHERE external_ids @> $1::external_id_set', typed.('crm:typed')), id
    is one('SELECT id FROM accounts WHERE external_ids @= $1', typed.('typed')), id
    %w[@> && =].each { |operator| fails '42883', "SELECT id FROM accounts WHERE external_ids #{operator} $1", typed.('crm:typed') }
  end
end

done
