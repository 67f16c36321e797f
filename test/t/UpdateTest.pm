# What the tests of ALTER EXTENSION UPDATE share: a node whose extension is built
# from one sources or another, and how a database is looked at before and after.
package UpdateTest;

use strict;
use warnings;

use Cwd;
use Exporter 'import';
use File::Basename;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(current_version released_versions released_sources install_sources stage bindir new_update_node
  sql update_error output_of checks fresh_catalog same_catalog);

my $tree = getcwd;
my $dir = PostgreSQL::Test::Utils::tempdir;
my $node;
my $bindir;

# The version that this tree makes.
sub current_version
{
	my ($version) = slurp_file('external_ids.control') =~ /^default_version = '([^']+)'$/m;
	return $version;
}

# The versions whose sources are kept, the oldest first.
sub released_versions
{
	return sort { $a <=> $b } map { m{external_ids-(\d+\.\d+)\.tar\.gz$} } glob 'test/releases/*.tar.gz';
}

# Unpacks the sources of a release and gives their folder; checks that its script
# is as it was released, and that the archive has what its tag has.
sub released_sources
{
	my ($version) = @_;
	PostgreSQL::Test::Utils::system_or_bail('tar', '-C', $dir, '-xzf', "test/releases/external_ids-$version.tar.gz");
	my $sources = "$dir/external_ids-$version";
	my ($script) = map { basename($_) } glob "$sources/sql/external_ids--*$version.sql";
	ok(slurp_file("sql/$script") eq slurp_file("$sources/sql/$script"), "the script of $version is as it was released");

	# Only where git is could test/run compare the archive with the tag.
  SKIP:
	{
		my $told = -e "$tree/../releases" ? slurp_file("$tree/../releases") : "$version not compared: test/run did not run this\n";
		my ($line) = $told =~ /^\Q$version\E (.*)$/m;
		skip "the archive of $version: $line", 1 if $line =~ /^not compared/;
		like($line, qr/^same as tag v\Q$version\E$/, "the archive of $version has the sources of the tag");
	}
	return $sources;
}

# Where the sources are installed.
sub stage { return "$dir/stage" }
sub bindir { return $bindir }

# Builds the extension in $sources, by custom this tree, and puts it, with a private
# copy of the server, in the stage; there it takes the place of what was there, as a
# package does.
sub install_sources
{
	my $sources = shift // $tree;
	my ($out, $err);
	mkdir "$sources/test";
	PostgreSQL::Test::Utils::system_or_bail('cp', "$tree/test/stage", "$sources/test/stage") if $sources ne $tree;
	IPC::Run::run([ 'bash', "$sources/test/stage", stage() ], '<', \undef, '>', \$out, '2>', \$err)
	  or die "building $sources failed: $err";
	$bindir = (split /\n/, $out)[-1];
	return;
}

# A node that runs on the stage, with what is made of $sources, and is started.
sub new_update_node
{
	my ($name, $sources) = @_;
	install_sources($sources);
	$node = PostgreSQL::Test::Cluster->new($name, install_path => dirname($bindir));
	$node->init(extra => [ '-E', 'UTF8', '--locale=C.UTF-8' ]);
	# Hint bits and dead entries are to come from the tests alone.
	$node->append_conf('postgresql.conf', "listen_addresses = ''\nautovacuum = off\nlog_statement = none\nlc_messages = 'C'");
	$node->start;
	return $node;
}

# Runs SQL that must not fail; gives its output.
sub sql
{
	my ($database, $sql) = @_;
	return $node->safe_psql($database, $sql, timeout => $PostgreSQL::Test::Utils::timeout_default);
}

# The error of SQL that must fail, without its place in the source.
sub update_error
{
	my ($database, $sql) = @_;
	my ($rc, $out, $err) = $node->psql($database, $sql, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	return 'no error' if $rc == 0;
	$err =~ s/^LOCATION:.*\n?//mg;
	$err =~ s/^.*?ERROR:\s+//s;
	return $err;
}

# The output of one of the files in test/.
sub output_of
{
	my ($database, $file) = @_;
	my ($rc, $out, $err) = $node->psql($database, slurp_file("test/$file"),
		timeout => $PostgreSQL::Test::Utils::timeout_default, on_error_die => 1);
	return $out;
}

# Every check of test/upgrade_checks.sql must be ok.
sub checks
{
	my ($database, $when, $file) = @_;
	my $out = output_of($database, $file // 'upgrade_checks.sql');
	my @failed = grep { !/^(ok|$|\|)/ } split /\n/, $out;
	my $ok = () = $out =~ /^ok /mg;
	ok(!@failed && $ok >= ($file ? 5 : 50), "$when: $ok checks") or diag join "\n", @failed, "$ok ok";
	return;
}

# The catalog entries of a new installation, a line each.
sub fresh_catalog
{
	sql('postgres', 'CREATE DATABASE fresh TEMPLATE template0');
	sql('fresh', 'CREATE SCHEMA ext; CREATE EXTENSION external_ids SCHEMA ext');
	my $catalog = output_of('fresh', 'catalog.sql');
	my %kinds;
	$kinds{$_}++ foreach $catalog =~ /^(\w+) \|/mg;
	cmp_ok($kinds{$_} // 0, '>', 0, "a new installation has $_")
	  foreach qw(pg_extension pg_type pg_proc arguments pg_aggregate pg_operator pg_opclass pg_opfamily pg_amop pg_amproc pg_cast pg_am pg_description pg_depend);
	return $catalog;
}

# Does a database that was updated have the same?
sub same_catalog
{
	my ($database, $catalog) = @_;
	my %difference;
	my $updated = output_of($database, 'catalog.sql');
	$difference{$_}++ foreach split /\n/, $catalog;
	$difference{$_}-- foreach split /\n/, $updated;
	my @lines = map { ($difference{$_} > 0 ? 'new: ' : 'updated: ') . $_ } grep { $difference{$_} } sort keys %difference;
	ok(!@lines, "$database: updated, it has the " . (() = $catalog =~ /\n/g) . ' catalog entries of a new installation') or diag join "\n", @lines;
	return;
}

1;
