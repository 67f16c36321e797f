package BenchServer;

# What the benchmarks ask of the server: SQL by psql, load by pgbench, and the
# CPU time that its sessions took.
use strict;
use warnings;

use Exporter qw(import);
use File::Temp qw(tempdir);

use BenchFile qw(expand);

our @EXPORT_OK = qw(output_of run_sql time_sql time_pgbench ended_cpu server_variables);

my $dir = tempdir(CLEANUP => 1);
chmod 0777, $dir;

# The sizes, which SQL and pgbench scripts know as :name, also in pgbench's options.
my %variables = (
	dir => $dir,
	accounts => $ENV{BENCH_ACCOUNTS} // 200_000,
	tenants => $ENV{BENCH_TENANTS} // 1_000,
	small => $ENV{BENCH_SMALL} // 10_000,    # accounts in the smaller table of benchmark scale
	members => $ENV{BENCH_MEMBERS} // 100_000,    # IDs in each table of benchmark skew
	rows => $ENV{BENCH_ROWS} // 100_000,    # of the benchmarks of links and upsert_many: a unit
	turns => $ENV{BENCH_TURNS} // 500,    # transactions of a pgbench client
	seconds => $ENV{BENCH_SECONDS} // 3,    # where clients compete
	round => 0);    # which round is running
$variables{probes} = $ENV{BENCH_PROBES} // 200_000;
$variables{probes} = $variables{accounts} if $variables{probes} > $variables{accounts};
$variables{patches} = $ENV{BENCH_PATCHES} // int($variables{accounts} / 10);
$variables{inserts} = $variables{turns} * 4;
$variables{look_ups} = $variables{turns} * 8;    # of a client that only reads, 20 each: a second or two
$variables{contacts} = $ENV{BENCH_CONTACTS} // $variables{accounts};
$variables{batches} = int($variables{probes} / 20);    # of 20 IDs, for pgbench
$variables{bulk} = $variables{accounts} >= 50_000 ? 10_000 : int($variables{accounts} / 5);

# The variables, also of the harness itself.
sub server_variables { return \%variables }

# Runs a command and returns its output; dies if it fails.
sub output_of
{
	my (@command) = @_;
	open(my $out, '-|', @command) or die "$command[0]: $!\n";
	my $text = do { local $/; <$out> };
	close $out or die "failed: @command\n";
	return $text // '';
}

sub _write
{
	my ($name, $text) = @_;
	open(my $file, '>', "$dir/$name") or die "$dir/$name: $!\n";
	print $file $text;
	close $file or die "$dir/$name: $!\n";
	return "$dir/$name";
}

# Runs SQL, which can be long, by psql and returns what it prints.
sub run_sql
{
	my ($database, $sql) = @_;
	my $file = _write('run.sql', expand($sql));
	my @set = map { ('-v', "$_=$variables{$_}") } sort keys %variables;
	return output_of('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', @set, '-d', $database, '-f', $file);
}

# Runs SQL and returns the seconds it took, without the connection.
sub time_sql
{
	my ($database, $sql) = @_;
	my $clock = "SELECT 'clock ' || extract(epoch FROM clock_timestamp());\n";
	my @times = run_sql($database, "$clock$sql\n$clock") =~ /^clock (\S+)$/mg;
	return $times[-1] - $times[0];
}

# Runs a pgbench script and returns the seconds it took, without the connection,
# and the number of transactions.
sub time_pgbench
{
	my ($database, $script, @options) = @_;
	my $file = _write('script.sql', expand($script));
	my @set = map { ('-D', "$_=$variables{$_}") } grep { $_ ne 'dir' } sort keys %variables;
	@options = map { s/^:(\w+)$/$variables{$1}/r } @options;
	my $out = output_of('pgbench', '-n', '-M', 'prepared', @set, @options, '-f', $file, $database);
	my ($count) = $out =~ /^number of transactions actually processed: (\d+)/m;
	my ($tps) = $out =~ /^tps = ([\d.]+)/m;
	die "pgbench gave no time:\n$out" unless $count && $tps;
	return ($count / $tps, $count);
}

my $postmaster;

# What a process calls itself.
sub _title
{
	my ($pid) = @_;
	open(my $file, '<', "/proc/$pid/cmdline") or return '';
	return <$file> // '';
}

# Waits until no session is left: psql and pgbench end before theirs do. One that has
# ended but has not been counted yet has no title.
sub _wait_for_sessions
{
	for (1 .. 500)
	{
		open(my $file, '<', "/proc/$postmaster/task/$postmaster/children") or return;
		my @children = split ' ', <$file> // '';
		return unless grep { _title($_) =~ /^$|\[local\]/ } @children;
		select undef, undef, undef, 0.002;
	}
	return;
}

# The CPU time in seconds of all processes of the server that have ended, parallel
# workers too: what Linux adds up for the postmaster, in its own ticks of 10 ms. Undef where that
# cannot be known.
sub ended_cpu
{
	$postmaster //= (split ' ', output_of('psql', '-XAtq', '-d', 'postgres', '-c', "SELECT pg_read_file('postmaster.pid')"))[0];
	_wait_for_sessions();
	open(my $stat, '<', "/proc/$postmaster/stat") or return undef;
	my $line = <$stat> =~ s/^.*\) //r;
	my @fields = split ' ', $line;
	return ($fields[13] + $fields[14]) / 100;
}

1;
