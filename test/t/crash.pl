# The postmaster is killed while several clients write; three times. After each
# recovery, every claim that was acknowledged resolves through the index, no ID
# is held twice, index and table agree, and the index still enforces.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ExternalIdsTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $clients = 4;
my $rounds = 3;
my $dir = PostgreSQL::Test::Utils::tempdir;

# Little room for WAL: checkpoints come during the load as well.
my $node = new_node('crash', "max_wal_size = 32MB\nautovacuum_naptime = 1s\n");
$node->start;
create_accounts($node, 300);
sql($node, qq(
INSERT INTO accounts SELECT -i, '{}' FROM generate_series(1, $clients) i;
CREATE TABLE acknowledged (id bigint, external_ids external_id_set);
));
ok(uses_index($node), 'look-ups go through the index');

# What one client does: rows with an ID of its own and one that another client
# may come upon too, a further ID for an earlier row, all of which stay; and one
# row that runs through the pool, releasing what it had. psql prints what a
# statement returned only once its commit is acknowledged.
sub client_script
{
	my ($round, $client) = @_;
	my $script = '';
	my $row = ($round * 10 + $client) * 1000000;
	for my $i (1 .. 20000)
	{
		my $id = $row + $i;
		my $shared = 1 + int(rand(30000));
		$script .= "INSERT INTO accounts VALUES ($id, '{erp:$id,shared:$shared}') RETURNING id, external_ids;\n";
		if ($i % 3 == 0)
		{
			my $earlier = $id - 2;
			$script .= "UPDATE accounts SET external_ids = external_ids + 'more:$earlier' WHERE id = $earlier RETURNING id, external_ids;\n";
			my $first = 1 + int(rand(300));
			my $second = 1 + int(rand(300));
			$script .= "UPDATE accounts SET external_ids = '{crm:$first,crm:$second}' WHERE id = -$client;\n";
		}
	}
	return $script;
}

my $total = 0;
for my $round (1 .. $rounds)
{
	my (@handles, @out, @err);
	my $before = sql($node, 'SELECT count(*) FROM accounts');
	for my $client (1 .. $clients)
	{
		my $file = "$dir/script-$round-$client.sql";
		append_to_file($file, client_script($round, $client));
		$out[$client] = "$dir/out-$round-$client";
		$err[$client] = "$dir/err-$round-$client";
		push @handles, IPC::Run::start(
			[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', $file ],
			'<', \undef, '>', $out[$client], '2>', $err[$client],
			IPC::Run::timeout(2 * $PostgreSQL::Test::Utils::timeout_default));
	}

	# In the second round the log is replayed from a checkpoint in mid-load.
	my $enough = $before + 2000;
	$node->poll_query_until('postgres', "SELECT count(*) > $enough FROM accounts")
	  or die "the clients write nothing";
	if ($round == 2)
	{
		sql($node, 'CHECKPOINT');
		$enough += 1000;
		$node->poll_query_until('postgres', "SELECT count(*) > $enough FROM accounts")
		  or die "the clients write nothing";
	}
	$node->kill9;
	$_->finish for @handles;
	my $lost = grep { slurp_file($err[$_]) =~ /server closed the connection|terminating connection|connection to server was lost/ } 1 .. $clients;
	is($lost, $clients, "round $round: the server was killed under every client");
	# The rows that run through the pool exchange IDs, so they may deadlock.
	my $foreign = join '', map { slurp_file($err[$_]) =~ /(ERROR:  (?!duplicate key value|deadlock detected).*)/ ? "$1\n" : '' } 1 .. $clients;
	is($foreign, '', "round $round: clients met no error but conflicts and deadlocks");

	start_after_kill($node);
	for my $client (1 .. $clients)
	{
		sql($node, "COPY acknowledged FROM '$out[$client]' (DELIMITER '|')");
	}
	my $acknowledged = sql($node, 'SELECT count(*) FROM acknowledged');
	cmp_ok($acknowledged, '>', $total + 1000, "round $round: claims were acknowledged");
	$total = $acknowledged;

	is( sql($node, q(
SET enable_seqscan = off;
SELECT count(*) FROM acknowledged a, unnest(a.external_ids) AS m
WHERE ARRAY(SELECT b.id FROM accounts b WHERE b.external_ids @> m) IS DISTINCT FROM ARRAY[a.id];
)), '0', "round $round: every acknowledged claim resolves");
	is(sql($node, 'SELECT held_twice()'), '0', "round $round: no ID is held twice");
	is(sql($node, 'SELECT wrong_lookups(), faults()'), '0|0', "round $round: index and table agree");

	# A claim on an ID that is held, for a sample of them.
	is( sql($node, q(
CREATE OR REPLACE FUNCTION claimed_again(external_id_set) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO accounts VALUES (0, $1);
  RETURN true;
EXCEPTION WHEN unique_violation THEN
  RETURN false;
END $$;
SELECT count(*), count(*) FILTER (WHERE claimed_again(m)) FROM
  (SELECT m FROM acknowledged a, unnest(a.external_ids) AS m ORDER BY random() LIMIT 500) held;
)), '500|0', "round $round: what is held is not given away");
}
note "$total claims were acknowledged";

# The index was not rebuilt by all this, and a rebuild finds nothing new.
sql($node, 'REINDEX INDEX accounts_external_ids_key; VACUUM accounts;');
is(sql($node, 'SELECT wrong_lookups(), faults()'), '0|0', 'the same after REINDEX');
$node->stop;

done_testing();
