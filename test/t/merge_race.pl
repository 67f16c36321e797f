# external_ids_merge under load. Fourteen clients merge pairs of rows in both
# directions, most re-pointing the children, beside clients that resolve, write
# children and move IDs: every resolver finds every ID in exactly one row, no ID
# and no child is lost, and nothing deadlocks.
#
# MERGE_RACE is the number of operations; 60000 by custom. A longer run is
#     MERGE_RACE=1000000 make test LAYER=tap TESTS=merge_race
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ExternalIdsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $operations = $ENV{MERGE_RACE} || 60000;
my $clients = 14;
my $dir = PostgreSQL::Test::Utils::tempdir;
my $groups = 8;     # of accounts that share their IDs
my $each = 5;       # accounts in a group, and IDs

my $node = new_node('merge_race', q(
synchronous_commit = off
full_page_writes = off
max_wal_size = 1GB
autovacuum_naptime = 1s
deadlock_timeout = 100ms
));
$node->start;
sql($node, qq(
CREATE EXTENSION external_ids;
CREATE TABLE accounts (id int PRIMARY KEY, org int NOT NULL, external_ids external_id_set NOT NULL);
CREATE INDEX accounts_external_ids_key ON accounts USING unique_members (external_ids, org);
-- account g * 100 + i of org g starts with ID crm:i
INSERT INTO accounts SELECT g * 100 + i, g, external_id('crm', i)
FROM generate_series(1, $groups) g, generate_series(1, $each) i;
CREATE TABLE children (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account_id int REFERENCES accounts);
CREATE INDEX ON children (account_id);
INSERT INTO children (account_id) SELECT id FROM accounts, generate_series(1, 3);
CREATE SEQUENCE merges;
CREATE SEQUENCE moved;
CREATE SEQUENCE answers;
CREATE SEQUENCE changes;
CREATE TABLE ledger (n int);
CREATE TABLE faults (at timestamptz DEFAULT clock_timestamp(), what text);
));

sql($node, q(
-- A merge; that IDs were moved is counted. Behind it, in the same transaction,
-- row "from" has none and, if they were re-pointed, no children.
CREATE FUNCTION merge(a int, b int, repoint bool) RETURNS void LANGUAGE plpgsql AS $$
DECLARE n bigint; held int;
BEGIN
  SELECT count INTO STRICT n FROM external_ids_merge('accounts', a, b, repoint => repoint);
  PERFORM nextval('merges');
  PERFORM nextval('moved') FROM accounts WHERE id = b AND external_ids <> '{}';
  IF EXISTS (SELECT FROM accounts WHERE id = a AND external_ids <> '{}') THEN
    INSERT INTO faults (what) VALUES (format('%s has IDs after its merge', a));
  END IF;
  IF repoint AND EXISTS (SELECT FROM children WHERE account_id = a) THEN
    INSERT INTO faults (what) VALUES (format('%s has children after its merge', a));
  END IF;
END $$;

-- One snapshot's answers for all IDs of an org, by the index: each in one row.
CREATE FUNCTION look(g int, ids external_id[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE holders int[];
BEGIN
  SELECT array_agg((SELECT count(*) FROM accounts a WHERE a.external_ids @> m AND a.org = g)) INTO holders
  FROM unnest(ids) AS m;
  IF holders <> array_fill(1, ARRAY[cardinality(ids)]) THEN
    INSERT INTO faults (what) VALUES (format('org %s: %s rows hold the IDs', g, holders));
  END IF;
  PERFORM nextval('answers');
END $$;
-- The same through external_ids_resolve.
CREATE FUNCTION resolve(g int, wanted external_id) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM external_ids_resolve(NULL::accounts, wanted, jsonb_build_object('org', g));
  IF NOT FOUND THEN
    INSERT INTO faults (what) VALUES (format('org %s: %s is in no row', g, wanted));
  END IF;
  PERFORM nextval('answers');
END $$;

-- A row takes a new ID for those that it and merged ones took so before.
CREATE FUNCTION change(a int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO ledger SELECT cardinality(added) - cardinality(removed)
    FROM external_ids_set('accounts', a, external_id('own', nextval('changes')), label => 'own');
END $$;
));

my $ids = "'{" . join(',', map { "crm:$_" } 1 .. $each) . "}'";
my $draw = qq(
\\set g random(1, $groups)
\\set i random(1, $each)
\\set j (:i + random(0, $each - 2)) % $each + 1
\\set a :g * 100 + :i
\\set b :g * 100 + :j
\\set repoint random(0, 2)
);
my %script = (
	merge => 'SELECT merge(:a, :b, :repoint > 0);',
	look => "SELECT look(:g, $ids);",
	resolve => "SELECT resolve(:g, external_id('crm', :i));",
	child => 'INSERT INTO children (account_id) VALUES (:a);',
	leave => 'DELETE FROM children WHERE id = (SELECT id FROM children WHERE account_id = :a LIMIT 1 FOR UPDATE SKIP LOCKED);',
	change => 'SELECT change(:a);');
append_to_file("$dir/$_.sql", "$draw$script{$_}\n") for keys %script;
my %weight = (merge => 6, look => 4, resolve => 4, child => 1, leave => 1, change => 2);

my $transactions = int(($operations + $clients - 1) / $clients);
my ($out, $err) = ('', '');
ok( IPC::Run::run(
		[
			'pgbench', '-n', '-M', 'prepared', '-c', $clients, '-j', '2', '-t', $transactions, '--failures-detailed',
			(map { ('-f', "$dir/$_.sql\@$weight{$_}") } sort keys %weight),
			$node->connstr('postgres')
		],
		'<', \undef, '>', \$out, '2>', \$err),
	'no client met an unexpected error') or diag $err;
note $out;
my ($processed) = $out =~ m{transactions actually processed: (\d+)/};
is($processed, $transactions * $clients, 'every operation was done');
is(sql($node, 'SELECT string_agg(what, E\'\n\') FROM (SELECT what FROM faults ORDER BY at LIMIT 10) f'),
	'', 'every answer was one row, and every merge complete');

my ($merges, $moved, $answers, $changes) =
  split /\|/, sql($node, 'SELECT m.last_value, v.last_value, a.last_value, c.last_value FROM merges m, moved v, answers a, changes c');
diag "$processed operations, $merges merges, $answers answers, $changes changes";
cmp_ok($merges, '>', $operations / 6, 'merges were made');
cmp_ok($moved, '>', $operations / 40, 'merges moved IDs');
cmp_ok($changes, '>', $operations / 20, 'rows took IDs beside');
cmp_ok($answers, '>', $operations / 4, 'resolvers ran beside');

is(sql($node, qq(
SELECT count(*), count(DISTINCT (a.org, m::text)) FROM accounts a, unnest(a.external_ids) m WHERE external_id_label(m) = 'crm'
)), $groups * $each . '|' . $groups * $each, 'no ID is lost, none held twice');
is(sql($node, "SELECT count(*) FROM accounts a, unnest(a.external_ids) m WHERE external_id_label(m) = 'crm' AND external_id_value(m)::int > $each"),
	'0', 'no ID came from nowhere');
is(sql($node, "SELECT count(*) FROM children c LEFT JOIN accounts a ON a.id = c.account_id WHERE a.id IS NULL"),
	'0', 'every child has its account');
is( sql($node, "SELECT count(*) FROM accounts a, unnest(a.external_ids) m WHERE external_id_label(m) = 'own'"),
	sql($node, 'SELECT sum(n) FROM ledger'), 'no ID is lost that was claimed beside');
my $deadlocks = () = slurp_file($node->logfile) =~ /ERROR:  deadlock detected/g;
is($deadlocks, 0, 'no deadlock');

# Rows that go: one pair in both directions at once, with DELETE. One direction
# wins each time, the other finds a row missing.
sql($node, q(
CREATE TABLE pairs (id int PRIMARY KEY, external_ids external_id_set NOT NULL);
CREATE INDEX pairs_ids ON pairs USING unique_members (external_ids);
INSERT INTO pairs SELECT i, external_id('p', i) FROM generate_series(1, 2000) i;
CREATE TABLE pair_children (pair_id int REFERENCES pairs);
CREATE INDEX ON pair_children (pair_id);
INSERT INTO pair_children SELECT i FROM generate_series(1, 2000) i;
CREATE SEQUENCE gone;
CREATE SEQUENCE turn;
-- two clients get each pair, one in each direction
CREATE FUNCTION merge_pair() RETURNS void LANGUAGE plpgsql AS $$
DECLARE n bigint := nextval('turn') - 1; a int := n / 2 * 2 + 1; b int := a + 1;
BEGIN
  IF n % 2 = 1 THEN
    PERFORM external_ids_merge('pairs', a, b, repoint => true, delete_from => true);
  ELSE
    PERFORM external_ids_merge('pairs', b, a, repoint => true, delete_from => true);
  END IF;
EXCEPTION WHEN no_data_found THEN
  PERFORM nextval('gone');
END $$;
));
append_to_file("$dir/pair.sql", "SELECT merge_pair();\n");
ok( IPC::Run::run(
		[ 'pgbench', '-n', '-c', '8', '-j', '2', '-t', '250', '-f', "$dir/pair.sql", $node->connstr('postgres') ],
		'<', \undef, '>', \$out, '2>', \$err),
	'pairs: no client met an unexpected error') or diag $err;
is( sql($node, q(
SELECT (SELECT last_value FROM gone), count(*), sum(cardinality(external_ids)), min(cardinality(external_ids)),
  (SELECT count(*) FROM pair_children JOIN pairs ON id = pair_id) FROM pairs)),
	'1000|1000|2000|2|2000', 'pairs: one direction won each time; every ID and child is with the row that stayed');
$deadlocks = () = slurp_file($node->logfile) =~ /ERROR:  deadlock detected/g;
is($deadlocks, 0, 'pairs: no deadlock');
$node->stop;

done_testing();
