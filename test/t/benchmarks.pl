# Every benchmark runs, at the smallest sizes, and measures each of its goals;
# docs/benchmarks.md names them all, its commands are those that there are, and its
# tables are what test/bench/publish.pl makes of docs/benchmarks.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 'test/bench/lib';
use BenchFile qw(read_sections);

my $document = slurp_file('docs/benchmarks.md');
my @files = map { s{.*/(\w+)\.sql$}{$1}r } sort glob 'test/bench/*.sql';
my %benchmark = map { $_ => read_sections("test/bench/$_.sql", $_) } @files;

# ---------------------------------------------------------------------------
# What the document names
# ---------------------------------------------------------------------------
my ($table) = $document =~ /^## What each benchmark does$(.*?)^## /ms;
my %named = map { $_ => 1 } $table =~ /`(\w+)`/g;
is(join(' ', sort grep { !/^(?:external_ids|mysql)/ } keys %named), join(' ', @files), 'the table of benchmarks names each of them');

my %set = map { $_ => 1 } slurp_file('test/bench/lib/BenchServer.pm') =~ /\$ENV\{(BENCH_\w+)\}/g,
  slurp_file('test/bench/run.pl') =~ /\$ENV\{(BENCH_ROUNDS)\}/g, slurp_file('test/inside') =~ /\$\{(BENCH_\w+)/g;
my %described = map { $_ => 1 } $document =~ /^\| `(BENCH_\w+)` /mg;
is(join(' ', sort keys %described), join(' ', sort keys %set), 'the table of variables has each that sets a size');

# Each command: a target of make, or a program that is there, with variables and
# benchmarks that there are.
my @commands = map { split /\n/ } $document =~ /^```sh\n(.*?)^```/msg;
cmp_ok(scalar @commands, '>=', 5, 'docs/benchmarks.md has commands');
my $makefile = slurp_file('Makefile');
foreach my $command (@commands)
{
	my @unknown = grep { !$set{$_} } $command =~ /\b(BENCH_\w+)=/g;
	push @unknown, grep { !$benchmark{$_} } map { split ' ' } $command =~ /\bBENCH="([^"]*)"/g;
	push @unknown, grep { $makefile !~ /^\.PHONY:.* \Q$_\E(?: |$)/m } $command =~ /\bmake ([\w-]+)/g;
	push @unknown, grep { !-e } $command =~ m{\b(test/\S+)}g;
	push @unknown, grep { !/^(?:15|17|18|19)$/ } $command =~ m{\btest/server run (\S+)}g;
	is("@unknown", '', "what this names is there: $command");
}

my $published = $document;
command_ok([ 'perl', 'test/bench/publish.pl' ], 'the tables are made again');
ok(slurp_file('docs/benchmarks.md') eq $published, 'the tables are those of docs/benchmarks');

# ---------------------------------------------------------------------------
# A run
# ---------------------------------------------------------------------------
my $node = PostgreSQL::Test::Cluster->new('benchmarks');
$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$node->append_conf('postgresql.conf',
	"listen_addresses = ''\nautovacuum = off\njit = off\nmax_parallel_workers_per_gather = 0\nfsync = off\nwork_mem = '64MB'");
$node->start;
my $out = PostgreSQL::Test::Utils::tempdir;
local %ENV = (
	%ENV, PGHOST => $node->host, PGPORT => $node->port, BENCH_OUT => $out, BENCH_ROUNDS => 1, BENCH_ACCOUNTS => 1000, BENCH_TENANTS => 100,
	BENCH_SMALL => 50, BENCH_MEMBERS => 2000, BENCH_ROWS => 1000, BENCH_TURNS => 5,
	BENCH_SECONDS => $ENV{VALGRIND} ? 20 : 1);    # under valgrind clients take some to connect
delete local @ENV{qw(PGUSER PGDATABASE BENCH_PROBES BENCH_PATCHES BENCH_CONTACTS)};
my $printed = '';
my $ran = IPC::Run::run([ 'perl', 'test/bench/run.pl', @files ], '>&', \$printed, IPC::Run::timeout(2 * $PostgreSQL::Test::Utils::timeout_default));
ok($ran, 'all benchmarks run') or diag($printed);

# A goal is measured unless the server has nothing to measure it with.
my @missing = $printed =~ /^left out: contender (\w+) /mg;
note("left out: contender $_") foreach @missing;
my (undef, undef, @lines) = split /\n/, slurp_file("$out/goals.tsv");
my %verdict = map { my @cells = split /\t/, $_, -1; ("$cells[1] $cells[3] $cells[2]" => $cells[9]) } @lines;
# So short a run may end within one tick of the clock that counts CPU time: it took none, and there is no ratio.
my %cpu = map { my @cells = split /\t/; ("$cells[0] $cells[1]" => $cells[4]) } grep { /\tcpu\t/ } split /\n/, slurp_file("$out/runs.tsv");
foreach my $name (@files)
{
	foreach my $goal (@{ $benchmark{$name}{goals} })
	{
		my $of = join ' / ', grep { defined } @$goal{qw(a b)};
		my $cannot = grep { $of =~ /(?:^| )\Q$_\E(?:_| |$)/ } @missing;
		my $verdict = $verdict{"$name $goal->{measure} $of"};
		my ($above, $below) = map { $cpu{"$name $_"} } grep { defined } @$goal{qw(a b)};
		my $no_tick = $goal->{measure} eq 'cpu' && defined $above && defined $below && $below == 0;
		ok(defined $verdict && ($cannot || $no_tick || $verdict ne 'not measured'), "$name has measured $goal->{measure} of $of");
	}
}

SKIP:
{
	my $charts = grep { @{ $benchmark{$_}{charts} } } @files;
	skip('this machine has no gnuplot', 1) unless grep { -x "$_/gnuplot" } split /:/, $ENV{PATH};
	my %drawn = map { s{.*/(\w+)-\w+\.svg}{$1}r => 1 } grep { -s } glob "$out/*.svg";
	is(scalar keys %drawn, $charts, 'each benchmark that asks for a chart has one');
}

$node->stop;
done_testing();
