# Sixteen clients claim and release over 3,000 IDs while VACUUM and REINDEX
# CONCURRENTLY run. No ID is ever held twice, everything held is found through
# the index, rows that only claim never deadlock, rows that exchange IDs rarely.
#
# RACE_CLAIMS is the number of operations, half of them claims; 400000 by
# custom. A longer run is
#     RACE_CLAIMS=5000000 make test LAYER=tap TESTS=race
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ExternalIdsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $operations = $ENV{RACE_CLAIMS} || 400000;

my $node = new_node('race', q(
synchronous_commit = off
full_page_writes = off
max_wal_size = 1GB
autovacuum_naptime = 1s
deadlock_timeout = 100ms
));
$node->start;
create_accounts($node, 3000);

# Each operation is one statement on one row, of which a conflict is a normal
# outcome. "won" and "lost" count them.
sql($node, q(
INSERT INTO accounts SELECT i, '{}' FROM generate_series(1, 400) i;
CREATE SEQUENCE won;
CREATE SEQUENCE lost;

CREATE FUNCTION ids(a int, b int, c int) RETURNS external_id_set LANGUAGE sql IMMUTABLE
AS $$ SELECT ('{crm:' || a || ',crm:' || b || ',crm:' || c || '}')::external_id_set $$;

-- a row that has no IDs claims some
CREATE FUNCTION claim(account int, claimed external_id_set) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE accounts SET external_ids = claimed WHERE id = account AND external_ids = '{}';
  IF FOUND THEN PERFORM nextval('won'); END IF;
EXCEPTION WHEN unique_violation THEN
  PERFORM nextval('lost');
END $$;

-- a new row claims some
CREATE FUNCTION create_account(account int, claimed external_id_set) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO accounts VALUES (account, claimed) ON CONFLICT (id) DO NOTHING;
  IF FOUND THEN PERFORM nextval('won'); END IF;
EXCEPTION WHEN unique_violation THEN
  PERFORM nextval('lost');
END $$;

-- a row gives up what it has for others
CREATE FUNCTION exchange(account int, claimed external_id_set) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE accounts SET external_ids = claimed WHERE id = account;
  IF FOUND THEN PERFORM nextval('won'); END IF;
EXCEPTION WHEN unique_violation THEN
  PERFORM nextval('lost');
END $$;

-- a row claims some besides what it has; of many it keeps few
CREATE FUNCTION add(account int, claimed external_id_set) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE accounts SET external_ids = CASE WHEN cardinality(external_ids) < 12 THEN external_ids + claimed ELSE claimed END
  WHERE id = account;
  IF FOUND THEN PERFORM nextval('won'); END IF;
EXCEPTION WHEN unique_violation THEN
  PERFORM nextval('lost');
END $$;
));
ok(uses_index($node), 'look-ups go through the index');

my $draw = q(
\set account random(1, 400)
\set fresh random(401, 800)
\set a random(1, 3000)
\set b random(1, 3000)
\set c random(1, 3000)
);
my %script = (
	claim => "SELECT claim(:account, ids(:a, :b, :c));",
	create_account => "SELECT create_account(:fresh, ids(:a, :b, :c));",
	release => "UPDATE accounts SET external_ids = '{}' WHERE id = :account;",
	delete => "DELETE FROM accounts WHERE id = :fresh;",
	exchange => "SELECT exchange(:account, ids(:a, :b, :c));",
	add => "SELECT add(:account, ids(:a, :a, :c));",
	look => "SELECT id FROM accounts WHERE external_ids @> external_id('crm', :a::text);");
$script{$_} = $draw . $script{$_} for keys %script;

# Runs the scripts (with weights) by pgbench, with VACUUM, REINDEX CONCURRENTLY
# and the checks beside, and returns the number of deadlocks.
sub race
{
	my ($name, $count, %weights) = @_;
	my ($rounds, $twice) = (0, 0);
	my $maintain = sub {
		sql($node, 'REINDEX INDEX CONCURRENTLY accounts_external_ids_key') if $rounds % 2 == 0;
		sql($node, 'VACUUM accounts') if $rounds % 2 == 1;
		$twice += sql($node, 'SELECT held_twice()');
		# Without a pause, invalidations would keep the clients from their work.
		sleep 1 if ++$rounds >= 2;
	};
	my %load = pgbench($node,
		clients => 16, operations => $count, scripts => \%script, weights => \%weights, beside => $maintain);
	ok($load{ok}, "$name: no client met an unexpected error") or diag $load{err};
	note $load{out};
	note "$rounds rounds of maintenance";

	my ($processed, $deadlocks) = @load{qw(processed deadlocks)};
	is($processed + $deadlocks, $load{operations}, "$name: every operation was done");
	cmp_ok($rounds, '>=', 2, "$name: VACUUM and REINDEX CONCURRENTLY ran beside");
	is($twice, 0, "$name: no ID was held twice at any time");
	is(sql($node, 'SELECT held_twice()'), '0', "$name: no ID is held twice");
	cmp_ok(sql($node, 'SELECT held()'), '>', 500, "$name: IDs are held");
	is(sql($node, 'SELECT wrong_lookups(), faults()'), '0|0', "$name: index and table agree");
	is( sql($node, q(SELECT count(*) FROM pg_index WHERE indrelid = 'accounts'::regclass AND indisvalid AND indisready),),
		'2', "$name: no rebuild was left behind");
	my ($won, $lost) = split /\|/,
	  sql($node, q(SELECT won.last_value, lost.last_value FROM won, lost; ALTER SEQUENCE won RESTART; ALTER SEQUENCE lost RESTART));
	diag "$name: $processed operations, $won claims won, $lost lost, $deadlocks deadlocks";
	cmp_ok($won, '>', $count / 50, "$name: claims were won");
	cmp_ok($lost, '>', $count / 100, "$name: claims were lost");
	return ($deadlocks, $processed);
}

my ($deadlocks, $processed) = race('claims', $operations / 2,
	claim => 4, create_account => 4, release => 3, delete => 3, look => 1);
is($deadlocks, 0, 'claims: no deadlock');

($deadlocks, $processed) = race('exchanges', $operations / 2,
	claim => 2, create_account => 2, exchange => 4, add => 4, release => 1, delete => 2, look => 1);
cmp_ok($deadlocks * 10000, '<', $processed, 'exchanges: fewer than one deadlock in 10,000');

# Every deadlock the server saw was counted above: none hit the maintenance.
is(deadlocks_logged($node), $deadlocks, 'the server logged as many deadlocks');

sql($node, 'VACUUM accounts; REINDEX INDEX accounts_external_ids_key');
is(sql($node, 'SELECT wrong_lookups(), held_twice(), faults()'), '0|0|0', 'the same after VACUUM and REINDEX');
$node->stop;

done_testing();
