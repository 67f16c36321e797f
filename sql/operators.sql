--
-- Operators and functions, against a model in plain SQL.
--
SET client_min_messages = warning;
SELECT '{a,crm:1}'::external_id_set @> 'a' AS t, '{a,crm:1}'::external_id_set @> '{crm:1,a}' AS t,
	'{a}'::external_id_set @> '{}' AS t, '{}'::external_id_set @> '{}' AS t, '{}'::external_id_set @> 'a' AS f,
	'{crm:1}'::external_id_set @> '1' AS f, '1'::external_id <@ '{1,2}'::external_id_set AS t,
	'{a,b}'::external_id_set <@ '{a}' AS f, 'a'::external_id @> 'a'::external_id AS t;
SELECT '{a,b}'::external_id_set && '{b,c}' AS t, '{a,b}'::external_id_set && '{c}' AS f, '{}'::external_id_set && '{}' AS f,
	'{crm:1}'::external_id_set && '1' AS f, 'a'::external_id && '{a,b}' AS t;
SELECT '{x:1,y:2}'::external_id_set @= '2' AS t, '{x:1,y:2}'::external_id_set @= 'y:2' AS f, '{:y:2}'::external_id_set @= 'y:2' AS t,
	'{x:1}'::external_id_set @= '' AS f, '{}'::external_id_set @= 'a' AS f, '{x:12}'::external_id_set @= '1' AS f,
	'{x:1}'::external_id_set @= '12' AS f, '{a}'::external_id_set @= E' \n' AS f;
SELECT '{x:1,y:2}'::external_id_set &= '2' AS t, '{x:1,y:2}'::external_id_set &= '{z:1,9}' AS t,
	'{x:1}'::external_id_set &= '{x:2}' AS f, '{}'::external_id_set &= '{}' AS f, 'x:1'::external_id &= 'y:1'::external_id AS t;
SELECT '{a,x:1}'::external_id_set + '{b,x:1}' AS "union", '{a,x:1}'::external_id_set - '{b,x:1}' AS minus,
	'{a,x:1}'::external_id_set * '{b,x:1}' AS "both", 'a'::external_id + 'b'::external_id AS two, 'a'::external_id - 'a' AS none;
SELECT ids -> 'x' AS x, ids -> '' AS bare, ids -> 'none' AS none, ids ->> 'y' AS y, ids ->> 'none' IS NULL AS t
	FROM (VALUES ('{a,b,x:1,x:2,y:3}'::external_id_set)) v (ids);
SELECT '{x:1,x:2}'::external_id_set ->> 'x';
\echo :LAST_ERROR_SQLSTATE
SELECT external_id_label('crm:42'), external_id_label('42') IS NULL AS t, external_id_value('crm:42'), external_id_value(':a:b');
SELECT unnest('{b,a,x:1}'::external_id_set);
SELECT * FROM external_ids_each('{b,a,x:1}');
SELECT count(*) AS "0" FROM unnest('{}'::external_id_set);
SELECT ids, cardinality(ids), external_ids_labels(ids), external_ids_under(ids, 'x') AS x,
	external_ids_under(ids, 'y', 'x', 'x') AS xy, external_ids_under(ids, NULL) AS bare,
	external_ids_under(ids, '', 'y') AS bare_y, external_ids_under(ids, VARIADIC '{}') AS none
	FROM (VALUES ('{a,x:1,x:2,y:3,z:9}'::external_id_set), ('{}'), ('{x:1}'), ('{1}')) v (ids);
-- One integration replaces its own.
SELECT ids - external_ids_under(ids, 'crm') + 'crm:43' FROM (VALUES ('{a,crm:42,crm:41}'::external_id_set)) v (ids);
SELECT external_ids_agg(ids), external_ids_agg(ids) FILTER (WHERE false) IS NULL AS t
	FROM (VALUES ('{b,a}'::external_id_set), (NULL), ('{}'), ('{a,x:1}')) v (ids);
SELECT external_ids_agg(NULL) IS NULL AS t, external_ids_agg('{}') AS empty;
SELECT external_ids_agg(id) OVER (ORDER BY id) FROM unnest('{a,b,c}'::external_id_set) id;
-- Order: as lists of (label, value), bytewise
SELECT ids FROM (VALUES ('{}'::external_id_set), ('{a}'), ('{a,b}'), ('{b}'), ('{B}'), ('{a:z}'), ('{a:a}'), ('{ab:a}'), ('{a,b:a}'), ('{é}')) v (ids) ORDER BY ids;
SELECT 'a'::external_id < 'b' AS t, 'b'::external_id < 'a:a' AS t, 'a'::external_id <= 'a' AS t, 'a'::external_id > 'a' AS f,
	'a'::external_id >= 'b' AS f, 'a'::external_id <> 'b' AS t, 'a'::external_id = 'a' AS t, '{a}'::external_id_set = 'a'::external_id AS t;
-- The model: sets as text[] of distinct texts, over small alphabets so that they meet
CREATE TEMP TABLE r AS SELECT i, coalesce(ids, '{}') AS ids,
		ARRAY(SELECT x::text COLLATE "C" FROM unnest(ids) x ORDER BY 1) AS m,
		ARRAY(SELECT DISTINCT external_id_value(x) FROM unnest(ids) x) AS vals
	FROM (SELECT i, external_ids_agg(external_id(CASE WHEN h & 3 > 0 THEN chr(96 + (h & 3)) END,
				((h >> 2) % (3 + i % 20))::text || CASE WHEN i % 7 = 0 THEN repeat('long', 40) ELSE '' END))
			FILTER (WHERE k <= i % 9) AS ids
		FROM generate_series(1, 150) i, generate_series(0, 8) k, abs(hashint4(i * 16 + k)) h
		GROUP BY i) s;
SELECT count(*), count(DISTINCT ids) > 90 AS t, max(cardinality(ids)) FROM r;
SELECT a.ids AS "model differs", b.ids FROM r a, r b
	WHERE (a.ids @> b.ids) IS DISTINCT FROM (a.m @> b.m)
		OR (a.ids <@ b.ids) IS DISTINCT FROM (a.m <@ b.m)
		OR (a.ids && b.ids) IS DISTINCT FROM (a.m && b.m)
		OR (a.ids = b.ids) IS DISTINCT FROM (a.m = b.m)
		OR (a.ids <> b.ids) IS DISTINCT FROM (a.m <> b.m)
		OR (a.ids &= b.ids) IS DISTINCT FROM (a.vals && b.vals)
		OR (a.ids < b.ids) IS DISTINCT FROM (b.ids > a.ids)
		OR (a.ids <= b.ids) IS DISTINCT FROM (a.ids < b.ids OR a.m = b.m)
		OR (a.ids >= b.ids) IS DISTINCT FROM NOT (a.ids < b.ids)
		OR (a.ids + b.ids)::text <> ARRAY(SELECT x::external_id FROM (SELECT unnest(a.m) UNION SELECT unnest(b.m)) u (x) ORDER BY 1)::text
		OR (a.ids - b.ids)::text <> ARRAY(SELECT x::external_id FROM (SELECT unnest(a.m) EXCEPT SELECT unnest(b.m)) u (x) ORDER BY 1)::text
		OR (a.ids * b.ids)::text <> ARRAY(SELECT x::external_id FROM (SELECT unnest(a.m) INTERSECT SELECT unnest(b.m)) u (x) ORDER BY 1)::text;
SELECT ids AS "value model differs", v FROM r, (SELECT DISTINCT unnest(vals) FROM r) u (v) WHERE (ids @= v) IS DISTINCT FROM (v = ANY (vals));
SELECT (SELECT external_ids_agg(ids) FROM r)::text = ARRAY(SELECT DISTINCT x::external_id FROM r, unnest(m) x ORDER BY 1)::text AS t;
-- Order of lists: as arrays of the scalar's rows (label, value)
SELECT a.ids AS "order differs", b.ids FROM r a, r b
	WHERE (a.ids < b.ids) IS DISTINCT FROM
		(ARRAY(SELECT (coalesce(label, '') COLLATE "C", value COLLATE "C") FROM external_ids_each(a.ids)) <
		 ARRAY(SELECT (coalesce(label, '') COLLATE "C", value COLLATE "C") FROM external_ids_each(b.ids)));
-- NULL in, NULL out
SELECT num_nulls(NULL::external_id_set @> 'a', 'a'::external_id_set && NULL, 'a'::external_id_set + NULL, 'a'::external_id_set @= NULL,
	NULL::external_id_set -> 'a', cardinality(NULL::external_id_set), NULL::external_id_set = 'a') AS "7";
-- LEAKPROOF where true, IMMUTABLE and PARALLEL SAFE throughout
SELECT o.oprname, o.oprright::regtype, p.proleakproof, p.provolatile, p.proparallel
	FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode
	WHERE o.oprleft = 'external_id_set'::regtype ORDER BY o.oprname COLLATE "C";
