--
-- unique_members: look-ups
--
SET client_min_messages = warning;
CREATE ROLE regress_index_scan;
CREATE SCHEMA index_scan AUTHORIZATION regress_index_scan;
SET ROLE regress_index_scan;
SET search_path = index_scan, public;
\pset null NULL
-- From 16 on the planner sorts early for an aggregate; the plans here are without.
DO $$ BEGIN PERFORM set_config(name, 'off', false) FROM pg_settings WHERE name = 'enable_presorted_aggregate'; END $$;

-- Rows 1 to 3000: of g, under label l<g % 3> the value g, and b:g; in scope
-- g % 10. The rest has what is special.
CREATE TABLE t (id int PRIMARY KEY, ids external_id_set, org int) WITH (autovacuum_enabled = off);
CREATE INDEX t_key ON t USING unique_members (ids, org);
INSERT INTO t SELECT g, external_id_set(external_id('l' || g % 3, g), external_id('b', g)), g % 10 FROM generate_series(1, 3000) g;
INSERT INTO t VALUES (4001, '{}', 1), (4002, '{}', NULL), (4003, NULL, 1), (4004, '{crm:1,zen:1}', 20), (4005, '{crm:1,zen:2}', 21),
	(4006, 'zen:1', 22), (4007, '1', 23), (4008, '{crm:9,zen:9,9}', NULL), (4009, '{crm:9,zen:9}', NULL), (4010, '{crm:1,crm:2,zen:1}', 24);
ANALYZE t;

-- A plan, without what later servers add about disabled nodes.
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line !~ 'Disabled' THEN
			RETURN NEXT line;
		END IF;
	END LOOP;
END $$;

-- The ids that a condition selects, by index scan and by bitmap scan; it says
-- so if a sequential scan answers something else, or the index was not used.
CREATE FUNCTION found(condition text, tab text DEFAULT 't') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	query text := format('SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM %s WHERE %s) q', tab, condition);
	answers text[] := '{}';
	answer text;
	line text;
	plan text;
BEGIN
	FOR i IN 1..3 LOOP
		PERFORM set_config('enable_seqscan', CASE i WHEN 3 THEN 'on' ELSE 'off' END, true),
			set_config('enable_indexscan', CASE i WHEN 1 THEN 'on' ELSE 'off' END, true),
			set_config('enable_bitmapscan', CASE i WHEN 2 THEN 'on' ELSE 'off' END, true);
		plan := '';
		FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
			plan := plan || line;
		END LOOP;
		IF plan !~ (ARRAY['Index Scan using \w*_key', 'Bitmap Index Scan on \w*_key', 'Seq Scan'])[i] THEN
			answers := answers || ('wrong plan: ' || plan);
		END IF;
		EXECUTE query INTO answer;
		answers := answers || coalesce(answer, '{}');
	END LOOP;
	IF answers[1] = answers[2] AND answers[2] = answers[3] AND cardinality(answers) = 3 THEN
		RETURN answers[1];
	END IF;
	RETURN 'DIFFERENT: ' || answers::text;
END $$;

SELECT result = expected AS t, condition, result FROM (SELECT *, found(condition) AS result FROM (VALUES
	-- one member
	($$ids @> 'l1:7'$$, '{7}'),
	($$ids @> 'l1:7' AND org = 7$$, '{7}'),
	($$ids @> 'l1:7' AND org = 8$$, '{}'),
	($$ids @> 'l1:7' AND org = 7::int8$$, '{7}'),
	($$ids @> 'l1:7' AND org = 7::int2$$, '{7}'),
	($$ids @> 'l1:7' AND org < 9000000000$$, '{7}'),
	($$ids @> 'l1:7' AND org > 6 AND org < 8$$, '{7}'),
	($$ids @> 'l1:7' AND org > 7$$, '{}'),
	($$'l1:7' <@ ids AND 7 = org$$, '{7}'),
	($$ids @> 'none:7'$$, '{}'),
	($$ids @> '1'$$, '{4007}'),
	($$ids @> 'crm:1'$$, '{4004,4005,4010}'),
	($$ids @> 'crm:1' AND org >= 21$$, '{4005,4010}'),
	($$ids @> 'crm:1' AND org BETWEEN 20 AND 21$$, '{4004,4005}'),
	-- several
	($$ids @> '{l1:7,b:7}'$$, '{7}'),
	($$ids @> '{l1:7,b:8}'$$, '{}'),
	($$ids @> '{crm:1,zen:1}'$$, '{4004,4010}'),
	($$ids @> '{crm:1,zen:1}' AND org = 24$$, '{4010}'),
	($$ids && '{l1:7,b:7}'$$, '{7}'),
	($$ids && '{l1:7,b:7,b:8,none:1}'$$, '{7,8}'),
	($$ids && '{l1:7,b:7,b:8,none:1}' AND org = 8$$, '{8}'),
	($$ids && '{crm:1,zen:1,zen:2,crm:9,1}'$$, '{4004,4005,4006,4007,4008,4009,4010}'),
	($$'{crm:1,zen:1,zen:2}' && ids AND org < 22$$, '{4004,4005}'),
	-- a value, whatever its label
	($$ids @= '7'$$, '{7}'),
	($$ids @= '7' AND org = 7$$, '{7}'),
	($$ids @= '7' AND org = 6$$, '{}'),
	($$ids @= '1'$$, '{1,4004,4005,4006,4007,4010}'),
	($$ids @= '1' AND org = 22$$, '{4006}'),
	($$ids @= '1' AND org > 20$$, '{4005,4006,4007,4010}'),
	($$ids @= '9' AND org IS NULL$$, '{4008,4009}'),
	($$ids @= 'crm:1'$$, '{}'),
	($$ids @= ''$$, '{}'),
	($$ids @= ' 1'$$, '{}'),
	($$ids @= E'1\t'$$, '{}'),
	($$ids @= repeat('1', 2000)$$, '{}'),
	-- equal
	($$ids = '{l1:7,b:7}'$$, '{7}'),
	($$ids = 'l1:7'$$, '{}'),
	($$ids = 'zen:1'$$, '{4006}'),
	($$ids = '{crm:1,zen:1}'$$, '{4004}'),
	($$ids = '{crm:1,zen:1}' AND org = 24$$, '{}'),
	-- the empty set, NULL
	($$ids = '{}'$$, '{4001,4002}'),
	($$ids = '{}' AND org = 1$$, '{4001}'),
	($$ids = '{}' AND org IS NULL$$, '{4002}'),
	($$ids && '{}'$$, '{}'),
	($$ids @> '{}' AND id % 10000 > 4000$$, '{4001,4002,4004,4005,4006,4007,4008,4009,4010}'),
	($$ids @> '{}' AND org = 1 AND id % 10000 > 2980$$, '{2981,2991,4001}'),
	($$ids @> '{}' AND org >= 20$$, '{4004,4005,4006,4007,4010}'),
	-- several conditions on the set at once
	($$ids && '{crm:1}' AND ids && '{zen:2}'$$, '{4005}'),
	($$ids && '{zen:2,zen:1}' AND ids @> 'crm:2'$$, '{4010}'),
	($$ids @> 'crm:1' AND ids @> 'zen:1' AND ids @> 'crm:2'$$, '{4010}'),
	($$ids @= '1' AND ids @= '2'$$, '{4005,4010}'),
	($$ids @= '2' AND ids && '{crm:1,l1:2,zen:1}'$$, '{4005,4010}'),
	($$ids @> '{}' AND ids @= '1' AND ids = '1'$$, '{4007}'),
	($$ids = '{}' AND ids @> '{}'$$, '{4001,4002}'),
	($$ids = '{}' AND ids @= '1'$$, '{}'),
	($$ids && '{}' AND ids @> '1'$$, '{}'),
	($$ids @> 'crm:1' AND NOT ids @> 'zen:1'$$, '{4005}'),
	-- on the scope
	($$ids @> 'crm:1' AND org = ANY ('{20,24,20,NULL}')$$, '{4004,4010}'),
	($$ids @> 'crm:1' AND org IN (21, 24, 99)$$, '{4005,4010}'),
	($$ids @> 'crm:9' AND org IS NULL$$, '{4008,4009}'),
	($$ids @> 'crm:1' AND org IS NOT NULL AND org <> 20$$, '{4005,4010}'),
	($$ids @> 'crm:1' AND org >= 21 AND org < 21$$, '{}'),
	($$ids @> 'crm:1' AND (org, id) > (20, 4009)$$, '{4005,4010}')
) v (condition, expected)) q;

-- arrays of sets and OR: bitmap scans only
SET enable_seqscan = off;
SELECT array_agg(id ORDER BY id) AS "{4004,4005,4006,4010}" FROM t WHERE ids @> 'crm:1' OR ids @= '1' AND org = 22;
SELECT array_agg(id ORDER BY id) AS "{7,4006}" FROM t WHERE ids && ANY ('{b:7,zen:1}'::external_id[]::external_id_set[]) AND org IN (7, 22);
SELECT array_agg(id ORDER BY id) AS "{7,4001,4002,4006}" FROM t WHERE ids IN ('{b:7,l1:7}', 'zen:1', '{}', 'none:1', NULL);
RESET enable_seqscan;

-- NULL arguments
SET plan_cache_mode = force_generic_plan;
SET enable_seqscan = off;
PREPARE contains(external_id_set, int) AS SELECT array_agg(id ORDER BY id) FROM t WHERE ids @> $1 AND org = $2;
PREPARE has_any(external_id_set) AS SELECT array_agg(id ORDER BY id) FROM t WHERE ids && $1;
PREPARE holds_value(text, int) AS SELECT array_agg(id ORDER BY id) FROM t WHERE ids @= $1 AND org >= $2;
PREPARE equals(external_id_set) AS SELECT array_agg(id ORDER BY id) FROM t WHERE ids = $1;
EXPLAIN (COSTS OFF) EXECUTE contains('l1:7', 7);
-- {7}
EXECUTE contains('l1:7', 7);
-- {4010}
EXECUTE contains('{crm:1,zen:1}', 24);
-- NULL
EXECUTE contains(NULL, 7);
-- NULL
EXECUTE contains('l1:7', NULL);
-- NULL
EXECUTE has_any(NULL);
-- NULL
EXECUTE has_any('{}');
-- {7,8}
EXECUTE has_any('{b:7,l1:7,b:8}');
-- {4005,4006,4007,4010}
EXECUTE holds_value('1', 21);
-- NULL
EXECUTE holds_value('1', NULL);
-- NULL
EXECUTE holds_value(NULL, 1);
-- {4001,4002}
EXECUTE equals('{}');
-- NULL
EXECUTE equals(NULL);
DEALLOCATE ALL;
RESET plan_cache_mode;

-- the inner side of a nested loop: rescans, with runtime keys of every kind
CREATE TABLE q (n int, ids external_id_set, value text, org int);
INSERT INTO q VALUES (1, 'crm:1', '1', 20), (2, '{crm:1,zen:1}', '9', NULL), (3, '{}', 'none', 1), (4, NULL, NULL, 1), (5, '{b:7,b:8,l2:8}', '8', 8);
ANALYZE q;
SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off; SET enable_memoize = off; SET enable_bitmapscan = off;
SELECT plan('SELECT n, t.id FROM q JOIN t ON t.ids && q.ids');
SELECT n, array_agg(t.id ORDER BY t.id) AS "1 {4004,4005,4010} 2 {4004,4005,4006,4010} 5 {7,8}" FROM q JOIN t ON t.ids && q.ids GROUP BY n ORDER BY n;
SELECT n, array_agg(t.id ORDER BY t.id) AS "1 {4004,4005,4010} 2 {4004,4010} 3 {4001..4010}" FROM q JOIN t ON t.ids @> q.ids WHERE t.id > 4000 GROUP BY n ORDER BY n;
SELECT n, array_agg(t.id ORDER BY t.id) AS "1 {4004}" FROM q JOIN t ON t.ids @> q.ids AND t.org = q.org WHERE cardinality(q.ids) > 0 GROUP BY n ORDER BY n;
SELECT n, array_agg(t.id ORDER BY t.id) AS "1 {1,4004..4010} 2 {9,4008,4009} 5 {8}" FROM q JOIN t ON t.ids @= q.value GROUP BY n ORDER BY n;
SELECT n, array_agg(t.id ORDER BY t.id) AS "2 {4004} 3 {4001,4002}" FROM q JOIN t ON t.ids = q.ids GROUP BY n ORDER BY n;
SELECT n, (SELECT count(*) FROM t WHERE t.ids && q.ids AND t.ids @= q.value) AS "3 0 0 0 1" FROM q ORDER BY n;
-- a row found by one rescan is found by the next
SELECT n, (SELECT count(*) FROM t WHERE t.ids && v.ids) AS "4", (SELECT count(*) FROM t WHERE t.ids @= v.value) AS "6", (SELECT count(*) FROM t WHERE t.ids @> v.none AND t.org = 20) AS "1"
FROM (VALUES (1, '{crm:1,zen:1}'::external_id_set, '1', '{}'::external_id_set), (2, '{crm:1,zen:1}', '1', '{}'), (3, '{crm:1,zen:1,zen:2}', '1', '{}')) v (n, ids, value, none);
SELECT n, l.id AS "NULL for 3 and 4" FROM q LEFT JOIN LATERAL (SELECT id FROM t WHERE t.ids && q.ids ORDER BY id LIMIT 1) l ON true ORDER BY n;
SET enable_bitmapscan = on; SET enable_indexscan = off;
SELECT n, array_agg(t.id ORDER BY t.id) AS "1 {1,4004..4010} 2 {9,4008,4009} 5 {8}" FROM q JOIN t ON t.ids @= q.value GROUP BY n ORDER BY n;
SELECT n, array_agg(t.id ORDER BY t.id) AS "1 {4004,4005,4010} 2 {4004,4010}" FROM q JOIN t ON t.ids @> q.ids WHERE cardinality(q.ids) > 0 GROUP BY n ORDER BY n;
RESET enable_indexscan; RESET enable_hashjoin; RESET enable_mergejoin; RESET enable_material; RESET enable_memoize;

-- cursors: back and forth, and two at once over one index
SET enable_bitmapscan = off;
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id FROM t WHERE ids && '{b:7,l1:7,b:8,b:9,zen:1}';
DECLARE d NO SCROLL CURSOR FOR SELECT id FROM t WHERE ids @= '1';
FETCH 2 FROM c;
FETCH 2 FROM d;
FETCH ALL FROM c;
FETCH BACKWARD ALL FROM c;
FETCH LAST FROM c;
FETCH ABSOLUTE 2 FROM c;
MOVE FIRST FROM c;
FETCH RELATIVE 0 FROM c;
FETCH ALL FROM d;
FETCH 1 FROM d;
DELETE FROM t WHERE CURRENT OF d;
ROLLBACK;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM t WHERE ids && '{b:7,b:8,b:9}' AND org < 9 FOR UPDATE;
FETCH 1 FROM c;
UPDATE t SET ids = ids + 'updated:1' WHERE CURRENT OF c;
SELECT array_agg(id) AS "{7}" FROM t WHERE ids @> 'updated:1';
FETCH ALL FROM c;
ROLLBACK;

-- inside a parallel plan: the index is the inner side in each worker
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off; SET enable_memoize = off; SET enable_seqscan = on;
CREATE TABLE p (value text) WITH (parallel_workers = 2);
INSERT INTO p SELECT g FROM generate_series(1, 3000) g;
ANALYZE p;
EXPLAIN (COSTS OFF) SELECT count(*) FROM p JOIN t ON t.ids && external_id_set(external_id('b', p.value), external_id('l1', p.value));
SELECT count(*) AS "3000" FROM p JOIN t ON t.ids && external_id_set(external_id('b', p.value), external_id('l1', p.value));
SELECT count(*) AS "3009" FROM p JOIN t ON t.ids @= p.value;
RESET ALL;
SET ROLE regress_index_scan;
SET search_path = index_scan, public;
SET client_min_messages = warning;

-- 60 conditions on the scope
SELECT found($$ids && '{b:7,l1:7,b:8}' AND $$ || string_agg('org >= -' || g || '::int8', ' AND ' ORDER BY g)) AS "{7,8}" FROM generate_series(1, 60) g;
SELECT found($$ids @= '7' AND $$ || string_agg('org < ' || g, ' AND ' ORDER BY g)) AS "{7}" FROM generate_series(8, 67) g;

-- A dead entry is killed, and only that one: the row that comes out twice keeps
-- its second entry, so its member stays found and unique
CREATE TABLE killed (id int, ids external_id_set, org int) WITH (autovacuum_enabled = off);
CREATE INDEX killed_key ON killed USING unique_members (ids, org);
INSERT INTO killed VALUES (1, '{b:1}', 1);
BEGIN;
DELETE FROM killed;
INSERT INTO killed VALUES (2, '{a:1,b:1}', 1);
COMMIT;
SET enable_seqscan = off; SET enable_bitmapscan = off;
SELECT id AS "2" FROM killed WHERE ids && '{a:1,b:1}' AND org = 1;
SELECT id AS "2" FROM killed WHERE ids && '{a:1,b:1}' AND org = 1;
SELECT id AS "2" FROM killed WHERE ids && 'b:1' AND org = 1;
SELECT id AS "2" FROM killed WHERE ids @= '1' AND org = 1;
INSERT INTO killed VALUES (3, '{b:1}', 1);
SELECT id, ids AS "one row" FROM killed;
-- the same for rows that a value look-up meets twice, over many dead ones
CREATE TABLE killed_value (id int, ids external_id_set) WITH (autovacuum_enabled = off);
CREATE INDEX killed_value_key ON killed_value USING unique_members (ids);
INSERT INTO killed_value SELECT g, external_id_set(external_id('a' || g, '1'), external_id('b' || g, '1')) FROM generate_series(1, 200) g;
DELETE FROM killed_value WHERE id % 2 = 0;
INSERT INTO killed_value SELECT g, external_id_set(external_id('a' || g, '1'), external_id('b' || g, '1')) FROM generate_series(2, 200, 4) g;
SELECT (SELECT count(*) FROM killed_value WHERE ids @= '1') AS "150", (SELECT count(*) FROM killed_value WHERE ids @= '1') AS "150",
	(SELECT count(*) FROM generate_series(1, 200) g, LATERAL (SELECT FROM killed_value WHERE ids @> external_id('b' || g, '1')) k) AS "150",
	(SELECT count(*) FROM generate_series(1, 200) g, LATERAL (SELECT FROM killed_value WHERE ids @> external_id('a' || g, '1')) k) AS "150";
RESET enable_seqscan; RESET enable_bitmapscan;

-- A value with a label each on 600 rows, over many pages, and its neighbours:
-- values that are prefixes of each other
CREATE TABLE labels (id int, ids external_id_set, org int8) WITH (autovacuum_enabled = off);
CREATE INDEX labels_key ON labels USING unique_members (ids, org) WITH (fillfactor = 10);
INSERT INTO labels SELECT g, external_id(chr(97 + g / 26) || chr(97 + g % 26) || repeat('x', 40), '42'), g / 2 FROM generate_series(0, 599) g;
INSERT INTO labels SELECT 1000 + g, external_id(l, v), g FROM generate_series(1, 50) g, (VALUES ('aa'), ('zz'), (NULL)) l (l),
	(VALUES ('4'), ('41'), ('420'), ('42 1'), ('43')) v (v);
REINDEX TABLE labels;
SET enable_seqscan = off; SET enable_bitmapscan = off;
SELECT (SELECT count(*) FROM labels WHERE ids @= '42') AS "600", (SELECT count(*) FROM labels WHERE ids @= '4') AS "150",
	(SELECT count(*) FROM labels WHERE ids @= '42 1') AS "150", (SELECT count(*) FROM labels WHERE ids @= '420' AND org = 50) AS "3",
	(SELECT count(*) FROM labels WHERE ids @= '42' AND org BETWEEN 100 AND 199) AS "200",
	(SELECT count(*) FROM generate_series(0, 299) o WHERE (SELECT count(*) FROM labels WHERE ids @= '42' AND org = o) = 2) AS "300";
RESET enable_seqscan; RESET enable_bitmapscan;

-- The class by value: its own operator and rechecks
CREATE TABLE v (id int, ids external_id_set, org text);
CREATE INDEX v_key ON v USING unique_members (ids external_id_set_value_ops, org);
INSERT INTO v VALUES (1, '{a:1,b:1,c:2}', 'x'), (2, '{a:1}', 'y'), (3, '{b:1,a:2}', 'z'), (4, '{}', 'x'), (5, NULL, 'x'), (6, '1', 'w');
SELECT result = expected AS t, condition, result FROM (SELECT *, found(condition, 'v') AS result FROM (VALUES
	($$ids @= '1'$$, '{1,2,3,6}'), ($$ids @= '1' AND org = 'x'$$, '{1}'), ($$ids @= ''$$, '{}'),
	($$ids &= 'z:1'$$, '{1,2,3,6}'), ($$ids &= '{z:2,y:2,q:3}'$$, '{1,3}'), ($$ids &= '{z:1,z:2}' AND org ~>~ 'x'$$, '{2,3}'), ($$ids &= '{}'$$, '{}'),
	($$ids && '{a:1,b:1}'$$, '{1,2,3}'), ($$ids && '{a:1,z:2}'$$, '{1,2}'), ($$ids && '1'$$, '{6}'), ($$ids && '{}'$$, '{}'),
	($$ids @> 'a:1'$$, '{1,2}'), ($$ids @> '{a:1,c:2}'$$, '{1}'), ($$ids @> '{a:1,b:1}' AND org = 'x'$$, '{1}'), ($$ids @> '{}'$$, '{1,2,3,4,6}'),
	($$ids = 'a:1'$$, '{2}'), ($$ids = '{a:1,b:1,c:2}'$$, '{1}'), ($$ids = '{}'$$, '{4}'), ($$ids @= '1' AND ids @= '2'$$, '{1,3}'),
	($$ids &= 'q:2' AND ids && '{b:1}' AND ids @> 'a:2'$$, '{3}')
) v (condition, expected)) q;

-- Long values: entries, keys and what a key comes from may be compressed, as
-- index tuples and rows with large columns are
CREATE TABLE long (id int, ids external_id_set, value text, one external_id, filler text) WITH (autovacuum_enabled = off);
ALTER TABLE long ALTER filler SET STORAGE PLAIN;
CREATE INDEX long_key ON long USING unique_members (ids);
CREATE INDEX long_one ON long USING unique_members (one external_id_set_value_ops);
INSERT INTO long SELECT g, external_id_set(external_id(repeat('l', 63), v), external_id(repeat('k', 63), v), external_id('s', g)), v, external_id('one', v), repeat('f', 1700)
	FROM generate_series(1, 100) g, LATERAL (SELECT repeat('v', 1020) || lpad(g::text, 4, '0')) v (v);
SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_bitmapscan = off; SET enable_memoize = off;
SELECT bool_and(pg_column_size(value) < 200) AS t, bool_and(pg_column_size(ids) < 400) AS t, bool_and(pg_column_size(one) < 200) AS t FROM long;
BEGIN;
SET LOCAL enable_seqscan = on; SET LOCAL enable_material = off;
EXPLAIN (COSTS OFF) SELECT FROM long a JOIN long b ON b.ids @= a.value;
SELECT count(*) AS "100" FROM long a JOIN long b ON b.ids @= a.value WHERE a.id = b.id;
SELECT count(*) AS "100" FROM long a JOIN long b ON b.ids @> a.ids;
SELECT count(*) AS "100" FROM long a JOIN long b ON b.ids && a.ids;
SELECT count(*) AS "100" FROM long a JOIN long b ON b.ids && external_id(repeat('k', 63), a.value);
SELECT count(*) AS "100" FROM long a JOIN long b ON b.one @> a.one;
SELECT count(*) AS "100" FROM long a JOIN long b ON b.one &= external_id('other', a.value);
SELECT count(*) AS "0" FROM long a JOIN long b ON b.ids @= (a.value || 'x');
COMMIT;
-- a query of 10,000 members; a row of as many
INSERT INTO long SELECT 0, external_ids_agg(external_id('m', g)), '', 'm', '' FROM generate_series(1, 10000) g;
SELECT count(*) AS "101", count(DISTINCT id) AS "101" FROM long WHERE ids && (SELECT external_ids_agg(external_id('m', g)) + external_ids_agg(external_id('s', g)) FROM generate_series(1, 10000) g);
SELECT id AS "0" FROM long WHERE ids @> (SELECT external_ids_agg(external_id('m', g)) FROM generate_series(1, 9999) g);
SELECT id AS "0" FROM long WHERE ids = (SELECT external_ids_agg(external_id('m', g)) FROM generate_series(1, 10000) g);
RESET enable_seqscan; RESET enable_hashjoin; RESET enable_mergejoin; RESET enable_bitmapscan; RESET enable_memoize;

-- A domain over the set, and a single external_id, are looked up as well
CREATE DOMAIN few_ids AS external_id_set CHECK (cardinality(VALUE) < 3);
CREATE TABLE other (id int, few few_ids, one external_id);
CREATE INDEX other_few_key ON other USING unique_members (few);
CREATE INDEX other_one_key ON other USING unique_members (one);
INSERT INTO other VALUES (1, '{a:1,b:1}', 'a:1'), (2, '{}', NULL), (3, 'a:2', 'b:1');
SELECT result = expected AS t, condition, result FROM (SELECT *, found(condition, 'other') AS result FROM (VALUES
	($$few @> 'a:1'$$, '{1}'), ($$few && '{b:1,a:2}'$$, '{1,3}'), ($$few = 'a:2'$$, '{3}'), ($$few @= '1'$$, '{1}'), ($$few = '{}'$$, '{2}'),
	($$one = 'a:1'$$, '{1}'), ($$one && '{a:1,b:1}'$$, '{1,3}'), ($$one @= '1'$$, '{1,3}'), ($$one @> 'b:1'$$, '{3}'), ($$one = '{}'::external_id_set$$, '{}')
) v (condition, expected)) q;

-- what the index does not answer
SET enable_seqscan = off; SET enable_bitmapscan = off;
SELECT plan($$SELECT FROM t WHERE org = 7$$);
SELECT plan($$SELECT FROM t WHERE ids > 'a:1'$$);
SELECT plan($$SELECT FROM t WHERE ids <@ 'a:1'$$);
SELECT plan($$SELECT FROM t WHERE ids IS NULL$$);
SELECT plan($$SELECT FROM t ORDER BY ids$$);
RESET ROLE;
DROP SCHEMA index_scan CASCADE;
DROP ROLE regress_index_scan;
