#!/usr/bin/env perl
# Runs benchmarks and prints what they measured:
#
#   perl test/bench/run.pl [NAME ...]        all by custom
#
# PGHOST, PGPORT and PGUSER name the server; each benchmark has a database of its
# own there. A benchmark is a file NAME.sql beside this one, in sections, each of
# which begins with a line of its own:
#
#   -- @title TEXT             what is measured
#   -- @rounds N               how often each variant is run; 5 by custom
#   -- @setup                  SQL that is run once
#   -- @before VARIANT         SQL before each run of a variant, not measured
#   -- @sql VARIANT            SQL of which the time is measured, in seconds
#   -- @pgbench VARIANT OPTS   a pgbench script, and pgbench's options; measured
#                              is the mean time of a transaction, in milliseconds
#   -- @after VARIANT          SQL after each run: its one value must be true
#   -- @ratio A / B GOAL       what is reported: A's time by B's, at most GOAL
#
# SQL can use :dir, a folder that the server may write to. All variants run in
# each round, one after the other, in turn forwards and backwards, so that what
# disturbs the machine disturbs all. A ratio is that of one round; reported are
# the median of the rounds and the range. On Linux the same is reported of the
# CPU time that the server spent, which says more on a busy machine.
use strict;
use warnings;

use File::Basename qw(dirname);
use File::Temp qw(tempdir);

my $here = dirname(__FILE__);
my $dir = tempdir(CLEANUP => 1);
chmod 0755, $dir;
my $database;

# Runs a command and returns its output; dies if it fails.
sub output_of
{
	my (@command) = @_;
	open(my $out, '-|', @command) or die "$command[0]: $!\n";
	my $text = do { local $/; <$out> };
	close $out or die "failed: @command\n";
	return $text // '';
}

# Runs SQL, which can be long, by psql in the benchmark's database.
sub run_sql
{
	my ($sql) = @_;
	open(my $file, '>', "$dir/run.sql") or die "$dir/run.sql: $!\n";
	print $file $sql;
	close $file;
	return output_of('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-v', "dir=$dir", '-d', $database, '-f', "$dir/run.sql");
}

# The CPU time in seconds of all sessions of the server that have ended, or
# undef where that cannot be known: what Linux adds up for the postmaster.
sub ended_cpu
{
	my $ticks = output_of('psql', '-XAtq', '-d', 'postgres', '-c', q{
SELECT split_part(stat, ' ', 14)::bigint + split_part(stat, ' ', 15)::bigint
FROM (SELECT split_part(regexp_replace(pg_read_file('/proc/self/stat', 0, 4096, true), '^.*[)] ', ''), ' ', 2)) AS self (parent),
     regexp_replace(pg_read_file('/proc/' || parent || '/stat', 0, 4096, true), '^.*[)] ', '') AS stat});
	return $ticks =~ /(\d+)/ ? $1 / 100 : undef;
}

sub median
{
	my @sorted = sort { $a <=> $b } @_;
	my $middle = @sorted / 2;
	return @sorted % 2 ? $sorted[$middle] : ($sorted[ $middle - 1 ] + $sorted[$middle]) / 2;
}

# Median and range of numbers, as text.
sub summary
{
	my (@values) = @_;
	my @sorted = sort { $a <=> $b } @values;
	return sprintf('%9.3f   %9.3f .. %.3f', median(@values), $sorted[0], $sorted[-1]);
}

# Reads a benchmark: { title, rounds, setup, variants => [names],
# variant => { NAME => { kind, text, options, before, after } }, ratios }.
sub read_benchmark
{
	my ($name) = @_;
	my %benchmark = (title => $name, rounds => 5, setup => '', variants => [], variant => {}, ratios => []);
	my $section = \my $preface;
	open(my $file, '<', "$here/$name.sql") or die "there is no benchmark \"$name\"\n";
	while (my $line = <$file>)
	{
		if ($line !~ /^-- \@(\w+)\s*(.*?)\s*$/)
		{
			$$section .= $line;
			next;
		}
		my ($what, $rest) = ($1, $2);
		my ($variant, $options) = split ' ', $rest, 2;
		if ($what eq 'title' || $what eq 'rounds') { $benchmark{$what} = $rest }
		elsif ($what eq 'setup') { $section = \$benchmark{setup} }
		elsif ($what eq 'ratio' && $rest =~ m{^(\S+) / (\S+)\s+(\S+)$}) { push @{ $benchmark{ratios} }, [ $1, $2, $3 ] }
		elsif ($what eq 'before' || $what eq 'after') { $section = \$benchmark{variant}{$variant}{$what} }
		elsif ($what eq 'sql' || $what eq 'pgbench')
		{
			push @{ $benchmark{variants} }, $variant;
			$benchmark{variant}{$variant}{kind} = $what;
			$benchmark{variant}{$variant}{options} = [ split ' ', $options // '' ];
			$section = \$benchmark{variant}{$variant}{text};
		}
		else { die "$name.sql, line $.: not understood: $line" }
	}
	close $file;
	return \%benchmark;
}

# Runs a variant once and returns its time, and the CPU time or undef.
sub run_variant
{
	my ($name, $variant) = @_;
	my $time;
	run_sql($variant->{before}) if $variant->{before};
	my $before = ended_cpu();
	if ($variant->{kind} eq 'sql')
	{
		my @times = split ' ', run_sql("SELECT extract(epoch FROM clock_timestamp());\n$variant->{text}\n"
			  . "SELECT extract(epoch FROM clock_timestamp());\n");
		$time = $times[-1] - $times[0];
	}
	else
	{
		open(my $script, '>', "$dir/script.sql") or die "$dir/script.sql: $!\n";
		print $script $variant->{text};
		close $script;
		my $out = output_of('pgbench', '-n', '-M', 'prepared', @{ $variant->{options} }, '-f', "$dir/script.sql", $database);
		($time) = $out =~ /^latency average = ([\d.]+) ms/m or die "pgbench gave no time:\n$out";
	}
	select undef, undef, undef, 0.05;    # the session is just ending
	my $cpu = ended_cpu();
	$cpu -= $before if defined $cpu;
	if ($variant->{after})
	{
		my $true = run_sql($variant->{after});
		die "variant $name did not do what it should: $variant->{after}" unless $true =~ /^t\s*$/;
	}
	return ($time, $cpu);
}

# Prints how the numbers of one variant are to those of another.
sub print_ratio
{
	my ($label, $a, $b, $goal) = @_;
	my @ratios = map { $a->[$_] / $b->[$_] } 0 .. $#$a;
	printf "  %-28s %s   goal %s: %s\n", $label, summary(@ratios), $goal, median(@ratios) <= $goal ? 'met' : 'MISSED';
	return;
}

# Runs a benchmark and prints its table.
sub run_benchmark
{
	my ($name) = @_;
	my $benchmark = read_benchmark($name);
	my (%times, %cpu);
	$database = "bench_$name";
	output_of('createdb', $database);
	run_sql($benchmark->{setup});
	my @variants = @{ $benchmark->{variants} };
	for my $round (1 .. $benchmark->{rounds})
	{
		for my $variant (@variants)
		{
			my ($time, $cpu) = run_variant($variant, $benchmark->{variant}{$variant});
			push @{ $times{$variant} }, $time;
			push @{ $cpu{$variant} }, $cpu if $cpu;
		}
		@variants = reverse @variants;
	}
	output_of('dropdb', $database);

	print "\n$name: $benchmark->{title}\n\n";
	printf "  %-28s %9s   %s\n", "variant ($benchmark->{rounds} rounds each)", 'median', 'range';
	for my $variant (@{ $benchmark->{variants} })
	{
		my $unit = $benchmark->{variant}{$variant}{kind} eq 'sql' ? 's' : 'ms';
		printf "  %-28s %s %s\n", $variant, summary(@{ $times{$variant} }), $unit;
	}
	for my $ratio (@{ $benchmark->{ratios} })
	{
		my ($a, $b, $goal) = @$ratio;
		print_ratio("$a / $b", $times{$a}, $times{$b}, $goal);
		print_ratio('  by CPU time', $cpu{$a}, $cpu{$b}, $goal)
		  if $cpu{$a} && $cpu{$b} && @{ $cpu{$a} } == @{ $cpu{$b} };
	}
	return;
}

$| = 1;
my @names = @ARGV;
@names = map { s{.*/(\w+)\.sql$}{$1}r } sort glob "$here/*.sql" unless @names;
print output_of('psql', '-XAtq', '-d', 'postgres', '-c', q(SELECT 'PostgreSQL ' || current_setting('server_version') || ', fsync ' || current_setting('fsync')));
run_benchmark($_) for @names;
