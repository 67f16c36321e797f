# Coverage-guided fuzzing of what the types read and of the set algebra, by
# libFuzzer within a server: test/fuzz/fuzz.c says what must hold of each input.
#
# FUZZ_RUNS is the number of inputs, 50000 by custom, and then always the same ones.
# The full run is `make fuzz`, with as many as FUZZ_RUNS says, by default 10 million; what it
# finds that leads to new code is added to FUZZ_CORPUS, a folder, if that is set.
use strict;
use warnings;

use Cwd;
use File::Copy;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $runs = $ENV{FUZZ_RUNS} || 50000;
my @seed = $ENV{FUZZ_RUNS} ? () : ('-seed=1');
my $here = getcwd() . '/test/fuzz';    # the server goes elsewhere
my $tmp = PostgreSQL::Test::Utils::tempdir;

# clang, or the clang that the server was built with, and its libFuzzer for programs
# that have a main of their own.
my ($makefile) = `\${PG_CONFIG:-pg_config} --pgxs` =~ m{^(.*)/makefiles/pgxs\.mk};
my ($servers) = slurp_file("$makefile/Makefile.global") =~ /^CLANG\s*=\s*(\S+)/m;
my ($clang, $library);
for my $candidate (grep { defined } 'clang', $servers)
{
	chomp(my $folder = `$candidate -print-resource-dir 2>/dev/null`);
	($library) = grep { $folder && !/i386/ } split /\n/, `find '$folder' -name 'libclang_rt.fuzzer_no_main*.a' 2>/dev/null`;
	$clang = $candidate and last if $library;
}
plan skip_all => 'clang and libFuzzer are not installed' unless $library;

# The types' sources with the fuzzer's, in one library. Undefined behaviour traps.
chomp(my $headers = `\${PG_CONFIG:-pg_config} --includedir-server`);
my @sources = (glob('src/types/*.c'), glob("$here/*.c"));
my @command = ($clang, qw(-shared -fPIC -O1 -g -D_GNU_SOURCE),
	'-fsanitize=fuzzer-no-link,undefined', '-fno-sanitize-coverage=trace-cmp', '-fsanitize-undefined-trap-on-error', '-fno-sanitize=function,alignment',
	'-Isrc', "-I$here", '-isystem', $headers, '-o', "$tmp/fuzz.so", @sources, $library, '-lstdc++', '-lm', '-lpthread');
my $said = '';
ok(IPC::Run::run(\@command, '>&', \$said), 'the library is built') or BAIL_OUT($said);

my $node = PostgreSQL::Test::Cluster->new('fuzz');
$node->init(extra => ['--encoding=UTF8', '--locale=C.UTF-8']);

# The corpus goes into one folder, the inputs that are not whole into another.
my $corpus = "$tmp/corpus";
mkdir $corpus;
mkdir "$tmp/found";
copy($_, $corpus) for glob("$here/corpus/*");

my @arguments = ("-runs=$runs", @seed, '-max_len=2048', '-detect_leaks=0', '-print_final_stats=1', '-verbosity=1',
	"-artifact_prefix=$tmp/found/", "-dict=$here/dictionary", $corpus);
my $sql = "CREATE FUNCTION fuzz(text[]) RETURNS void LANGUAGE c AS '$tmp/fuzz.so', 'external_ids_fuzz';\n"
  . 'SELECT fuzz(ARRAY[' . join(', ', map { "'$_'" } @arguments) . "]);\n";
my $output = '';
my $ok = IPC::Run::run(['postgres', '--single', '-F', '-c', 'log_min_messages=fatal', '-D', $node->data_dir, 'postgres'],
	'<', \$sql, '>&', \$output);
ok($ok, "$runs inputs, no fault") or diag($output);
my ($done) = $output =~ /stat::number_of_executed_units:\s*(\d+)/;
cmp_ok($done || 0, '>=', $runs, 'all of them were run');
note($output =~ /(#\d+\s+DONE.*)/);

for my $input (glob("$tmp/found/*"))
{
	diag("$input: " . unpack('H*', slurp_file($input)));
}
if ($ENV{FUZZ_CORPUS})
{
	copy($_, $ENV{FUZZ_CORPUS}) for glob("$corpus/*");
}

done_testing();
