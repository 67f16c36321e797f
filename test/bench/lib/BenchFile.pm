package BenchFile;

# Reads the SQL files of test/bench: a file is in sections, each of which begins
# with a line "-- @word ..."; README.md beside run.pl tells the words.
use strict;
use warnings;

use Exporter qw(import);
our @EXPORT_OK = qw(read_sections expand);

# The words whose section is SQL of a variant.
my %OF_VARIANT = map { $_ => 1 } qw(before after sql pgbench measure);

# Replaces each line "\repeat N TEXT" by N copies of TEXT, with its # replaced by
# 1 to N: neither psql nor pgbench has a loop.
sub expand
{
	my ($text) = @_;
	$text =~ s{^\\repeat (\d+) (.*)$}{my ($n, $copy) = ($1, $2); join "\n", map { $copy =~ s/#/$_/gr } 1 .. $n}gem;
	return $text;
}

# What stands between "-- @each A B ..." and "-- @end", once for each word, which
# takes the place of "<n>".
sub _unroll
{
	my ($text) = @_;
	$text =~ s{^-- \@each ([^\n]*)\n(.*?)^-- \@end\n}{my ($n, $copy) = ($1, $2); join '', map { $copy =~ s/<n>/$_/gr } split ' ', $n}gems;
	return $text;
}

sub _words { return split ' ', $_[0] // '' }

# Reads a file: { name, title, rounds, ask, data => [], writes => [], ops, setup,
# variants => [names], variant => { NAME => { kind, text, options, before, after,
# plan, measures => { NAME => SQL } } }, goals => [ {...} ], factors => [ [name, a, b] ],
# charts => [ [kind, measure, variants ...] ], requires => [] }.
sub read_sections
{
	my ($path, $name) = @_;
	my %b = (
		name => $name, title => $name, rounds => 5, ask => 0, data => [], writes => [], ops => '1', setup => '',
		variants => [], variant => {}, goals => [], factors => [], charts => [], requires => []);
	my $section = \my $preface;
	open(my $file, '<', $path) or die "there is no \"$name\": $path: $!\n";
	my $text = do { local $/; <$file> };
	close $file;
	for my $line (split /^/, _unroll($text))
	{
		if ($line !~ /^-- \@(\w+)\s*(.*?)\s*$/)
		{
			$$section .= $line;
			next;
		}
		my ($what, $rest) = ($1, $2);
		if ($what =~ /^(title|rounds|ops)$/) { $b{$what} = $rest }
		elsif ($what eq 'ask') { $b{ask} = 1 }
		elsif ($what =~ /^(data|requires|writes)$/) { $b{$what} = [ _words($rest) ] }
		elsif ($what eq 'setup') { $section = \$b{setup} }
		elsif ($what eq 'plan')
		{
			my ($variant, $pattern) = split ' ', $rest, 2;
			$b{variant}{$variant}{plan} = $pattern;
		}
		elsif ($what eq 'chart') { push @{ $b{charts} }, [ _words($rest) ] }
		elsif ($what eq 'factor' && $rest =~ m{^(\S+) (\S+) / (\S+)$}) { push @{ $b{factors} }, [ $1, $2, $3 ] }
		elsif ($what eq 'goal' && $rest =~ m{^(\S+) (\w+) (\S+)(?: / (\S+))? (?:(<=|>=) ([\d.]+)|-)\s*(.*)$})
		{
			push @{ $b{goals} }, { line => $1, measure => $2, a => $3, b => $4, sign => $5, limit => $6, text => $7 };
		}
		elsif ($OF_VARIANT{$what})
		{
			my ($variant, $options) = split ' ', $rest, 2;
			my $v = $b{variant}{$variant} //= {};
			if ($what eq 'before' || $what eq 'after') { $section = \$v->{$what} }
			elsif ($what eq 'measure') { $section = \$v->{measures}{$options} }
			else
			{
				push @{ $b{variants} }, $variant;
				$v->{kind} = $what;
				$v->{options} = [ _words($options) ];
				$section = \$v->{text};
			}
		}
		else { die "$path: not understood: $line" }
	}
	return \%b;
}

1;
