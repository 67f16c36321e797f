# Executes README.md; and the reference in it is complete: it has what the
# extension offers.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";

use DocTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('readme');
$node->init;
$node->append_conf('postgresql.conf',
	"listen_addresses = ''\ntimezone = 'UTC'\nlc_messages = 'C'");
$node->start;
$node->safe_psql('postgres',
	'CREATE DATABASE readme; ALTER DATABASE readme SET search_path = public');

my ($readme, $statements) = run_document($node, 'readme', 'README.md');
cmp_ok($statements, '>', 10, 'README.md has statements');

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
