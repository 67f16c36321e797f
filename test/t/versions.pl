# docs/versions.md has a table of what works on which server. Each row is tried
# here on the server at hand; yes or no must be what the table says, and a no
# must have the reason that it should have.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ExternalIdsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('versions', "max_prepared_transactions = 4\n", allows_streaming => 'logical');
$node->start;
my ($major) = sql($node, 'SHOW server_version_num') =~ /^(\d+)\d{4}$/;

# ---------------------------------------------------------------------------
# The table: row => yes or no, in the column of this server
# ---------------------------------------------------------------------------
my (@columns, %says, @rows);
foreach my $line (split /\n/, slurp_file('docs/versions.md'))
{
	my ($cells) = $line =~ /^\|(.*)\|$/ or next;
	my ($name, @cells) = map { s/^\s+|\s+$//gr } split /\|/, $cells;
	if (!@columns) { @columns = @cells; next; }
	next if $name =~ /^-+$/;
	my %row;
	@row{@columns} = @cells;
	is(scalar(grep { /^(yes|no)$/ } @cells), scalar @columns, "yes or no for each server: $name");
	push @rows, $name;
	$says{$name} = $row{$major};
}
ok(scalar(grep { $_ eq $major } @columns), "the table has a column for $major");

# ---------------------------------------------------------------------------
# How each is tried: statements, what the last one answers where it works, and
# the SQLSTATE where it does not. Each has a database of its own.
# ---------------------------------------------------------------------------
my $accounts = q(
CREATE TABLE accounts (id int PRIMARY KEY, org_id int NOT NULL, external_ids external_id_set NOT NULL DEFAULT '{}');
);
my $indexed = $accounts . q(
CREATE INDEX accounts_key ON accounts USING unique_members (external_ids, org_id);
INSERT INTO accounts VALUES (1, 7, '{crm:1,erp:1}'), (2, 7, 'crm:2'), (3, 8, 'crm:1');
);
my $syntax = '42601';
my %try = (
	'types, operators, casts to and from JSON' => [
		q(SELECT '[{"external_id": "42", "label": "crm"}]'::external_id_set @> 'crm:42', '{crm:1,2}'::external_id_set + 'crm:3', external_id('crm', 1)::jsonb;),
		't|{2,crm:1,crm:3}|{"label": "crm", "external_id": "1"}' ],
	'`external_id` as primary key, foreign key and partition key' => [
		q(CREATE TABLE parent (id external_id PRIMARY KEY) PARTITION BY LIST (id);
		CREATE TABLE parent_1 PARTITION OF parent FOR VALUES IN ('crm:1');
		CREATE TABLE child (id external_id REFERENCES parent);
		INSERT INTO parent VALUES ('crm:1');
		INSERT INTO child VALUES ('crm:1');
		SELECT p.tableoid::regclass, p.id FROM parent p JOIN child USING (id);), 'parent_1|crm:1' ],
	'`pg_input_is_valid` and other soft errors on input' => [
		q(SELECT pg_input_is_valid('crm:', 'external_id'), pg_input_is_valid('{crm:1}', 'external_id_set'), message FROM pg_input_error_info('crm:', 'external_id');),
		'f|t|external ID value is empty', '42883' ],
	'`COPY ... (ON_ERROR ignore)` leaves out rows with a malformed ID' => [
		"CREATE TABLE ids (id external_id);\nCOPY ids FROM STDIN (ON_ERROR ignore);\ncrm:1\ncrm:\ncrm:2\n\\.\nSELECT string_agg(id::text, ' ') FROM ids;\n",
		'crm:1 crm:2', $syntax ],
	'`JSON_QUERY ... RETURNING external_id_set`, `JSON_TABLE` columns of type `external_id`' => [
		q(SELECT JSON_QUERY('{"ids": [{"external_id": "42", "label": "crm"}]}', '$.ids' RETURNING external_id_set), id
		FROM JSON_TABLE('[{"id": "crm:43"}]', '$[*]' COLUMNS (id external_id PATH '$.id')) t;),
		'{crm:42}|crm:43', $syntax ],
	'`CREATE INDEX [CONCURRENTLY] ... USING unique_members`, `REINDEX CONCURRENTLY`' => [
		$indexed . q(
		CREATE INDEX CONCURRENTLY again ON accounts USING unique_members (external_ids, org_id);
		REINDEX INDEX CONCURRENTLY accounts_key;
		DROP INDEX again;
		SET enable_seqscan = off;
		SELECT id FROM accounts WHERE external_ids @> 'erp:1';
		INSERT INTO accounts VALUES (4, 7, '{crm:2,crm:9}');), qr/^1\n23505: .*accounts_key/s ],
	'`CREATE UNIQUE INDEX ... USING unique_members`' => [
		$accounts . q(
		CREATE UNIQUE INDEX accounts_key ON accounts USING unique_members (external_ids, org_id);
		INSERT INTO accounts VALUES (1, 7, 'crm:1'), (2, 8, 'crm:1');
		INSERT INTO accounts VALUES (3, 7, '{crm:1,crm:2}');), qr/^23505: .*accounts_key/s, '0A000' ],
	'`EXCLUDE USING unique_members`, also `DEFERRABLE`' => [
		$accounts . q(
		ALTER TABLE accounts ADD CONSTRAINT held EXCLUDE USING unique_members (external_ids WITH &&, org_id WITH =) DEFERRABLE;
		INSERT INTO accounts VALUES (1, 7, 'crm:1'), (2, 7, 'crm:2');
		BEGIN; SET CONSTRAINTS ALL DEFERRED;
		UPDATE accounts SET external_ids = 'crm:2' WHERE id = 1;
		UPDATE accounts SET external_ids = 'crm:1' WHERE id = 2;
		COMMIT;
		SELECT id FROM accounts WHERE external_ids @> 'crm:1';
		INSERT INTO accounts VALUES (3, 7, '{crm:1,crm:3}');), qr/^2\n23P01: .*held/s ],
	'on partitioned tables, the partition key in the scope' => [
		q(CREATE TABLE accounts (id int, org_id int, external_ids external_id_set) PARTITION BY LIST (org_id);
		CREATE TABLE accounts_7 PARTITION OF accounts FOR VALUES IN (7);
		CREATE INDEX accounts_key ON accounts USING unique_members (external_ids, org_id);
		INSERT INTO accounts VALUES (1, 7, 'crm:1');
		INSERT INTO accounts VALUES (2, 7, '{crm:1,crm:2}');), qr/^23505: .*accounts_7_/s ],
	'`ON CONFLICT DO NOTHING` by an EXCLUDE constraint' => [
		$accounts . q(
		ALTER TABLE accounts ADD CONSTRAINT held EXCLUDE USING unique_members (external_ids WITH &&, org_id WITH =);
		INSERT INTO accounts VALUES (1, 7, 'crm:1');
		INSERT INTO accounts VALUES (2, 7, '{crm:1,crm:2}'), (3, 8, 'crm:1') ON CONFLICT ON CONSTRAINT held DO NOTHING RETURNING id;), '3' ],
	'`ON CONFLICT (external_ids, org_id) DO UPDATE` by a UNIQUE index' => [
		$accounts . q(
		CREATE UNIQUE INDEX accounts_key ON accounts USING unique_members (external_ids, org_id);
		INSERT INTO accounts VALUES (1, 7, 'crm:1');
		INSERT INTO accounts VALUES (2, 7, '{crm:1,crm:2}') ON CONFLICT (external_ids, org_id)
		DO UPDATE SET external_ids = accounts.external_ids + EXCLUDED.external_ids RETURNING id, external_ids;), '1|{crm:1,crm:2}', '0A000' ],
	'`MERGE`' => [
		$indexed . q(
		MERGE INTO accounts a USING (VALUES (10, 'crm:1'::external_id), (11, 'crm:4')) v (id, ext) ON a.external_ids @> v.ext AND a.org_id = 7
		WHEN MATCHED THEN UPDATE SET external_ids = external_ids + 'seen:1' WHEN NOT MATCHED THEN INSERT VALUES (v.id, 7, v.ext);
		SELECT string_agg(concat(id, external_ids), ' ' ORDER BY id) FROM accounts WHERE org_id = 7;), '1{crm:1,erp:1,seen:1} 2{crm:2} 11{crm:4}' ],
	'`MERGE ... RETURNING`' => [
		$indexed . q(
		MERGE INTO accounts a USING (VALUES ('crm:1'::external_id)) v (ext) ON a.external_ids @> v.ext AND a.org_id = 7
		WHEN MATCHED THEN UPDATE SET external_ids = external_ids + 'seen:1' RETURNING merge_action(), a.id, a.external_ids;), 'UPDATE|1|{crm:1,erp:1,seen:1}', $syntax ],
	'`RETURNING old, new`: what an UPDATE added and removed' => [
		$indexed . q(
		UPDATE accounts SET external_ids = '{crm:1,crm:9}' WHERE id = 1
		RETURNING new.external_ids - old.external_ids, old.external_ids - new.external_ids;), '{crm:9}|{erp:1}', '42P01' ],
	'`external_ids_set`, `_add`, `_remove`, `_resolve`, `_find`' => [
		$indexed . q(
		SELECT added, removed FROM external_ids_set('accounts', 1, '{crm:1,crm:9}');
		SELECT added FROM external_ids_add('accounts', 2, 'x:1');
		SELECT removed FROM external_ids_remove('accounts', 2, 'x:1');
		SELECT id FROM external_ids_resolve(NULL::accounts, 'crm:9', '{"org_id": 7}');
		SELECT id FROM external_ids_find(NULL::accounts, '2', '{"org_id": 7}', prefer => 'key');
		SELECT * FROM external_ids_add('accounts', 2, 'crm:1');), qr/^\Q{crm:9}|{erp:1}\E\n\{x:1\}\n\{x:1\}\n1\n2\n23505: /s ],
	'`external_ids_upsert`, `external_ids_upsert_many`' => [
		$indexed . q(
		SELECT result, ("row").id FROM external_ids_upsert(NULL::accounts, '{crm:1,crm:5}', '{"org_id": 7}');
		SELECT result FROM external_ids_upsert_many(NULL::accounts, '[{"external_ids": "crm:6", "id": 6, "org_id": 7}]');), "updated|1\ncreated" ],
	'`external_ids_merge`' => [
		$indexed . q(
		SELECT FROM external_ids_merge('accounts', 2, 1, delete_from => true);
		SELECT id, external_ids FROM accounts WHERE org_id = 7;), '1|{crm:1,crm:2,erp:1}' ],
	'late binding: `external_ids_link`' => [
		$indexed . q(
		CREATE TABLE contacts (id int PRIMARY KEY, org_id int, ext external_id, account_id int REFERENCES accounts);
		SELECT FROM external_ids_link('contacts', 'ext', 'account_id', 'accounts');
		INSERT INTO contacts VALUES (1, 7, 'crm:2'), (2, 7, 'crm:8');
		UPDATE accounts SET external_ids = external_ids + 'crm:8' WHERE id = 1;
		SELECT string_agg(concat(id, '->', account_id), ' ' ORDER BY id) FROM contacts;), '1->2 2->1' ],
	'`PREPARE TRANSACTION` holds its claims' => [
		$indexed . q(
		BEGIN; INSERT INTO accounts VALUES (4, 7, 'crm:4'); PREPARE TRANSACTION 'claim';
		SET lock_timeout = '100ms';
		\set ON_ERROR_STOP 0
		INSERT INTO accounts VALUES (5, 7, '{crm:4,crm:5}');
		\echo :LAST_ERROR_SQLSTATE
		\set ON_ERROR_STOP 1
		COMMIT PREPARED 'claim';
		INSERT INTO accounts VALUES (5, 7, '{crm:4,crm:5}');), qr/^55P03\n23505: /s ],
	'logical replication: a claim is checked where it is applied' => \&try_replication);

# Tries statements in a new database: the answer, then the error if there is one.
my $databases = 0;
sub answer
{
	my ($statements) = @_;
	my $database = 'try_' . ++$databases;
	sql($node, "CREATE DATABASE $database");
	sql($node, 'CREATE EXTENSION external_ids', dbname => $database);
	my ($status, $stdout, $stderr) = $node->psql($database, $statements,
		extra_params => [ '-v', 'VERBOSITY=verbose', '-v', 'SHOW_CONTEXT=never' ],
		timeout => $PostgreSQL::Test::Utils::timeout_default, on_error_stop => 1);
	$stdout =~ s/^\n+//mg;
	return $stdout if $status == 0;
	$stderr =~ s/^.*ERROR:\s+//s;
	return join "\n", grep { $_ ne '' } $stdout, $stderr;
}

# From one database to another of the same node: a claim that a row there
# already has is refused, one that none has is written.
sub try_replication
{
	my $offset = -s $node->logfile;
	foreach my $database ('publisher', 'subscriber')
	{
		sql($node, "CREATE DATABASE $database");
		sql($node, "CREATE EXTENSION external_ids; $accounts CREATE INDEX ON accounts USING unique_members (external_ids, org_id)", dbname => $database);
	}
	sql($node, q(INSERT INTO accounts VALUES (100, 7, 'crm:2')), dbname => 'subscriber');
	sql($node, q(CREATE PUBLICATION pub FOR TABLE accounts; SELECT pg_create_logical_replication_slot('sub', 'pgoutput')), dbname => 'publisher');
	sql($node, q(CREATE SUBSCRIPTION sub CONNECTION ') . $node->connstr . q( dbname=publisher' PUBLICATION pub WITH (create_slot = false)), dbname => 'subscriber');
	$node->wait_for_subscription_sync($node, 'sub', 'subscriber');
	sql($node, q(INSERT INTO accounts VALUES (1, 7, 'crm:1')), dbname => 'publisher');
	$node->wait_for_catchup('sub');
	my $seen = sql($node, q(SELECT id FROM accounts WHERE external_ids @> 'crm:1'), dbname => 'subscriber');
	sql($node, q(INSERT INTO accounts VALUES (2, 7, 'crm:2')), dbname => 'publisher');
	$seen .= $node->wait_for_log(qr/23505 .*ERROR:  duplicate key value/, $offset) ? ' refused' : '';
	sql($node, q(DELETE FROM accounts), dbname => 'subscriber');
	$node->wait_for_catchup('sub');
	sql($node, 'DROP SUBSCRIPTION sub', dbname => 'subscriber');
	return ($seen, '1 refused');
}

foreach my $name (@rows)
{
	my $try = delete $try{$name};
	ok($try, "there is a try of: $name") or next;
	my ($got, $works, $state);
	if (ref $try eq 'CODE')
	{
		($got, $works) = $try->();
	}
	else
	{
		($works, $state) = @$try[ 1, 2 ];
		$got = answer($try->[0]);
	}
	my $yes = ref $works ? $got =~ $works : $got eq $works;
	my $no = defined $state && $got =~ /^$state: /m;
	is($yes ? 'yes' : $no ? 'no' : "neither: $got", $says{$name}, "as the table says of $major: $name");
}
is(join("\n", keys %try), '', 'what is tried has a row');

$node->stop;
done_testing();
