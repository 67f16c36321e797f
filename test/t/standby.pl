# A physical standby answers look-ups while the primary is written to, replays
# what the primary logs to the very same pages (wal_consistency_checking), and
# enforces once it is promoted. The old primary, which went its own way for a
# while, is rewound and follows the new one.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ExternalIdsTest;
use File::Copy;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_node('primary', q(
wal_consistency_checking = 'all'
wal_log_hints = on
wal_keep_size = 1GB
autovacuum_naptime = 1s
max_wal_size = 256MB
), allows_streaming => 1);
$primary->start;
create_accounts($primary, 2000);
sql($primary, q(
INSERT INTO accounts SELECT i, '{}' FROM generate_series(1, 500) i;
CREATE UNLOGGED TABLE passing (ids external_id_set);
CREATE INDEX passing_ids ON passing USING unique_members (ids);
CREATE FUNCTION claim(account bigint, ids external_id_set) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE accounts SET external_ids = ids WHERE id = account;
EXCEPTION WHEN unique_violation THEN
END $$;
));

$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
# Look-ups are not to be cancelled by replay.
$standby->append_conf('postgresql.conf', "max_standby_streaming_delay = -1\nhot_standby_feedback = on\n");
$standby->start;

# The load: rows that take and release IDs, so that leaf pages split, fill with
# dead entries, and are cleaned and deleted.
my $script = PostgreSQL::Test::Utils::tempdir . '/load.sql';
append_to_file($script, q(
\set account random(1, 500)
\set a random(1, 2000)
\set b random(1, 2000)
SELECT claim(:account, ('{crm:' || :a || ',crm:' || :b || '}')::external_id_set);
));
my ($out, $err) = map { PostgreSQL::Test::Utils::tempdir . "/$_" } qw(out err);
my $load = IPC::Run::start(
	[ 'pgbench', '-n', '-c', '4', '-j', '2', '-t', '3000', '-f', $script, $primary->connstr('postgres') ],
	'<', \undef, '>', $out, '2>', $err,
	IPC::Run::timeout(3 * $PostgreSQL::Test::Utils::timeout_default));

ok(uses_index($standby), 'look-ups on the standby go through the index');
my (undef, undef, $refused) = $standby->psql('postgres', q(SELECT * FROM external_ids_check('passing_ids')));
like($refused, qr/cannot check index "passing_ids" during recovery\n.*Its table "passing" is unlogged/, 'an unlogged index has nothing to be checked there');
my ($rounds, $wrong, $twice, $seen) = (0, 0, 0, 0);
while ($load->pumpable)
{
	my ($w, $t, $h) = split /\|/, sql($standby, 'SELECT wrong_lookups(), held_twice(), held()');
	$wrong += $w;
	$twice += $t;
	$seen++ if $h > 0;
	$rounds++;
	sql($primary, 'VACUUM accounts') if $rounds % 3 == 0;
	eval { $load->pump_nb };    # it dies if the load ended since the loop asked
	sleep 1 if $load->pumpable;
}
ok($load->finish, 'the load ended') or diag slurp_file($err);
like(slurp_file($out), qr{transactions actually processed: 12000/12000}, 'all of it was done');
note "$rounds rounds of look-ups on the standby";
cmp_ok($seen, '>', 0, 'the standby saw claims');
is($wrong, 0, 'during the load, index and table agree on the standby');
is($twice, 0, 'during the load, no ID is held twice on the standby');

# Page deletion, and an index built while the standby follows.
sql($primary, q(
DELETE FROM accounts WHERE id > 250;
VACUUM accounts;
INSERT INTO accounts SELECT 10000 + i, external_id('erp', i) + external_id('desk', i) FROM generate_series(1, 3000) i;
DELETE FROM accounts WHERE id BETWEEN 10500 AND 12500;
VACUUM accounts;
VACUUM accounts;
REINDEX INDEX accounts_external_ids_key;
INSERT INTO accounts SELECT 20000 + i, external_id('late', i) FROM generate_series(1, 1000) i;
));
$primary->wait_for_catchup($standby);
is( sql($standby, 'SELECT held(), wrong_lookups(), held_twice(), faults()'),
	sql($primary, 'SELECT held(), 0, 0, 0'),
	'afterwards, the standby has what the primary has, and finds it');
unlike(slurp_file($standby->logfile), qr/inconsistent page found|FATAL|PANIC/, 'every page was replayed to what the primary had');

$standby->promote;
# What the old primary is told from now on is not to be.
sql($primary, q(
INSERT INTO accounts SELECT 50000 + i, external_id('diverged', i) FROM generate_series(1, 2000) i;
UPDATE accounts SET external_ids = external_ids + external_id('diverged', -id) WHERE id <= 250;
DELETE FROM accounts WHERE id BETWEEN 20000 AND 20500;
VACUUM accounts;
));
$primary->stop;
like( sql_error($standby, q(INSERT INTO accounts VALUES (99001, '{new:1,late:17}'))),
	qr/^23505: duplicate key value violates unique constraint "accounts_external_ids_key"\nDETAIL:  Key \(external_ids\)=\(.*late:17.*\) already exists\./,
	'the promoted standby refuses a claim on an ID that is held');
is( sql_error($standby, q(INSERT INTO accounts VALUES (99002, '{new:1,new:2}'))),
	'no error', 'it takes a claim on IDs that are free');
is( sql($standby, 'SET enable_seqscan = off; SELECT id FROM accounts WHERE external_ids @> \'new:2\''),
	'99002', 'and resolves it');
is(sql($standby, 'SELECT wrong_lookups(), held_twice(), faults()'), '0|0|0', 'index and table agree on the promoted standby');

# Rewound and started as a standby, the old primary has what the new one has.
sql($standby, q(
UPDATE accounts SET external_ids = external_ids + external_id('since', id) WHERE id BETWEEN 20000 AND 20900;
CHECKPOINT;
));
my $conf = $primary->data_dir . '/postgresql.conf';
my $kept = PostgreSQL::Test::Utils::tempdir . '/postgresql.conf';
copy($conf, $kept);
command_ok(
	[ 'pg_rewind', '--source-server', $standby->connstr('postgres'), '--target-pgdata', $primary->data_dir ],
	'the old primary is rewound');
copy($kept, $conf);
$primary->append_conf('postgresql.conf', "primary_conninfo = '" . $standby->connstr . " application_name=rewound'\n");
$primary->set_standby_mode;
$primary->start;
sql($standby, q(INSERT INTO accounts SELECT 60000 + i, external_id('rejoined', i) FROM generate_series(1, 1000) i));
$standby->wait_for_catchup('rewound');
is( sql($primary, q(SELECT held(), wrong_lookups(), held_twice(), faults(), count(*) FROM accounts, unnest(external_ids) m WHERE external_id_label(m) = 'diverged')),
	sql($standby, 'SELECT held(), 0, 0, 0, 0'), 'it has what the new primary has, finds it, and nothing else');
unlike(slurp_file($primary->logfile), qr/inconsistent page found|PANIC/, 'every page was replayed to what the new primary had');
$primary->stop;
$standby->stop;

done_testing();
