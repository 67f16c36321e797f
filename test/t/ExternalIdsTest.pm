# What the TAP tests of external_ids share: a node with the extension, psql with
# a time limit, pgbench with something beside it, and the checks that hold for
# every table of external IDs.
package ExternalIdsTest;

use strict;
use warnings;

use Exporter 'import';
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(new_node sql sql_error pgbench deadlocks_logged create_accounts uses_index start_after_kill);

# A new node, initialised in UTF8 and not started. Settings are appended last.
sub new_node
{
	my ($name, $settings, %init) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(%init, extra => [ '-E', 'UTF8', '--no-locale' ]);
	$node->append_conf(
		'postgresql.conf', qq(
log_statement = none
log_line_prefix = '%m [%p] %e %q%a '
max_connections = 40
# A transaction that a busy machine leaves waiting keeps the predicate locks of all that
# end meanwhile, at SERIALIZABLE.
max_pred_locks_per_transaction = 2000
shared_buffers = 32MB
# What is switched off costs 10^10 to the planner, which would be worth a compiler.
jit = off
$settings
));
	return $node;
}

# Runs SQL in database "postgres" or the one named; dies on any error.
sub sql
{
	my ($node, $sql, %params) = @_;
	return $node->safe_psql($params{dbname} // 'postgres',
		$sql, timeout => $PostgreSQL::Test::Utils::timeout_default, %params);
}

# Runs SQL that should fail. Returns the error as psql shows it at its most
# verbose, "23505: message" first, then DETAIL and so on, or "no error".
sub sql_error
{
	my ($node, $sql, %params) = @_;
	my ($status, $stdout, $stderr) = $node->psql(
		$params{dbname} // 'postgres',
		$sql,
		extra_params => [ '-v', 'VERBOSITY=verbose', '-v', 'SHOW_CONTEXT=never' ],
		timeout => $PostgreSQL::Test::Utils::timeout_default,
		%params);
	return 'no error' if $status == 0;
	$stderr =~ s/^.*?ERROR:\s+//s;
	$stderr =~ s/^LOCATION:.*\n?//m;
	return $stderr;
}

# Runs scripts by pgbench until every one of its clients has done its share, and
# returns what pgbench reports. Parameters:
#
# clients, operations   operations are shared out among the clients, rounded up
# scripts, weights      name => text, name => weight
# isolation             default_transaction_isolation of the clients
# tries                 how often a transaction is tried that meets a deadlock or
#                       a serialization failure; by custom once
# beside                code to run again and again while pgbench runs
#
# The result has: ok (no client met another error), err (what they said), out,
# operations (what should have been done), processed, deadlocks and
# serialization_failures (given up on, all tries used), retries.
sub pgbench
{
	my ($node, %params) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir;
	my $each = int(($params{operations} + $params{clients} - 1) / $params{clients});
	my @files;
	for my $name (sort keys %{ $params{weights} })
	{
		append_to_file("$dir/$name.sql", "$params{scripts}{$name}\n");
		push @files, '-f', "$dir/$name.sql\@$params{weights}{$name}";
	}
	my $isolation = ($params{isolation} // 'read committed') =~ s/ /\\ /gr;
	my $load = do {
		local $ENV{PGOPTIONS} = "-c default_transaction_isolation=$isolation";
		IPC::Run::start(
			[
				'pgbench', '-n', '-M', 'prepared', '-c', $params{clients}, '-j', '2', '-t', $each, '--failures-detailed',
				'--max-tries', $params{tries} // 1,
				@files, $node->connstr('postgres')
			],
			'<', \undef, '>', "$dir/out", '2>', "$dir/err");
	};
	while ($params{beside} && $load->pumpable)
	{
		$params{beside}->();
		eval { $load->pump_nb };    # it dies if the load ended since the loop asked
	}
	my %result = (ok => $load->finish, operations => $each * $params{clients});
	$result{$_} = slurp_file("$dir/$_") for qw(out err);
	($result{processed}) = $result{out} =~ m{transactions actually processed: (\d+)/};
	for my $count ('deadlock failures', 'serialization failures', 'retries')
	{
		my ($number) = $result{out} =~ /^(?:total )?number of $count: (\d+)/m;
		$result{ $count =~ s/deadlock failures/deadlocks/r =~ s/ /_/r } = $number // 0;
	}
	return %result;
}

# The number of deadlocks in the server's log so far.
sub deadlocks_logged
{
	my ($node) = @_;
	return scalar(() = slurp_file($node->logfile) =~ /ERROR:  deadlock detected/g);
}

# The table of accounts with its index, a pool of IDs crm:1 .. crm:N to probe
# for, and checks, each of one snapshot:
#
# held_twice()     IDs that two rows hold, by a sequential scan
# wrong_lookups()  IDs, of those held and those of the pool, for which the index
#                  does not give exactly the rows that a sequential scan gives
# held()           IDs that are held
# faults()         what external_ids_check finds
sub create_accounts
{
	my ($node, $pool) = @_;
	sql($node, qq(
CREATE EXTENSION external_ids;
CREATE TABLE accounts (id bigint PRIMARY KEY, external_ids external_id_set NOT NULL);
CREATE INDEX accounts_external_ids_key ON accounts USING unique_members (external_ids);
CREATE TABLE pool AS SELECT 'crm:' || i AS member FROM generate_series(1, $pool) i;
ANALYZE pool;

CREATE FUNCTION held_twice() RETURNS bigint LANGUAGE sql STABLE
SET enable_indexscan = off SET enable_bitmapscan = off SET enable_indexonlyscan = off
AS \$\$
  SELECT count(*) FROM
    (SELECT 1 FROM accounts a, unnest(a.external_ids) AS m
     GROUP BY m::text COLLATE "C" HAVING count(*) > 1) twice
\$\$;

CREATE FUNCTION held() RETURNS bigint LANGUAGE sql STABLE
AS 'SELECT coalesce(sum(cardinality(external_ids)), 0) FROM accounts';

CREATE FUNCTION faults() RETURNS bigint LANGUAGE sql
AS \$\$SELECT count(*) FROM external_ids_check('accounts_external_ids_key')\$\$;

-- No sequential scan where there is another way: what has none is the scan of
-- the whole table, which makes the list that the look-ups are compared with.
CREATE FUNCTION wrong_lookups() RETURNS bigint LANGUAGE sql STABLE
SET enable_seqscan = off
AS \$\$
  WITH held AS MATERIALIZED
    (SELECT m::text AS member, array_agg(a.id ORDER BY a.id) AS rows
     FROM accounts a, unnest(a.external_ids) AS m GROUP BY 1)
  SELECT count(*)
  FROM held FULL JOIN pool USING (member)
  WHERE ARRAY(SELECT a.id FROM accounts a WHERE a.external_ids @> member::external_id ORDER BY a.id)
    IS DISTINCT FROM coalesce(held.rows, '{}')
\$\$;
));
	return;
}

# True if the look-up that wrong_lookups() makes goes through the index.
sub uses_index
{
	my ($node) = @_;
	my $plan = sql($node, q(
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT ARRAY(SELECT a.id FROM accounts a WHERE a.external_ids @> pool.member::external_id) FROM pool;
));
	return $plan =~ /Scan (using|on) accounts_external_ids_key/;
}

# Starts a node whose postmaster was killed: not before its last orphan has
# let go of the shared memory, which the server itself checks.
sub start_after_kill
{
	my ($node) = @_;
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return 1 if $node->start(fail_ok => 1);
		# A failed start takes the killed postmaster's file for a running one.
		$node->{_pid} = undef;
		select(undef, undef, undef, 0.1);
	}
	die "the node did not start again";
}

1;
