--
-- The types in a database whose encoding is not UTF8.
--
SET client_min_messages = warning;
SELECT current_database() AS home \gset
DROP DATABASE IF EXISTS external_ids_latin1;
CREATE DATABASE external_ids_latin1 ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C';
\c external_ids_latin1
SET client_encoding = 'UTF8';
CREATE EXTENSION external_ids;
CREATE FUNCTION try(typ text, lit text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text; s text; m text; d text; h text;
BEGIN
	EXECUTE format('SELECT ($1::%s)::text', typ) INTO result USING lit;
	RETURN coalesce(result, 'NULL');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS s = RETURNED_SQLSTATE, m = MESSAGE_TEXT,
		d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
	IF s = '22P05' THEN
		RETURN s; -- the words are the server's before 16
	END IF;
	RETURN concat_ws(E'\n', s || ' ' || m, nullif(d, ''), 'HINT ' || nullif(h, ''));
END $$;
CREATE TABLE lits (n serial, typ text, lit text);
INSERT INTO lits (typ, lit) VALUES ('external_id', 'é'), ('external_id', 'crmé:42ü'), ('external_id', repeat('é', 63) || ':' || repeat('ü', 1024)),
	('external_id', repeat('é', 64) || ':x'), ('external_id', repeat('ü', 1025)), ('external_id', ' é'), ('external_id', E'\u00A0é'), ('external_id', E'é\tü'),
	('external_id', '{"external_id": "\u00e9"}'), ('external_id', '{"external_id": "\u20ac"}'), ('external_id', '{"external_id": "\ud83d\ude00"}'),
	('external_id_set', '{é,ü:é,"a é"}'), ('external_id_set', '[{"external_id": "é", "label": "\u00fc"}]'), ('external_id_set', repeat('é', 1048576)),
	('external_id_set', '{é,é'), ('external_id_set', '{"é');
SELECT n, typ, left(lit, 30) AS lit, CASE WHEN length(lit) > 1000 THEN left(try(typ, lit), 200) ELSE try(typ, lit) END AS result FROM lits ORDER BY n;
-- Output reads back; the wire form is in the client's encoding.
CREATE TABLE every AS SELECT external_ids_agg(external_id(CASE WHEN i % 2 = 0 THEN chr(c) END, chr(c) || i)) AS ids FROM generate_series(161, 255) c, generate_series(1, 5) i GROUP BY c % 20;
SELECT count(*), count(*) FILTER (WHERE ids::text::external_id_set = ids AND ids::jsonb::external_id_set = ids AND external_id_set(VARIADIC ids::text::external_id[]) = ids) AS same FROM every;
SELECT external_id_send('é'::external_id);
SET client_encoding = 'LATIN1';
SELECT external_id_send(external_id(NULL, chr(233)));
SET client_encoding = 'UTF8';
-- Bytes decide the order, whatever the encoding.
SELECT array_agg(id ORDER BY id) FROM unnest('{z,é,a,ü}'::external_id_set) id;
\c :home
DROP DATABASE external_ids_latin1;
