#!/usr/bin/env perl
# Puts the results of runs into docs/benchmarks.md:
#
#   perl test/bench/publish.pl MAJOR=DIR ... [mysql=DIR]
#   perl test/bench/publish.pl MAJOR+=DIR ...
#
# MAJOR is the server's major version, DIR/bench what `RESULTS=DIR make bench` filled, after
# mysql= that of `make bench-mysql`. The goals go to docs/benchmarks/MAJOR.tsv, the charts of
# the first MAJOR and of mysql to docs/benchmarks/; the tables in the document are made of
# all the .tsv files there. With += only the lines that DIR has take the place of the old ones: a
# run of some benchmarks by themselves. Without arguments only the tables are made again.
use strict;
use warnings;

use File::Basename qw(dirname);
use File::Copy qw(copy);

my $docs = dirname(__FILE__) . '/../../docs';
my ($begin, $end) = ("<!-- results: made by test/bench/publish.pl -->\n", "<!-- end of results -->\n");

# What the lines of the table are of.
my %HEADING = (
	E1 => 'E1, look-ups', E2 => 'E2, replaced sets', E3 => 'E3, build, load and size', E4 => 'E4, growth', E5 => 'E5, row functions',
	E5b => 'E5b, 16 clients that claim and move', E6 => 'E6, arrays', g => 'E6, MySQL (g)', E7 => 'E7, association', link => 'Late binding', '-' => 'Without a goal');

sub slurp
{
	my ($path) = @_;
	open(my $file, '<', $path) or die "$path: $!\n";
	local $/;
	return <$file>;
}

# Reads a goals.tsv: the line about the run, and its goals as hashes.
sub read_goals
{
	my ($path) = @_;
	my ($about, $columns, @lines) = split /\n/, slurp($path);
	my @columns = split /\t/, $columns;
	my @goals;
	for my $line (@lines)
	{
		my %goal;
		@goal{@columns} = split /\t/, $line, -1;
		push @goals, \%goal;
	}
	return ($about =~ s/^# //r, @goals);
}

# Puts the goals of a run in the place of the same goals in another file.
sub replace_goals
{
	my ($path, $new_path) = @_;
	my $key = sub { join "\t", (split /\t/, $_[0])[ 0 .. 3 ] };
	my (undef, undef, @new) = split /\n/, slurp($new_path);
	my %new = map { $key->($_) => $_ } @new;
	my ($about, $columns, @lines) = split /\n/, slurp($path);
	@lines = map { $new{ $key->($_) } // $_ } @lines;
	open(my $file, '>', $path) or die "$path: $!\n";
	print $file map { "$_\n" } $about, $columns, @lines;
	close $file or die "$path: $!\n";
	return;
}

# What a cell of the table says of a goal in a run.
sub cell
{
	my ($goal) = @_;
	return '| | ' unless $goal && $goal->{verdict} ne 'not measured';
	my $ratio = $goal->{ratio} ne '' ? "**$goal->{ratio}** ($goal->{low} to $goal->{high})" : '';
	$ratio .= ($ratio ? ', ' : '') . $goal->{verdict} =~ s/MISSED/missed/gr if $goal->{verdict};
	return "| $ratio | " . join(' / ', grep { $_ ne '' } @$goal{qw(a b)}) . ' ';
}

# The names of a benchmark's charts.
sub charts_of
{
	my ($benchmark) = @_;
	return grep { /^\Q$benchmark\E-/ } map { s{.*/}{}r } sort glob "$docs/benchmarks/*.svg";
}

# The tables of the runs, NAME => [about, goals]: a line for each goal, two columns for each run.
sub tables
{
	my (%runs) = @_;
	my @majors = sort keys %runs;
	my (%of, @keys);
	for my $major (@majors)
	{
		for my $goal (@{ $runs{$major} }[ 1 .. $#{ $runs{$major} } ])
		{
			my $key = join "\t", @$goal{qw(line benchmark what measure)};
			push @keys, $key unless $of{$key};
			$of{$key}{$major} = $goal;
		}
	}
	my $text = join '', map { "- $runs{$_}[0]\n" } @majors;
	my %shown;
	for my $line (sort { ($a eq '-') <=> ($b eq '-') || $a cmp $b } keys %HEADING)
	{
		my @of_line = grep { /^\Q$line\E\t/ } @keys or next;
		my @charts;
		$text .= "\n### $HEADING{$line}\n\n| what | goal " . join('', map { "| on $_: ratio | figures " } @majors) . "|\n| --- | --- " . '| --- | --- ' x @majors . "|\n";
		for my $key (@of_line)
		{
			my ($goal) = map { $of{$key}{$_} // () } @majors;
			push @charts, charts_of($goal->{benchmark}) unless $shown{ $goal->{benchmark} }++;
			$text .= "| $goal->{text} (`$goal->{benchmark}`, $goal->{measure}: $goal->{what}) | $goal->{goal} " . join('', map { cell($of{$key}{$_}) } @majors) . "|\n";
		}
		$text .= join '', map { my ($benchmark, $measure) = /^(\w+)-(\w+)/; "\n![$benchmark, $measure](benchmarks/$_)\n" } @charts;
	}
	return $text;
}

mkdir "$docs/benchmarks";
my %charted;
for my $argument (@ARGV)
{
	my ($name, $some, $dir) = $argument =~ /^(\d+|mysql)(\+?)=(.+)$/ or die "usage: $0 MAJOR[+]=DIR ... [mysql=DIR]\n";
	if ($some) { replace_goals("$docs/benchmarks/$name.tsv", "$dir/bench/goals.tsv") }
	else { copy("$dir/bench/goals.tsv", "$docs/benchmarks/$name.tsv") or die "$dir/bench/goals.tsv: $!\n" }
	next if $charted{ $name eq 'mysql' }++;
	copy($_, "$docs/benchmarks/") or die "$_: $!\n" for glob "$dir/bench/*.svg";
}
my %runs = map { m{(\d+)\.tsv$} ? ($1 => [ read_goals($_) ]) : () } glob "$docs/benchmarks/*.tsv";
my $results = %runs ? tables(%runs) : "No run has been put here yet.\n";
$results .= "\n" . tables(MySQL => [ read_goals("$docs/benchmarks/mysql.tsv") ]) if -e "$docs/benchmarks/mysql.tsv";
my $document = slurp("$docs/benchmarks.md");
$document =~ s{\Q$begin\E.*?\Q$end\E}{$begin\n$results\n$end}s or die "docs/benchmarks.md has no place for results\n";
open(my $file, '>', "$docs/benchmarks.md") or die "docs/benchmarks.md: $!\n";
print $file $document;
close $file or die "docs/benchmarks.md: $!\n";
