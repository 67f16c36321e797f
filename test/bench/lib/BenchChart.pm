package BenchChart;

# Charts of what was measured, as SVG by gnuplot.
use strict;
use warnings;

use Exporter qw(import);

use BenchReport qw(median);

our @EXPORT_OK = qw(draw_charts);

# What contenders are called in a chart.
my %LABEL = (
	us => '(a) external_ids',
	side => '(b) side table',
	side_changed => '(b) side table, only what changed',
	side_ordered => '(b) side table, IDs in order',
	side_unlocked => '(b) side table without the lock',
	side_en => '(b) side table, linguistic collation',
	side_hash => '(b) side table, as the planner likes it',
	side_read_hash => '(b) side table, read as the planner likes it',
	gin => '(c) text[] with GIN, not unique',
	rum => '(d) text[] with RUM, EXCLUDE',
	columns => '(e) UNIQUE text columns, COLLATE "C"',
	columns_en => '(e) UNIQUE text columns, linguistic collation',
	key => '(f) bigint primary key',
	mysql => '(g) MySQL, UNIQUE multi-valued index',
	text => 'UNIQUE (text COLLATE "C", int)');

# The label of a variant: its contender's, and what its name has beyond that.
sub _label
{
	my ($variant) = @_;
	my ($contender, $more) = ($variant, '');
	($contender, $more) = ($1, ", $2$more") while !$LABEL{$contender} && $contender =~ /^(.+)_([^_]+)$/;
	return ($LABEL{$contender} // $contender) . $more;
}

# Units of a measure, the largest of which fits: name, size.
my %UNITS = (
	time => [ [ 'seconds', 1 ], [ 'milliseconds', 1e-3 ], [ 'microseconds', 1e-6 ] ],
	cpu => [ [ 'seconds of CPU', 1 ], [ 'milliseconds of CPU', 1e-3 ], [ 'microseconds of CPU', 1e-6 ] ],
	bytes => [ [ 'MB', 1048576 ] ],
	percent => [ [ '%', 1 ] ]);

# The unit for numbers up to one, as (name, size).
sub _unit
{
	my ($measure, $largest) = @_;
	my @units = @{ $UNITS{ $measure =~ s/.*_//r } };
	my ($fitting) = grep { $_->[1] <= $largest } @units;
	return @{ $fitting // $units[-1] };
}

sub _quoted { return '"' . ($_[0] =~ s/(["\\])/\\$1/gr) . '"' }

# Has gnuplot draw a script. Returns whether it could.
sub _gnuplot
{
	my ($path, $height, $title, $script) = @_;
	open(my $pipe, '|-', 'gnuplot') or return 0;
	print $pipe 'set terminal svg size 860,', $height, ' dynamic font "sans,13" background "white"', "\n",
	  'set output ', _quoted($path), "\nset label ", _quoted($title), " at screen 0.5, screen 1 center offset 0, -1.2 noenhanced\nset tmargin 3\n$script";
	return close $pipe;
}

# The numbers of a variant: (median, lowest, highest), divided by a unit.
sub _numbers
{
	my ($values, $size) = @_;
	my @sorted = sort { $a <=> $b } @$values;
	return map { $_ / $size } median(@sorted), $sorted[0], $sorted[-1];
}

# A bar for each variant, from the top, with the range of its rounds.
sub _draw_bars
{
	my ($path, $title, $measure, $runs, @variants) = @_;
	my %values = map { my $v = $runs->{$_}{$measure}; $_ => $v && $measure =~ /^final_/ ? [ $v->[-1] ] : $v } @variants;
	@variants = grep { $values{$_} } @variants;
	return 1 unless @variants;
	my ($largest) = sort { $b <=> $a } map { median(@$_) } grep { $_ } values %values;
	my ($unit, $size) = _unit($measure, $largest);
	my $at = @variants;
	my (@rows, @labels);
	for my $variant (@variants)
	{
		push @rows, sprintf('%g %g %g %d %d', _numbers($values{$variant}, $size), $at, $variant =~ /^us(_|$)/ ? 1 : 0);
		push @labels, sprintf('%s %d', _quoted(_label($variant)), $at--);
	}
	my $tics = join ', ', @labels;
	my $data = join "\n", @rows;
	my $less = "$unit, less is better";
	return _gnuplot($path, 110 + 34 * @variants, $title, <<"GNUPLOT");
\$data << EOD
$data
EOD
set ytics ($tics) noenhanced scale 0
set xtics nomirror
set yrange [0.4:@{[@variants + 0.6]}]
set xrange [0:*]
set offsets 0, graph 0.12, 0, 0
set xlabel "$less"
set grid xtics
set border 3
unset key
set style fill solid
plot \$data using (\$1/2):4:(0):1:(\$4-0.34):(\$4+0.34):(\$5 > 0 ? 0x2f6f9f : 0xb8c4cc) with boxxyerror linecolor rgb variable, \\
     \$data using 1:4:2:3 with xerrorbars linecolor rgb "#444444" pointtype 0, \\
     \$data using 3:4:(sprintf("  %.3g", \$1)) with labels left
GNUPLOT
}

# A line for each contender over the numbers that its variants' names end in:
# operations a second.
sub _draw_lines
{
	my ($path, $title, $measure, $runs, @contenders) = @_;
	my (@data, @plots);
	for my $contender (@contenders)
	{
		my @counts = sort { $a <=> $b } map { /^\Q$contender\E_(\d+)$/ ? $1 : () } keys %$runs;
		push @data, join "\n", "\$$contender << EOD", (map { join ' ', $_, 1 / median(@{ $runs->{"${contender}_$_"}{$measure} }) } @counts), 'EOD';
		push @plots, "\$$contender using 1:2 with linespoints linewidth 3 title " . _quoted(_label($contender));
	}
	my $data = join "\n", @data;
	my $plots = join ', ', @plots;
	return _gnuplot($path, 360, $title, <<"GNUPLOT");
$data
set logscale x 2
set tics nomirror
set yrange [0:*]
set xlabel "clients"
set ylabel "a second, more is better"
set grid
set border 3
set key bottom right noenhanced
plot $plots
GNUPLOT
}

# Draws what the benchmarks ask for into folder $out, as BENCHMARK-MEASURE.svg.
sub draw_charts
{
	my ($out, $results, @benchmarks) = @_;
	for my $benchmark (@benchmarks)
	{
		for my $chart (@{ $benchmark->{charts} })
		{
			my ($kind, $measure, @variants) = @$chart;
			my $draw = $kind eq 'lines' ? \&_draw_lines : \&_draw_bars;
			next if $draw->("$out/$benchmark->{name}-$measure.svg", $benchmark->{title}, $measure, $results->{ $benchmark->{name} }, @variants);
			print "left out: charts (gnuplot could not draw $benchmark->{name})\n";
			return;
		}
	}
	return;
}

1;
