--
-- What somebody without rights can find out or make others do. Also in suites of
-- their own: the meaning of the row functions' statements (rows_attacks), the rights
-- that links and the checker run with (rows_link, index_check), wire forms (binary.pl).
--
SET client_min_messages = warning;
CREATE ROLE regress_attacks_owner;
CREATE ROLE regress_attacks_nobody;
CREATE ROLE regress_attacks_tenant;
CREATE SCHEMA attacks;
GRANT ALL ON SCHEMA attacks TO regress_attacks_owner, regress_attacks_nobody;
GRANT USAGE ON SCHEMA attacks TO regress_attacks_tenant;
SET search_path = attacks, public;

SET ROLE regress_attacks_owner;
CREATE TABLE accounts (id int PRIMARY KEY, org int NOT NULL, ids external_id_set NOT NULL);
CREATE INDEX accounts_ids ON accounts USING unique_members (ids, org);
CREATE TABLE side (account_id int, id external_id);
CREATE TABLE contacts (id int PRIMARY KEY, org int NOT NULL, account_external_id external_id, account_id int);
INSERT INTO accounts VALUES (1, 1, 'crm:1'), (2, 1, 'crm:2'), (3, 2, 'crm:3');
RESET ROLE;

-- What a statement says to a role: its error, or how often it gives true.
CREATE FUNCTION said(who regrole, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE s text; m text; d text; h text; c text; n bigint;
BEGIN
	EXECUTE format('SET LOCAL ROLE %s', who);
	EXECUTE statement INTO s;
	RESET ROLE;
	RETURN coalesce(s, 'nothing');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS s = RETURNED_SQLSTATE, m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n', s || ' ' || m, nullif(d, ''), nullif(h, ''));
END $$;
GRANT EXECUTE ON FUNCTION said TO PUBLIC;

--
-- A role without rights on a table learns nothing from any function that names it:
-- the same for an external ID that is held and for one that is not.
--
CREATE TABLE calls (n int GENERATED ALWAYS AS IDENTITY, call text);
INSERT INTO calls (call) VALUES
	($$external_ids_resolve(NULL::accounts, '%s', '{"org": 1}')$$),
	($$external_ids_resolve_value(NULL::accounts, split_part('%s', ':', 2), '{"org": 1}')$$),
	($$external_ids_resolve_many(NULL::accounts, '{%s}', '{"org": 1}')$$),
	($$external_ids_find(NULL::accounts, '%s', '{"org": 1}')$$),
	($$external_ids_set('accounts', 2, '%s')$$),
	($$external_ids_add('accounts', 2, '%s')$$),
	($$external_ids_remove('accounts', 1, '%s')$$),
	($$external_ids_upsert(NULL::accounts, '%s', '{"org": 1}')$$),
	($$external_ids_upsert_many(NULL::accounts, '[{"org": 1, "ids": "%s"}]')$$),
	($$external_ids_upsert_many(NULL::accounts, '[{"org": 1, "ids": "%s"}]', on_error => 'report')$$),
	($$external_ids_merge('accounts', 1, 2, scope => '{"org": 1}')$$),
	($$external_ids_merge('accounts', 1, 2, scope => '{"org": 1}', dry_run => true)$$),
	($$external_ids_link('contacts', 'account_external_id', 'account_id', 'accounts')$$),
	($$external_ids_unlink('contacts', 'account_id')$$),
	($$external_ids_duplicates('accounts', 'ids', '{org}')$$),
	($$external_ids_check('accounts_ids')$$),
	($$external_ids_mirror('accounts', 'side', '{account_id}', 'id')$$),
	($$external_ids_unmirror('accounts', 'side')$$);
SELECT n, split_part(call, '(', 1) AS function, held, held = missing AS "the same"
FROM calls, said('regress_attacks_nobody', 'SELECT true FROM ' || format(call, 'crm:1')) AS held,
	said('regress_attacks_nobody', 'SELECT true FROM ' || format(call, 'crm:9')) AS missing
ORDER BY n;
SET ROLE regress_attacks_nobody;
CALL external_ids_backfill('accounts', $$'crm:' || id$$);
RESET ROLE;
-- all functions that name a table are above
SELECT p.proname FROM pg_depend AS d JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'external_ids') AND d.deptype = 'e'
	AND p.proargtypes[0] IN ('regclass'::regtype, 'anyelement'::regtype) AND p.proname <> 'external_ids_backfill'
	AND NOT EXISTS (SELECT FROM calls WHERE call LIKE p.proname || '(%') ORDER BY 1;

--
-- Nobody can crash or confuse a function of the extension by what it is not made
-- for. Of all that SQL can call: NULL for everything, and an odd value for everything.
--
CREATE TABLE odd (type regtype PRIMARY KEY, value text);
INSERT INTO odd VALUES ('anyelement', '17::int'), ('regclass', '2147483647::regclass'), ('name', $$repeat('"', 63)::name$$),
	('json', $$'[{}]'::json$$), ('jsonb', $$'[{}]'::jsonb$$), ('text', $$E'\u20ac"''{%s}'$$), ('boolean', 'true'), ('integer', '(-2147483648)::int'),
	('bigint', '(-2147483648)::bigint'), ('external_id', $$':{x'::external_id$$), ('external_id_set', $$'{":{x",a}'::external_id_set$$),
	('uuid', $$'00000000-0000-0000-0000-000000000000'::uuid$$), ('anycompatible', '17::int'), ('interval', $$'-1 s'::interval$$), ('external_id[]', $$'{NULL,a}'::external_id[]$$), ('text[]', $$'{NULL,a}'::text[]$$), ('name[]', $$'{NULL,a}'::name[]$$);
CREATE TABLE answers AS
SELECT p.oid::regprocedure AS function, made.how,
	said('regress_attacks_nobody', format(CASE WHEN p.prokind = 'p' THEN 'CALL %s(%s)' ELSE 'SELECT true FROM %s(%s)' END, p.oid::regproc, made.arguments)) AS answer
FROM pg_depend AS d JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid,
	LATERAL (SELECT how, string_agg(CASE WHEN p.provariadic <> 0 AND n = p.pronargs THEN 'VARIADIC ' ELSE '' END ||
				CASE how WHEN 'NULL' THEN 'NULL::' || regexp_replace(t::regtype::text, 'any.*', 'int') ELSE coalesce(value, 'no value of ' || t::regtype) END,
				', ' ORDER BY n) AS arguments
		FROM (VALUES ('NULL'), ('odd')) AS v (how), unnest(p.proargtypes) WITH ORDINALITY AS u (t, n) LEFT JOIN odd ON type = t GROUP BY how) AS made
WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'external_ids') AND d.deptype = 'e' AND p.prokind <> 'a'
	AND NOT p.proargtypes::oid[] && '{internal,cstring}'::regtype[]::oid[];
SELECT count(*) > 100 AS many, count(*) FILTER (WHERE answer LIKE 'XX%') AS internal_errors, count(*) FILTER (WHERE answer LIKE '42601%') AS not_called FROM answers;
SELECT function, how, answer FROM answers WHERE answer ~ '^[0-9A-Z]{5} ' ORDER BY function::text COLLATE "C", how;

--
-- Row security: a conflict with a row that the caller may not see tells that the
-- external ID is taken, which a unique index cannot hide, and not by whom.
--
SET ROLE regress_attacks_owner;
GRANT SELECT, INSERT, UPDATE ON accounts TO regress_attacks_tenant;
CREATE TABLE flat (id int PRIMARY KEY, org int NOT NULL, ids external_id_set NOT NULL);
CREATE INDEX flat_ids ON flat USING unique_members (ids);
INSERT INTO flat SELECT * FROM accounts;
GRANT SELECT, INSERT, UPDATE ON flat TO regress_attacks_tenant;
ALTER TABLE flat ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON flat USING (org = 1) WITH CHECK (true);
RESET ROLE;
SELECT statement, said('regress_attacks_tenant', statement) FROM (VALUES
	(1, $$INSERT INTO flat VALUES (9, 1, 'crm:3')$$),
	(2, $$UPDATE flat SET ids = ids + 'crm:3' WHERE id = 1$$),
	(3, $$SELECT true FROM external_ids_add('flat', 1, 'crm:3')$$),
	(4, $$SELECT true FROM external_ids_set('flat', 1, '{crm:1,crm:3}')$$),
	(5, $$SELECT true FROM external_ids_upsert(NULL::flat, 'crm:3', '{"id": 9, "org": 1}')$$),
	(6, $$SELECT message || '. ' || detail FROM external_ids_upsert_many(NULL::flat, '[{"id": 9, "org": 1, "ids": "crm:3"}]', on_error => 'report')$$),
	(7, $$SELECT id FROM external_ids_resolve(NULL::flat, 'crm:3')$$),
	(8, $$SELECT id FROM external_ids_find(NULL::flat, '3')$$),
	(9, $$SELECT true FROM external_ids_merge('flat', 3, 1)$$),
	(10, $$SELECT true FROM external_ids_duplicates('flat')$$)) AS v (n, statement) ORDER BY n;

--
-- Functions marked LEAKPROOF are run on rows that row security hides, before it
-- does: none of them raises an error, whatever the value.
--
CREATE TABLE nasty (ids external_id_set);
INSERT INTO nasty VALUES ('{}'), ('a'), (':{x'), ('{":[y",":urn:a:b",é:日本語,NULL:null}'),
	(external_id_set(external_id(repeat('l', 63), repeat('😀', 256)))),
	((SELECT external_ids_agg(external_id('l' || i % 9, i || repeat('z', i % 50))) FROM generate_series(1, 3000) AS i)),
	((SELECT external_ids_agg(external_id('l', repeat(i::text, 200))) FROM generate_series(100, 140) AS i));
ALTER TABLE nasty ALTER ids SET STORAGE EXTERNAL;
INSERT INTO nasty SELECT ids + 'x' FROM nasty;
SELECT p.oid::regprocedure AS function, said(current_user::regrole, format('SELECT count(%s(%s)) FROM nasty AS x, nasty AS y', p.oid::regproc,
	(SELECT string_agg(CASE t WHEN 'external_id_set'::regtype THEN (ARRAY['x.ids', 'y.ids'])[n] WHEN 'text'::regtype THEN 'y.ids::text' ELSE '-1' END, ', ' ORDER BY n)
		FROM unnest(p.proargtypes) WITH ORDINALITY AS u (t, n))))
FROM pg_depend AS d JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'external_ids') AND d.deptype = 'e' AND p.proleakproof
ORDER BY p.oid::regprocedure::text COLLATE "C";

--
-- Names that end a string, an identifier or a statement.
--
CREATE TABLE "a'b""; DROP TABLE accounts; --" ("k'"" $1" int PRIMARY KEY, "o;%s" int NOT NULL, "ids\);" external_id_set NOT NULL);
CREATE INDEX "i'""; --" ON "a'b""; DROP TABLE accounts; --" USING unique_members ("ids\);", "o;%s");
CREATE TABLE "c'""%I" ("k'"" $1" int PRIMARY KEY, "o;%s" int NOT NULL, "x'"";" external_id, "f'"";" int);
CREATE TABLE "s'""%L" ("f'"";" int, "o;%s" int NOT NULL, "x'"";" external_id);
CREATE INDEX ON "s'""%L" ("f'"";");
INSERT INTO "c'""%I" VALUES (1, 1, 'n:1', NULL);
SELECT * FROM external_ids_link('"c''""%I"', $$x'";$$, $$f'";$$, $$"a'b""; DROP TABLE accounts; --"$$);
SELECT external_ids_mirror($$"a'b""; DROP TABLE accounts; --"$$, '"s''""%L"', ARRAY[$$f'";$$]::name[], $$x'";$$, scope => '{"o;%s": "o;%s"}');
SELECT result, "row" FROM external_ids_upsert(NULL::"a'b""; DROP TABLE accounts; --", 'n:1', $${"k'\" $1": 1, "o;%s": 1}$$);
SELECT ordinality, result, message FROM external_ids_upsert_many(NULL::"a'b""; DROP TABLE accounts; --", $$[{"k'\" $1": 2, "o;%s": 1, "ids\\);": "n:2"}]$$);
SELECT * FROM external_ids_add($$"a'b""; DROP TABLE accounts; --"$$, 2, 'n:3', scope => '{"o;%s": 1}');
SELECT * FROM external_ids_add($$"a'b""; DROP TABLE accounts; --"$$, 2, 'n:1');
SELECT * FROM external_ids_set($$"a'b""; DROP TABLE accounts; --"$$, 2, 'n:2');
SELECT * FROM external_ids_resolve(NULL::"a'b""; DROP TABLE accounts; --", 'n:1', '{"o;%s": 1}');
SELECT * FROM external_ids_resolve_value(NULL::"a'b""; DROP TABLE accounts; --", '2', '{"o;%s": 1}');
SELECT * FROM external_ids_resolve_many(NULL::"a'b""; DROP TABLE accounts; --", '{n:1,n:9}', '{"o;%s": 1}');
SELECT * FROM external_ids_find(NULL::"a'b""; DROP TABLE accounts; --", '1', '{"o;%s": 1}', prefer => 'key');
SELECT * FROM external_ids_duplicates($$"a'b""; DROP TABLE accounts; --"$$, '"ids\);"', ARRAY['o;%s']::name[]);
CALL external_ids_backfill($$"a'b""; DROP TABLE accounts; --"$$, $$'b:' || "k'"" $1"$$);
SELECT * FROM external_ids_merge($$"a'b""; DROP TABLE accounts; --"$$, 1, 2, repoint => true, scope => '{"o;%s": 1}');
SELECT * FROM external_ids_check($$"i'""; --"$$);
SELECT "table", "column", scope, problem FROM external_ids_indexes WHERE index = $$"i'""; --"$$::regclass;
TABLE "a'b""; DROP TABLE accounts; --" ORDER BY 1;
TABLE "c'""%I";
TABLE "s'""%L" ORDER BY 1, 3;
SELECT external_ids_unmirror($$"a'b""; DROP TABLE accounts; --"$$, '"s''""%L"');
SELECT external_ids_unlink('"c''""%I"', $$f'";$$);
SELECT count(*) AS still_there FROM accounts;

--
-- What is in pg_temp, or first in the search_path, is not what a trigger writes to;
-- and what a table's owner has put on it does not get the rights of who calls.
--
SET ROLE regress_attacks_owner;
CREATE TABLE ran (who name DEFAULT current_user, what text);
CREATE FUNCTION run() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO attacks.ran (what) VALUES (TG_TABLE_NAME); RETURN NEW; END $$;
CREATE TRIGGER run BEFORE UPDATE ON contacts FOR EACH ROW EXECUTE FUNCTION run();
INSERT INTO contacts VALUES (1, 1, 'crm:1'), (2, 1, 'crm:77');
RESET ROLE;
SELECT * FROM external_ids_link('contacts', 'account_external_id', 'account_id', 'accounts');
SET ROLE regress_attacks_owner;
CREATE INDEX ON side (account_id);
ALTER TABLE side ADD PRIMARY KEY (account_id, id);
RESET ROLE;
SELECT external_ids_mirror('accounts', 'side', '{account_id}', 'id');
GRANT TEMPORARY ON DATABASE :DBNAME TO regress_attacks_tenant;
SET ROLE regress_attacks_tenant;
CREATE TEMP TABLE contacts (id int, org int, account_external_id external_id, account_id int);
CREATE TEMP TABLE side (account_id int, id external_id);
CREATE TEMP TABLE accounts (id int, org int, ids external_id_set);
INSERT INTO pg_temp.contacts VALUES (2, 1, 'crm:77');
SET search_path = pg_temp, attacks, public;
INSERT INTO attacks.accounts VALUES (7, 1, 'crm:77');
SELECT * FROM pg_temp.contacts;
SELECT count(*) AS none FROM pg_temp.side;
DROP TABLE pg_temp.contacts, pg_temp.side, pg_temp.accounts;
RESET ROLE;
SET search_path = attacks, public;
SELECT * FROM attacks.contacts ORDER BY id;
SELECT * FROM attacks.side WHERE account_id = 7;
SELECT what, who, count(*) FROM ran GROUP BY 1, 2 ORDER BY 1, 2;

--
-- A set of a million members.
--
CREATE TABLE large (id int PRIMARY KEY, ids external_id_set NOT NULL);
INSERT INTO large SELECT 1, external_ids_agg(external_id('l', i)) FROM generate_series(1, 1000000) AS i;
CREATE INDEX large_ids ON large USING unique_members (ids);
INSERT INTO large VALUES (2, 'l:1000001');
INSERT INTO large VALUES (3, '{x:1,l:999999}');
SELECT id FROM large WHERE ids @> 'l:31415';
UPDATE large SET ids = ids - 'l:5' WHERE id = 1;
SELECT id, cardinality(ids) FROM large WHERE ids @> 'l:6';
SELECT count(*) FROM large WHERE ids @> 'l:5';
SELECT count(*) AS faults FROM external_ids_check('large_ids');

RESET search_path;
SET client_min_messages = error;
DROP SCHEMA attacks CASCADE;
REVOKE TEMPORARY ON DATABASE :DBNAME FROM regress_attacks_tenant;
DROP ROLE regress_attacks_owner, regress_attacks_nobody, regress_attacks_tenant;
