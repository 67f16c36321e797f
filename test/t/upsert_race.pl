# Sixteen clients upsert the same 1,000 entities, all of them one entity at the
# same time, each by another set of its IDs; one ID is in every set. However it
# goes there is one row for each entity in the end, which holds the union, and
# each client was told the truth. At READ COMMITTED no client sees an error; at
# the stricter levels, none but serialization failures.
#
# UPSERT_ENTITIES is the number of entities, 1000 by custom.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ExternalIdsTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $entities = $ENV{UPSERT_ENTITIES} || 1000;
my $clients = 16;
my $dir = PostgreSQL::Test::Utils::tempdir;

my $node = new_node('upsert_race', q(
synchronous_commit = off
full_page_writes = off
deadlock_timeout = 100ms
));
$node->start;
sql($node, q(
CREATE EXTENSION external_ids;
CREATE TABLE accounts (
	id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	org_id int NOT NULL,
	writes int NOT NULL DEFAULT 0,
	external_ids external_id_set NOT NULL DEFAULT '{}'
);
-- what each client was told
CREATE TABLE told (entity int, ids external_id_set, result text, account int);
-- the entities in turn, each as often as there are clients; again for retries
CREATE SEQUENCE turn;

-- common:n, and some of the entity's six others
CREATE FUNCTION some_ids(n int, choice int) RETURNS external_id_set LANGUAGE sql IMMUTABLE AS $$
	SELECT external_ids_agg(('{"common:' || n || '","l' || i || ':' || n || '"}')::external_id_set)
	FROM generate_series(1, 6) i WHERE i = 1 + choice % 6 OR choice & (1 << i) <> 0
$$;
-- every write is counted, those that are undone too, by nobody but the rows
CREATE FUNCTION count_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.writes := CASE TG_OP WHEN 'INSERT' THEN 1 ELSE OLD.writes + 1 END;
	RETURN NEW;
END $$;
CREATE TRIGGER count_write BEFORE INSERT OR UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION count_write();
));

my $script = qq(
SELECT (nextval('turn') - 1) / $clients % $entities + 1 AS n \\gset
\\set choice random(0, 127)
BEGIN ISOLATION LEVEL LEVEL;
SELECT count(*) FROM accounts WHERE external_ids @> external_id('common', :n);
INSERT INTO told SELECT :n, some_ids(:n, :choice), u.result, (u.row).id
  FROM external_ids_upsert(NULL::accounts, some_ids(:n, :choice), '{"org_id": 1}') u;
COMMIT;
);

# One race on a new table at an isolation level, with one kind of index.
sub race
{
	my ($name, $level, $index, $retries) = @_;
	my ($out, $err) = ('', '');

	sql($node, qq(
TRUNCATE accounts, told;
ALTER SEQUENCE turn RESTART;
ALTER TABLE accounts $index;
ANALYZE accounts));
	my $count = $entities * $clients;
	append_to_file("$dir/$name.sql", $script =~ s/LEVEL;/$level;/r);
	IPC::Run::run(
		[
			'pgbench', '-n', '-M', 'prepared', '-c', $clients, '-j', 2, '-t', $entities,
			'--failures-detailed', "--max-tries=$retries", '-f', "$dir/$name.sql", $node->connstr('postgres')
		],
		'<', \undef, '>', \$out, '2>', \$err);
	is($?, 0, "$name: no client met an unexpected error") or diag $err;

	# Of an entity whose turns all had to be retried, when others had theirs.
	sql($node, qq(INSERT INTO told SELECT n, some_ids(n, 0), u.result, (u.row).id
  FROM generate_series(1, $entities) n, external_ids_upsert(NULL::accounts, some_ids(n, 0), '{"org_id": 1}') u));
	$count += $entities;

	my ($failed) = $out =~ /^number of failed transactions: (\d+)/m;
	my ($retried) = $out =~ /^number of transactions retried: (\d+)/m;
	my %told = map { split /\|/ } split /\n/, sql($node, 'SELECT result, count(*) FROM told GROUP BY 1');
	diag "$name: " . join(', ', map { "$told{$_} $_" } sort keys %told) . ", " . ($retried // 0) . ' retried';
	is($failed, 0, "$name: every upsert was done");
	is(sql($node, 'SELECT count(*) FROM told'), $count, "$name: every client was told something");
	is(sql($node, 'SELECT count(*) FROM accounts'), $entities, "$name: one row for each entity");
	is($told{created}, $entities, "$name: as many were created");
	is(sql($node, q(SELECT count(*) FROM (SELECT FROM told WHERE result = 'created' GROUP BY entity HAVING count(*) <> 1) twice)),
		0, "$name: each of them once");
	is(sql($node, 'SELECT count(*) FROM (SELECT FROM told GROUP BY entity HAVING count(DISTINCT account) <> 1) differing'),
		0, "$name: all clients were given the same row");
	is( sql($node, q(SELECT count(*) FROM accounts a JOIN (SELECT account, external_ids_agg(ids) AS ids FROM told GROUP BY 1) t
			ON t.account = a.id AND t.ids = a.external_ids)),
		$entities, "$name: each row holds the union");
	is( sql($node, q(SELECT count(*) FROM accounts a JOIN (SELECT account, count(*) FROM told WHERE result <> 'unchanged' GROUP BY 1) t
			ON t.account = a.id AND t.count = a.writes)),
		$entities, "$name: each row was written as often as clients were told");
	cmp_ok($told{updated}, '>', $entities, "$name: clients added to others' rows");
	return $out;
}

# How often the log says that. A failed test is not to print the log, which is long.
sub logged
{
	my ($what) = @_;
	my $times = () = slurp_file($node->logfile) =~ /$what/g;
	return $times;
}

my $plain = 'ADD COLUMN IF NOT EXISTS dummy int';
sql($node, 'CREATE INDEX accounts_ids ON accounts USING unique_members (external_ids, org_id)');
race('read committed', 'read committed', $plain, 1);
is(logged(qr/ERROR:.*(?:duplicate key|deadlock)/), 0, 'read committed: no conflict came to a client');

for my $level ('repeatable read', 'serializable')
{
	my $out = race($level, $level, $plain, 1000);
	my ($deadlocks) = $out =~ /^number of deadlock failures: (\d+)/m;
	like($out, qr/retried: [1-9]/, "$level: some had to be retried");
}
is(logged(qr/ERROR:.*duplicate key/), 0, 'stricter levels: no conflict came to a client');
cmp_ok(logged(qr/ERROR:  could not serialize/), '>', 0, 'stricter levels: serialization failures did');

# A constraint inserts first and looks then: two can wait for each other.
sql($node, 'DROP INDEX accounts_ids');
race('constraint', 'read committed', 'ADD EXCLUDE USING unique_members (external_ids WITH &&, org_id WITH =)', 1);

$node->stop;
done_testing();
