# Executes the pages of docs/ that need no server of their own kind, each in a database of its own; the
# reference has what the extension offers; every page is reached from README.md, and every link leads somewhere.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin, "$FindBin::RealBin/..";

use DocTest;
use ExternalIdsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('docs', "timezone = 'UTC'\nlc_messages = 'C'");
$node->start;
my %statements = (reference => 20, tutorial => 9, operations => 15, 'when-not' => 2);
my $reference;
foreach my $page (sort keys %statements)
{
	$node->safe_psql('postgres', qq{CREATE DATABASE "$page"});
	my ($document, $run) = run_document($node, $page, "docs/$page.md");
	cmp_ok($run, '>', $statements{$page}, "docs/$page.md has statements");
	$reference = $document if $page eq 'reference';
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
SELECT 'view ' || c.relname FROM member JOIN pg_class c ON classid = 'pg_class'::regclass AND objid = c.oid WHERE c.relkind = 'v'
UNION ALL
SELECT DISTINCT 'operator ' || o.oprname FROM member JOIN pg_operator o ON classid = 'pg_operator'::regclass AND objid = o.oid
UNION ALL
SELECT DISTINCT 'operator class ' || c.opcname FROM member JOIN pg_opclass c ON classid = 'pg_opclass'::regclass AND objid = c.oid
UNION ALL
SELECT DISTINCT 'access method ' || a.amname FROM member JOIN pg_am a ON classid = 'pg_am'::regclass AND objid = a.oid
ORDER BY 1
SQL
foreach my $object (split /\n/, $names)
{
	my ($name) = $object =~ / (\S+)$/;
	# In code style, alone or with arguments after or around it.
	ok($reference =~ /`[^`\n]*(?<![\w<>@&|=-])\Q$name\E(?![\w<>@&|=-])[^`\n]*`/,
		"docs/reference.md has the $object");
}

# ---------------------------------------------------------------------------
# docs/testing.md has commands that there are.
# ---------------------------------------------------------------------------
my $testing = slurp_file('docs/testing.md');
my $makefile = slurp_file('Makefile');
foreach my $command ($testing =~ /`((?:\w+=(?:"[^"]*"|\S+) )*make [^`]*)`/g)
{
	my ($target) = $command =~ /make ([\w-]+)/;
	ok($makefile =~ /^\.PHONY:.* \Q$target\E(?: |$)/m, "docs/testing.md: make $target is there");
	my ($tests) = $command =~ /TESTS=(\S+)/;
	ok(!defined $tests || -e "test/t/$tests.pl" || -e "sql/$tests.sql", "docs/testing.md: $command names a test");
	my ($size) = $command =~ /^([A-Z]+)_\w+=\d/;
	ok(!defined $size || slurp_file("test/t/$tests.pl") =~ /\$ENV\{\Q$size\E_/, "docs/testing.md: $command sets what the test reads");
}

# ---------------------------------------------------------------------------
# Links: from README.md to every page, and from any page to what is there
# ---------------------------------------------------------------------------
my @to_read = ('README.md');
my %read;
while (my $page = shift @to_read)
{
	next if $read{$page}++;
	my $text = slurp_file($page);
	my ($folder) = $page =~ m{^(.*/)?};
	while ($text =~ /\]\(([^)#:]+)(?:#([^)]+))?\)/g)
	{
		my ($target, $heading) = (($folder // '') . $1, $2);
		1 while $target =~ s{[^/]+/\.\./}{};
		ok(-e $target, "$page: $target is there");
		push @to_read, $target if $target =~ /\.md$/ && -e $target;
		next if !defined $heading;
		# A heading's name in a link, as the usual viewers make it.
		my @names = map { lc =~ s/[^\w\- ]//gr =~ tr/ /-/r } slurp_file($target) =~ /^#+ (.*)$/mg;
		ok((grep { $_ eq $heading } @names), "$page: $target has #$heading");
	}
}
is_deeply([ grep { !$read{$_} } glob 'docs/*.md' ], [], 'every page of docs/ is reached from README.md');

$node->stop;
done_testing();
