--
-- external_ids_duplicates: what an index would refuse, before there is one
--
CREATE ROLE regress_ops_duplicates;
CREATE ROLE regress_ops_reader;
CREATE SCHEMA ops_duplicates AUTHORIZATION regress_ops_duplicates;
GRANT USAGE ON SCHEMA ops_duplicates TO regress_ops_reader;
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET ROLE regress_ops_duplicates;
SET search_path = ops_duplicates, public;

CREATE TABLE accounts (id int PRIMARY KEY, org_id int, region text, ids external_id_set, crm text, codes text[], numbers int[], doc jsonb);
INSERT INTO accounts VALUES
	(1, 1, 'eu', '{crm:1,x:2}', '10', '{a:1,b}', '{1,2}', '[{"external_id": "1", "label": "crm"}, "x:5", 7]'),
	(2, 1, 'EU', '{crm:1,zd:2}', '11', '{b,NULL}', '{2}', '[]'),
	(3, 2, 'eu', '{crm:1,crm:3}', '10', '{}', NULL, 'null'),
	(4, NULL, 'eu', '{crm:1,x:2}', NULL, NULL, '{3,3}', '{"external_id": "1", "label": "crm"}'),
	(5, 1, 'eu', '{x:7,y:7}', '12', '{c}', NULL, '"x:5"'),
	(6, 2, 'eu', NULL, ':1', '{"a:1"}', NULL, '7'),
	(7, NULL, 'eu', 'x:2', NULL, NULL, NULL, NULL);

-- the set column; a scope that is NULL conflicts with nothing; text bytewise; by value, not with itself
SELECT * FROM external_ids_duplicates('accounts');
SELECT * FROM external_ids_duplicates('accounts', scope => '{org_id}');
SELECT * FROM external_ids_duplicates('accounts', scope => '{org_id,region}');
SELECT * FROM external_ids_duplicates('accounts', by_value => true);
SELECT * FROM external_ids_duplicates('accounts', scope => '{org_id}', by_value => true);
-- the index says the same, of one
CREATE INDEX ON accounts USING unique_members (ids, org_id);
CREATE INDEX ON accounts USING unique_members (ids, org_id, region);
DROP INDEX accounts_ids_org_id_region_idx;

-- columns of every form, with and without label
SELECT * FROM external_ids_duplicates('accounts', 'crm', label => 'crm');
SELECT * FROM external_ids_duplicates('accounts', 'crm');
SELECT * FROM external_ids_duplicates('accounts', 'codes');
SELECT * FROM external_ids_duplicates('accounts', 'codes', label => 'y');
SELECT * FROM external_ids_duplicates('accounts', 'numbers', label => 'n');
SELECT * FROM external_ids_duplicates('accounts', 'doc');
SELECT * FROM external_ids_duplicates('accounts', 'doc', label => 'y');
SELECT * FROM external_ids_duplicates('accounts', 'doc::json');
-- expressions: over two columns, a predicate, a side table
SELECT * FROM external_ids_duplicates('accounts', 'ARRAY[external_id(''crm'', crm), external_id(''zd'', codes[2])]');
SELECT * FROM external_ids_duplicates('accounts', 'CASE WHEN accounts.id > 2 THEN ids END -- a comment');
CREATE TABLE side (account_id int, label text, value text);
INSERT INTO side VALUES (1, 'crm', 'a'), (1, 'crm', 'a'), (2, 'crm', 'b'), (3, 'crm', 'b'), (3, NULL, 'a');
SELECT * FROM external_ids_duplicates('accounts',
	'(SELECT external_ids_agg(external_id(label, value)) FROM side WHERE account_id = accounts.id)');

-- keys: composite; none, of a table and of a partitioned one; no duplicates
CREATE TABLE composite (a int, "B" text, "order" int, "Ids" external_id_set, PRIMARY KEY ("B", a)) PARTITION BY LIST ("B");
CREATE TABLE composite_1 PARTITION OF composite FOR VALUES IN ('x, y');
CREATE TABLE composite_2 PARTITION OF composite DEFAULT;
INSERT INTO composite VALUES (2, 'x, y', 1, 'crm:1'), (1, 'x, y', 1, '{crm:1,crm:2}'), (2, 'z', 1, '{crm:1}'), (3, 'z', 2, 'crm:1');
SELECT * FROM external_ids_duplicates('composite', '"Ids"', scope => '{order}');
SELECT * FROM external_ids_duplicates('composite', 'Ids', scope => '{order,B}');
SELECT * FROM external_ids_duplicates('composite', scope => '{a,B}');
ALTER TABLE composite DROP CONSTRAINT composite_pkey;
SELECT * FROM external_ids_duplicates('composite');
SELECT * FROM external_ids_duplicates('composite_1');
-- a column whose name is an expression
CREATE TABLE odd ("1 + 1" text, "odd ids" external_id_set, two external_id_set);
INSERT INTO odd VALUES ('x'), ('x');
SELECT * FROM external_ids_duplicates('odd', '1 + 1');
SELECT * FROM external_ids_duplicates('odd', '1 + 1 ');

-- a text scope that takes EU for eu, which the index does not (a server built
-- without ICU has no such collation)
DO $$
BEGIN
	CREATE COLLATION alike (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
	CREATE TABLE collated (ids external_id_set, region text COLLATE alike);
	INSERT INTO collated VALUES ('crm:1', 'eu'), ('{crm:1,crm:2}', 'EU'), ('crm:2', 'EU');
	ASSERT (SELECT (scope, id::text, cardinality(keys)) = ('{"region": "EU"}'::jsonb, 'crm:2', 2)
	          FROM external_ids_duplicates('collated', scope => '{region}'));
EXCEPTION WHEN feature_not_supported THEN
	NULL;
END $$;

-- not a child's rows, which have indexes of their own
CREATE TABLE child () INHERITS (accounts);
INSERT INTO child SELECT * FROM accounts;
SELECT * FROM external_ids_duplicates('accounts', 'doc');
DROP TABLE child;

--
-- SELECT on the columns is enough, and needed; row security must not hide rows
--
GRANT SELECT (id, org_id, crm) ON accounts TO regress_ops_reader;
SET ROLE regress_ops_reader;
SELECT * FROM external_ids_duplicates('accounts', 'crm', label => 'crm');
SELECT * FROM external_ids_duplicates('accounts', 'codes');
SELECT * FROM external_ids_duplicates('side', 'value');
BEGIN READ ONLY;
SELECT count(*) AS one FROM external_ids_duplicates('accounts', 'crm', label => 'crm');
COMMIT;
SET ROLE regress_ops_duplicates;
ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON accounts USING (org_id = 1);
SET ROLE regress_ops_reader;
SELECT * FROM external_ids_duplicates('accounts', 'crm', label => 'crm');
SHOW row_security;
SET ROLE regress_ops_duplicates;
SELECT count(*) AS one FROM external_ids_duplicates('accounts', 'crm', label => 'crm');

--
-- A name in the caller's schema takes nobody's place
--
CREATE FUNCTION ops_duplicates.unnest(external_id_set) RETURNS SETOF external_id LANGUAGE sql AS 'SELECT NULL::external_id';
CREATE FUNCTION ops_duplicates.count() RETURNS bigint LANGUAGE sql AS 'SELECT 5::bigint';
CREATE FUNCTION ops_duplicates.evil(bigint, int) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR ops_duplicates.> (LEFTARG = bigint, RIGHTARG = int, FUNCTION = evil);
SET search_path = ops_duplicates, pg_catalog, public;
SELECT id FROM external_ids_duplicates('accounts', scope => '{org_id}');
SET search_path = ops_duplicates, public;

--
-- Errors
--
SELECT * FROM external_ids_duplicates(NULL);
SELECT * FROM external_ids_duplicates('accounts', scope => NULL);
SELECT * FROM external_ids_duplicates('accounts', scope => '{NULL}');
SELECT * FROM external_ids_duplicates('accounts', scope => '{nope}');
SELECT * FROM external_ids_duplicates('accounts', by_value => NULL);
SELECT * FROM external_ids_duplicates('accounts', 'nope');
SELECT * FROM external_ids_duplicates('accounts', 'ids', label => 'crm');
SELECT * FROM external_ids_duplicates('accounts', 'crm), (crm');
SELECT * FROM external_ids_duplicates('accounts', 'crm) FROM accounts WHERE (id = 1');
SELECT * FROM external_ids_duplicates('accounts', 'crm); DROP TABLE side; SELECT (1');
SELECT * FROM external_ids_duplicates('accounts', '');
SELECT * FROM external_ids_duplicates('accounts', 'crm ||');
SELECT * FROM external_ids_duplicates('accounts', 'codes || ''crm:''');
SELECT * FROM external_ids_duplicates('side');
SELECT * FROM external_ids_duplicates('odd');
CREATE VIEW seen AS SELECT * FROM accounts;
SELECT * FROM external_ids_duplicates('seen');

RESET ROLE;
RESET search_path;
DROP SCHEMA ops_duplicates CASCADE;
DROP ROLE regress_ops_duplicates, regress_ops_reader;
