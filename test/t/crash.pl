# The postmaster is killed at a random moment while eight clients write, beside
# nothing, a build, VACUUM and REINDEX CONCURRENTLY in turn. After each
# recovery every change that was acknowledged is there and resolves through the
# index, no transaction is half there, no ID is held twice, index and table agree,
# and the index still enforces.
#
# CRASH_CYCLES is the number of kills; 10 by custom. The full run is
#     CRASH_CYCLES=100 make test LAYER=tap TESTS=crash
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ExternalIdsTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $clients = 8;
my $cycles = $ENV{CRASH_CYCLES} || 10;
my $limit = 2 * $PostgreSQL::Test::Utils::timeout_default;
my $dir = PostgreSQL::Test::Utils::tempdir;
my $lost = qr/server closed the connection|terminating connection|connection to server was lost|could not connect|connection to server .* failed/;

# Little room for WAL: checkpoints come during the load as well.
my $node = new_node('crash', "max_wal_size = 32MB\nautovacuum_naptime = 1s\n");
$node->start;
create_accounts($node, 300);
sql($node, qq(
INSERT INTO accounts SELECT -i, '{}' FROM generate_series(1, $clients) i;
CREATE TABLE acknowledged (id bigint, external_ids external_id_set);
CREATE FUNCTION claimed_again(external_id_set) RETURNS boolean LANGUAGE plpgsql AS \$\$
BEGIN
  INSERT INTO accounts VALUES (0, \$1);
  RETURN true;
EXCEPTION WHEN unique_violation THEN
  RETURN false;
END \$\$;
));
ok(uses_index($node), 'look-ups go through the index');

# What runs beside the clients, again and again: its name and its statements.
my @beside = (
	[ 'the load alone' => '' ],
	[ 'a build' => q(DROP INDEX IF EXISTS other; CREATE INDEX other ON accounts USING unique_members (external_ids)) ],
	[ 'VACUUM' => 'VACUUM accounts' ],
	[ 'REINDEX CONCURRENTLY' => 'REINDEX INDEX CONCURRENTLY accounts_external_ids_key' ]);

# What one client does: rows with an ID of its own and one that another client
# may come upon too, a further ID for an earlier row, and two rows in one
# transaction, all of which stay; and one row that runs through the pool, releasing what
# it had. psql prints what is acknowledged: what a statement returned comes with
# its commit, the line of a transaction after it.
sub client_script
{
	my ($cycle, $client) = @_;
	my $script = '';
	my $row = ($cycle * 10 + $client) * 1000000;
	for my $i (1 .. 6000)
	{
		my $id = $row + $i;
		my $shared = 1 + int(rand(30000));
		$script .= "INSERT INTO accounts VALUES ($id, '{erp:$id,shared:$shared}') RETURNING id, external_ids;\n";
		next unless $i % 3 == 0;
		my $earlier = $id - 2;
		my $pair = $id + 500000;
		my ($first, $second) = map { 1 + int(rand(300)) } 1 .. 2;
		$script .= "UPDATE accounts SET external_ids = external_ids + 'more:$earlier' WHERE id = $earlier RETURNING id, external_ids;\n"
		  . "BEGIN;\nINSERT INTO accounts VALUES ($pair, 'first:$pair');\nINSERT INTO accounts VALUES (-$pair, 'second:$pair');\nCOMMIT;\n"
		  . "\\echo $pair|first:$pair\n\\echo -$pair|second:$pair\n"
		  . "UPDATE accounts SET external_ids = '{crm:$first,crm:$second}' WHERE id = -$client;\n";
	}
	return $script;
}

# Starts psql on a file; what it says goes to files of this name.
sub start_psql
{
	my ($name, $script) = @_;
	unlink map { "$dir/$_-$name" } qw(script out err);
	append_to_file("$dir/script-$name", $script);
	return IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', "$dir/script-$name" ],
		'<', \undef, '>', "$dir/out-$name", '2>', "$dir/err-$name", IPC::Run::timeout($limit));
}

# The acknowledged IDs, of all cycles or of the last, that do not resolve to their row.
sub unresolved
{
	my ($least) = @_;
	return sql($node, qq(
SET enable_seqscan = off;
SELECT count(*) FROM acknowledged a, unnest(a.external_ids) AS m
WHERE abs(a.id) >= $least AND ARRAY(SELECT b.id FROM accounts b WHERE b.external_ids @> m) IS DISTINCT FROM ARRAY[a.id]));
}

my $total = 0;
for my $cycle (1 .. $cycles)
{
	my ($what, $statements) = @{ $beside[ $cycle % @beside ] };
	my $name = "cycle $cycle, $what";
	my $before = sql($node, 'SELECT count(*) FROM accounts');
	my @handles = map { start_psql($_, client_script($cycle, $_)) } 1 .. $clients;
	push @handles, start_psql('beside', "$statements;\n" x 1000) if $statements;

	my $enough = $before + 1000;
	$node->poll_query_until('postgres', "SELECT count(*) > $enough FROM accounts") or die 'the clients write nothing';
	select(undef, undef, undef, rand(1));
	$node->kill9;
	$_->finish for @handles;
	my $killed = grep { slurp_file("$dir/err-$_") =~ $lost } 1 .. $clients;
	is($killed, $clients, "$name: the server was killed under every client");
	# The rows that run through the pool exchange IDs, so they may deadlock.
	my $foreign = join '', map { slurp_file("$dir/err-$_") =~ /(ERROR:  (?!duplicate key value|deadlock detected).*)/ ? "$1\n" : '' } 1 .. $clients;
	is($foreign, '', "$name: clients met no error but conflicts and deadlocks");

	start_after_kill($node);
	sql($node, "COPY acknowledged FROM '$dir/out-$_' (DELIMITER '|')") for 1 .. $clients;
	my $acknowledged = sql($node, 'SELECT count(*) FROM acknowledged');
	cmp_ok($acknowledged, '>', $total, "$name: changes were acknowledged");
	$total = $acknowledged;

	is(unresolved($cycle * 10000000), '0', "$name: every acknowledged change is there and resolves");
	is( sql($node, q(
SELECT count(*) FROM (SELECT FROM accounts a, unnest(a.external_ids) m
  WHERE external_id_label(m) IN ('first', 'second') GROUP BY external_id_value(m) HAVING count(*) <> 2) half)),
		'0', "$name: no transaction is half there");
	is(sql($node, 'SELECT held_twice()'), '0', "$name: no ID is held twice");
	# What a build or REINDEX CONCURRENTLY left behind goes, as its documentation says.
	sql($node, "DROP INDEX $_") for split /\n/, sql($node, q(
SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'accounts'::regclass AND NOT indisvalid));
	is(sql($node, 'SELECT wrong_lookups(), faults()'), '0|0', "$name: index and table agree");

	# A claim on an ID that is held, for a sample of them.
	is( sql($node, q(
SELECT count(*), count(*) FILTER (WHERE claimed_again(m)) FROM
  (SELECT m FROM acknowledged a, unnest(a.external_ids) AS m ORDER BY random() LIMIT 500) held;
)), '500|0', "$name: what is held is not given away");
}
note "$total changes were acknowledged";
is(unresolved(0), '0', 'in the end every change that was ever acknowledged resolves');

# The index was not rebuilt by all this, and a rebuild finds nothing new.
sql($node, 'REINDEX INDEX accounts_external_ids_key; VACUUM accounts;');
is(sql($node, 'SELECT wrong_lookups(), faults()'), '0|0', 'the same after REINDEX');
$node->stop;

done_testing();
