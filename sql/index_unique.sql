--
-- unique_members: each member of a set is unique within the scope
--
SET client_min_messages = warning;
CREATE ROLE regress_index_unique;
CREATE SCHEMA index_unique AUTHORIZATION regress_index_unique;
SET ROLE regress_index_unique;
SET search_path = index_unique, public;

-- the operator classes are valid
SELECT bool_and(amvalidate(c.oid)) AS t, count(*) AS "12"
FROM pg_opclass c JOIN pg_am a ON a.oid = c.opcmethod WHERE a.amname = 'unique_members';

-- Runs a statement; what it raises, as SQLSTATE, constraint and DETAIL.
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	name text;
	detail text;
BEGIN
	EXECUTE statement;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS name = CONSTRAINT_NAME, detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' ', SQLSTATE, nullif(name, ''), coalesce(nullif(left(detail, 120), ''), SQLERRM));
END $$;

--
-- Every way to write a row, label and value together unique (default class)
--
CREATE TABLE accounts (id int PRIMARY KEY, external_ids external_id_set, org_id int);
CREATE INDEX accounts_external_ids_key ON accounts USING unique_members (external_ids, org_id);
INSERT INTO accounts VALUES (1, '{crm:42,zen:7}', 1), (2, '{crm:43}', 1);

-- the server's own report: error and DETAIL
INSERT INTO accounts VALUES (3, '{abc:1,crm:42}', 1);
-- the fields of the error
DO $$
DECLARE s text; t text; c text; d text;
BEGIN
	INSERT INTO accounts VALUES (3, 'crm:42', 1);
EXCEPTION WHEN unique_violation THEN
	GET STACKED DIAGNOSTICS s = SCHEMA_NAME, t = TABLE_NAME, c = CONSTRAINT_NAME, d = PG_EXCEPTION_DETAIL;
	RAISE WARNING 'schema % table % constraint % detail %', s, t, c, d;
END $$;

SELECT * FROM (VALUES
	('another label is free',	'ok',		outcome($$INSERT INTO accounts VALUES (10, '{stripe:42}', 1)$$)),
	('no label is free',		'ok',		outcome($$INSERT INTO accounts VALUES (11, '{42}', 1)$$)),
	('and held then',			'23505',	outcome($$INSERT INTO accounts VALUES (12, '{42}', 1)$$)),
	('another scope is free',	'ok',		outcome($$INSERT INTO accounts VALUES (13, '{crm:42}', 2)$$)),
	('any one of several',		'23505',	outcome($$INSERT INTO accounts VALUES (14, '{a:1,b:2,zen:7,zz:9}', 1)$$)),
	('nothing is left of it',	'ok',		outcome($$INSERT INTO accounts VALUES (14, '{a:1,b:2,zz:9}', 1)$$)),
	('UPDATE of the set',		'23505',	outcome($$UPDATE accounts SET external_ids = external_ids + 'crm:42' WHERE id = 2$$)),
	('UPDATE of the scope',		'23505',	outcome($$UPDATE accounts SET org_id = 2 WHERE id = 1$$)),
	('UPDATE to itself',		'ok',		outcome($$UPDATE accounts SET external_ids = external_ids + 'crm:44' WHERE id = 2$$)),
	('UPDATE of another column','ok',		outcome($$UPDATE accounts SET id = 20 WHERE id = 2$$)),
	('what UPDATE took away',	'ok',		outcome($$UPDATE accounts SET external_ids = external_ids - 'zen:7' WHERE id = 1$$)),
	('is free',					'ok',		outcome($$INSERT INTO accounts VALUES (15, '{zen:7}', 1)$$)),
	('what DELETE took away',	'ok',		outcome($$DELETE FROM accounts WHERE id = 15$$)),
	('is free',					'ok',		outcome($$INSERT INTO accounts VALUES (16, '{zen:7}', 1)$$)),
	('two rows, one statement',	'23505',	outcome($$INSERT INTO accounts VALUES (17, '{n:1}', 1), (18, '{m:1,n:1}', 1)$$)),
	('UPDATE of all rows',		'23505',	outcome($$UPDATE accounts SET external_ids = 'x:1', org_id = 1$$)),
	('INSERT ... SELECT',		'23505',	outcome($$INSERT INTO accounts SELECT id + 100, external_ids, 2 FROM accounts WHERE id IN (1, 13)$$)),
	('MERGE, insert',			'23505',	outcome($$MERGE INTO accounts a USING (VALUES (30, 'crm:42'::external_id_set)) v (id, ids) ON a.id = v.id
												WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.ids, 1)$$)),
	('MERGE, update',			'23505',	outcome($$MERGE INTO accounts a USING (VALUES (20, 'crm:42'::external_id_set)) v (id, ids) ON a.id = v.id
												WHEN MATCHED THEN UPDATE SET external_ids = v.ids$$)),
	('MERGE that fits',			'ok',		outcome($$MERGE INTO accounts a USING (VALUES (20, 'crm:45'::external_id_set)) v (id, ids) ON a.id = v.id
												WHEN MATCHED THEN UPDATE SET external_ids = a.external_ids + v.ids$$)),
	('ON CONFLICT of another key', '23505',	outcome($$INSERT INTO accounts VALUES (40, 'crm:42', 1) ON CONFLICT (id) DO NOTHING$$)),
	('ON CONFLICT that merges',	'ok',		outcome($$INSERT INTO accounts VALUES (1, 'n:9', 1) ON CONFLICT (id)
												DO UPDATE SET external_ids = accounts.external_ids + excluded.external_ids$$))
) v (what, expected, result);
SELECT id, external_ids, org_id FROM accounts ORDER BY id;

-- COPY
COPY accounts FROM STDIN;
50	{copy:1,copy:2}	1
51	{copy:2,copy:3}	1
\.
COPY accounts (id, external_ids, org_id) FROM STDIN (FORMAT csv);
50,"{copy:1,copy:2}",1
51,"[{""external_id"": ""3"", ""label"": ""copy""}]",1
\.
SELECT count(*) AS "2" FROM accounts WHERE external_ids && '{copy:1,copy:3}';

-- a trigger that adds a member
CREATE FUNCTION add_number() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.ids := coalesce(NEW.ids, '{}') + external_id('no', (NEW.id / 10)::text);
	RETURN NEW;
END $$;
CREATE TABLE triggered (id int, ids external_id_set);
CREATE INDEX triggered_key ON triggered USING unique_members (ids);
CREATE TRIGGER add_number BEFORE INSERT OR UPDATE ON triggered FOR EACH ROW EXECUTE FUNCTION add_number();
SELECT outcome('INSERT INTO triggered VALUES (10, NULL)') AS ok,
	outcome('INSERT INTO triggered VALUES (19, NULL)') AS "23505",
	outcome('INSERT INTO triggered VALUES (20, NULL)') AS ok,
	outcome('UPDATE triggered SET id = 11 WHERE id = 20') AS "23505";

-- an AFTER trigger that writes to another such table, with an error caught inside
CREATE TABLE mirror (ids external_id_set);
CREATE INDEX mirror_key ON mirror USING unique_members (ids);
CREATE FUNCTION mirror() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO mirror VALUES (NEW.ids - 'a:1');
	BEGIN
		INSERT INTO mirror VALUES (NEW.ids);
	EXCEPTION WHEN unique_violation THEN
		INSERT INTO mirror VALUES ('{}');
	END;
	RETURN NULL;
END $$;
CREATE TABLE mirrored (ids external_id_set);
CREATE INDEX mirrored_key ON mirrored USING unique_members (ids);
CREATE TRIGGER mirror AFTER INSERT ON mirrored FOR EACH ROW EXECUTE FUNCTION mirror();
SELECT outcome($$INSERT INTO mirrored VALUES ('{a:1,b:1}'), ('{b:2,b:3}')$$) AS ok,
	outcome($$INSERT INTO mirrored VALUES ('{b:3}')$$) AS "23505 mirrored_key";
SELECT ids, count(*) FROM mirror GROUP BY ids ORDER BY ids;

-- savepoints
BEGIN;
INSERT INTO accounts VALUES (60, '{s:1}', 1);
SAVEPOINT s;
INSERT INTO accounts VALUES (61, '{s:2}', 1);
INSERT INTO accounts VALUES (62, '{s:0,s:1}', 1);
ROLLBACK TO s;
INSERT INTO accounts VALUES (63, '{s:0,s:2}', 1);
COMMIT;
SELECT array_agg(id ORDER BY id) AS "{60,63}" FROM accounts WHERE external_ids && '{s:0,s:1,s:2}';

--
-- The value alone unique, whatever its label
--
CREATE TABLE by_value (id int, ids external_id_set, org int);
CREATE INDEX by_value_key ON by_value USING unique_members (ids external_id_set_value_ops, org);
SELECT * FROM (VALUES
	('two labels of one value do not collide with themselves', 'ok',
		outcome($$INSERT INTO by_value VALUES (1, '{42,a:42,b:42,c:7}', 1)$$)),
	('another label of it',	'23505',	outcome($$INSERT INTO by_value VALUES (2, '{d:42}', 1)$$)),
	('no label',			'23505',	outcome($$INSERT INTO by_value VALUES (2, '{7}', 1)$$)),
	('other values',		'ok',		outcome($$INSERT INTO by_value VALUES (2, '{a:4,a:421}', 1)$$)),
	('another scope',		'ok',		outcome($$INSERT INTO by_value VALUES (3, '{d:42}', 2)$$)),
	('UPDATE',				'23505',	outcome($$UPDATE by_value SET ids = ids + 'z:7' WHERE id = 2$$)),
	('UPDATE to itself',	'ok',		outcome($$UPDATE by_value SET ids = ids + 'y:7' WHERE id = 1$$)),
	('build finds none',	'ok',		outcome('REINDEX INDEX by_value_key')),
	('a build by value on label-unique rows', '23505', outcome('CREATE INDEX f ON accounts USING unique_members (external_ids external_id_set_value_ops, org_id)'))
) v (what, expected, result);

--
-- NULL and empty sets conflict with nothing; a NULL in the scope is equal to none
--
CREATE TABLE nothing (id serial, ids external_id_set, org int, k int);
CREATE INDEX nothing_key ON nothing USING unique_members (ids, org, k);
CREATE INDEX nothing_value_key ON nothing USING unique_members (ids external_id_set_value_ops, org, k);
INSERT INTO nothing (ids, org, k) SELECT s, o, o FROM generate_series(1, 3),
	(VALUES (NULL::external_id_set), ('{}')) a (s), (VALUES (1), (NULL)) b (o);
INSERT INTO nothing (ids, org, k) VALUES ('{a:1}', NULL, 1), ('{a:1}', NULL, 1), ('{a:1}', 1, NULL), ('{a:1}', 1, NULL), ('{a:1}', 1, 1);
SELECT outcome($$INSERT INTO nothing (ids, org, k) VALUES ('{a:1}', 1, 1)$$) AS "23505",
	outcome('REINDEX TABLE nothing') AS ok,
	outcome('CREATE INDEX nothing_key2 ON nothing USING unique_members (ids)') AS "23505";
SELECT count(*) AS "17" FROM nothing;
UPDATE nothing SET ids = '{}' WHERE ids IS NULL;
SELECT count(*) AS "12" FROM nothing WHERE ids = '{}';
CREATE TABLE empty_only AS SELECT '{}'::external_id_set AS ids FROM generate_series(1, 5);
CREATE INDEX ON empty_only USING unique_members (ids);
CREATE INDEX ON empty_only USING unique_members (ids external_id_set_value_ops);

--
-- Build on duplicates
--
CREATE TABLE duplicates (ids external_id_set, org int);
INSERT INTO duplicates SELECT external_id_set(external_id('a', g), external_id('b', g)), g % 7 FROM generate_series(1, 500) g;
INSERT INTO duplicates VALUES ('{c:1,b:300}', 300 % 7), ('{b:300}', 300 % 7 + 1);
CREATE INDEX duplicates_key ON duplicates USING unique_members (ids, org);
CREATE INDEX duplicates_key ON duplicates USING unique_members (ids external_id_set_value_ops, org);
DELETE FROM duplicates WHERE ids @> 'c:1';
CREATE INDEX duplicates_key ON duplicates USING unique_members (ids, org);

--
-- Sizes: the longest member and label, many members on one row
--
CREATE TABLE sizes (id int, ids external_id_set, org uuid);
CREATE INDEX sizes_key ON sizes USING unique_members (ids, org);
CREATE INDEX sizes_value_key ON sizes USING unique_members (ids external_id_set_value_ops, org);
INSERT INTO sizes SELECT g, external_id_set(
		external_id(repeat('l', 63), repeat('v', 1020) || lpad(g::text, 4, '0')),
		external_id(NULL, lpad(g::text, 1024, 'w'))), '00000000-0000-0000-0000-000000000001'
	FROM generate_series(1, 60) g;
SELECT outcome($$INSERT INTO sizes SELECT 0, external_id(repeat('l', 63), repeat('v', 1020) || '0060'), '00000000-0000-0000-0000-000000000001'$$) ~ '^23505 sizes_key' AS t,
	outcome($$INSERT INTO sizes SELECT 0, external_id(repeat('l', 62), repeat('v', 1020) || '0060'), '00000000-0000-0000-0000-000000000001'$$) ~ '^23505 sizes_value_key' AS t,
	outcome($$INSERT INTO sizes SELECT 0, external_id(NULL, repeat('v', 1020) || '0061'), '00000000-0000-0000-0000-000000000001'$$) AS ok;
INSERT INTO sizes SELECT 1000, external_ids_agg(external_id('m', g)), '00000000-0000-0000-0000-000000000001' FROM generate_series(1, 10000) g;
SELECT outcome($$INSERT INTO sizes VALUES (0, 'm:9999', '00000000-0000-0000-0000-000000000001')$$) AS "23505 sizes_key",
	outcome($$INSERT INTO sizes SELECT 0, external_ids_agg(external_id('m', g)), '00000000-0000-0000-0000-000000000001' FROM generate_series(10000, 20000) g$$) AS "23505 sizes_key",
	outcome($$INSERT INTO sizes SELECT 1001, external_ids_agg(external_id('m', g)), '00000000-0000-0000-0000-000000000001' FROM generate_series(10001, 20000) g$$) AS ok,
	outcome('REINDEX TABLE sizes') AS ok;

-- a member and scope that fill more than a third of a page are refused whole
CREATE TABLE large (ids external_id_set, scope text);
CREATE INDEX large_key ON large USING unique_members (ids, scope);
SELECT left(outcome($$INSERT INTO large SELECT '{a:1,b:2}', string_agg(md5(g::text), '') FROM generate_series(1, 2000) g$$), 5) AS "54000", (SELECT count(*) FROM large) AS "0",
	left(outcome($$INSERT INTO large SELECT 'a:1', repeat('x', 5000)$$), 5) AS ok, left(outcome($$INSERT INTO large SELECT 'a:1', repeat('x', 5000)$$), 5) AS "23505";

--
-- Every scope type: equal refused, different accepted, after insert and after build
--
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN tenant AS int CHECK (VALUE > 0);
CREATE TABLE scope_type (type text, a text, b text);
INSERT INTO scope_type VALUES ('int2', '-1', '2'), ('int4', '-1', '2'), ('int8', '-1', '9000000000'), ('bool', 't', 'f'), ('oid', '1', '4000000000'),
	('uuid', '11111111-1111-1111-1111-111111111111', '11111111-1111-1111-1111-111111111112'), ('mood', 'sad', 'happy'), ('bytea', '\x00', '\x0000'),
	('text', 'x', 'x '), ('varchar(9)', 'x', 'x '), ('char(9)', 'x', 'X'), ('text COLLATE "C"', 'x', 'X'), ('tenant', '1', '2');
CREATE FUNCTION scope_type(type text, a text, b text) RETURNS TABLE (free text, held text, build text, moved text, hits int) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE typed (ids external_id_set, s %s)', type);
	CREATE INDEX typed_key ON typed USING unique_members (ids, s);
	EXECUTE format($q$INSERT INTO typed VALUES ('{a:1,b:2}', %L)$q$, a);
	free := outcome(format($q$INSERT INTO typed VALUES ('{a:1}', %L)$q$, b));
	held := left(outcome(format($q$INSERT INTO typed VALUES ('{b:2}', %L)$q$, a)), 5);
	REINDEX TABLE typed;
	build := left(outcome(format($q$INSERT INTO typed VALUES ('{b:2,c:3}', %L)$q$, a)), 5);
	moved := left(outcome(format('UPDATE typed SET s = %L', a)), 5);
	SET LOCAL enable_seqscan = off;
	EXECUTE format($q$SELECT count(*) FROM typed WHERE ids @> 'a:1' AND s = %L$q$, a) INTO hits;
	DROP TABLE typed;
	RETURN NEXT;
END $$;
SELECT s.type, t.free AS ok, t.held AS "23505", t.build AS "23505", t.moved AS "23505", t.hits AS "1"
FROM scope_type s, scope_type(s.type, s.a, s.b) t;
-- char(n) ignores trailing blanks
CREATE TABLE padded (ids external_id_set, s char(9));
CREATE INDEX padded_key ON padded USING unique_members (ids, s);
INSERT INTO padded VALUES ('a:1', 'x');
SELECT outcome($$INSERT INTO padded VALUES ('a:1', 'x   ')$$) AS "23505";
-- several scope columns of different types
CREATE TABLE several (ids external_id_set, a int8, b text, c mood, d uuid);
CREATE INDEX several_key ON several USING unique_members (ids, a, b, c, d);
INSERT INTO several VALUES ('a:1', 1, 'x', 'sad', '11111111-1111-1111-1111-111111111111');
SELECT outcome($$INSERT INTO several VALUES ('{0:0,a:1}', 1, 'x', 'sad', '11111111-1111-1111-1111-111111111111')$$) AS "23505",
	outcome($$INSERT INTO several VALUES ('{0:0,a:1}', 1, 'x', 'ok', '11111111-1111-1111-1111-111111111111')$$) AS ok;

--
-- Other columns that hold members: a single external_id, a domain, an expression
--
CREATE DOMAIN account_ids AS external_id_set CHECK (cardinality(VALUE) < 3);
CREATE TABLE others (one external_id, many account_ids, label text, value text);
CREATE INDEX others_one ON others USING unique_members (one);
CREATE INDEX others_many ON others USING unique_members (many);
CREATE INDEX others_expression ON others USING unique_members ((external_id(label, value)), label);
INSERT INTO others VALUES ('a:1', '{a:1,b:1}', 'a', '1');
SELECT outcome($$INSERT INTO others VALUES ('a:1', '{a:2}', 'a', '2')$$) AS "23505 others_one",
	outcome($$INSERT INTO others VALUES ('a:2', '{b:1}', 'a', '2')$$) AS "23505 others_many",
	outcome($$INSERT INTO others VALUES ('a:2', '{b:2}', 'a', '1')$$) AS "23505 others_expression",
	outcome($$INSERT INTO others VALUES ('a:2', '{b:2}', 'a', '2')$$) AS ok,
	outcome($$INSERT INTO others VALUES (NULL, '{b:3}', 'a', NULL)$$) AS ok;

--
-- A key is not shown to who may not read it
--
CREATE TABLE secret (ids external_id_set, note text);
CREATE INDEX secret_key ON secret USING unique_members (ids);
INSERT INTO secret VALUES ('a:1');
RESET ROLE;
CREATE ROLE regress_index_writer;
GRANT USAGE ON SCHEMA index_unique TO regress_index_writer;
GRANT INSERT ON index_unique.secret TO regress_index_writer;
SET ROLE regress_index_writer;
INSERT INTO secret VALUES ('{a:1,b:1}');
RESET ROLE;

DROP SCHEMA index_unique CASCADE;
DROP ROLE regress_index_unique;
DROP ROLE regress_index_writer;
