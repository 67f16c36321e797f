--
-- What the row functions know of a table, and when they look again
--
CREATE ROLE regress_rows_facts;
CREATE ROLE regress_rows_other;
CREATE SCHEMA rows_facts AUTHORIZATION regress_rows_facts;
\set SHOW_CONTEXT never
SET ROLE regress_rows_facts;
SET search_path = rows_facts, public;

--
-- Tables that do not fit
--
CREATE TABLE plain (id int PRIMARY KEY);
CREATE TABLE no_index (id int PRIMARY KEY, "Ids" external_id_set);
CREATE TABLE no_key (id int, ids external_id_set);
CREATE INDEX no_key_ids ON no_key USING unique_members (ids);
INSERT INTO no_key VALUES (1, 'crm:1');
CREATE VIEW no_table AS SELECT * FROM no_key;
SELECT * FROM external_ids_set('plain', '1', '{}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM external_ids_set('no_index', '1', '{}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM external_ids_set('no_key', '1', '{}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM external_ids_find(NULL::no_key, '1');
ALTER TABLE no_key ADD PRIMARY KEY (id);
SELECT * FROM external_ids_add('no_key', '1', 'crm:2');
ALTER TABLE no_key DROP CONSTRAINT no_key_pkey;
SELECT * FROM external_ids_add('no_key', '1', 'crm:3');
SELECT * FROM external_ids_resolve(NULL::no_key, 'crm:1');
SELECT * FROM external_ids_set('no_table', '1', '{}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM external_ids_set('no_key_ids', '1', '{}');
SELECT * FROM external_ids_set(0, '1', '{}');
\echo :LAST_ERROR_SQLSTATE

--
-- Several indexes: one must be named
--
CREATE TABLE several (id int PRIMARY KEY, org int, sites external_id_set DEFAULT '{}', ids external_id_set);
CREATE INDEX several_ids ON several USING unique_members (ids, org);
CREATE INDEX several_sites ON several USING unique_members (sites);
INSERT INTO several VALUES (1, 7, 'site:a', 'crm:1'), (2, 8, 'site:b', 'crm:1');
SELECT * FROM external_ids_resolve(NULL::several, 'site:a');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM external_ids_resolve(NULL::several, 'site:a', index => 'several_sites');
SELECT * FROM external_ids_resolve(NULL::several, 'crm:1', '{"org": 8}', 'several_ids');
SELECT * FROM external_ids_add('several', 2, 'site:c', index => 'several_sites');
SELECT * FROM external_ids_add('several', 2, 'site:a', index => 'several_sites');
SELECT * FROM external_ids_set('several', 2, 'crm:2', 'crm', NULL, 'several_ids');
SELECT * FROM external_ids_resolve_value(NULL::several, 'b', index => 'several_sites');
SELECT * FROM external_ids_find(NULL::several, 'b', index => 'several_sites');
SELECT ordinality, (match).id FROM external_ids_resolve_many(NULL::several, '{site:b,x}', index => 'several_sites');
SELECT * FROM external_ids_resolve(NULL::several, 'site:a', index => 'several_pkey');
SELECT * FROM external_ids_resolve(NULL::several, 'site:a', index => 'no_key_ids');
SELECT * FROM external_ids_resolve(NULL::several, 'site:a', index => 'no_key');
SELECT * FROM external_ids_resolve(NULL::several, 'site:a', index => 1);

--
-- Indexes that say the same, as while one takes another's place, are no doubt
-- (rows_upsert shows which is used). What differs is.
--
CREATE TABLE twins (id int PRIMARY KEY, org int, gone bool DEFAULT false, ids external_id_set);
INSERT INTO twins VALUES (1, 7, false, 'crm:1');
CREATE INDEX twins_now ON twins USING unique_members (ids, org) WHERE NOT gone;
ALTER TABLE twins ADD CONSTRAINT twins_late
	EXCLUDE USING unique_members (ids WITH &&, org WITH =) WHERE (NOT gone) DEFERRABLE;
SELECT * FROM external_ids_resolve(NULL::twins, 'crm:1', '{"org": 7}');
CREATE INDEX twins_other ON twins USING unique_members (ids, org);
SELECT * FROM external_ids_resolve(NULL::twins, 'crm:1', '{"org": 7}');
DROP INDEX twins_other;
CREATE INDEX twins_other ON twins USING unique_members (ids) WHERE NOT gone;
SELECT * FROM external_ids_resolve(NULL::twins, 'crm:1', '{"org": 7}');
DROP INDEX twins_other;
CREATE INDEX twins_other ON twins USING unique_members (ids external_id_set_value_ops, org) WHERE NOT gone;
SELECT * FROM external_ids_resolve(NULL::twins, 'crm:1', '{"org": 7}');
DROP INDEX twins_other;
SELECT * FROM external_ids_resolve(NULL::twins, 'crm:1', '{"org": 7}');

--
-- ALTER TABLE of every kind between two calls. Each line "looked at" is one look
-- into the catalogs: exactly one where something changed, none where nothing did.
--
CREATE TABLE changing (
	id int PRIMARY KEY,
	org int,
	external_ids external_id_set DEFAULT '{}'
) WITH (autovacuum_enabled = off);
CREATE INDEX changing_ids ON changing USING unique_members (external_ids, org);
INSERT INTO changing VALUES (1, 7, 'crm:1');
CREATE FUNCTION look(id text DEFAULT 'crm:1', scope jsonb DEFAULT '{"org": 7}') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	-- EXECUTE: the session's own plan is made anew, so only ours count.
	EXECUTE format('SELECT r::text FROM external_ids_resolve(NULL::%s, %L, %L) r',
				   (SELECT oid::regclass FROM pg_class WHERE oid = current_setting('rows.table')::oid), id, scope)
		INTO result;
	RETURN result;
END $$;
SELECT set_config('rows.table', 'changing'::regclass::oid::text, false) IS NOT NULL AS t;
SET client_min_messages = debug1;
SELECT look();
SELECT look();
SELECT look('crm:miss');
SET client_min_messages = notice;
ALTER TABLE changing RENAME COLUMN external_ids TO "External IDs";
SET client_min_messages = debug1;
SELECT look();
SELECT look();
SET client_min_messages = notice;
ALTER TABLE changing ADD COLUMN note text DEFAULT 'n';
SET client_min_messages = debug1;
SELECT look();
SELECT look();
SET client_min_messages = notice;
ALTER TABLE changing DROP COLUMN note;
ALTER TABLE changing RENAME COLUMN org TO tenant;
SET client_min_messages = debug1;
SELECT look(scope => '{"tenant": 7}');
SELECT look();
SET client_min_messages = notice;
ALTER TABLE changing RENAME COLUMN tenant TO org;
ALTER TABLE changing ALTER COLUMN org TYPE text;
ALTER TABLE changing ALTER COLUMN id TYPE bigint;
SET client_min_messages = debug1;
SELECT look(scope => '{"org": "7"}');
SELECT * FROM external_ids_add('changing', 1, 'crm:2');
SELECT * FROM external_ids_add('changing', 1, 'crm:3');
SELECT * FROM external_ids_remove('changing', 1, '{crm:2,crm:3}');
SET client_min_messages = notice;
ALTER TABLE changing RENAME TO "changed";
SET client_min_messages = debug1;
SELECT look();
SELECT look();
SET client_min_messages = notice;
RESET ROLE;
CREATE SCHEMA "rows facts 2" AUTHORIZATION regress_rows_facts;
SET ROLE regress_rows_facts;
ALTER TABLE changed SET SCHEMA "rows facts 2";
SET client_min_messages = debug1;
SELECT look();
SELECT look();
SET client_min_messages = notice;
-- a new table under the old name is another table
CREATE TABLE changing (id int PRIMARY KEY, ids external_id_set);
CREATE INDEX ON changing USING unique_members (ids);
INSERT INTO changing VALUES (99, 'crm:1');
SET client_min_messages = debug1;
SELECT look();
SELECT id FROM external_ids_resolve(NULL::changing, 'crm:1');
SET client_min_messages = notice;
DROP INDEX "rows facts 2".changing_ids;
SELECT look();
CREATE INDEX changing_ids ON "rows facts 2".changed USING unique_members ("External IDs");
SELECT look(scope => '{}');
ALTER TABLE "rows facts 2".changed ADD COLUMN archived boolean DEFAULT true;
DROP INDEX "rows facts 2".changing_ids;
CREATE INDEX changing_ids ON "rows facts 2".changed USING unique_members ("External IDs") WHERE NOT archived;
SELECT look(scope => '{}');
UPDATE "rows facts 2".changed SET archived = false;
SELECT look(scope => '{}');
ALTER TABLE "rows facts 2".changed DROP COLUMN "External IDs";
SELECT look(scope => '{}');
ALTER TABLE "rows facts 2".changed ADD COLUMN "External IDs" external_id_set DEFAULT 'crm:1';
CREATE INDEX changing_ids ON "rows facts 2".changed USING unique_members ("External IDs");
SELECT look(scope => '{}');
ALTER TABLE "rows facts 2".changed DROP CONSTRAINT changing_pkey;
SELECT look(scope => '{}');
SELECT * FROM external_ids_add('"rows facts 2".changed', 1, 'crm:2');
-- the schema's name
RESET ROLE;
ALTER SCHEMA "rows facts 2" RENAME TO "rows facts 3";
SET ROLE regress_rows_facts;
SELECT look(scope => '{}');
-- a change that is rolled back
BEGIN;
ALTER TABLE "rows facts 3".changed RENAME COLUMN "External IDs" TO ids;
SELECT look(scope => '{}');
ROLLBACK;
SELECT look(scope => '{}');

--
-- Partitioned
--
CREATE TABLE parted (id int, org int, ids external_id_set, live boolean DEFAULT true, PRIMARY KEY (org, id))
	PARTITION BY LIST (org);
CREATE TABLE parted_7 PARTITION OF parted FOR VALUES IN (7);
CREATE TABLE parted_8 (id int NOT NULL, live boolean, gone int, ids external_id_set, org int NOT NULL);
ALTER TABLE parted_8 DROP COLUMN gone;
ALTER TABLE parted ATTACH PARTITION parted_8 FOR VALUES IN (8);
CREATE INDEX parted_ids ON parted USING unique_members (ids, org) WHERE live;
INSERT INTO parted VALUES (1, 7, 'crm:1'), (2, 7, 'crm:2'), (1, 8, 'crm:1'), (2, 8, 'crm:8');
SELECT * FROM external_ids_resolve(NULL::parted, 'crm:1', '{"org": 8}');
SELECT * FROM external_ids_resolve(NULL::parted_8, 'crm:1', '{"org": 8}');
SELECT * FROM external_ids_find(NULL::parted, '(8,2)', '{"org": 8}');
SELECT * FROM external_ids_find(NULL::parted, '(7,2)', '{"org": 8}');
SELECT * FROM external_ids_add('parted', ROW(8, 2), 'crm:9');
SELECT * FROM external_ids_add('parted', '(8,2)', 'crm:1');
SELECT * FROM external_ids_add('parted_7', '(7,2)', 'crm:1');
SELECT ordinality, match FROM external_ids_resolve_many(NULL::parted, '{crm:8,crm:2}', '{"org": 8}');
-- inheritance: the index is the parent's alone, and so is the look-up
CREATE TABLE parent (id int PRIMARY KEY, ids external_id_set) WITH (autovacuum_enabled = off);
CREATE TABLE child () INHERITS (parent);
CREATE INDEX ON parent USING unique_members (ids);
INSERT INTO parent VALUES (1, 'crm:1');
INSERT INTO child VALUES (1, 'crm:1'), (2, 'crm:2');
SELECT * FROM external_ids_resolve(NULL::parent, 'crm:1');
SELECT * FROM external_ids_resolve(NULL::parent, 'crm:2');
SELECT * FROM external_ids_add('parent', 1, 'crm:3');

--
-- Names that could be taken for others: the table's, the columns', the alias's
--
CREATE TABLE member (member int PRIMARY KEY, id external_id_set, ordinality text, found int, holder int);
CREATE INDEX ON member USING unique_members (id, ordinality) WHERE found IS NULL AND ordinality <> 'x';
INSERT INTO member VALUES (1, 'crm:1', 'a'), (2, 'crm:2', 'a'), (3, 'crm:3', 'x');
SELECT * FROM external_ids_resolve(NULL::member, 'crm:2', '{"ordinality": "a"}');
SELECT * FROM external_ids_resolve_many(NULL::member, '{crm:1,crm:3}', '{"ordinality": "a"}');
SELECT * FROM external_ids_add('member', 1, 'crm:2');
CREATE TABLE "select" ("select" text, "Ids; --" external_id_set, "a""b" int PRIMARY KEY);
CREATE INDEX ON "select" USING unique_members ("Ids; --", "select") WHERE "select".* IS NOT NULL;
INSERT INTO "select" VALUES ('x', 'crm:1', 1), ('x', 'crm:2', 2);
SELECT * FROM external_ids_resolve(NULL::"select", 'crm:2', '{"select": "x"}');
SELECT * FROM external_ids_add('"select"', 1, 'crm:2');

--
-- A hostile search path: objects of the same names in a schema that precedes
--
CREATE FUNCTION lowered(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT pg_catalog.lower($1)';
CREATE TABLE lawful (id int PRIMARY KEY, org text, ids external_id_set, state text)
	WITH (autovacuum_enabled = off);
CREATE INDEX ON lawful USING unique_members (ids, org) WHERE lowered(state) = 'live' AND id <> 0;
INSERT INTO lawful VALUES (1, 'a', 'crm:1', 'LIVE'), (2, 'a', 'crm:2', 'Live'), (3, 'a', 'crm:3', 'dead');
SELECT id FROM external_ids_resolve(NULL::lawful, 'crm:1', '{"org": "a"}');
RESET ROLE;
CREATE SCHEMA rows_hostile AUTHORIZATION regress_rows_facts;
SET ROLE regress_rows_facts;
CREATE FUNCTION rows_hostile.lie() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'captured'; END $$;
CREATE FUNCTION rows_hostile.eq(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT rows_hostile.lie()';
CREATE FUNCTION rows_hostile.eq(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT rows_hostile.lie()';
CREATE FUNCTION rows_hostile.eq(external_id_set, external_id_set) RETURNS boolean LANGUAGE sql AS 'SELECT rows_hostile.lie()';
CREATE FUNCTION rows_hostile.eq(external_id_set, text) RETURNS boolean LANGUAGE sql AS 'SELECT rows_hostile.lie()';
CREATE FUNCTION rows_hostile.lowered(text) RETURNS text LANGUAGE sql AS 'SELECT rows_hostile.lie()::text';
CREATE FUNCTION rows_hostile.unnest(external_id_set) RETURNS SETOF external_id LANGUAGE sql AS 'SELECT rows_hostile.lie()::text::external_id';
CREATE FUNCTION rows_hostile.unnest(external_id[]) RETURNS SETOF external_id LANGUAGE sql AS 'SELECT rows_hostile.lie()::text::external_id';
CREATE OPERATOR rows_hostile.= (LEFTARG = int, RIGHTARG = int, FUNCTION = rows_hostile.eq);
CREATE OPERATOR rows_hostile.<> (LEFTARG = int, RIGHTARG = int, FUNCTION = rows_hostile.eq);
CREATE OPERATOR rows_hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = rows_hostile.eq);
CREATE OPERATOR rows_hostile.@> (LEFTARG = external_id_set, RIGHTARG = external_id_set, FUNCTION = rows_hostile.eq);
CREATE OPERATOR rows_hostile.&& (LEFTARG = external_id_set, RIGHTARG = external_id_set, FUNCTION = rows_hostile.eq);
CREATE OPERATOR rows_hostile.@= (LEFTARG = external_id_set, RIGHTARG = text, FUNCTION = rows_hostile.eq);
CREATE TABLE rows_hostile.lawful (id int);
CREATE DOMAIN rows_hostile.external_id AS int;
CREATE DOMAIN rows_hostile.external_id_set AS int;
CREATE DOMAIN rows_hostile.text AS int;
SET search_path = rows_hostile, pg_catalog, rows_facts, public;
SELECT 1 = 1;
-- plans of before are kept from being read anew under this path
SELECT id FROM external_ids_resolve(NULL::rows_facts.lawful, 'crm:1', '{"org": "a"}');
SELECT id FROM external_ids_resolve(NULL::rows_facts.lawful, 'crm:3', '{"org": "a"}');
SELECT id FROM external_ids_resolve_value(NULL::rows_facts.lawful, '1', '{"org": "a"}');
SELECT id FROM external_ids_find(NULL::rows_facts.lawful, '2', '{"org": "a"}');
SELECT ordinality, match FROM external_ids_resolve_many(NULL::rows_facts.lawful, '{crm:2,crm:3}', '{"org": "a"}');
SELECT * FROM external_ids_set('rows_facts.lawful', '1', '{crm:1,crm:11}');
SELECT * FROM external_ids_add('rows_facts.lawful', 1, 'crm:2');
SELECT * FROM external_ids_remove('rows_facts.lawful', 1, 'crm:11', scope => '{"org": "a"}');
-- nothing on the path at all, not even the extension
SET search_path = '';
SELECT id FROM public.external_ids_resolve(NULL::rows_facts.lawful, 'crm:1', '{"org": "a"}');
SELECT added FROM public.external_ids_add('rows_facts.lawful', 1, 'crm:12');
SELECT added FROM public.external_ids_add('rows_facts.lawful', 1, 'crm:2');
-- a new path is a new look only where there is a predicate
SET search_path = rows_facts, public;
SET client_min_messages = debug1;
SELECT id FROM external_ids_resolve(NULL::lawful, 'crm:1', '{"org": "a"}');
SELECT id FROM external_ids_resolve(NULL::lawful, 'crm:3', '{"org": "a"}');
SELECT id FROM external_ids_resolve(NULL::parent, 'crm:1');
SET search_path = public, rows_facts;
SELECT id FROM external_ids_resolve(NULL::lawful, 'crm:1', '{"org": "a"}');
SELECT id FROM external_ids_resolve(NULL::lawful, 'crm:3', '{"org": "a"}');
SELECT id FROM external_ids_resolve(NULL::parent, 'crm:1');
SET client_min_messages = notice;
SET search_path = rows_facts, public;

--
-- The caller's rights, row level security
--
CREATE TABLE secured (id int PRIMARY KEY, owner text DEFAULT current_user, ids external_id_set, secret text);
CREATE INDEX secured_ids ON secured USING unique_members (ids);
INSERT INTO secured VALUES (1, 'regress_rows_other', 'crm:1'), (2, 'regress_rows_facts', 'crm:2'),
	(3, 'regress_rows_other', 'crm:3');
GRANT USAGE ON SCHEMA rows_facts TO regress_rows_other;
RESET ROLE;
SET ROLE regress_rows_other;
SELECT * FROM external_ids_resolve(NULL::secured, 'crm:1');
SELECT * FROM external_ids_add('secured', 1, 'crm:11');
-- not even a call that reads nothing gets as far as the table's lock
SELECT * FROM external_ids_resolve(NULL::secured, NULL);
SELECT * FROM external_ids_add('secured', NULL::int, 'crm:11');
RESET ROLE;
SET ROLE regress_rows_facts;
GRANT SELECT ON secured TO regress_rows_other;
RESET ROLE;
SET ROLE regress_rows_other;
SELECT * FROM external_ids_resolve(NULL::secured, 'crm:1');
SELECT * FROM external_ids_add('secured', 1, 'crm:11');
RESET ROLE;
SET ROLE regress_rows_facts;
REVOKE SELECT ON secured FROM regress_rows_other;
GRANT SELECT (id, ids), UPDATE (ids) ON secured TO regress_rows_other;
RESET ROLE;
SET ROLE regress_rows_other;
-- enough to write, not to read whole rows
SELECT * FROM external_ids_resolve(NULL::secured, 'crm:1');
SELECT * FROM external_ids_add('secured', 1, 'crm:11');
SELECT * FROM external_ids_add('secured', 1, 'crm:2');
RESET ROLE;
SET ROLE regress_rows_facts;
GRANT SELECT ON secured TO regress_rows_other;
ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON secured USING (owner = current_user);
RESET ROLE;
SET ROLE regress_rows_other;
SELECT id FROM external_ids_resolve(NULL::secured, 'crm:1');
SELECT id FROM external_ids_resolve(NULL::secured, 'crm:2');
SELECT id FROM external_ids_resolve_value(NULL::secured, '2');
SELECT id FROM external_ids_find(NULL::secured, '2');
SELECT ordinality, (match).id FROM external_ids_resolve_many(NULL::secured, '{crm:1,crm:2}');
SELECT * FROM external_ids_add('secured', 2, 'crm:22');
SELECT * FROM external_ids_add('secured', 1, 'crm:12');
-- a conflict with a row that the caller may see, and with one that it may not
SELECT * FROM external_ids_add('secured', 1, 'crm:3');
SELECT * FROM external_ids_add('secured', 1, 'crm:2');
SELECT * FROM external_ids_add('secured', 1, '{crm:2,crm:20}');
RESET ROLE;
SET ROLE regress_rows_facts;
-- the same session, the same plan, another role
SELECT id FROM external_ids_resolve(NULL::secured, 'crm:2');

--
-- A trigger that calls a row function on its own table, and makes the facts stale
--
CREATE TABLE nested (id int PRIMARY KEY, ids external_id_set) WITH (autovacuum_enabled = off);
CREATE INDEX nested_ids ON nested USING unique_members (ids);
INSERT INTO nested VALUES (1, 'crm:1'), (2, 'crm:2');
CREATE FUNCTION in_turn() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.id = 1 THEN
		GRANT SELECT ON rows_facts.nested TO PUBLIC;
		PERFORM external_ids_add('rows_facts.nested', 2, 'turn:2');
	END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER in_turn BEFORE UPDATE ON nested FOR EACH ROW EXECUTE FUNCTION in_turn();
SET client_min_messages = debug1;
SELECT * FROM external_ids_add('nested', 1, 'turn:1');
SELECT * FROM external_ids_add('nested', 1, 'crm:2');
SET client_min_messages = notice;
SELECT id, ids FROM nested ORDER BY id;

--
-- A plan that rests on what is not the table's own: a policy's tables
--
CREATE TABLE members (org int);
CREATE TABLE policed (id int PRIMARY KEY, org int, ids external_id_set);
CREATE INDEX ON policed USING unique_members (ids, org);
INSERT INTO members VALUES (1);
INSERT INTO policed VALUES (1, 1), (2, 2);
ALTER TABLE policed ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY ours ON policed USING (org IN (SELECT org FROM members));
SELECT * FROM external_ids_set('policed', 1, 'crm:1');
ALTER TABLE members ADD since date;
SELECT * FROM external_ids_set('policed', 1, 'crm:2');
SELECT * FROM external_ids_set('policed', 2, 'crm:2');

--
-- An index that was never built, for its table has no partitions; a key that a dropped attribute is part of
--
CREATE TABLE never (id int PRIMARY KEY, ids external_id_set) PARTITION BY LIST (id);
CREATE INDEX never_ids ON never USING unique_members (id, ids);
SELECT * FROM external_ids_set('never', 1, 'crm:1');
SELECT * FROM external_ids_resolve(NULL::never, 'crm:1', index => 'never_ids');
CREATE TABLE keyed (org int, id int, ids external_id_set, PRIMARY KEY (org, id));
CREATE INDEX ON keyed USING unique_members (ids);
INSERT INTO keyed VALUES (1, 2);
CREATE TYPE key AS (org int, gone int, id int);
ALTER TYPE key DROP ATTRIBUTE gone;
SELECT * FROM external_ids_set('keyed', ROW(1, 2)::key, 'crm:1');
-- a key of more columns than a statement first has room for
CREATE TABLE broad (c1 int, c2 int, c3 int, c4 int, c5 int, c6 int, c7 int, c8 int, c9 int, c10 int, c11 int, c12 int,
	c13 int, c14 int, c15 int, c16 int, c17 int, c18 int, ids external_id_set,
	PRIMARY KEY (c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, c16, c17, c18));
CREATE INDEX ON broad USING unique_members (ids);
INSERT INTO broad VALUES (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18), (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19);
SELECT * FROM external_ids_set('broad', '(1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18)', 'crm:1');
SELECT * FROM external_ids_add('broad', '(1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,19)', 'crm:1');

-- a scope column whose operator class, somebody's own, knows no equality
RESET ROLE;
CREATE OPERATOR CLASS rows_facts.only_order FOR TYPE int USING unique_members AS OPERATOR 1 <, FUNCTION 1 btint4cmp(int, int);
SET ROLE regress_rows_facts;
CREATE TABLE ordered (id int PRIMARY KEY, org int, ids external_id_set);
CREATE INDEX ordered_ids ON ordered USING unique_members (ids, org only_order);
SELECT * FROM external_ids_set('ordered', 1, 'crm:1');
DROP TABLE ordered;

--
-- Errors that only look like the index's
--
CREATE TABLE strange (id int PRIMARY KEY, org int, ids external_id_set, form text);
CREATE INDEX strange_ids ON strange USING unique_members (ids, org);
INSERT INTO strange VALUES (1, NULL, NULL, 'bare'), (2, 1, NULL, 'nowhere'), (3, NULL, NULL, 'forged');
CREATE FUNCTION strange() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF OLD.form = 'bare' THEN
		RAISE unique_violation USING MESSAGE = 'bare';
	ELSIF OLD.form = 'nowhere' THEN
		RAISE unique_violation USING MESSAGE = 'nowhere', SCHEMA = 'nowhere', CONSTRAINT = 'strange_ids';
	END IF;
	RAISE unique_violation USING MESSAGE = 'forged', SCHEMA = 'rows_facts', TABLE = 'strange', CONSTRAINT = 'strange_ids';
END $$;
CREATE TRIGGER strange BEFORE UPDATE ON strange FOR EACH ROW EXECUTE FUNCTION strange();
SELECT * FROM external_ids_set('strange', 1, 'crm:1');
SELECT * FROM external_ids_set('strange', 2, 'crm:1');
SELECT * FROM external_ids_set('strange', 3, 'crm:1');

--
-- Facts of tables that are gone do not pile up.
--
DO $$
BEGIN
	FOR i IN 1..50 LOOP
		EXECUTE format('CREATE TABLE gone_%s (id int PRIMARY KEY, ids external_id_set)', i);
		EXECUTE format('CREATE INDEX ON gone_%s USING unique_members (ids)', i);
		EXECUTE format('SELECT external_ids_resolve(NULL::gone_%s, %L)', i, 'crm:1');
		EXECUTE format('DROP TABLE gone_%s', i);
	END LOOP;
END $$;
SELECT count(*) FROM external_ids_resolve(NULL::parent, 'crm:1');
RESET ROLE;
SELECT count(*) < 20 AS few FROM pg_backend_memory_contexts WHERE name = 'external_ids table facts';
RESET ROLE;
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA rows_facts, "rows facts 3", rows_hostile CASCADE;
DROP ROLE regress_rows_facts, regress_rows_other;
