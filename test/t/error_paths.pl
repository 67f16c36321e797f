# Statements that are cancelled, run out of memory or find the disk full, at a
# build, at writes and at scans: the same session goes on, the index is right, and
# it still enforces. What an index method does to the relcache for the time of a
# call must be undone on each of these ways out.
#
# ERROR_PATHS is the number of statements that are cancelled, 250 by custom.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ExternalIdsTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $statements = $ENV{ERROR_PATHS} || 250;
my $dir = PostgreSQL::Test::Utils::tempdir;

my $node = new_node('error_paths', "autovacuum = off\nmax_wal_size = 1GB\nmax_stack_depth = 1MB\n");
$node->start;
create_accounts($node, 500);
sql($node, q(
CREATE SEQUENCE ids START 100000;
INSERT INTO accounts SELECT i, external_id_set(external_id('crm', i), external_id('erp', i), external_id('desk', md5(i::text))) FROM generate_series(1, 5000) i;
));

# Runs a script in one session, whatever it meets. Returns what it printed, and
# the SQLSTATEs of its errors with how often each came.
sub session
{
	my ($script) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-XAtq', '-v', 'VERBOSITY=sqlstate', '-d', $node->connstr('postgres') ],
		'<', \$script, '>', \$out, '2>', \$err, IPC::Run::timeout(5 * $PostgreSQL::Test::Utils::timeout_default));
	my %states;
	$states{$_}++ for $err =~ /^ERROR:  (\w+)/mg;
	diag $err if $err =~ /connection|FATAL|PANIC/;
	return ($out, \%states);
}

# The index and its enforcement, as the session sees it. Prints one line, $right.
my $look = q(
SET statement_timeout = 0;
SET enable_seqscan = off;
SELECT sum((SELECT count(*) FROM external_ids_check(indexrelid))) AS faults, held_twice(), wrong_lookups()
FROM pg_index JOIN pg_class c ON c.oid = indexrelid JOIN pg_am a ON a.oid = relam AND amname = 'unique_members' WHERE indisvalid;
INSERT INTO accounts SELECT -1, external_ids || 'new:1' FROM accounts WHERE external_ids <> '{}' LIMIT 1;
RESET enable_seqscan;
) =~ s/\|\| 'new:1'/+ 'new:1'/r;
my $right = '0|0|0';

#
# Cancelled, by a timeout that strikes anywhere
#
my @work = (
	q(DROP INDEX IF EXISTS other),
	q(CREATE INDEX other ON accounts USING unique_members (external_ids)),
	q(CREATE INDEX other ON accounts USING unique_members (external_ids external_id_set_value_ops)),
	q(REINDEX INDEX accounts_external_ids_key),
	q(REINDEX INDEX CONCURRENTLY accounts_external_ids_key),
	q(INSERT INTO accounts SELECT n, external_id_set(external_id('new', n), external_id('more', n)) FROM (SELECT nextval('ids') n FROM generate_series(1, 2000)) s),
	q(UPDATE accounts SET external_ids = external_ids + external_id('turn', id) WHERE id % 17 = RANDOM),
	q(UPDATE accounts SET external_ids = external_ids - external_id('turn', id) WHERE id % 17 = RANDOM),
	q(DELETE FROM accounts WHERE id > 100000 AND id % 17 = RANDOM),
	q(SELECT count(*) FROM accounts a CROSS JOIN LATERAL (SELECT FROM accounts b WHERE b.external_ids @> external_id('crm', a.id)) b),
	q(SELECT count(*) FROM accounts WHERE external_ids && (SELECT external_ids_agg(external_id('crm', i)) FROM generate_series(1, 20000) i)),
	q(SELECT count(*) FROM external_ids_upsert_many(NULL::accounts, (SELECT jsonb_agg(jsonb_build_object('id', nextval('ids'), 'external_ids', jsonb_build_array(jsonb_build_object('external_id', i::text, 'label', 'up')))) FROM generate_series(1, 300) i), index => 'accounts_external_ids_key')),
	q(SELECT count(*) FROM generate_series(1, 300) i, external_ids_add('accounts', i, external_id('added', i), index => 'accounts_external_ids_key')),
	q(SELECT count(*) FROM external_ids_check('accounts_external_ids_key')),
	q(VACUUM accounts));
my $script = '';
for my $i (1 .. $statements)
{
	my $statement = $work[ rand @work ] =~ s/RANDOM/int(rand(17))/er;
	my $limit = 1 + int(rand(rand() < 0.5 ? 10 : 100));
	$script .= "SET statement_timeout = $limit;\n$statement;\nSET statement_timeout = 0;\n";
	$script .= $look if $i % 50 == 0;
}
my ($out, $states) = session($script);
my @looks = grep { /^\d+\|\d+\|\d+$/ } split /\n/, $out;
is_deeply([ grep { $_ ne $right } @looks ], [], 'cancelled: the index was right at each look');
is(scalar(@looks), int($statements / 50), 'cancelled: at as many as were taken');
cmp_ok($states->{57014} // 0, '>', $statements / 10, 'cancelled: many were');
cmp_ok($states->{23505} // 0, '>=', scalar(@looks), 'cancelled: what is held is refused');
# 42P07: the index "other" is there. 42P01, 42704: a DROP or REINDEX was cancelled when half done.
is(join(' ', sort grep { !/^(57014|23505|42P07)$/ } keys %$states), '', 'cancelled: no other error');

#
# Memory: what a session may have is limited for those that start from now on
#
sub limit_sessions
{
	my ($limit) = @_;
	my $pid = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
	system_or_bail('prlimit', "--pid=$pid", $limit);
	return;
}
sql($node, q(
CREATE TABLE many (id int, external_ids external_id_set);
INSERT INTO many SELECT i, external_id_set(external_id('crm', md5(i::text)), external_id('erp', md5((-i)::text))) FROM generate_series(1, 300000) i;
CHECKPOINT;
));
SKIP:
{
	my $why = 'out of memory: the address sanitizer and valgrind end a backend that cannot have more';
	if ($ENV{SANITIZE} || $ENV{VALGRIND}) { diag "left out: $why"; skip $why, 3; }
	# What a session has before it does anything, in kB.
	my $base = sql($node, q(SELECT (regexp_match(pg_read_file('/proc/' || pg_backend_pid() || '/status'), 'VmSize:\s*(\d+)'))[1]));
	limit_sessions('--as=' . ($base + 50000) * 1024 . ':');
	($out, $states) = session(qq(
SET maintenance_work_mem = '1GB';
SET max_parallel_maintenance_workers = 0;
CREATE INDEX many_ids ON many USING unique_members (external_ids);
$look
INSERT INTO accounts SELECT -2, external_ids_agg(external_id('many', i)) FROM generate_series(1, 1000000) i;
$look
UPDATE accounts SET external_ids = (SELECT external_ids_agg(external_id('many', i)) FROM generate_series(1, 1000000) i) WHERE id = 1;
SELECT count(*) FROM accounts WHERE external_ids && (SELECT external_ids_agg(external_id('many', i)) FROM generate_series(1, 1000000) i);
$look
SET maintenance_work_mem = '8MB';
CREATE INDEX many_ids ON many USING unique_members (external_ids);
SELECT 'clean' FROM (SELECT count(*) FROM external_ids_check('many_ids')) c WHERE count = 0;
));
	is($out, "$right\n$right\n$right\nclean\n", 'out of memory: the session goes on, and the index is right');
	is($states->{53200} // 0, 4, 'out of memory: a build, an insert, an update and a scan were');
	is(join(' ', sort keys %$states), '23505 53200', 'out of memory: no other error');
	limit_sessions('--as=unlimited:');
	sql($node, 'DROP INDEX many_ids');
}

#
# A full disk: no file may grow beyond 24 MB
#
sql($node, q(
CREATE TABLE grown (id int, external_ids external_id_set);
CREATE INDEX grown_ids ON grown USING unique_members (external_ids);
CHECKPOINT;
));
limit_sessions('--fsize=' . 24 * 1024 * 1024 . ':');
my $grow = q(INSERT INTO grown SELECT i, external_id_set(external_id('crm', md5(i::text)), external_id('erp', md5((-i)::text))) FROM generate_series(COUNT * 20000 + 1, COUNT * 20000 + 20000) i);
($out, $states) = session(
	"SET maintenance_work_mem = '64MB';\nCREATE INDEX many_ids ON many USING unique_members (external_ids);\n$look"
	  . join('', map { ($grow =~ s/COUNT/$_/gr) . ";\n" } 0 .. 15)
	  . qq($look
SELECT 'clean' FROM (SELECT count(*) FROM external_ids_check('grown_ids')) c WHERE count = 0;
SELECT 'whole' FROM grown HAVING count(*) > 0 AND count(*) % 20000 = 0;
INSERT INTO grown SELECT id, external_ids FROM grown LIMIT 1;
));
is($out, "$right\n$right\nclean\nwhole\n", 'disk full: the session goes on, and the indexes are right');
my $full = () = slurp_file($node->logfile) =~ /ERROR:  could not (?:extend|write).*(?:File too large|space)/g;
cmp_ok($full, '>=', 2, 'disk full: it was, at a build and at an insert');
is($states->{23505}, 3, 'disk full: what is held is refused');
limit_sessions('--fsize=unlimited:');

# With room again the same statements pass.
sql($node, "CREATE INDEX many_ids ON many USING unique_members (external_ids)");
sql($node, $grow =~ s/COUNT/100/gr);
is(sql($node, q(SELECT (SELECT count(*) FROM external_ids_check('many_ids')) + (SELECT count(*) FROM external_ids_check('grown_ids')))), '0', 'with room again they pass');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|was terminated by signal|cache lookup failed/, 'no backend died');
$node->stop;

done_testing();
