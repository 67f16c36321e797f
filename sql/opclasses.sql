--
-- Operator classes and the places that ask for them.
--
SET client_min_messages = warning;
SELECT amname, opcname FROM pg_opclass o JOIN pg_am a ON a.oid = o.opcmethod
	WHERE NOT amvalidate(o.oid);
SELECT amname, opcname, opcdefault, opckeytype::regtype FROM pg_opclass o JOIN pg_am a ON a.oid = o.opcmethod
	WHERE opcintype = 'external_id_set'::regtype AND amname IN ('btree', 'hash', 'gin') ORDER BY 1, 2;
-- PRIMARY KEY, UNIQUE, REFERENCES, ON CONFLICT on external_id
CREATE TEMP TABLE parent (id external_id PRIMARY KEY, alt external_id UNIQUE, n int DEFAULT 0);
CREATE TEMP TABLE child (parent external_id REFERENCES parent ON UPDATE CASCADE ON DELETE CASCADE);
INSERT INTO parent SELECT external_id('crm', i), external_id('alt', i) FROM generate_series(1, 1000) i;
INSERT INTO parent VALUES ('crm:7');
INSERT INTO parent VALUES ('crm:x', 'alt:7');
INSERT INTO child SELECT external_id('crm', i) FROM generate_series(1, 1000, 3) i;
INSERT INTO child VALUES ('crm:0');
UPDATE parent SET id = 'erp:1' WHERE id = 'crm:1';
DELETE FROM parent WHERE id = 'crm:4';
SELECT count(*), count(*) FILTER (WHERE parent = 'erp:1') FROM child;
INSERT INTO parent (id) VALUES ('crm:7'), ('crm:new') ON CONFLICT (id) DO UPDATE SET n = parent.n + 1 RETURNING id, n;
INSERT INTO parent (id) VALUES ('crm:7') ON CONFLICT DO NOTHING;
ANALYZE parent, child;
-- A child may be of either type.
CREATE TEMP TABLE child_set (parent external_id_set REFERENCES parent);
INSERT INTO child_set VALUES ('crm:7');
INSERT INTO child_set VALUES ('{crm:7,crm:8}');
-- The plan of a query, without what later servers say about disabled nodes.
CREATE FUNCTION pg_temp.plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line !~ 'Disabled' THEN
			RETURN NEXT line;
		END IF;
	END LOOP;
END $$;
-- Index scan, merge join, hash join, GROUP BY, DISTINCT
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT * FROM parent WHERE id = 'crm:5';
SELECT n FROM parent WHERE id = 'crm:5';
EXPLAIN (COSTS OFF) SELECT id FROM parent WHERE id > 'crm:99' ORDER BY id DESC LIMIT 3;
SELECT id FROM parent WHERE id > 'crm:99' ORDER BY id DESC LIMIT 3;
SET enable_hashjoin = off; SET enable_nestloop = off;
SELECT pg_temp.plan('SELECT count(*) FROM parent JOIN child ON id = parent');
SELECT count(*) FROM parent JOIN child ON id = parent;
RESET enable_hashjoin; SET enable_mergejoin = off; RESET enable_seqscan;
EXPLAIN (COSTS OFF) SELECT count(*) FROM parent JOIN child ON id = parent;
SELECT count(*) FROM parent JOIN child ON id = parent;
RESET enable_nestloop; RESET enable_mergejoin;
EXPLAIN (COSTS OFF) SELECT id, count(*) FROM parent GROUP BY id;
SELECT count(*) FROM (SELECT id FROM parent GROUP BY id) s;
SELECT count(DISTINCT id), min(id::text) FROM parent;
SELECT id FROM (VALUES ('a'::external_id), ('b'), ('a')) v (id) GROUP BY id ORDER BY id;
SELECT 'a'::external_id UNION SELECT 'a' UNION SELECT 'b' ORDER BY 1;
SELECT 'a'::external_id IN ('b', 'a') AS t, 'a'::external_id = ANY ('{b,a}'::external_id[]) AS t, '{a,b}'::external_id[] @> '{a}' AS t;
-- The same on sets
CREATE TEMP TABLE sets AS SELECT i, external_id_set(external_id('crm', i % 300), external_id('x', i % 7), external_id(NULL, 'long' || repeat(i::text, 50))) AS ids FROM generate_series(1, 900) i;
SELECT count(*) FROM (SELECT ids * '{}' FROM sets GROUP BY 1) s;
SELECT count(*) FROM (SELECT ids - external_ids_under(ids, '') FROM sets GROUP BY 1) s;
CREATE INDEX sets_btree ON sets (ids);
CREATE INDEX sets_hash ON sets USING hash (ids);
ANALYZE sets;
SET enable_seqscan = off;
SELECT count(*) = 900 AS t FROM sets a WHERE EXISTS (SELECT FROM sets b WHERE b.ids = a.ids AND b.i = a.i);
EXPLAIN (COSTS OFF) SELECT i FROM sets ORDER BY ids LIMIT 1;
DROP INDEX sets_btree;
EXPLAIN (COSTS OFF) SELECT i FROM sets WHERE ids = '{a,b}';
SELECT bool_and((SELECT i FROM sets b WHERE b.ids = a.ids) = a.i) AS t FROM sets a;
RESET enable_seqscan;
-- Deduplication needs equalimage.
SELECT proname FROM pg_amproc JOIN pg_proc p ON p.oid = amproc WHERE amproclefttype = 'external_id_set'::regtype
	AND amprocfamily = (SELECT opcfamily FROM pg_opclass JOIN pg_am a ON a.oid = opcmethod WHERE opcintype = 'external_id_set'::regtype AND amname = 'btree')
	ORDER BY amprocnum;
-- Hash and range partition keys
CREATE TABLE oc_hashed (id external_id PRIMARY KEY) PARTITION BY HASH (id);
CREATE TABLE oc_hashed_0 PARTITION OF oc_hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE oc_hashed_1 PARTITION OF oc_hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO oc_hashed SELECT external_id('crm', i) FROM generate_series(1, 200) i;
INSERT INTO oc_hashed VALUES ('crm:1') ON CONFLICT (id) DO NOTHING;
SELECT count(*), count(DISTINCT tableoid) FROM oc_hashed;
SELECT count(*) AS "scanned: 1" FROM (SELECT 1) x, LATERAL (SELECT tableoid FROM oc_hashed WHERE id = 'crm:77') s;
EXPLAIN (COSTS OFF) SELECT * FROM oc_hashed WHERE id = 'crm:77' AND tableoid > 0;
CREATE TABLE oc_ranged (id external_id) PARTITION BY RANGE (id);
CREATE TABLE oc_ranged_a PARTITION OF oc_ranged FOR VALUES FROM (MINVALUE) TO ('crm:5');
CREATE TABLE oc_ranged_b PARTITION OF oc_ranged FOR VALUES FROM ('crm:5') TO (MAXVALUE);
INSERT INTO oc_ranged VALUES ('42'), ('crm:4'), ('crm:5'), ('erp:1');
SELECT tableoid::regclass, id FROM oc_ranged ORDER BY id;
CREATE TABLE oc_listed (id external_id) PARTITION BY LIST (id);
CREATE TABLE oc_listed_a PARTITION OF oc_listed FOR VALUES IN ('crm:1', 'crm:2');
INSERT INTO oc_listed VALUES ('crm:2');
INSERT INTO oc_listed VALUES ('crm:3');
DROP TABLE oc_hashed, oc_ranged, oc_listed;
-- GIN against a sequential scan, by every operator
CREATE TEMP TABLE g AS SELECT i, CASE WHEN i % 97 = 0 THEN NULL WHEN i % 50 = 0 THEN '{}' ELSE ids END AS ids
	FROM (SELECT i, external_ids_agg(external_id(CASE WHEN h & 3 > 0 THEN chr(96 + (h & 3)) END, ((h >> 2) % 60)::text
			|| CASE WHEN h % 5 = 0 THEN repeat('x', 150) ELSE '' END)) AS ids
		FROM generate_series(1, 2000) i, generate_series(0, i % 4) k, abs(hashint4(i * 8 + k)) h GROUP BY i) s;
CREATE INDEX g_ids ON g USING gin (ids);
INSERT INTO g SELECT i + 2000, ids FROM g WHERE i < 100;
ANALYZE g;
CREATE FUNCTION pg_temp.gin_differs(op text, arg text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE seq int[]; idx int[];
BEGIN
	SET LOCAL enable_seqscan = on; SET LOCAL enable_bitmapscan = off;
	EXECUTE format('SELECT array_agg(i ORDER BY i) FROM g WHERE ids %s %s', op, arg) INTO seq;
	SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = on;
	EXECUTE format('SELECT array_agg(i ORDER BY i) FROM g WHERE ids %s %s', op, arg) INTO idx;
	RETURN seq IS DISTINCT FROM idx;
END $$;
SELECT count(*) AS tried, count(*) FILTER (WHERE pg_temp.gin_differs(op, format('%L::external_id_set', ids))) AS "0"
	FROM (VALUES ('&&'), ('@>'), ('<@'), ('=')) o (op),
		(SELECT ids FROM g WHERE i % 37 = 0 AND ids IS NOT NULL UNION SELECT '{}' UNION SELECT '{a:1}' UNION SELECT '{none:1,none:2}' UNION SELECT '{a:1,b:1,1}') q;
SELECT count(*) AS tried, count(*) FILTER (WHERE pg_temp.gin_differs('@=', quote_literal(v))) AS "0"
	FROM (SELECT DISTINCT value FROM g, external_ids_each(ids) WHERE i % 23 = 0 UNION SELECT '' UNION SELECT ' ' UNION SELECT '5' UNION SELECT repeat('x', 2000)) q (v);
SELECT op, pg_temp.gin_differs(op, 'NULL::external_id_set') AS f FROM (VALUES ('&&'), ('@>')) o (op);
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT i FROM g WHERE ids @= '5';
EXPLAIN (COSTS OFF) SELECT i FROM g WHERE ids @> 'a:5';
EXPLAIN (COSTS OFF) SELECT i FROM g WHERE 'a:5'::external_id <@ ids;
RESET enable_seqscan;
-- Estimates: a member names about one row, whatever the table's size.
CREATE FUNCTION pg_temp.estimate(q text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || q INTO plan;
	RETURN plan -> 0 -> 'Plan' ->> 'Plan Rows';
END $$;
SELECT c AS condition, pg_temp.estimate('SELECT FROM g WHERE ' || c) AS rows FROM (VALUES ($$ids @> 'a:1'$$), ($$ids @> '{a:1,b:2}'$$),
	($$ids && '{a:1,b:2,3}'$$), ($$ids @= '1'$$), ($$ids &= '{1,2}'$$), ($$'a:1' <@ ids$$), ($$ids @> NULL$$), ($$ids && '{}'$$),
	($$ids @> external_id('a', i)$$)) v (c);
SELECT pg_temp.estimate($$SELECT FROM g WHERE ids @> '{}'$$) = 2099 AS t, pg_temp.estimate('SELECT FROM g a JOIN g b ON a.ids && b.ids') AS "join";
-- Where a set can stand
CREATE DOMAIN oc_crm_ids AS external_id_set CHECK (VALUE - external_ids_under(VALUE, 'crm') = '{}');
CREATE TYPE oc_pair AS (id external_id, ids external_id_set);
CREATE TABLE oc_places (
	plain external_id_set NOT NULL DEFAULT '{}', dom oc_crm_ids, arr external_id_set[], pair oc_pair,
	crm external_id_set GENERATED ALWAYS AS (external_ids_under(plain, 'crm')) STORED,
	value text GENERATED ALWAYS AS (plain ->> 'crm') STORED);
INSERT INTO oc_places (plain, dom, arr, pair) VALUES
	('{crm:42,b}', 'crm:1', ARRAY['{a,b}', 'c']::external_id_set[], ROW('a', '{a,"b c"}'));
INSERT INTO oc_places DEFAULT VALUES;
INSERT INTO oc_places (dom) VALUES ('{crm:1,a}');
CREATE VIEW oc_view AS SELECT plain + 'view:1' AS ids FROM oc_places WHERE plain @> 'crm:42';
CREATE MATERIALIZED VIEW oc_matview AS SELECT plain, unnest(plain) AS id FROM oc_places;
CREATE UNIQUE INDEX ON oc_matview (id);
REFRESH MATERIALIZED VIEW CONCURRENTLY oc_matview;
TABLE oc_places; TABLE oc_view; SELECT * FROM oc_matview ORDER BY id;
SELECT replace(pg_get_viewdef('oc_view'), 'oc_places.', '') AS viewdef;
SELECT oc_places::text::oc_places = oc_places AS t FROM oc_places;
SELECT dom @> 'crm:1' AS t, arr[1] && 'a' AS t, (pair).ids -> '' AS v FROM oc_places WHERE dom IS NOT NULL;
DROP TABLE oc_places CASCADE; DROP DOMAIN oc_crm_ids; DROP TYPE oc_pair;
-- The order of entries is that of their bytes, where they are stored out of line too.
CREATE TEMP TABLE stored (n int, ids external_id_set);
ALTER TABLE stored ALTER ids SET STORAGE EXTERNAL;
INSERT INTO stored SELECT n, external_id_set(VARIADIC array_agg(external_id('crm', 1000 * n + i)))
	FROM generate_series(1, 5) n, generate_series(1, 500) i GROUP BY n ORDER BY n DESC;
SELECT pg_relation_size(reltoastrelid) > 5 * 2000 AS t FROM pg_class WHERE oid = 'stored'::regclass;
SELECT a.n, b.n FROM stored a, stored b
	WHERE sign(external_id_set_entry_cmp(a.ids, b.ids)) <> sign(external_id_set_entry_cmp(a.ids - '{}', b.ids - '{}'));
-- What is wrong with an operator class of unique_members is said
CREATE SCHEMA wrong_classes;
SET search_path = public, wrong_classes;
CREATE FUNCTION wrong_classes.options(internal) RETURNS void LANGUAGE internal AS 'btint4sortsupport';
CREATE OPERATOR CLASS wrong_classes.wrong_functions FOR TYPE int USING unique_members AS
	OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
	FUNCTION 1 btint8cmp(int8, int8), FUNCTION 3 in_range(int, int, int, bool, bool), FUNCTION 5 wrong_classes.options(internal);
CREATE OPERATOR CLASS wrong_classes.no_operators FOR TYPE int USING unique_members AS FUNCTION 1 btint4cmp(int, int);
CREATE OPERATOR CLASS wrong_classes.no_order FOR TYPE external_id_set USING unique_members AS
	OPERATOR 6 &&, OPERATOR 11 @= (external_id_set, text), FUNCTION 6 external_id_set_entries(external_id_set, internal);
CREATE OPERATOR CLASS wrong_classes.set_order FOR TYPE external_id_set USING unique_members AS
	OPERATOR 1 <, OPERATOR 6 &&, OPERATOR 11 @= (external_id_set, text),
	FUNCTION 1 external_id_set_entry_cmp(external_id_set, external_id_set),
	FUNCTION 6 external_id_set_entries(external_id_set, internal),
	FUNCTION 6 (external_id_set, text) external_id_set_entries_of_value(text, internal);
CREATE OPERATOR CLASS wrong_classes.no_query FOR TYPE external_id_set USING unique_members AS
	OPERATOR 6 &&, OPERATOR 11 @= (external_id_set, text),
	FUNCTION 1 external_id_set_entry_cmp(external_id_set, external_id_set),
	FUNCTION 6 external_id_set_entries(external_id_set, internal);
CREATE OPERATOR CLASS wrong_classes.nothing FOR TYPE bool USING unique_members AS STORAGE bool;
SELECT opcname, amvalidate(oid) FROM (SELECT * FROM pg_opclass WHERE opcnamespace = 'wrong_classes'::regnamespace ORDER BY opcname OFFSET 0) AS c;
-- what such a class lacks, a query that needs it says
CREATE TABLE wrong_classes.lacking (ids external_id_set);
INSERT INTO wrong_classes.lacking VALUES ('a:1');
CREATE INDEX ON wrong_classes.lacking USING unique_members (ids wrong_classes.no_query);
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT FROM wrong_classes.lacking WHERE ids @= '1';
\set VERBOSITY sqlstate
SELECT FROM wrong_classes.lacking WHERE ids @= '1';
\set VERBOSITY default
RESET enable_seqscan;
RESET search_path;
DROP SCHEMA wrong_classes CASCADE;
