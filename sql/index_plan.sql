--
-- unique_members: what the planner knows
--
SET client_min_messages = warning;
CREATE ROLE regress_index_plan;
CREATE ROLE regress_index_tenant;
CREATE SCHEMA index_plan AUTHORIZATION regress_index_plan;
SET ROLE regress_index_plan;
SET search_path = index_plan, public;

-- the planner's row estimate for a query
CREATE FUNCTION rows(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	RETURN plan -> 0 -> 'Plan' -> 'Plan Rows';
END $$;
-- the scan that it chooses
CREATE FUNCTION scan(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
	plan := plan -> 0 -> 'Plan';
	RETURN concat_ws(' ', plan ->> 'Node Type', coalesce(plan ->> 'Index Name', plan -> 'Plans' -> 0 ->> 'Index Name'));
END $$;
CREATE FUNCTION uses_index(query text) RETURNS boolean LANGUAGE sql AS
	$$SELECT scan(query) ~ '^(Bitmap Heap|Index) Scan \w+_key$'$$;

-- tables of three sizes
SELECT format('CREATE TABLE t%s (id int PRIMARY KEY, ids external_id_set, org int, note text) WITH (autovacuum_enabled = off)', n),
	format('INSERT INTO t%s SELECT g, external_id_set(external_id(''a'', g), external_id(''b'', g), external_id(''c'', g)), g %% 20, repeat(''x'', 100) FROM generate_series(1, %s) g', n, n),
	format('CREATE INDEX t%s_key ON t%s USING unique_members (ids, org)', n, n),
	format('ANALYZE t%s', n)
FROM unnest('{300,3000,30000}'::int[]) n \gexec

-- A scoped look-up is estimated at one row and takes the index
SELECT n, c AS condition, rows(q) AS "1", scan(q)
FROM unnest('{300,3000,30000}'::int[]) n, unnest(ARRAY[$$ids @> 'a:7' AND org = 7$$, $$ids && 'a:7' AND org = 7$$, $$ids @= '7' AND org = 7$$, $$ids @> '{a:7,b:7}' AND org = 7$$]) WITH ORDINALITY c (c, o),
	LATERAL (SELECT format('SELECT FROM t%s WHERE %s', n, c)) q (q) ORDER BY o, n;
-- without the scope: the index as well; as many rows as members, or nearly
SELECT n, uses_index(q) AS t, rows(q) AS "1" FROM unnest('{300,3000,30000}'::int[]) n, LATERAL (SELECT format($$SELECT FROM t%s WHERE ids @> 'a:7'$$, n)) q (q);
SELECT n, uses_index(q) AS t, rows(q) <= 3 AS t FROM unnest('{3000,30000}'::int[]) n, LATERAL (SELECT format($$SELECT FROM t%s WHERE ids && '{a:7,b:8,c:9}'$$, n)) q (q);
SELECT n, uses_index(q) AS t, rows(q) <= 3 AS t FROM unnest('{3000,30000}'::int[]) n, LATERAL (SELECT format($$SELECT FROM t%s WHERE ids @= '7'$$, n)) q (q);
-- an empty query takes every row: no index
SELECT scan($$SELECT FROM t30000 WHERE ids @> '{}'$$) AS "Seq Scan", scan($$SELECT FROM t30000 WHERE ids @> '{}' AND org = 7$$) AS "Seq Scan", rows($$SELECT FROM t30000 WHERE ids && '{}'$$) AS "1";
-- several members cost several probes: a query for most members is none for the index
SELECT scan(format('SELECT FROM t300 WHERE ids && %L', (SELECT external_ids_agg(external_id('a', g)) FROM generate_series(1, 300) g))) AS "Seq Scan",
	uses_index(format('SELECT FROM t30000 WHERE ids && %L', (SELECT external_ids_agg(external_id('a', g)) FROM generate_series(1, 30) g))) AS t;

SELECT scan(format('SELECT FROM t3000 WHERE ids && %L AND org = 7', (SELECT external_ids_agg(external_id('a', g)) FROM generate_series(1, 2000) g))) AS "Seq Scan";

-- a query that is null by the time that it is planned
CREATE FUNCTION unknown_set() RETURNS external_id_set LANGUAGE plpgsql STABLE AS 'BEGIN RETURN NULL; END';
SELECT rows('SELECT FROM t30000 WHERE ids && unknown_set()') AS "1", rows('SELECT FROM t30000 WHERE ids @> unknown_set()') AS "1";

-- parameters, generic plans
SET plan_cache_mode = force_generic_plan;
PREPARE scoped(external_id_set, int) AS SELECT id FROM t30000 WHERE ids @> $1 AND org = $2;
PREPARE value_of(text, int) AS SELECT id FROM t30000 WHERE ids @= $1 AND org = $2;
SELECT rows($$EXECUTE scoped('a:7', 7)$$) AS "1", scan($$EXECUTE scoped('a:7', 7)$$), rows($$EXECUTE value_of('7', 7)$$) AS "1", scan($$EXECUTE value_of('7', 7)$$);
RESET plan_cache_mode;

-- joins: a nested loop with the index inside, estimated at a row each
CREATE TABLE contacts (id int, account external_id, value text, org int);
INSERT INTO contacts SELECT g, external_id('a', g), g, g % 20 FROM generate_series(1, 200) g;
ANALYZE contacts;
EXPLAIN (COSTS OFF) SELECT FROM contacts c JOIN t30000 t ON t.ids @> c.account AND t.org = c.org;
EXPLAIN (COSTS OFF) SELECT FROM contacts c JOIN t30000 t ON t.ids @= c.value AND t.org = c.org;
SELECT rows($$SELECT FROM contacts c JOIN t30000 t ON t.ids @> c.account AND t.org = c.org$$) <= 200 AS t,
	rows($$SELECT FROM contacts c JOIN t30000 t ON t.ids @> c.account$$) BETWEEN 100 AND 400 AS t;

-- No statistics are needed, and a table that grew since keeps its plan
CREATE TABLE fresh (id int PRIMARY KEY, ids external_id_set, org int, note text) WITH (autovacuum_enabled = off);
CREATE INDEX fresh_key ON fresh USING unique_members (ids, org);
INSERT INTO fresh SELECT id, ids, org, note FROM t3000;
SELECT rows(q) AS "1", uses_index(q) AS t FROM (VALUES ($$SELECT FROM fresh WHERE ids @> 'a:7' AND org = 7$$), ($$SELECT FROM fresh WHERE ids @= '7' AND org = 7$$)) q (q);
ANALYZE fresh;
DELETE FROM fresh WHERE id % 10 > 0;
VACUUM fresh;
SELECT rows(q) AS "1", uses_index(q) AS t FROM (VALUES ($$SELECT FROM fresh WHERE ids @> 'a:7' AND org = 7$$), ($$SELECT FROM fresh WHERE ids @= '7' AND org = 7$$)) q (q);

-- a scope column of many distinct values beside another index on it
CREATE INDEX t30000_org ON t30000 (org);
SELECT scan($$SELECT FROM t30000 WHERE ids @> 'a:7' AND org = 7$$);
DROP INDEX t30000_org;
-- by value
CREATE INDEX t3000_value_key ON t3000 USING unique_members (ids external_id_set_value_ops, org, id);
DROP INDEX t3000_key;
SELECT c AS condition, scan('SELECT FROM t3000 WHERE ' || c) FROM unnest(ARRAY[$$ids @= '7' AND org = 7$$, $$ids &= 'q:7' AND org = 7$$, $$ids @> 'a:7' AND org = 7$$, $$ids && '{a:7,b:7}'$$]) c;
-- partial, with the predicate implied or not
CREATE INDEX t300_partial_key ON t300 USING unique_members (ids) WHERE note IS NULL;
DROP INDEX t300_key;
SET enable_seqscan = off;
SELECT scan($$SELECT FROM t300 WHERE ids @> 'a:7' AND note IS NULL$$), scan($$SELECT FROM t300 WHERE ids @> 'a:7'$$) AS "Seq Scan";
RESET enable_seqscan;

--
-- Row-level security: operators that leak nothing go to the index before the
-- policy is checked
--
ALTER TABLE t30000 ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON t30000 TO regress_index_tenant USING (org = current_setting('regress.org')::int);
GRANT USAGE ON SCHEMA index_plan TO regress_index_tenant;
GRANT SELECT, INSERT ON t30000 TO regress_index_tenant;
RESET ROLE;
SET ROLE regress_index_tenant;
SET regress.org = '7';
EXPLAIN (COSTS OFF) SELECT id FROM t30000 WHERE ids @> 'a:7';
EXPLAIN (COSTS OFF) SELECT id FROM t30000 WHERE ids @= '7' AND org = 7;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM t30000 WHERE ids && '{a:7,b:8}';
EXPLAIN (COSTS OFF) SELECT id FROM t30000 WHERE ids = '{a:7,b:7,c:7}';
RESET enable_bitmapscan;
SELECT id AS "7" FROM t30000 WHERE ids && '{a:7,b:8}';
SELECT id AS "none" FROM t30000 WHERE ids @= '8';
-- a conflict with a row of the own scope shows no key under row security
INSERT INTO t30000 VALUES (-1, 'a:7', 7);
RESET ROLE;
SELECT o.oprname || ' (' || o.oprleft::regtype || ', ' || o.oprright::regtype || ')' AS operator, s.amopstrategy AS strategy, p.proleakproof AS t, p.provolatile AS i, p.proparallel AS s
FROM pg_amop s JOIN pg_am a ON a.oid = s.amopmethod JOIN pg_operator o ON o.oid = s.amopopr JOIN pg_proc p ON p.oid = o.oprcode JOIN pg_opfamily f ON f.oid = s.amopfamily
WHERE a.amname = 'unique_members' AND f.opfname ~ '^external_id' ORDER BY f.opfname, s.amopstrategy, o.oprname COLLATE "C";

-- what the access method says of itself (can_unique is true from 18 on: index_unique_18)
SELECT p AS property, pg_indexam_has_property(a.oid, p) AS am, pg_index_has_property('index_plan.t30000_key', p) AS index, pg_index_column_has_property('index_plan.t30000_key', 1, p) AS set
FROM pg_am a, unnest('{can_order,can_multi_col,can_exclude,can_include,clusterable,index_scan,bitmap_scan,backward_scan,orderable,distance_orderable,returnable,search_array,search_nulls}'::text[]) p
WHERE a.amname = 'unique_members';
DROP SCHEMA index_plan CASCADE;
DROP ROLE regress_index_plan;
DROP ROLE regress_index_tenant;
