--
-- Soft errors of the types' text, as from 16 on pg_input_is_valid and the like ask for
--
-- That what is legal is legal, and the whole of each message, is in types.
CREATE TEMP TABLE texts (n serial, typ text, lit text);
INSERT INTO texts (typ, lit) VALUES
	('external_id', 'crm:1'), ('external_id', '{"external_id": "1"}'),
	('external_id', ''), ('external_id', '[a]'), ('external_id', ' a'), ('external_id', 'crm:'),
	('external_id', repeat('l', 64) || ':v'), ('external_id', repeat('v', 1025)),
	('external_id', '{"external_id": 1}'), ('external_id', '{"external_id": "1"'), ('external_id', '{"label": "a"}'),
	('external_id', '{"external_id": "\ud800"}'), ('external_id', '{"external_id": "a", "external_id": "b"}'),
	('external_id_set', '{crm:1,"crm:a b"}'), ('external_id_set', '[]'), ('external_id_set', 'crm:1'),
	('external_id_set', ''), ('external_id_set', '(a,b)'), ('external_id_set', 'a '),
	('external_id_set', '{'), ('external_id_set', '{"a'), ('external_id_set', '{"a"b}'), ('external_id_set', '{a"b}'),
	('external_id_set', '{a{b}'), ('external_id_set', '{a\'), ('external_id_set', '{a,}'), ('external_id_set', '{a,b'),
	('external_id_set', '{a}b'), ('external_id_set', '{NULL}'), ('external_id_set', '{"a",l:}'),
	('external_id_set', '[1'), ('external_id_set', '[1]'), ('external_id_set', '[null]'), ('external_id_set', '[{"external_id": "a"}, {"external_id": " b"}]'),
	('external_id_set', '[{"external_id": "1", "id": 2}]'), ('external_id_set', '[["a"]]'), ('external_id_set', '[] x');
SELECT n, typ, left(lit, 40) AS lit, pg_input_is_valid(lit, typ) AS valid, sql_error_code AS code, message, detail
	FROM texts, pg_input_error_info(lit, typ) ORDER BY n;
-- in a domain and in an array
CREATE DOMAIN pg_temp.crm AS external_id_set CHECK (VALUE @> 'crm:1');
SELECT lit, pg_input_is_valid(lit, 'pg_temp.crm') AS valid FROM unnest('{crm:1,crm:2,crm:}'::text[]) AS lit;
SELECT message FROM pg_input_error_info('{a,"{b"}', 'external_id_set[]');
