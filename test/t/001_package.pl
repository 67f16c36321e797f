# The package as a whole: one version everywhere, every SQL object commented,
# trusted and relocatable, and pg_dump's output restores to an equal database
# in which uniqueness is still enforced.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";

use JSON::PP;
use PgxnMeta;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# ---------------------------------------------------------------------------
# One version: the control file's
# ---------------------------------------------------------------------------
my $control = slurp_file('external_ids.control');
my ($version) = $control =~ /^default_version = '([^']+)'$/m;
ok(defined $version, 'the control file has a version');

my $meta = decode_json(slurp_file('META.json'));
# PGXN asks for three numbers.
my $semantic = $version =~ /^\d+\.\d+$/ ? "$version.0" : $version;
is($meta->{version}, $semantic, 'META.json has the same version');
is($meta->{provides}{external_ids}{version},
	$semantic, 'and so does what it provides');
like($meta->{provides}{external_ids}{file},
	qr{^sql/external_ids--(.*--)?\Q$version\E\.sql$},
	"META.json names the SQL script of this version");
ok(-f $meta->{provides}{external_ids}{file}, 'which exists');
like(slurp_file($meta->{provides}{external_ids}{file}),
	qr/\A[^\n]*external_ids \Q$version\E/, 'and says so in its first line');
my ($newest) = slurp_file('CHANGELOG.md') =~ /^## (\S+) - \d{4}-\d\d-\d\d$/m;
is($newest, $version, 'CHANGELOG.md begins with the same version');
is(join("\n", meta_faults($meta)), '', "META.json is valid by PGXN's meta specification");
foreach my $case (
	[ name => 'external ids' ], [ version => $version ], [ license => 'PostgreSQL' ], [ provides => { external_ids => { file => 'x' } } ],
	[ tags => [ 'a', 'b/c' ] ], [ prereqs => { runtime => { needs => {} } } ], [ extra => 1 ])
{
	my ($key, $value) = @$case;
	my @faults = meta_faults({ %$meta, $key => $value });
	is(@faults, 1, "it would not be with another $key");
}
like(slurp_file('debian/changelog'),
	qr/\Aexternal-ids \(\Q$semantic\E-\d+\) /, "Debian's package has the same version");

my $node = PostgreSQL::Test::Cluster->new('package');
$node->init;
$node->append_conf('postgresql.conf', "listen_addresses = ''");
$node->start;

# ---------------------------------------------------------------------------
# Catalogs
# ---------------------------------------------------------------------------
$node->safe_psql('postgres', 'CREATE DATABASE source');
$node->safe_psql('source',
	'CREATE SCHEMA ext; CREATE EXTENSION external_ids SCHEMA ext');
is( $node->safe_psql('source',
		q{SELECT extversion FROM pg_extension WHERE extname = 'external_ids'}
	),
	$version,
	'the installed version');

my $members = q{FROM pg_depend d
 WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
   AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'external_ids')};
cmp_ok($node->safe_psql('source', "SELECT count(*) $members"),
	'>', 100, 'the extension has objects');
is( $node->safe_psql('source',
		"SELECT pg_describe_object(d.classid, d.objid, d.objsubid) $members"
		  . q{ AND obj_description(d.objid, d.classid::regclass::name) IS NULL}
		  # from 17 on types' array types are members of the extension as well, and
		  # the row types of views, which have their own comments
		  . q{ AND NOT (d.classid = 'pg_type'::regclass
		    AND d.objid IN (SELECT typarray FROM pg_type UNION SELECT reltype FROM pg_class WHERE relkind = 'v')) ORDER BY 1}
	),
	'',
	'every SQL object has a comment');
is( $node->safe_psql('source',
		q{SELECT DISTINCT superuser, trusted, relocatable FROM pg_available_extension_versions WHERE name = 'external_ids'}
	),
	't|t|t',
	'trusted and relocatable');

# Trusted: somebody who may create schemas in the database may create it, and
# the access method belongs to nobody they could drop.
$node->safe_psql('postgres',
	'CREATE ROLE plain LOGIN; CREATE DATABASE trusted OWNER plain');
my ($rc, $out, $err) = $node->psql(
	'trusted',
	'CREATE EXTENSION external_ids; SELECT amname FROM pg_am WHERE amname = $$unique_members$$',
	extra_params => [ '-U', 'plain' ]);
is($out, 'unique_members', "a database's owner can create the extension")
  or diag $err;

# Relocatable: the script has no schema in it.
$node->safe_psql('trusted',
	'CREATE SCHEMA elsewhere; ALTER EXTENSION external_ids SET SCHEMA elsewhere'
);
is( $node->safe_psql('trusted',
		q{SELECT 'crm:42'::elsewhere.external_id_set OPERATOR(elsewhere.@>) 'crm:42'}
	),
	't',
	'it works in another schema after ALTER EXTENSION SET SCHEMA');

# ---------------------------------------------------------------------------
# pg_dump and restore
# ---------------------------------------------------------------------------
$node->safe_psql('source', <<'SQL');
SET search_path = public, ext;
CREATE DOMAIN short_ids AS external_id_set CHECK (cardinality(VALUE) <= 3);
CREATE TYPE pair AS (one external_id, many external_id_set);

-- the plain index, with a scope, partial, and on an expression
CREATE TABLE accounts (
    id bigint PRIMARY KEY, org_id int NOT NULL, deleted_at timestamptz, name text,
    external_ids external_id_set NOT NULL DEFAULT '{}');
CREATE INDEX accounts_key ON accounts USING unique_members (external_ids, org_id);
CREATE INDEX accounts_alive ON accounts USING unique_members (external_ids, org_id) WHERE deleted_at IS NULL;
CREATE INDEX accounts_crm ON accounts USING unique_members (external_ids_under(external_ids, 'crm'));
INSERT INTO accounts SELECT i, i % 7, NULL, 'account ' || i,
       external_id_set(external_id('crm', i), external_id(NULL, 'v' || i), external_id('straße', 'ü "' || i || '",\{}'))
  FROM generate_series(1, 500) i;
INSERT INTO accounts VALUES (501, 1, now(), 'none', '{}');

-- values unique whatever the label; storage parameters
CREATE TABLE by_value (id uuid PRIMARY KEY, ids external_id_set, tenant text);
CREATE INDEX by_value_key ON by_value USING unique_members (ids external_id_set_value_ops, tenant) WITH (fillfactor = 70);
INSERT INTO by_value SELECT md5(i::text)::uuid, external_id_set(external_id('a', i), external_id('b', i)), 't' FROM generate_series(1, 100) i;
INSERT INTO by_value VALUES (md5('x')::uuid, NULL, NULL);

-- constraints
CREATE TABLE excluded (id int PRIMARY KEY, org_id int, ids external_id_set,
    CONSTRAINT excluded_ids EXCLUDE USING unique_members (ids WITH &&, org_id WITH =) DEFERRABLE INITIALLY DEFERRED);
INSERT INTO excluded SELECT i, 1, external_id_set(external_id('x', i)) FROM generate_series(1, 100) i;

-- external_id as a key, the set under btree, hash and GIN
CREATE TABLE systems (id external_id PRIMARY KEY, ids external_id_set UNIQUE, tags external_id_set, one pair, few short_ids, list external_id[],
    json jsonb GENERATED ALWAYS AS (ids::jsonb) STORED);
CREATE INDEX systems_hash ON systems USING hash (ids);
CREATE INDEX systems_gin ON systems USING gin (tags);
INSERT INTO systems SELECT external_id('s', i), external_id_set(external_id('s', i)), '{a:1,b:2}', ROW('x:1'::external_id, '{y:2}'::external_id_set)::pair, '{z:3}', '{a:1,b:2}' FROM generate_series(1, 50) i;
CREATE TABLE refers (id int PRIMARY KEY, system external_id REFERENCES systems);
INSERT INTO refers VALUES (1, 's:1');

-- partitions whose key is in the scope
CREATE TABLE parted (org_id int, ids external_id_set) PARTITION BY LIST (org_id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES IN (2);
CREATE INDEX parted_key ON parted USING unique_members (ids, org_id);
INSERT INTO parted VALUES (1, 'crm:1'), (2, 'crm:1');

-- links: an operator that is not pg_catalog's in a WHEN, renamed columns, names in need of quotes, several on one table,
-- partitions on both sides
CREATE TABLE contacts (id int PRIMARY KEY, tenant int, ext external_id, account bigint REFERENCES accounts, sure bool,
    "the Val" varchar, other bigint);
SELECT external_ids_link('contacts', 'ext', 'account', 'accounts', '{"org_id": "tenant"}', index => 'accounts_key', verified => 'sure');
SELECT external_ids_link('contacts', 'the Val', 'other', 'accounts', '{"org_id": "tenant"}', 'follow', index => 'accounts_alive');
ALTER TABLE contacts RENAME ext TO "Their ""ID""";
INSERT INTO contacts VALUES (1, 1, 'crm:1', NULL, true, 'v8'), (2, 1, 'crm:wait', NULL, true, 'wait');
CREATE TABLE parents (org_id int, id int, ids external_id_set, PRIMARY KEY (org_id, id)) PARTITION BY LIST (org_id);
CREATE TABLE parents_1 PARTITION OF parents FOR VALUES IN (1);
CREATE INDEX parents_ids ON parents USING unique_members (ids, org_id);
CREATE TABLE children (id int, org_id int, ext external_id, parent int) PARTITION BY HASH (id);
CREATE TABLE children_0 PARTITION OF children FOR VALUES WITH (MODULUS 1, REMAINDER 0);
SELECT external_ids_link('children', 'ext', 'parent', 'parents');
INSERT INTO children VALUES (1, 1, 'p:wait');

-- a mirror, of tables that are not in step: what a restore with triggers would mend
CREATE TABLE mirrored (id int PRIMARY KEY, tenant int, "the IDs" external_id_set);
CREATE TABLE "mirror's" (of int REFERENCES mirrored, tenant int, label text, "the value" text);
CREATE INDEX ON "mirror's" (of);
INSERT INTO mirrored VALUES (1, 1, 'only:column'), (2, 1, 'both:1');
INSERT INTO "mirror's" VALUES (1, 1, 'only', 'side'), (2, 1, 'both', '1');
SELECT external_ids_mirror('mirrored', '"mirror''s"', '{of}', 'the value', 'label', scope => '{"tenant": "tenant"}');

CREATE VIEW labels AS SELECT id, external_ids_labels(external_ids) AS labels FROM accounts WHERE external_ids @> 'crm:1' OR external_ids @= 'v2';
CREATE MATERIALIZED VIEW every_id AS SELECT external_ids_agg(external_ids) AS ids FROM accounts;
SQL

# The dump of a database, without the lines that are random by design.
sub dump_of
{
	my ($database) = @_;
	my $file = "${PostgreSQL::Test::Utils::tmp_check}/$database.sql";
	$node->command_ok(
		[ 'pg_dump', '--no-sync', '-f', $file, $node->connstr($database) ],
		"pg_dump of $database");
	my $text = slurp_file($file);
	$text =~ s/^\\(un)?restrict .*\n//mg;
	return $text;
}

my $dump = dump_of('source');
like($dump, qr/USING unique_members/, 'the dump has the indexes');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok(
	[
		'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f',
		"${PostgreSQL::Test::Utils::tmp_check}/source.sql",
		$node->connstr('restored')
	],
	'the dump restores');
ok(dump_of('restored') eq $dump, 'the restored database dumps the same');

$node->safe_psql('postgres', 'CREATE DATABASE restored_custom');
my $custom = "${PostgreSQL::Test::Utils::tmp_check}/source.dump";
$node->command_ok(
	[ 'pg_dump', '-Fc', '--no-sync', '-f', $custom, $node->connstr('source') ],
	'pg_dump in custom format');
$node->command_ok(
	[
		'pg_restore', '--exit-on-error', '-j', '2', '-d',
		$node->connstr('restored_custom'), $custom
	],
	'restored with two jobs');
ok(dump_of('restored_custom') eq $dump, 'which dumps the same');

# Enforcement survived.
foreach my $case (
	[ 'plain index', "INSERT INTO accounts VALUES (900, 1, NULL, 'thief', '{crm:1}')" ],
	[ 'expression index', "INSERT INTO accounts VALUES (900, 5, now(), 'thief', '{crm:1}')" ],
	[ 'values index', "INSERT INTO by_value VALUES (md5('y')::uuid, '{c:1}', 't')" ],
	[ 'deferred constraint', "INSERT INTO excluded VALUES (900, 1, '{x:1}')", '23P01' ],
	[ 'primary key', "INSERT INTO systems (id) VALUES ('s:1')" ],
	[ 'domain', "INSERT INTO systems (id, few) VALUES ('t:1', '{1,2,3,4}')", '23514' ],
	[ 'partition', "INSERT INTO parted VALUES (2, 'crm:1')" ])
{
	my ($name, $statement, $state) = @$case;
	$state //= '23505';
	($rc, $out, $err) = $node->psql('restored',
		"\\set VERBOSITY sqlstate\nSET search_path = public, ext;\n$statement;");
	like($err, qr/ERROR:\s+$state/, "restored: the $name still enforces");
}

# Links do too, and can be removed.
$node->safe_psql('restored', <<'SQL');
SET search_path = public, ext;
UPDATE accounts SET external_ids = external_ids + '{crm:wait,x:wait}' WHERE id = 8;
INSERT INTO contacts VALUES (3, 1, 'crm:8', NULL, true, 'v1'), (4, 1, 'crm:8', NULL, false, NULL);
UPDATE accounts SET external_ids = external_ids - 'v8' WHERE id = 8;
INSERT INTO parents VALUES (1, 5, 'p:wait');
SQL
is( $node->safe_psql('restored', 'SELECT id, account, other FROM contacts ORDER BY id'),
	"1|1|\n2|8|8\n3|8|1\n4||",
	'restored: the links of a table still link');
is($node->safe_psql('restored', 'SELECT parent FROM children'),
	'5', 'restored: and those of partitioned tables');
$node->safe_psql('restored', <<'SQL');
SELECT ext.external_ids_unlink('contacts', 'account');
SELECT ext.external_ids_unlink('contacts', 'other');
SELECT ext.external_ids_unlink('children', 'parent');
SQL

# So do mirrors, which carried nothing over while the rows were restored.
my $both = <<'SQL';
SELECT string_agg(id || ' ' || tenant || ' ' || "the IDs"::text, ', ' ORDER BY id) FROM mirrored
UNION ALL
SELECT string_agg(concat_ws(' ', of, tenant, label, "the value"), ', ' ORDER BY of, label, "the value") FROM "mirror's"
SQL
foreach my $database ('restored', 'restored_custom')
{
	is($node->safe_psql($database, $both),
		"1 1 {only:column}, 2 1 {both:1}\n1 1 only side, 2 1 both 1",
		"$database: a mirror has written nothing");
	$node->safe_psql($database, <<'SQL');
SET search_path = public, ext;
INSERT INTO "mirror's" VALUES (2, 1, 'new', 'side');
UPDATE mirrored SET tenant = 3, "the IDs" = "the IDs" + 'new:column' - 'both:1' WHERE id = 2;
SQL
	is($node->safe_psql($database, $both),
		"1 1 {only:column}, 2 3 {new:column,new:side}\n1 1 only side, 2 3 new column, 2 3 new side",
		"$database: it keeps both tables in step again");
}
# data alone, into tables that are mirrored: without triggers it comes once
$node->safe_psql('restored', 'DELETE FROM "mirror\'s"; DELETE FROM mirrored');
$node->command_ok(
	[
		'pg_restore', '--exit-on-error', '--data-only', '--disable-triggers',
		'-t', 'mirrored', '-t', "mirror's", '-d', $node->connstr('restored'),
		$custom
	],
	'rows of a mirror are restored without triggers');
is($node->safe_psql('restored', $both),
	"1 1 {only:column}, 2 1 {both:1}\n1 1 only side, 2 1 both 1",
	'and each has come once');
$node->safe_psql('restored',
	q{SELECT ext.external_ids_unmirror('mirrored', '"mirror''s"')});
is( $node->safe_psql('restored',
		"SELECT count(*) FROM pg_class WHERE relname LIKE '%waiting%'"
	  )
	  . $node->safe_psql('restored',
		"SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%external_ids%'"),
	'00',
	'restored: unlinked and unmirrored, nothing is left');

$node->stop;
done_testing();
