#!/usr/bin/env perl
# The lines of the benchmark that MySQL has an answer for: a UNIQUE multi-valued index
# on a JSON array, beside external_ids, with the same data, durability, memory and client.
#
#   perl test/bench/mysql/run.pl CLIENT_PG CLIENT_MYSQL SOCKET
#
# The clients are client.c's, SOCKET is MySQL's; PGHOST, PGPORT and PGUSER name the other
# server. Sizes and BENCH_OUT are run.pl's of the folder above.
use strict;
use warnings;

use File::Basename qw(dirname);
use lib dirname(__FILE__) . '/../lib';

use BenchChart qw(draw_charts);
use BenchFile qw(read_sections);
use BenchReport qw(goal_row print_variants print_goals write_runs write_goals);
use BenchServer qw(output_of run_sql time_sql server_variables);

my ($client_pg, $client_mysql, $socket) = @ARGV;
die "usage: $0 CLIENT_PG CLIENT_MYSQL SOCKET\n" unless $socket;
my $data = dirname(__FILE__) . '/../data';
my $v = server_variables();
my $dir = $v->{dir};
my $rounds = $ENV{BENCH_ROUNDS} // 3;

my @mysql = ('mysql', '--no-defaults', '-u', 'root', '-S', $socket, '-N', '-B');
sub run_mysql { return output_of(@mysql, '-e', $_[0]) }

# Runs SQL at MySQL and returns the seconds it took, without the connection.
sub time_mysql
{
	my ($sql) = @_;
	my $clock = q(SELECT CONCAT('clock ', UNIX_TIMESTAMP(SYSDATE(6))););
	my @times = run_mysql("$clock USE bench; $sql; $clock") =~ /^clock (\S+)$/mg;
	return $times[-1] - $times[0];
}

# Has two clients execute a statement for each line of a file. Returns the seconds per
# line; each must have met one row.
sub time_client
{
	my ($side, $sql, $file) = @_;
	my @server = $side eq 'us' ? ($client_pg, "host=$ENV{PGHOST} port=$ENV{PGPORT}") : ($client_mysql, $socket);
	my ($rows, $seconds) = split ' ', output_of(@server, 'bench', $sql, "$dir/$file", 2);
	my ($lines) = output_of('wc', '-l', "$dir/$file") =~ /^(\d+)/;
	die "$side: $rows rows for $lines lines of $file\n" unless $rows == $lines;
	return $seconds / $lines;
}

# The size of MySQL's table with its indexes: its file's.
sub mysql_bytes { return run_mysql(q(SELECT FILE_SIZE FROM information_schema.INNODB_TABLESPACES WHERE NAME = 'bench/accounts')) + 0 }

my $index = 'UNIQUE INDEX external_ids_key ((CAST(external_ids AS CHAR(64) ARRAY)), org_id)';

# Makes the accounts at PostgreSQL, and the same as files: for COPY, for LOAD DATA, and what
# the clients are to ask for.
sub make_data
{
	output_of('createdb', 'bench');
	run_sql('bench', 'CREATE EXTENSION external_ids;');
	for my $set (qw(source us))
	{
		run_sql('bench', "SET client_min_messages = warning; CREATE SCHEMA $set; SET search_path = $set, public;\n" . read_sections("$data/$set.sql", $set)->{setup});
	}
	run_sql('bench', <<'SQL');
\set file :dir /us
COPY us.accounts TO :'file';
\set file :dir /mysql
COPY (SELECT id, org_id, name, to_json(ids) FROM source.accounts ORDER BY id) TO :'file';
\set file :dir /probes
COPY (SELECT id, org_id FROM source.probes ORDER BY n LIMIT :batches) TO :'file';
SQL
	run_mysql("CREATE DATABASE bench; USE bench; CREATE TABLE accounts (id bigint PRIMARY KEY, org_id int NOT NULL, name varchar(255) NOT NULL, external_ids json NOT NULL, $index) ENGINE = InnoDB;");
	return;
}

# Sets with one new ID of three, for so many accounts that a page is changed several times,
# as between two checkpoints; as each side writes them.
sub make_patches
{
	my ($round) = @_;
	$v->{round} = $round;
	for my $side ([ 'us_patches', 'ids::text' ], [ 'mysql_patches', 'to_json(ids)::text' ])
	{
		my ($file, $ids) = @$side;
		run_sql('bench', "\\set file :dir /$file\n" . <<"SQL");
COPY (SELECT $ids, id FROM (SELECT id, ARRAY[ids[1], ids[2], 'stripe:r' || :round || '_' || id] AS ids FROM source.accounts
                             ORDER BY md5(:round || 'p' || id) LIMIT :turns * 40) a) TO :'file';
SQL
	}
	return;
}

# One round of everything: { BENCHMARK => { VARIANT => { MEASURE => number } } }.
sub one_round
{
	my ($round) = @_;
	my %got;
	make_patches($round);
	run_sql('bench', 'TRUNCATE us.accounts; CHECKPOINT;');
	$got{mysql_load}{us}{time} = time_sql('bench', "\\set file :dir /us\nCOPY us.accounts FROM :'file';") / $v->{accounts};
	run_mysql('TRUNCATE bench.accounts');
	$got{mysql_load}{mysql}{time} = time_mysql("LOAD DATA INFILE '$dir/mysql' INTO TABLE accounts") / $v->{accounts};
	$got{mysql_load}{us}{bytes} = run_sql('bench', q(SELECT pg_total_relation_size('us.accounts');)) + 0;
	$got{mysql_load}{mysql}{bytes} = mysql_bytes();

	run_sql('bench', 'DROP INDEX us.accounts_external_ids_key; CHECKPOINT;');
	$got{mysql_build}{us}{time} = time_sql('bench', 'CREATE INDEX accounts_external_ids_key ON us.accounts USING unique_members (external_ids, org_id);');
	run_mysql('ALTER TABLE bench.accounts DROP INDEX external_ids_key');
	$got{mysql_build}{mysql}{time} = time_mysql("ALTER TABLE accounts ADD $index");
	run_sql('bench', 'VACUUM ANALYZE us.accounts;');
	run_mysql('ANALYZE TABLE bench.accounts');

	for my $warm (1, 0)
	{
		my $us = time_client('us', 'SELECT * FROM us.accounts WHERE external_ids @> $1::external_id AND org_id = $2::int', 'probes');
		my $mysql = time_client('mysql', 'SELECT * FROM accounts WHERE ? MEMBER OF (external_ids) AND org_id = ?', 'probes');
		($got{mysql_resolve}{us}{time}, $got{mysql_resolve}{mysql}{time}) = ($us, $mysql) unless $warm;
	}
	# Each page's first change after it writes the whole page.
	run_sql('bench', 'CHECKPOINT;');
	$got{mysql_replace}{us}{time} = time_client('us', 'UPDATE us.accounts SET external_ids = $1::external_id_set WHERE id = $2::bigint', 'us_patches');
	$got{mysql_replace}{mysql}{time} = time_client('mysql', 'UPDATE accounts SET external_ids = ? WHERE id = ?', 'mysql_patches');
	return %got;
}

# An ID that another account holds is refused by both, and MySQL finds by the index: or
# they would not be doing the same.
sub check_same
{
	my ($id, $org) = split ' ', output_of('head', '-n', '1', "$dir/probes");
	my $plan = run_mysql("USE bench; EXPLAIN FORMAT=TRADITIONAL SELECT * FROM accounts WHERE '$id' MEMBER OF (external_ids) AND org_id = $org");
	die "MySQL does not look up by its index:\n$plan" unless ((split /\t/, $plan)[6] // '') eq 'external_ids_key';
	my $refused = run_mysql(q(USE bench; INSERT IGNORE INTO accounts SELECT -1, org_id, 'second', external_ids FROM accounts LIMIT 1; SELECT COUNT(*) FROM accounts WHERE id = -1));
	die "MySQL does not refuse an ID that another account holds\n" unless $refused =~ /^0$/m;
	return;
}

my %benchmarks = (
	mysql_load => [ 'COPY or LOAD DATA of all accounts with the index live', 'COPY with the index live, by LOAD DATA' ],
	mysql_build => [ 'build the index on a full table', 'build of the index, by ALTER TABLE ... ADD UNIQUE INDEX' ],
	mysql_resolve => [ 'resolve over the wire: prepared statements of 2 clients', 'a look-up over the wire' ],
	mysql_replace => [ 'replace the set, one of three IDs is new, by 2 clients, each its own transaction', 'a replaced set over the wire' ]);

$| = 1;
make_data();
my %results;
for my $round (1 .. $rounds)
{
	my %got = one_round($round);
	for my $name (keys %got)
	{
		for my $side (keys %{ $got{$name} })
		{
			push @{ $results{$name}{$side}{$_} }, $got{$name}{$side}{$_} for keys %{ $got{$name}{$side} };
		}
	}
	check_same() if $round == 1;
}

my $about = run_sql('bench', q(SELECT 'PostgreSQL ' || split_part(current_setting('server_version'), ' ', 1))) =~ s/\n//r;
$about .= ' and MySQL ' . (run_mysql('SELECT VERSION()') =~ s/\n//r) . ", durable as they come, MySQL without its binary log; $v->{accounts} accounts with 3 IDs each in $v->{tenants} tenants";
print "$about\n";
my (@rows, @charts);
for my $name (sort keys %benchmarks)
{
	my ($title, $text) = @{ $benchmarks{$name} };
	my $benchmark = { name => $name, title => $title, rounds => $rounds, variants => [qw(us mysql)], charts => [ [qw(bars time us mysql)] ] };
	print_variants($benchmark, $results{$name});
	push @charts, $benchmark;
	push @rows, goal_row($name, { line => 'g', measure => 'time', a => 'mysql', b => 'us', sign => '>=', limit => '1.0', text => $text }, $results{$name});
}
push @rows, goal_row('mysql_load', { line => 'g', measure => 'bytes', a => 'us', b => 'mysql', sign => '<=', limit => '1.0', text => 'total size after it, by MySQL' }, $results{mysql_load});
print_goals(@rows);
if (my $out = $ENV{BENCH_OUT})
{
	write_runs("$out/runs.tsv", \%results);
	write_goals("$out/goals.tsv", $about, @rows);
	draw_charts($out, \%results, @charts);
}
