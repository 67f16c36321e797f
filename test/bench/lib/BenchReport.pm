package BenchReport;

# Statistics of what was measured, as tables to read and as files for programs.
use strict;
use warnings;

use Exporter qw(import);
use File::Path qw(make_path);

our @EXPORT_OK = qw(median goal_row print_variants print_goals write_runs write_goals);

sub median
{
	my @sorted = sort { $a <=> $b } @_;
	my $middle = @sorted / 2;
	return @sorted % 2 ? $sorted[$middle] : ($sorted[ $middle - 1 ] + $sorted[$middle]) / 2;
}

# The ratios of two variants' numbers, round by round, or nothing.
sub _ratios
{
	my ($above, $below) = @_;
	return () unless $above && $below && @$above && @$above == @$below && !grep { !$_ } @$below;
	return map { $above->[$_] / $below->[$_] } 0 .. $#$above;
}

# A number with a unit that suits it: times in seconds, sizes in bytes.
sub _figure
{
	my ($measure, $value) = @_;
	return '' unless defined $value;
	if ($measure eq 'time' || $measure eq 'cpu')
	{
		return sprintf('%.2f s', $value) if $value >= 1;
		return sprintf('%.2f ms', $value * 1e3) if $value >= 1e-3;
		return sprintf('%.2f us', $value * 1e6);
	}
	return sprintf('%.1f MB', $value / 1048576) if $measure =~ /bytes/;
	return sprintf('%.4g', $value) . ($measure =~ /percent/ ? ' %' : '');
}

sub _holds
{
	my ($goal, $ratio) = @_;
	return $goal->{sign} eq '<=' ? $ratio <= $goal->{limit} : $ratio >= $goal->{limit};
}

# What became of a goal: { line, benchmark, text, what, measure, ratio, low, high,
# cpu, goal, verdict, a, b }; without a ratio where a side was not measured, or where
# the goal is of one figure and not of a ratio.
sub goal_row
{
	my ($name, $goal, $runs) = @_;
	my $measure = $goal->{measure};
	my ($above, $below) = map { $runs->{ $_ // '' } // {} } $goal->{a}, $goal->{b};
	my @ratios = _ratios($above->{$measure}, $below->{$measure});
	@ratios = $measure =~ /^final_/ ? ($ratios[-1] // ()) : sort { $a <=> $b } @ratios;
	my @cpu = $measure eq 'time' ? _ratios($above->{cpu}, $below->{cpu}) : ();
	my %row = (
		line => $goal->{line}, benchmark => $name, text => $goal->{text}, what => join(' / ', grep { defined } @$goal{qw(a b)}),
		measure => $measure, goal => $goal->{sign} ? "$goal->{sign} $goal->{limit}" : '', verdict => '');
	if (!$goal->{b} && $above->{$measure})
	{
		my $value = median(@{ $above->{$measure} });
		$row{a} = _figure($measure, $value);
		$row{verdict} = _holds($goal, $value) ? 'met' : 'MISSED' if $goal->{sign};
		return \%row;
	}
	if (!@ratios)
	{
		$row{verdict} = 'not measured';
		return \%row;
	}
	@row{qw(ratio low high)} = (median(@ratios), $ratios[0], $ratios[-1]);
	$row{cpu} = median(@cpu) if @cpu;
	@row{qw(a b)} = map { _figure($measure, median(@{ $_->{$measure} })) } $above, $below;
	if ($goal->{sign})
	{
		$row{verdict} = _holds($goal, $row{ratio}) ? 'met' : 'MISSED';
		if (@cpu && _holds($goal, $row{cpu}) != _holds($goal, $row{ratio}))
		{
			$row{verdict} .= _holds($goal, $row{cpu}) ? ' (met by CPU)' : ' (MISSED by CPU)';
		}
	}
	return \%row;
}

# Prints the figures of one benchmark's variants.
sub print_variants
{
	my ($benchmark, $runs) = @_;
	print "\n$benchmark->{name}: $benchmark->{title}\n\n";
	printf "  %-22s %-7s %12s   %s\n", "variant", '', 'median', "range of $benchmark->{rounds} rounds";
	for my $variant (@{ $benchmark->{variants} })
	{
		for my $measure (sort keys %{ $runs->{$variant} })
		{
			my @sorted = sort { $a <=> $b } @{ $runs->{$variant}{$measure} };
			printf "  %-22s %-7s %12s   %s .. %s\n", $variant, $measure, map { _figure($measure, $_) } median(@sorted), $sorted[0], $sorted[-1];
		}
	}
	return;
}

sub _number { return defined $_[0] ? sprintf('%.2f', $_[0]) : '' }

# Prints goals as a table.
sub print_goals
{
	my (@rows) = @_;
	return unless @rows;
	printf "\n  %-5s %-16s %-30s %-7s %6s %13s %6s %8s  %s\n", qw(line benchmark ratio of median range CPU goal verdict);
	for my $r (@rows)
	{
		printf "  %-5s %-16s %-30s %-7s %6s %13s %6s %8s  %s\n", @$r{qw(line benchmark what measure)}, _number($r->{ratio}),
		  defined $r->{low} ? _number($r->{low}) . '..' . _number($r->{high}) : '', _number($r->{cpu}), $r->{goal},
		  join(' ', $r->{verdict}, defined $r->{a} ? sprintf('(%s)', join ' / ', grep { defined } @$r{qw(a b)}) : '');
	}
	return;
}

sub _write_lines
{
	my ($path, @lines) = @_;
	open(my $file, '>', $path) or die "$path: $!\n";
	print $file "$_\n" for @lines;
	close $file or die "$path: $!\n";
	return;
}

# Writes every number, one a line. $results is { BENCHMARK => { VARIANT =>
# { MEASURE => [numbers] } } }.
sub write_runs
{
	my ($path, $results) = @_;
	my @lines = (join "\t", qw(benchmark variant measure round value));
	for my $name (sort keys %$results)
	{
		for my $variant (sort keys %{ $results->{$name} })
		{
			for my $measure (sort keys %{ $results->{$name}{$variant} })
			{
				my $values = $results->{$name}{$variant}{$measure};
				push @lines, map { join "\t", $name, $variant, $measure, $_ + 1, $values->[$_] } 0 .. $#$values;
			}
		}
	}
	_write_lines($path, @lines);
	return;
}

# Writes goals, one a line, after a line that tells of what they are.
sub write_goals
{
	my ($path, $about, @rows) = @_;
	my @columns = qw(line benchmark what measure ratio low high cpu goal verdict a b text);
	my @numbers = qw(ratio low high cpu);
	my @lines;
	for my $r (@rows)
	{
		my %written = (%$r, map { $_ => _number($r->{$_}) } @numbers);
		push @lines, join "\t", map { $_ // '' } @written{@columns};
	}
	_write_lines($path, "# $about", join("\t", @columns), @lines);
	return;
}

1;
