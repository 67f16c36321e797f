--
-- The types' text: what is legal, how it is written, and each rule's message.
--
SET client_min_messages = warning;
-- Every operator class keeps the rules of its access method.
SELECT amname, opcname FROM pg_opclass o JOIN pg_am a ON a.oid = o.opcmethod
	WHERE NOT amvalidate(o.oid);
-- The text of "lit" as "typ", or the error: SQLSTATE, message, DETAIL, HINT.
CREATE FUNCTION pg_temp.try(typ text, lit text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	result text; s text; m text; d text; h text;
BEGIN
	EXECUTE format('SELECT ($1::%s)::text', typ) INTO result USING lit;
	RETURN coalesce(result, 'NULL');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS s = RETURNED_SQLSTATE, m = MESSAGE_TEXT,
		d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n', s || ' ' || m, nullif(d, ''), 'HINT ' || nullif(h, ''));
END $$;
--
-- One ID: legal texts
--
CREATE TEMP TABLE legal_id (n serial, lit text);
INSERT INTO legal_id (lit) VALUES
	('42'), ('crm:42'), ('a'), ('a:b:c'), (':a'), (':a:b'), ('::'), (':::'),
	(':urn:uuid:9b2f'), ('crm::42'), ('crm:{'), ('crm:['), (':{'), (':['),
	(':[1]'), ('x{y}'), ('x[0]'), ('NULL'), ('null'), ('crm:NULL'), (':NULL'),
	('a b'), ('my label:a b'), ('a,b'), ('"'), ('\'), ('a"b'), ('a\b'), ('\"'),
	('''quoted'''), ('-'), ('0'), ('007'), ('salesforce:0015g00000XyZ'),
	('stripe:cus_9s6XKz'), ('mailto:a@b.example'), ('é'), ('ключ:значение'),
	('日本:東京'), ('crm:😀'), (E'crm:\u00A042'), (repeat('l', 63) || ':v'),
	('l:' || repeat('v', 1024)), (repeat('v', 1024)),
	(repeat('é', 31) || 'x:' || repeat('é', 512)),
	('{"external_id": "42", "label": "crm"}'), ('{"external_id":"42"}'),
	('{"label":null,"external_id":"42"}'), ('{"label":"","external_id":"42"}'),
	('  {"external_id": "a:b"}  '), ('{"external_id": "[x]"}'),
	('{"external_id": "{x}", "label": "crm"}'),
	('{"external_id": "\u0041\\t"}'), ('{"external_id": "\ud83d\ude00"}'),
	('{"external_id": "a\"b\\c\/d"}');
SELECT n, length(lit) AS len, left(lit, 40) AS lit,
		CASE WHEN length(lit) > 60 THEN 'same: ' || (pg_temp.try('external_id', lit) = lit)
			ELSE pg_temp.try('external_id', lit) END AS result
	FROM legal_id ORDER BY n;
--
-- One ID: each rule's message
--
CREATE TEMP TABLE bad_id (n serial, lit text);
INSERT INTO bad_id (lit) VALUES
	(''), (':'), ('crm:'), (' '), (' 42'), ('42 '), ('crm: 42'), ('crm :42'),
	(' crm:42'), (E'\t42'), (E'42\n'), (E'crm\r:42'), (E'a\tb'), (E'a\x7Fb'),
	(E'a\u0085b'), (E'l\u009F:b'), (E'a\x01'), ('[x'), (' [x'), ('[x]:y'),
	(repeat('l', 64) || ':v'), (repeat('é', 32) || ':v'), (repeat('v', 1025)),
	('crm:' || repeat('v', 1025)), (repeat('é', 513)),
	('{'), ('{}'), ('{"label": "crm"}'), ('{"external_id": 42}'),
	('{"external_id": -1.5e3}'), ('{"external_id": null}'),
	('{"external_id": true}'), ('{"external_id": ["42"]}'),
	('{"external_id": {"a": 1}}'), ('{"external_id": "42", "label": 7}'),
	('{"external_id": "42", "label": []}'), ('{"external_id": "42", "id": 1}'),
	('{"external_id": "42", "external_id": "43"}'),
	('{"external_id": "42", "label": "a", "label": "b"}'),
	('{"external_id": "", "label": "crm"}'), ('{"external_id": "42", "label": "a:b"}'),
	('{"external_id": "42", "label": "{x"}'), ('{"external_id": "42", "label": "[x"}'),
	('{"external_id": " 42"}'), ('{"external_id": "42", "label": "crm "}'),
	('{"external_id": "4\u0000 2"}'), ('{"external_id": "4\u0007"}'),
	('{"external_id": "4\n"}'), ('{"external_id": "4\nx"}'),
	('{"external_id": "42",}'), ('{"external_id": "42"'), ('{"external_id" "42"}'),
	('{external_id: "42"}'), ('{"external_id": "42"} x'), ('{"external_id": "42'),
	('{"external_id": "\x"}'), ('{"external_id": "\u12G4"}'),
	('{"external_id": "\ud83d"}'), ('{"external_id": "\ude00"}'),
	('{"external_id": "\ud83d\u0041"}'), (E'{"external_id": "a\tb"}'),
	('{"external_id": nul}'), ('{"external_id": "42\'), ('{"": "42"}'),
	('{"external_id": "42", "' || repeat('k', 200) || '": 1}'), ('{"a');
SELECT n, pg_temp.try('external_id', lit) AS error FROM bad_id ORDER BY n;
--
-- A set: legal texts
--
CREATE TEMP TABLE legal_set (n serial, lit text);
INSERT INTO legal_set (lit) VALUES
	('{}'), (' { } '), ('{a}'), ('crm:42'), ('a,b'), ('a b'), ('"a"'), ('NULL'),
	('{b,a}'), ('{a,a}'), ('{b,crm:1,a,crm:1,abc:9}'), ('{ a , b }'), (E'\t{a}\n'),
	('{"a b","c,d"}'), ('{a b, c  d }'), ('{"NULL",crm:null}'), ('{\null}'),
	('{"\"","\\"}'), ('{\",\\}'), ('{a\,b}'), ('{a\}b}'), ('{"}"}'), ('{":{",":["}'),
	('{":a:b",c:d}'), ('{"crm:42"}'), ('{"{\"external_id\": \"42\", \"label\": \"crm\"}"}'),
	('{"{\"external_id\":\"a\"}","{\"external_id\":\"b\",\"label\":null}"}'),
	('[]'), (' [ ] '), ('[{"external_id": "42", "label": "crm"}]'),
	('[{"external_id":"2"},{"external_id":"1"},{"external_id":"2","label":""}]'),
	(E'[\n{"label": "crm",\t"external_id": "\\u00e9"}\r\n]'), ('{ключ:значение,日本:東京,😀}'),
	('{''a''}'), (':a:b'), ('{"a","b"}'), ('{"a" , "b" }'), ('{x:a}'), ('{"a\b"}'),
	('{:[}'), ('{a[1]}'), ('{"{\"external_id\": \"a\"}",b}'), ('{(a)}'), ('(a):b'), (':(a)');
SELECT n, lit, pg_temp.try('external_id_set', lit) AS result
	FROM legal_set ORDER BY n;
--
-- A set: each rule's message
--
CREATE TEMP TABLE bad_set (n serial, lit text);
INSERT INTO bad_set (lit) VALUES
	(''), (' '), (E'\n'), ('{'), ('}'), ('{a'), ('{a,'), ('{a,}'), ('{,a}'), ('{a,,b}'),
	('{""}'), ('{"a"b}'), ('{a"b"}'), ('{"a'), ('{"a\'), ('{a\'), ('{a}b'), ('{a}{b}'),
	('{{a}}'), ('{a{b}'), ('{NULL}'), ('{a,null,b}'), ('{a,crm:}'), ('{a," b"}'),
	('{a,b\ }'), ('{"external_id": "42"}'), ('{a,"{\"external_id\": 42}"}'),
	('{a,"{\"external_id\""}'), ('{a,"[x]"}'), (' a'), ('a '), ('['), ('[1]'), ('["crm:42"]'),
	('[null]'), ('[[]]'), ('[{}]'), ('[{"external_id": "1"},]'), ('[{"external_id": "1"} {'),
	('[{"external_id": "1"}, {"external_id": 2}]'), ('[{"external_id": "1"}, {"external_id": "2", "label": "a:b"}]'),
	('[{"external_id": "1"}] x'), ('[1:1]={a}'), ('[{"external_id": "1"'), ('[nil]'), (E'{a,"b\nc"}'),
	('{"{","}"}'), ('{[}'), ('{"}'), ('{a,b,":"}'), ('{a, NULL }'), ('{\{"external_id": "42"\}}'),
	('(crm:1,crm:2)'), ('(a)'), ('()');
SELECT n, lit, pg_temp.try('external_id_set', lit) AS error FROM bad_set ORDER BY n;
--
-- Output reads back: as itself, as an array, as JSON, over all legal texts
--
CREATE TEMP TABLE every AS
	SELECT lit::external_id_set AS ids FROM legal_set
	UNION ALL SELECT lit::external_id FROM legal_id;
-- ... and over generated ones, of characters that mean something somewhere
CREATE FUNCTION pg_temp.word(seed int, len int, label bool) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(c[1 + abs(hashint4(seed * 64 + i)) % array_length(c, 1)], '' ORDER BY i)
	FROM generate_series(1, len) i, (SELECT CASE WHEN label
		THEN ARRAY['a', 'b', '"', '\', ',', '}', 'N', 'U', 'L', 'é', '😀', '''', '1']
		ELSE ARRAY['a', ':', '"', '\', ',', '{', '}', '[', ']', 'N', 'U', 'L', 'é', '😀', '''', '1'] END) AS s (c)
$$;
INSERT INTO every
	SELECT external_ids_agg(external_id(
			CASE WHEN i % 3 > 0 THEN pg_temp.word(i, 1 + i % 4, true) END,
			pg_temp.word(-i, 1 + i % 5 + CASE WHEN i % 50 = 0 THEN 200 ELSE 0 END, false)))
	FROM generate_series(1, 2000) i GROUP BY i % 400;
SELECT count(*) AS sets, sum(cardinality(ids)) > 1500 AS t FROM every;
SELECT ids AS "not as text" FROM every WHERE ids::text::external_id_set <> ids;
SELECT ids AS "not as array" FROM every
	WHERE external_id_set(VARIADIC ids::text::external_id[]) <> ids
		OR (SELECT array_agg(id) FROM unnest(ids) id)::text IS DISTINCT FROM nullif(ids::text, '{}');
SELECT ids AS "not as jsonb" FROM every WHERE ids::jsonb::external_id_set <> ids;
SELECT ids AS "not as json" FROM every WHERE ids::json::text::external_id_set <> ids;
SELECT ids AS "not as objects" FROM every
	WHERE (SELECT array_agg(id::jsonb) FROM unnest(ids) id)::text::external_id_set <> ids;
SELECT id AS "not as one" FROM every, unnest(ids) id
	WHERE id::text::external_id <> id OR id::jsonb::external_id <> id
		OR id::json::external_id <> id
		OR external_id(external_id_label(id), external_id_value(id)) <> id
		OR id::external_id_set <> id;
SELECT ids AS "bytes differ" FROM every
	WHERE external_id_set_send(ids) <> '\x01'::bytea || convert_to(ids::text, 'UTF8');
SELECT external_id_send('crm:42'), external_id_set_send('{a,crm:42}'), external_id_set_send('{}');
-- One set has one form.
SELECT s, pg_column_size(s) AS "14" FROM (VALUES ('{a,b,c}'::external_id_set), ('{c,b,a}'), ('{a,b,b}'::external_id_set + 'c')) v (s);
SELECT pg_column_size('{a}'::external_id_set) AS "6", pg_column_size('a'::external_id) AS "6", pg_column_size('{}'::external_id_set) AS "5";
-- Constructors keep the same rules.
SELECT external_id('crm', '42'), external_id(NULL, 'a:b'), external_id('', 7), external_id('n', -9223372036854775808),
	external_id('u', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid), external_id('crm', NULL::text) IS NULL AS t,
	external_id_set('b', 'a', 'b'), external_id_set('crm:42');
SELECT external_id('a:b', '1');
SELECT external_id('[a', '1');
SELECT external_id('a', '');
SELECT external_id('a', E'\n');
SELECT external_id_set('a', NULL, 'b');
SELECT external_id_set(VARIADIC '{}') AS empty, external_id_set(VARIADIC '[2:3]={a,b}'::external_id[]) AS two;
