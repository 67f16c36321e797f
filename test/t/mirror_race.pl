# A mirror under load: clients at each isolation level write both tables in any way
# that SQL has, keys and scopes too, and take a part of it back. Whatever is
# refused, the tables are in step at the end. First the side table has a foreign
# key that cascades, and a UNIQUE index; then neither.
#
# MIRROR_RACE is the number of transactions, 6000 by custom. A longer run is
#     MIRROR_RACE=200000 make test LAYER=tap TESTS=mirror_race
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ExternalIdsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $operations = ($ENV{MIRROR_RACE} || 6000) / 2;

my $node = new_node('mirror_race', q(
synchronous_commit = off
full_page_writes = off
deadlock_timeout = 50ms
));
$node->start;
sql($node, q(
CREATE EXTENSION external_ids;
CREATE TABLE accounts (id int PRIMARY KEY, org int NOT NULL, ids external_id_set NOT NULL);
CREATE INDEX accounts_ids ON accounts USING unique_members (ids, org);
CREATE TABLE side (
    account_id int CONSTRAINT reference REFERENCES accounts ON DELETE CASCADE ON UPDATE CASCADE,
    org int, label text, value text, CONSTRAINT one UNIQUE (org, label, value));
CREATE INDEX ON side (account_id);
SELECT external_ids_mirror('accounts', 'side', '{account_id}', 'value', 'label', scope => '{"org": "org"}');
CREATE SEQUENCE changes;

-- One change, of rows and IDs that others want too. What a constraint refuses is undone, and every tenth.
CREATE FUNCTION change() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  a int := 1 + floor(random() * 14);
  b int := 1 + floor(random() * 14);
  l text := (ARRAY['a', 'b', ''])[1 + floor(random() * 3)];
  v text := (1 + floor(random() * 9))::text;
  one external_id := external_id(l, v);
BEGIN
  CASE floor(random() * 15)
    WHEN 0, 1 THEN INSERT INTO side SELECT id, org, l, v FROM accounts WHERE id = a;
    WHEN 2 THEN DELETE FROM side WHERE account_id = a AND label = l;
    WHEN 3 THEN UPDATE side SET value = v WHERE account_id = a AND label = l;
    WHEN 4 THEN UPDATE side AS s SET account_id = b, org = x.org FROM accounts AS x WHERE x.id = b AND s.account_id = a;
    WHEN 5 THEN UPDATE accounts SET ids = ids + one WHERE id = a;
    WHEN 6 THEN UPDATE accounts SET ids = ids - one WHERE id IN (a, b);
    WHEN 7 THEN UPDATE accounts SET ids = external_id_set(one, external_id('own', id)) WHERE id = a;
    WHEN 8 THEN DELETE FROM accounts WHERE id = a;
    WHEN 9, 10 THEN INSERT INTO accounts VALUES (a, a % 2, one) ON CONFLICT (id) DO UPDATE SET ids = accounts.ids + excluded.ids;
    WHEN 11 THEN UPDATE accounts SET id = b WHERE id = a;
    WHEN 12 THEN INSERT INTO side SELECT id, org, l, v FROM accounts WHERE id IN (a, b) ON CONFLICT DO NOTHING;
    WHEN 13 THEN
      MERGE INTO side AS s USING (SELECT id, org FROM accounts WHERE id IN (a, b)) AS x ON s.account_id = x.id AND s.label = l
        WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (x.id, x.org, l, v || x.id);
      UPDATE accounts SET ids = ids - external_id(l, v || id) + external_id('merged', id) WHERE id IN (a, b);
    ELSE
      IF random() < 0.05 THEN DELETE FROM side; END IF;
  END CASE;
  IF random() < 0.1 THEN RAISE EXCEPTION USING ERRCODE = 'XX999'; END IF;
  PERFORM nextval('changes');
EXCEPTION WHEN unique_violation OR foreign_key_violation OR SQLSTATE 'XX999' THEN
END $$;

-- each row in which the tables differ
CREATE VIEW differ AS
SELECT a.id, a.org, a.ids, external_ids_agg(external_id(label, value)) AS side, array_agg(DISTINCT s.org) AS side_org
  FROM accounts AS a FULL JOIN side AS s ON s.account_id = a.id GROUP BY a.id
HAVING a.id IS NULL OR a.ids <> coalesce(external_ids_agg(external_id(label, value)), '{}') OR bool_or(s.org <> a.org);
));

my %scripts = map { $_ => "BEGIN ISOLATION LEVEL $_;\nSELECT change();\nSELECT change();\nCOMMIT;" }
  ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE');
foreach my $side ('a foreign key and UNIQUE', 'neither')
{
	sql($node, 'ALTER TABLE side DROP CONSTRAINT reference, DROP CONSTRAINT one') if $side eq 'neither';
	my %run = pgbench($node, clients => 6, operations => $operations, scripts => \%scripts,
		weights => { 'READ COMMITTED' => 2, 'REPEATABLE READ' => 1, 'SERIALIZABLE' => 1 });
	ok($run{ok}, "$side: no client met an unexpected error") or diag $run{err};
	note $run{out};
	is(sql($node, 'TABLE differ'), '', "$side: the tables are in step");
	is(sql($node, q(SELECT count(*) FROM external_ids_check('accounts_ids'))), '0', "$side: no fault in the index");
}
my $changes = sql($node, 'SELECT last_value FROM changes');
diag "$changes changes";
cmp_ok($changes, '>', $operations, 'changes were made');
$node->stop;

done_testing();
