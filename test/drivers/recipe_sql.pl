# docs/recipes/api.sql and docs/recipes/debezium.sql, by what a client of each would ask the server.
use strict;
use warnings;

use DBI;
use JSON::PP;
use Test::More;

my $db = DBI->connect('dbi:Pg:', undef, undef, { RaiseError => 1, PrintError => 0, PrintWarn => 0 });

# Runs one of the recipes' files.
sub recipe
{
	my ($file) = @_;
	is(system('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "../../docs/recipes/$file"), 0, "$file runs");
	return;
}

# The rows of a query, as JSON.
sub rows
{
	my ($query, @params) = @_;
	return decode_json($db->selectrow_array("SELECT coalesce(json_agg(r), '[]') FROM ($query) AS r", undef, @params));
}

my $crm = { external_id => '42', label => 'crm' };
my $x = { external_id => 'x', label => undef };
$db->do(q{INSERT INTO accounts (org_id, name, external_ids)
	VALUES (7, 'Acme', '{crm:42,x}'), (7, 'Globex', '{crm:43}'), (8, 'other', '{crm:42}')});

recipe('api.sql');
is_deeply(rows('SELECT id, name, external_ids FROM account_by_external_id(?, ?)', 7, 'crm:42'),
	[ { id => 1, name => 'Acme', external_ids => [ $x, $crm ] } ], 'by an external ID; a row in JSON has objects');
is_deeply(rows('SELECT id FROM account_by_external_value(?, ?)', 7, '43'), [ { id => 2 } ], 'by a value');
is_deeply(rows('SELECT id FROM account_by_external_id(?, ?)', 9, 'crm:42'), [], 'not in another scope');
$db->do('SET enable_seqscan = off');
like(join("\n", @{ $db->selectcol_arrayref(
		q{EXPLAIN SELECT name FROM account_by_external_id(7, 'crm:42') WHERE name = 'Acme'}) }),
	qr/Index Scan using accounts_external_ids_key .*Filter: \(name = 'Acme'/s, 'is inlined: the index, and the filter of the request');

# As PostgREST reads a body: PATCH /accounts?id=eq.1, and POST /rpc/set_account_external_ids.
my $patch = q{UPDATE accounts SET external_ids = body.external_ids
	FROM json_to_record(?) AS body (external_ids external_id_set) WHERE id = ?};
is($db->do($patch, undef, encode_json({ external_ids => [$crm] }), 1), 1, 'PATCH of the column');
is_deeply(rows('SELECT external_ids FROM accounts WHERE id = 1'), [ { external_ids => [$crm] } ], 'and read back');
is_deeply(rows(q{SELECT a.id, a.external_ids FROM json_to_record(?) AS body (org int, id bigint, ids jsonb),
		set_account_external_ids(body.org, body.id, body.ids) AS a},
	encode_json({ org => 7, id => 1, ids => [ $crm, $x ] })), [ { id => 1, external_ids => [ $x, $crm ] } ], 'set by the function');
is_deeply(rows('SELECT external_ids FROM set_account_external_ids(7, 1, ?, ?)', '[{"external_id": "44", "label": "crm"}]', 'crm'),
	[ { external_ids => [ $x, { external_id => '44', label => 'crm' } ] } ], "one integration's label");
is_deeply(rows('SELECT id FROM set_account_external_ids(8, 1, ?)', '[]'), [], 'not in another scope');
is_deeply(rows('SELECT accounts_external_ids_json(a) AS ids FROM accounts AS a WHERE id = 2'),
	[ { ids => [ { external_id => '43', label => 'crm' } ] } ], 'the computed column');
# PostgREST's filters cs. and ov.
is_deeply(rows(q{SELECT id FROM accounts WHERE external_ids @> '{crm:44}' AND external_ids && '{x,y}'}), [ { id => 1 } ], 'filters');

recipe('debezium.sql');
$db->do(q{SELECT pg_create_logical_replication_slot('recipe', 'pgoutput')});
$db->do(q{UPDATE accounts SET external_ids = '{crm:45,x}' WHERE id = 1});
my $stream = $db->selectrow_array(q{SELECT string_agg(encode(data, 'escape'), '') FROM pg_logical_slot_get_binary_changes(
	'recipe', NULL, NULL, 'proto_version', '1', 'publication_names', 'accounts_changes')});
$db->do(q{SELECT pg_drop_replication_slot('recipe')});
like($stream, qr/\{x,crm:44\}.*\{x,crm:45\}/s, 'the stream has the old set and the new as text');
like($stream, qr/\[\{"label": null, "external_id": "x"\}, \{"label": "crm", "external_id": "45"\}\]/, 'and the copy in JSON');

done_testing();
