# Executes README.md: every ```sql block runs, in order, in one psql session
# each; the ```text block that follows it is its output, compared to the letter.
# And the reference is complete: what the extension offers is in README.md.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $readme = slurp_file('README.md');
my $node = PostgreSQL::Test::Cluster->new('readme');
$node->init;
$node->append_conf('postgresql.conf',
	"listen_addresses = ''\ntimezone = 'UTC'\nlc_messages = 'C'");
$node->start;
$node->safe_psql('postgres',
	'CREATE DATABASE readme; ALTER DATABASE readme SET search_path = public');

# Fenced blocks, in order: language, text, line of the fence.
my (@blocks, $language, $text, $start);
my $number = 0;
foreach my $line (split /\n/, $readme)
{
	$number++;
	if ($line =~ /^```(\w*)\s*$/)
	{
		if (defined $language)
		{
			is($1, '', "README.md:$number: a closing fence") if $1 ne '';
			push @blocks, [ $language, $text, $start ];
			undef $language;
		}
		else
		{
			($language, $text, $start) = ($1, '', $number);
		}
	}
	elsif (defined $language)
	{
		$text .= "$line\n";
	}
}
ok(!defined $language, 'every block of README.md is closed');

# What psql prints for the text, results and errors in the order they come.
sub output_of
{
	my ($sql) = @_;
	my $output = '';
	my @psql = (
		'psql', '-X', '-q', '-v', 'VERBOSITY=default', '-v', 'SHOW_CONTEXT=never',
		'-P', 'pager=off', '-d', $node->connstr('readme'));
	local $ENV{PGCLIENTENCODING} = 'UTF8';
	IPC::Run::run(\@psql, '<', \$sql, '>&', \$output,
		IPC::Run::timeout(60));
	# psql puts an empty line after each result; the README need not.
	$output =~ s/\n+\z/\n/;
	return $output;
}

# README_FILL names a file to write README.md to with the real outputs put
# in: to be read before it is taken over.
my $filled = $readme;

my $statements = 0;
for (my $i = 0; $i < @blocks; $i++)
{
	my ($kind, $sql, $line) = @{ $blocks[$i] };
	next if $kind ne 'sql';
	my $next = $blocks[ $i + 1 ];
	my $expected = (defined $next && $next->[0] eq 'text') ? $next->[1] : '';
	my $output = output_of($sql);
	$statements++;
	die "README.md:$line: the server is gone: $output"
	  if $output =~ /server closed the connection|connection to server on/;
	$expected =~ s/\n+\z/\n/;
	is($output, $expected, "README.md:$line");
	if ($ENV{README_FILL} && $output ne $expected)
	{
		my $at = index($filled, "```sql\n$sql```\n") + length("```sql\n$sql```\n");
		if (defined $next && $next->[0] eq 'text')
		{
			my $old = "```text\n$next->[1]```\n";
			substr($filled, index($filled, $old, $at), length $old) =
			  "```text\n$output```\n";
		}
		else
		{
			substr($filled, $at, 0) = "\n```text\n$output```\n";
		}
	}
}
cmp_ok($statements, '>', 10, 'README.md has statements');
if ($ENV{README_FILL})
{
	open my $file, '>', $ENV{README_FILL} or die $!;
	print $file $filled;
	close $file;
}

# ---------------------------------------------------------------------------
# Completeness: what a user can name is in the reference. Left out is what
# only the system calls: support functions of types, operators, casts,
# operator classes, aggregates and the access method.
# ---------------------------------------------------------------------------
$node->safe_psql('postgres', 'CREATE DATABASE catalog');
$node->safe_psql('catalog', 'CREATE EXTENSION external_ids');
my $names = $node->safe_psql('catalog', <<'SQL');
WITH member AS (
    SELECT classid, objid FROM pg_depend
     WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
       AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'external_ids'))
SELECT DISTINCT 'function ' || p.proname FROM member JOIN pg_proc p ON classid = 'pg_proc'::regclass AND objid = p.oid
 WHERE p.prorettype <> 'internal'::regtype AND p.prorettype <> 'index_am_handler'::regtype
   AND NOT 'internal'::regtype = ANY (p.proargtypes)
   AND NOT EXISTS (SELECT FROM pg_type t WHERE p.oid IN (t.typinput, t.typoutput, t.typreceive, t.typsend, t.typmodin, t.typmodout))
   AND NOT EXISTS (SELECT FROM pg_operator o WHERE p.oid IN (o.oprcode, o.oprrest, o.oprjoin))
   AND NOT EXISTS (SELECT FROM pg_cast c WHERE p.oid = c.castfunc)
   AND NOT EXISTS (SELECT FROM pg_amproc s WHERE p.oid = s.amproc)
   AND NOT EXISTS (SELECT FROM pg_aggregate a WHERE p.oid IN (a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn))
UNION ALL
SELECT DISTINCT 'type ' || t.typname FROM member JOIN pg_type t ON classid = 'pg_type'::regclass AND objid = t.oid WHERE t.typelem = 0 AND t.typtype = 'b'
UNION ALL
SELECT DISTINCT 'operator ' || o.oprname FROM member JOIN pg_operator o ON classid = 'pg_operator'::regclass AND objid = o.oid
UNION ALL
SELECT DISTINCT 'operator class ' || c.opcname FROM member JOIN pg_opclass c ON classid = 'pg_opclass'::regclass AND objid = c.oid
UNION ALL
SELECT DISTINCT 'access method ' || a.amname FROM member JOIN pg_am a ON classid = 'pg_am'::regclass AND objid = a.oid
ORDER BY 1
SQL
my ($reference) = $readme =~ /^## Reference$(.*?)^## Limits$/ms;
ok(defined $reference, 'README.md has a reference, then the limits')
  or $reference = '';
foreach my $object (split /\n/, $names)
{
	my ($name) = $object =~ / (\S+)$/;
	# In code style, alone or with arguments after or around it.
	ok($reference =~ /`[^`\n]*(?<![\w<>@&|=-])\Q$name\E(?![\w<>@&|=-])[^`\n]*`/,
		"README.md's reference has the $object");
}

$node->stop;
done_testing();
