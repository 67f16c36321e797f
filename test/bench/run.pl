#!/usr/bin/env perl
# Runs benchmarks and prints what they measured; README.md beside it tells how a
# benchmark is written:
#
#   perl test/bench/run.pl [NAME ...]        all that do not ask to be named
#
# PGHOST, PGPORT and PGUSER name the server, BENCH_* the sizes (see
# lib/BenchServer.pm); what was measured is also written to the folder BENCH_OUT.
# All variants of a benchmark run in each round, one after the other, in turn
# forwards and backwards, so that what disturbs the machine disturbs all. A ratio
# is that of one round; reported are the median of the rounds and the range, and
# on Linux the same of the CPU time that the server spent, which says more on a
# busy machine.
use strict;
use warnings;

use File::Basename qw(dirname);
use lib dirname(__FILE__) . '/lib';

use BenchChart qw(draw_charts);
use BenchFile qw(read_sections);
use BenchReport qw(goal_row print_variants print_goals write_runs write_goals);
use BenchServer qw(output_of run_sql time_sql time_pgbench ended_cpu server_variables);

my $here = dirname(__FILE__);
my $shared = 'bench';    # the database of the shared data
my %loaded;              # data set => 1 while it is there, 0 if it cannot be

# Loads a shared data set unless it is there. Returns whether it is.
sub load_data
{
	my ($set) = @_;
	return $loaded{$set} if defined $loaded{$set};
	my $data = read_sections("$here/data/$set.sql", $set);
	for my $extension (@{ $data->{requires} })
	{
		next if run_sql($shared, "SELECT 1 FROM pg_available_extensions WHERE name = '$extension';");
		print "left out: contender $set (this server has no extension \"$extension\")\n";
		return $loaded{$set} = 0;
	}
	load_data($_) for @{ $data->{data} };
	run_sql($shared, "SET client_min_messages = warning;\nCREATE SCHEMA $set;\nSET search_path = $set, public;\n$data->{setup}");
	return $loaded{$set} = 1;
}

# Drops what a benchmark has changed.
sub drop_data
{
	my (@sets) = @_;
	for my $set (grep { $loaded{$_} } @sets)
	{
		run_sql($shared, "SET client_min_messages = warning; DROP SCHEMA $set CASCADE;");
		delete $loaded{$set};
	}
	return;
}

# The shared database: its texts compare as a language's users expect, as those of
# most databases do, for that is what a column of type text costs.
sub create_shared
{
	my $icu = output_of('psql', '-XAtq', '-d', 'postgres', '-c', q(SELECT count(*) FROM pg_collation WHERE collprovider = 'i' AND collname LIKE 'en%'));
	my @locale = $icu > 0 ? ('--locale-provider=icu', '--icu-locale=en') : ();
	print "left out: a linguistic collation (this server has no ICU)\n" unless @locale;
	output_of('createdb', '--template=template0', @locale, $shared);
	run_sql($shared, 'CREATE EXTENSION external_ids;');
	return;
}

# Dies unless the plan of a variant's statement is as the benchmark wants it.
sub check_plan
{
	my ($database, $name, $v) = @_;
	my ($settings, $statement) = $v->{text} =~ /^((?:SET [^;]*;\s*|--[^\n]*\n)*)(.*)$/s;
	my $plan = run_sql($database, "${settings}EXPLAIN (COSTS off) $statement");
	die "the plan of $name is not as wanted, $v->{plan}:\n$plan" unless $plan =~ /$v->{plan}/s;
	return;
}

# Runs a variant once and returns { time, cpu, other measures }, the first two per
# operation.
sub run_variant
{
	my ($database, $name, $v, $ops) = @_;
	my %got;
	my $count = 1;
	run_sql($database, "SET client_min_messages = warning;\n$v->{before}") if $v->{before};
	my $before = ended_cpu();
	if ($v->{kind} eq 'sql') { $got{time} = time_sql($database, $v->{text}) }
	else { ($got{time}, $count) = time_pgbench($database, $v->{text}, @{ $v->{options} }) }
	my $cpu = ended_cpu();
	$got{cpu} = $cpu - $before if defined $cpu;
	if ($v->{after})
	{
		my $true = run_sql($database, $v->{after});
		die "variant $name did not do what it should: $v->{after}" unless $true =~ /^t\s*$/;
	}
	for my $measure (keys %{ $v->{measures} // {} })
	{
		$got{$measure} = run_sql($database, $v->{measures}{$measure}) + 0;
	}
	$ops = delete $got{ops} // $ops * $count;
	$got{$_} /= $ops for grep { defined $got{$_} } 'time', 'cpu';
	return \%got;
}

# Runs a benchmark. Returns { VARIANT => { MEASURE => [numbers] } }.
sub run_rounds
{
	my ($benchmark, $database) = @_;
	my %runs;
	my $variables = server_variables();
	my $ops = eval($benchmark->{ops} =~ s/:(\w+)/$variables->{$1}/gr);
	my @variants = @{ $benchmark->{variants} };
	for my $variant (@variants)
	{
		check_plan($database, $variant, $benchmark->{variant}{$variant}) if $benchmark->{variant}{$variant}{plan};
	}
	for my $round (1 .. $benchmark->{rounds})
	{
		$variables->{round}++;
		for my $variant (@variants)
		{
			my $got = run_variant($database, $variant, $benchmark->{variant}{$variant}, $ops);
			push @{ $runs{$variant}{$_} }, $got->{$_} for grep { defined $got->{$_} } keys %$got;
		}
		@variants = reverse @variants;
	}
	for my $factor (@{ $benchmark->{factors} })
	{
		my ($name, @of) = @$factor;
		my ($above, $below) = map { $runs{$_}{time} } @of;
		$runs{$name}{factor} = [ map { $above->[$_] / $below->[$_] } 0 .. $#$above ];
		push @{ $benchmark->{variants} }, $name;
	}
	return \%runs;
}

# Makes the data and runs a benchmark. A variant belongs to the data set that its
# name begins with: where that cannot be, it is left out.
sub run_benchmark
{
	my ($benchmark) = @_;
	my @sets = @{ $benchmark->{data} };
	my $database = @sets ? $shared : "bench_$benchmark->{name}";
	$benchmark->{rounds} = $ENV{BENCH_ROUNDS} if $ENV{BENCH_ROUNDS};
	output_of('createdb', $database) unless @sets;
	create_shared() if @sets && !%loaded;
	my @missing = grep { !load_data($_) } @sets;
	for my $set (@missing)
	{
		@{ $benchmark->{variants} } = grep { !/^\Q$set\E(_|$)/ } @{ $benchmark->{variants} };
	}
	run_sql($database, 'CREATE SCHEMA own;') if @sets;
	run_sql($database, (@sets ? "SET search_path = own, public;\n" : '') . $benchmark->{setup});
	return run_rounds($benchmark, $database);
}

# Takes away what a benchmark made, and data that it changed.
sub tidy_up
{
	my ($benchmark) = @_;
	my @sets = @{ $benchmark->{data} };
	if (!@sets)
	{
		output_of('dropdb', '--if-exists', "bench_$benchmark->{name}");
		return;
	}
	run_sql($shared, 'SET client_min_messages = warning; DROP SCHEMA IF EXISTS own CASCADE;');
	drop_data(@{ $benchmark->{writes} });
	return;
}

# What the figures were measured on.
sub about
{
	my $v = server_variables();
	my $server = output_of('psql', '-XAtq', '-d', 'postgres', '-c', q(
SELECT format('PostgreSQL %s, fsync %s, synchronous_commit %s, full_page_writes %s, shared_buffers %s',
              split_part(current_setting('server_version'), ' ', 1), current_setting('fsync'),
              current_setting('synchronous_commit'), current_setting('full_page_writes'), current_setting('shared_buffers'))));
	chomp $server;
	my $cores = () = (do { local (@ARGV, $/) = '/proc/cpuinfo'; -e $ARGV[0] ? <> : '' }) =~ /^processor\b/mg;
	return "$server; $cores cores; $v->{accounts} accounts with 3 IDs each in $v->{tenants} tenants";
}

$| = 1;
my @names = @ARGV;
my $all = !@names;
@names = map { s{.*/(\w+)\.sql$}{$1}r } sort glob "$here/*.sql" if $all;
my @benchmarks = map { read_sections("$here/$_.sql", $_) } @names;
@benchmarks = grep { !$_->{ask} } @benchmarks if $all;
# Benchmarks that only read come first: they share what is loaded once.
@benchmarks = sort { !!@{ $a->{writes} } <=> !!@{ $b->{writes} } } @benchmarks;

my $about = about();
print "$about\n";
my $out = $ENV{BENCH_OUT};
my (%results, @rows, @failed);
for my $benchmark (@benchmarks)
{
	my $start = time;
	my $runs = eval { run_benchmark($benchmark) };
	my $why = $@;
	tidy_up($benchmark);
	if (!$runs)
	{
		print "\n$benchmark->{name}: FAILED: $why";
		push @failed, $benchmark->{name};
		next;
	}
	$results{ $benchmark->{name} } = $runs;
	print_variants($benchmark, $runs);
	my @own = map { goal_row($benchmark->{name}, $_, $runs) } @{ $benchmark->{goals} };
	print_goals(@own);
	@rows = sort { $a->{line} cmp $b->{line} } @rows, @own;
	# At once, for a run that is cut short.
	write_runs("$out/runs.tsv", \%results) if $out;
	write_goals("$out/goals.tsv", $about, @rows) if $out;
	printf "  (%d seconds)\n", time - $start;
}
print "\nAll goals\n";
print_goals(@rows);
draw_charts($out, \%results, @benchmarks) if $out;
die "failed: @failed\n" if @failed;
