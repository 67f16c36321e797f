--
-- Sizes: large sets, huge garbage, deep JSON; and a schema whose names are taken.
--
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.try(typ text, lit text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE s text; m text; d text; h text;
BEGIN
	EXECUTE format('SELECT pg_column_size($1::%s)', typ) INTO s USING lit;
	RETURN s || ' bytes';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS s = RETURNED_SQLSTATE, m = MESSAGE_TEXT,
		d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n', s || ' ' || m, nullif(d, ''), 'HINT ' || nullif(h, ''));
END $$;
-- 1 MB of garbage: a short message, cut at a character
SELECT n, typ, pg_temp.try(typ, lit) FROM (VALUES (1, repeat('x', 1048576)), (2, repeat('é', 524288)), (3, 'x' || repeat('é', 524288)),
	(4, repeat(':', 1048576)), (5, repeat('{', 1048576)), (6, repeat('[', 1048576)), (7, '{' || repeat('x', 1048576) || '}'),
	(8, '{"' || repeat('x', 1048576)), (9, '[' || repeat('x', 1048576)), (10, '[{"external_id": "' || repeat('😀', 262144) || '"}]'),
	(11, '{"external_id": "' || repeat('\u00e9', 180000) || '"}'), (12, '{"' || repeat('é', 524288) || '": 1}'),
	(13, repeat(' ', 1048576)), (14, repeat('\', 1048576)), (15, '[{"external_id":' || repeat('{"a":', 200000)),
	(16, '{"external_id": "42", "label": ' || repeat('[', 1000000) || repeat(']', 1000000) || '}'), (17, '{a' || repeat(',', 1048576) || '}'),
	(18, '[' || repeat('{"external_id": "a"},', 50000) || '{"external_id": 1}]')) v (n, lit),
	(VALUES ('external_id'), ('external_id_set')) t (typ) ORDER BY n, typ;
SELECT max(length(pg_temp.try('external_id_set', repeat(chr(c), 1048576)))) < 400 AS t FROM generate_series(33, 126) c;
-- 100,000 members, in no order, with duplicates
CREATE TEMP TABLE big AS SELECT '{' || string_agg(format('l%s:%s', i % 4, (i::bigint * 7919) % 100000), ',') || '}' AS lit FROM generate_series(0, 199999) i;
SELECT cardinality(lit::external_id_set) FROM big;
CREATE TEMP TABLE bigset AS SELECT lit::external_id_set AS ids FROM big;
SELECT cardinality(ids), external_ids_labels(ids), cardinality(external_ids_under(ids, 'l3')), ids @> 'l3:99997' AS t FROM bigset;
SELECT ids::text::external_id_set = ids AND ids::jsonb::external_id_set = ids AND ids + ids = ids AND ids - ids = '{}'
	AND ids * ids = ids AND ids @> ids AND ids && ids AND ids &= (ids - 'l1:1') FROM bigset;
SELECT external_ids_agg(id) = (SELECT ids FROM bigset) FROM (SELECT unnest(ids) FROM bigset) u (id);
SELECT cardinality(external_ids_agg(external_id('x', i % 1000))) FROM generate_series(1, 300000) i;
SELECT cardinality(external_ids_agg(external_id('x', i))) FROM generate_series(1, 100000) i;
SELECT cardinality(external_id_set(VARIADIC array_agg(external_id(NULL, i)))) FROM generate_series(1, 100000) i;
SELECT cardinality(ids::external_id_set) FROM (SELECT json_agg(json_build_object('external_id', i::text, 'label', 'crm'))
	FROM generate_series(1, 100000) i) s (ids);
SELECT count(*), count(DISTINCT label) FROM bigset, external_ids_each(ids);
-- Stored out of line and compressed, and back
CREATE TEMP TABLE toasted (n int, ids external_id_set);
INSERT INTO toasted SELECT 1, ids FROM bigset;
INSERT INTO toasted SELECT 2, external_ids_agg(external_id('l', repeat(i::text, 200))) FROM generate_series(100, 140) i;
SELECT n, cardinality(ids), ids = (SELECT ids FROM bigset) AS same, ids @> ids AND ids <@ ids AND ids::text::external_id_set = ids AS t FROM toasted ORDER BY n;
-- Member lengths around the short header's limit, at both ends
SELECT bool_and(one::text::external_id = one AND two::text::external_id_set = two AND two @> one AND cardinality(two) = 2
		AND two - 'a' = one AND two -> 'l' = ARRAY[external_id_value(one)]
		AND (SELECT array_agg(i) FROM unnest(two) i) = ARRAY['a', one]) AS t
	FROM (SELECT external_id('l', repeat('v', n)) AS one, external_id_set('a', external_id('l', repeat('v', n))) AS two FROM generate_series(1, 1024) n) s;
-- Names that are taken
CREATE SCHEMA taken;
CREATE TABLE taken.external_id (id int);
CREATE SCHEMA taken_too;
CREATE DOMAIN taken_too.external_id_set AS int;
CREATE SCHEMA free;
CREATE TABLE free.external_ids (id int, external_id text);
BEGIN;
DROP EXTENSION external_ids CASCADE;
SAVEPOINT s;
\set SHOW_CONTEXT never
CREATE EXTENSION external_ids SCHEMA taken;
\echo :LAST_ERROR_SQLSTATE
ROLLBACK TO s;
CREATE EXTENSION external_ids SCHEMA taken_too;
ROLLBACK TO s;
-- A side table of the usual name is in nobody's way; the extension can move.
CREATE EXTENSION external_ids SCHEMA free;
SELECT '{a,crm:42}'::free.external_id_set OPERATOR(free.@>) 'crm:42' AS t;
CREATE SCHEMA elsewhere;
ALTER EXTENSION external_ids SET SCHEMA elsewhere;
SELECT '{a,crm:42}'::elsewhere.external_id_set OPERATOR(elsewhere.->) 'crm' AS values;
ROLLBACK;
DROP SCHEMA taken, taken_too, free CASCADE;
