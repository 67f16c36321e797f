--
-- JSON: casts both ways, rows, arrays of objects.
--
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.try(q text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text; s text; m text; d text; h text;
BEGIN
	EXECUTE q INTO result;
	RETURN coalesce(result, 'NULL');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS s = RETURNED_SQLSTATE, m = MESSAGE_TEXT,
		d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n', s || ' ' || m, nullif(d, ''), 'HINT ' || nullif(h, ''));
END $$;
SELECT 'crm:42'::external_id::json, '42'::external_id::jsonb, '{a,crm:42}'::external_id_set::json,
	'{}'::external_id_set::json, '{}'::external_id_set::jsonb;
SELECT E'{"l\\"x:a\\\\b"}'::external_id_set::json;
-- The same rules and messages for json and jsonb.
CREATE TEMP TABLE j (n serial, typ text, js text);
INSERT INTO j (typ, js) SELECT t.typ, v.js
	FROM (VALUES ('external_id'), ('external_id_set')) t (typ), (VALUES
	('null'), (' null '), ('"crm:42"'), ('42'), ('true'), ('[]'), ('{}'), ('[null]'),
	('{"external_id": "42"}'), ('{"external_id": "42", "label": null}'),
	('{"external_id": "42", "label": "crm"}'), ('{"external_id": 42}'),
	('[{"external_id": "42", "label": "crm"}]'), ('[{"external_id": 42}]'),
	('[{"external_id": "1"}, {"external_id": "2", "label": {}}]'),
	('[{"external_id": "1"}, {"id": "2"}]'), ('[[{"external_id": "1"}]]'),
	('{"external_id": "1", "label": "a:b"}'), ('[{"external_id": " 1"}]')) v (js);
SELECT n, typ, js, pg_temp.try(format('SELECT %L::json::%s', js, typ)) AS result,
		pg_temp.try(format('SELECT %L::json::%s', js, typ)) =
		pg_temp.try(format('SELECT %L::jsonb::%s', js, typ)) AS "jsonb too: t"
	FROM j ORDER BY n;
-- Rows
CREATE TEMP TABLE account (id int, external_ids external_id_set, main external_id);
INSERT INTO account VALUES (1, '{crm:42,b}', 'crm:42'), (2, '{}', NULL), (3, NULL, 'x');
SELECT to_jsonb(account) FROM account ORDER BY id;
SELECT row_to_json(account) FROM account ORDER BY id;
SELECT json_agg(external_ids ORDER BY id) FROM account;
SELECT jsonb_build_object('external_ids', external_ids) FROM account WHERE id = 1;
SELECT count(*) AS "3" FROM account a
	WHERE jsonb_populate_record(NULL::account, to_jsonb(a)) IS NOT DISTINCT FROM a
		AND json_populate_record(NULL::account, row_to_json(a)) IS NOT DISTINCT FROM a;
SELECT * FROM json_populate_record(NULL::account,
	'{"id": 7, "external_ids": [{"external_id": "42", "label": "crm"}], "main": {"external_id": "a:b"}}');
SELECT * FROM json_populate_record(NULL::account, '{"external_ids": null, "main": "crm:42"}');
SELECT * FROM json_populate_record(NULL::account, '{"external_ids": "{crm:42,b}"}');
SELECT pg_temp.try($$SELECT json_populate_record(NULL::account, '{"external_ids": [{"external_id": 42}]}')$$);
SELECT * FROM jsonb_to_recordset('[{"i": [{"external_id": "1"}]}, {"i": []}]') AS x (i external_id_set);
-- What array codecs send
SELECT ARRAY['{"external_id": "42", "label": "crm"}', '{"external_id": "b,c"}']::text::external_id_set;
SELECT ARRAY['{"external_id": "42", "label": "crm"}', '{"external_id": "b,c"}']::external_id[];
SELECT array_agg(o)::text::external_id_set
	FROM jsonb_array_elements('[{"label": "x", "external_id": "1"}, {"label": null, "external_id": "a b"}]') o;
-- Assignment casts: typed parameters reach a column, and nothing more happens by itself.
PREPARE p_text (text, varchar) AS INSERT INTO account VALUES (4, $1, $2);
PREPARE p_json (json, jsonb) AS INSERT INTO account VALUES (5, $1, $2);
PREPARE p_null (jsonb) AS INSERT INTO account VALUES (6, $1);
EXECUTE p_text ('{x:1,x:2}', 'x:1');
EXECUTE p_json ('[{"external_id": "5"}]', '{"external_id": "5"}');
EXECUTE p_null ('null');
SELECT * FROM account WHERE id > 3 ORDER BY id;
SELECT castsource::regtype, casttarget::regtype, castcontext, castmethod, provolatile
	FROM pg_cast LEFT JOIN pg_proc p ON p.oid = castfunc
	WHERE castsource::regtype::text LIKE 'external_id%' OR casttarget::regtype::text LIKE 'external_id%'
	ORDER BY castsource::regtype::text, casttarget::regtype::text;
SELECT pg_typeof('[1]'::jsonb || '[2]'), '{"a": 1}'::jsonb @> '{}' AS t;
