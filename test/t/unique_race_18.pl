# INSERT ... ON CONFLICT by a UNIQUE index of unique_members: sixteen clients
# upsert the same entities at the same time, each by two of the entity's three
# IDs, so that any two sets overlap, no ID is in all of them, and three sessions
# can each be in the way of the next. In the end there is one row for each
# entity, which counts every upsert, and no ID twice. A second race deletes rows
# as well, so that there is always something to insert. Nothing deadlocks, and
# no statement takes longer than its statement_timeout, as one would that tries
# for ever.
#
# UNIQUE_RACE is the number of upserts of the first race, 100,000 by custom.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ExternalIdsTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $clients = 16;
my $upserts = $ENV{UNIQUE_RACE} || 100_000;
$upserts -= $upserts % $clients;
my $dir = PostgreSQL::Test::Utils::tempdir;

my $node = new_node('unique_race', q(
synchronous_commit = off
full_page_writes = off
deadlock_timeout = 100ms
statement_timeout = 60s
));
$node->start;
sql($node, q(
CREATE EXTENSION external_ids;
CREATE TABLE accounts (
	id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	org_id int NOT NULL,
	entity int NOT NULL,
	external_ids external_id_set NOT NULL,
	upserts int NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX accounts_external_ids_key ON accounts USING unique_members (external_ids, org_id);
-- the entities in turn, each as often as there are clients
CREATE SEQUENCE turn;
-- two of an entity's three IDs
CREATE FUNCTION two_ids(entity int, choice int) RETURNS external_id_set LANGUAGE sql IMMUTABLE AS $$
	SELECT external_id_set(external_id('l' || choice % 3, entity), external_id('l' || (choice + 1) % 3, entity))
$$;
));

my $upsert = q(INSERT INTO accounts (org_id, entity, external_ids) VALUES (1, :n, two_ids(:n, :choice))
	ON CONFLICT (external_ids, org_id) DO UPDATE
	SET external_ids = accounts.external_ids + EXCLUDED.external_ids, upserts = accounts.upserts + 1;
);

# One race, on an empty table: every client runs the script $count / $clients
# times. Returns how many transactions were retried.
sub race
{
	my ($name, $count, $script) = @_;
	my ($out, $err) = ('', '');

	sql($node, 'TRUNCATE accounts; ALTER SEQUENCE turn RESTART');
	append_to_file("$dir/$name.sql", $script);
	IPC::Run::run(
		[
			'pgbench', '-n', '-M', 'prepared', '-c', $clients, '-j', 2, '-t', $count / $clients,
			'--failures-detailed', '--max-tries=1000', '-f', "$dir/$name.sql", $node->connstr('postgres')
		],
		'<', \undef, '>', \$out, '2>', \$err);
	is($?, 0, "$name: no client met an unexpected error") or diag $err;
	my ($failed) = $out =~ /^number of failed transactions: (\d+)/m;
	my ($retried) = $out =~ /^number of transactions retried: (\d+)/m;
	is($failed, 0, "$name: every transaction was done");
	is( sql($node, q(SELECT count(*) FROM (SELECT FROM accounts, unnest(external_ids) ext GROUP BY ext HAVING count(*) > 1) twice)),
		0, "$name: no ID twice");
	is(sql($node, 'SELECT count(*) FROM (SELECT FROM accounts GROUP BY entity HAVING count(*) > 1) twice'),
		0, "$name: no entity twice");
	return $retried // 0;
}

my $turns = qq(SELECT (nextval('turn') - 1) / $clients + 1 AS n \\gset\n\\set choice random(0, 2)\n);
is(race('read committed', $upserts, $turns . $upsert), 0, 'read committed: nothing was retried');
is(sql($node, 'SELECT count(*) FROM accounts'), $upserts / $clients, 'read committed: one row for each entity');
is(sql($node, 'SELECT sum(upserts) FROM accounts'), $upserts, 'read committed: each upsert is counted');

for my $level ('repeatable read', 'serializable')
{
	# What has to be begun again takes long.
	my $count = $clients * int($upserts / $clients * 0.08);
	# pgbench begins a script again as a whole, with the next turn.
	my $retried = race($level, $count, "${turns}BEGIN ISOLATION LEVEL $level;\nSELECT count(*) FROM accounts WHERE entity = 0;\n${upsert}COMMIT;\n");
	is(sql($node, 'SELECT sum(upserts) FROM accounts'), $count, "$level: each upsert is counted");
	cmp_ok($retried, '>', 0, "$level: some had to be retried");
	diag "$level: $retried retried";
}

race('with deletes', $clients * int($upserts / $clients * 0.32), qq(
\\set n random(1, 20)
\\set choice random(0, 2)
\\set delete random(1, 4)
\\if :delete = 1
DELETE FROM accounts WHERE external_ids && two_ids(:n, :choice) AND org_id = 1;
\\else
$upsert\\endif
));

my $log = slurp_file($node->logfile);
unlike($log, qr/deadlock detected/, 'no deadlock');
unlike($log, qr/ERROR:.*(?:duplicate key|statement timeout)/, 'no conflict came to a client, no statement ran out of time');
is( sql($node, q(INSERT INTO accounts (org_id, entity, external_ids) SELECT 1, -n, '{}' FROM generate_series(1, 3) n
		ON CONFLICT (external_ids, org_id) DO NOTHING RETURNING 1)), "1\n1\n1", 'sets without members are always inserted');

$node->stop;
done_testing();
