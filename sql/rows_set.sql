--
-- external_ids_set, external_ids_add, external_ids_remove
--
-- Most of it runs as a role that has the table's privileges and no others.
--
CREATE ROLE regress_rows_set;
CREATE SCHEMA rows_set AUTHORIZATION regress_rows_set;
\set SHOW_CONTEXT never
SET ROLE regress_rows_set;

CREATE TABLE rows_set.accounts (
	id int PRIMARY KEY,
	org_id int,
	name text,
	external_ids external_id_set DEFAULT '{}',
	deleted_at date
);
CREATE INDEX accounts_external_ids_key ON rows_set.accounts
	USING unique_members (external_ids, org_id) WHERE deleted_at IS NULL;
INSERT INTO rows_set.accounts (id, org_id, name, external_ids, deleted_at) VALUES
	(1, 7, 'one', '{crm:1,billing:x1}', NULL),
	(2, 7, 'two', '{crm:2}', NULL),
	(3, 8, 'three', '{}', NULL),
	(4, 7, 'archived', '{crm:4}', '2020-01-01'),
	(5, NULL, 'no org', '{}', NULL),
	(6, 7, 'null set', NULL, NULL);

--
-- Results
--
SELECT * FROM external_ids_set('rows_set.accounts', '1', '{crm:1,crm:11}');
SELECT * FROM external_ids_set('rows_set.accounts', '1', '{crm:1,crm:11}');
SELECT * FROM external_ids_add('rows_set.accounts', '1', 'support:s1');
SELECT * FROM external_ids_add('rows_set.accounts', '1', '{support:s1,crm:12}');
SELECT * FROM external_ids_remove('rows_set.accounts', '1', '{crm:11,crm:99}');
SELECT * FROM external_ids_remove('rows_set.accounts', '1', '{}');
SELECT external_ids_set('rows_set.accounts', '1', '{}');
SELECT * FROM external_ids_set('rows_set.accounts', '6', '{}');
SELECT external_ids IS NULL AS still_null FROM rows_set.accounts WHERE id = 6;
SELECT * FROM external_ids_add('rows_set.accounts', '6', 'crm:6');

-- Without a change nothing is written.
SELECT ctid AS before FROM rows_set.accounts WHERE id = 2 \gset
SELECT * FROM external_ids_set('rows_set.accounts', '2', '{crm:2}');
SELECT ctid = :'before' AS same_version FROM rows_set.accounts WHERE id = 2;

-- The API's JSON
SELECT * FROM external_ids_set('rows_set.accounts', '2',
	'[{"external_id": "2", "label": "crm"}, {"external_id": "bare"}]');

--
-- Under one label
--
SELECT * FROM external_ids_set('rows_set.accounts', '2', '{crm:20,crm:21}', label => 'crm');
SELECT * FROM external_ids_set('rows_set.accounts', '2', '{}', label => 'crm');
SELECT * FROM external_ids_set('rows_set.accounts', '2', '{plain}', label => '');
SELECT * FROM external_ids_set('rows_set.accounts', '2', '{crm:2}', 'crm');
SELECT * FROM external_ids_set('rows_set.accounts', '2', '{crm:2,billing:2,plain}', 'crm');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM external_ids_set('rows_set.accounts', '2', '{crm:2}', '');
\echo :LAST_ERROR_SQLSTATE

--
-- Scope: a further condition on the row
--
SELECT * FROM external_ids_add('rows_set.accounts', '2', 'crm:22', scope => '{"org_id": 7}');
SELECT * FROM external_ids_add('rows_set.accounts', '2', 'crm:23', scope => '{"org_id": "8"}');
SELECT * FROM external_ids_add('rows_set.accounts', '2', 'crm:23', scope => '{}');
SELECT * FROM external_ids_add('rows_set.accounts', '2', 'crm:23', scope => '{"org_id": null}');
SELECT * FROM external_ids_add('rows_set.accounts', '2', 'crm:23', scope => '{"org_id": [7]}');
SELECT * FROM external_ids_add('rows_set.accounts', '2', 'crm:23', scope => '{"org_id": 7, "name": "two"}');
SELECT * FROM external_ids_add('rows_set.accounts', '2', 'crm:23', scope => '[7]');
SELECT * FROM external_ids_add('rows_set.accounts', '2', 'crm:23', scope => '{"org_id": "seven"}');

--
-- No row: the key names none, or the predicate leaves it out
--
SELECT * FROM external_ids_set('rows_set.accounts', '99', 'crm:99');
SELECT * FROM external_ids_set('rows_set.accounts', NULL::text, 'crm:99');
SELECT * FROM external_ids_remove('rows_set.accounts', '99', 'crm:99');
SELECT * FROM external_ids_set('rows_set.accounts', '4', 'crm:44');

--
-- NULL arguments
--
\set VERBOSITY sqlstate
SELECT * FROM external_ids_set('rows_set.accounts', '1', NULL);
SELECT * FROM external_ids_add('rows_set.accounts', '1', NULL);
SELECT * FROM external_ids_set(NULL, '1', '{}');
SELECT * FROM external_ids_set('rows_set.accounts', 'one', '{}');
\set VERBOSITY default

--
-- Keys: untyped, of an integer type, and others
--
SELECT * FROM external_ids_add('rows_set.accounts', 1, 'crm:1');
SELECT * FROM external_ids_add('rows_set.accounts', 1::bigint, 'crm:1b');
SELECT * FROM external_ids_add('rows_set.accounts', 1::smallint, 'crm:1c');
SELECT * FROM external_ids_add('rows_set.accounts', '1'::varchar, 'crm:1d');
SELECT * FROM external_ids_add('rows_set.accounts', ROW(1), 'crm:1e');
SELECT * FROM external_ids_add('rows_set.accounts', ROW(1, 2), 'crm:1f');
SELECT * FROM external_ids_add('rows_set.accounts', NULL::int, 'crm:1f');
SELECT * FROM external_ids_add('rows_set.accounts', 30000000000, 'crm:1f');
PREPARE untyped AS SELECT * FROM external_ids_set($1, $2, $3, label => $4, scope => $5);
EXECUTE untyped('rows_set.accounts', '1', '{crm:1}', 'crm', '{"org_id": 7}');
DEALLOCATE untyped;
SELECT a.id, s.added FROM rows_set.accounts a,
	external_ids_add('rows_set.accounts', a.id, external_id('batch', a.id)) s
	WHERE a.id < 4 ORDER BY a.id;

--
-- Conflict
--
SELECT * FROM external_ids_add('rows_set.accounts', '2', '{crm:200,crm:1}');
SELECT * FROM external_ids_set('rows_set.accounts', '2', '{crm:1}', label => 'crm');
SELECT id, external_ids FROM rows_set.accounts WHERE id = 2;
DO $$
DECLARE
	state text; mess text; det text; sch text; tab text; col text; con text;
BEGIN
	PERFORM external_ids_add('rows_set.accounts', 2, 'crm:1');
EXCEPTION WHEN unique_violation THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, mess = MESSAGE_TEXT,
		det = PG_EXCEPTION_DETAIL, sch = SCHEMA_NAME, tab = TABLE_NAME,
		col = COLUMN_NAME, con = CONSTRAINT_NAME;
	RAISE NOTICE '% % | % | % % % %', state, mess, det, sch, tab, col, con;
END $$;
-- None across scopes, with an archived row or without a scope.
SELECT * FROM external_ids_add('rows_set.accounts', '3', 'crm:1');
SELECT * FROM external_ids_add('rows_set.accounts', '2', 'crm:4');
SELECT * FROM external_ids_add('rows_set.accounts', '5', 'crm:1');
-- In a transaction, after a savepoint
BEGIN;
SELECT * FROM external_ids_add('rows_set.accounts', '2', 'tx:1');
SAVEPOINT s;
SELECT * FROM external_ids_add('rows_set.accounts', '2', '{tx:2,crm:1}');
ROLLBACK TO s;
SELECT * FROM external_ids_add('rows_set.accounts', '2', 'tx:3');
ROLLBACK;
-- Another constraint's violation goes through as it is.
ALTER TABLE rows_set.accounts ADD CONSTRAINT few CHECK (cardinality(external_ids) < 10);
SELECT * FROM external_ids_set('rows_set.accounts', '2', '{a,b,c,d,e,f,g,h,i,j}');
ALTER TABLE rows_set.accounts DROP CONSTRAINT few;

--
-- By value, whatever the label
--
CREATE TABLE rows_set.by_value (id uuid PRIMARY KEY, ids external_id_set NOT NULL);
CREATE INDEX by_value_key ON rows_set.by_value
	USING unique_members (ids external_id_set_value_ops);
INSERT INTO rows_set.by_value VALUES
	('00000000-0000-0000-0000-000000000001', '{crm:1,billing:1}'),
	('00000000-0000-0000-0000-000000000002', '{crm:2}');
SELECT * FROM external_ids_add('rows_set.by_value', '00000000-0000-0000-0000-000000000002', 'support:1');
SELECT * FROM external_ids_add('rows_set.by_value', '00000000-0000-0000-0000-000000000002'::uuid, 'support:2');

--
-- As an EXCLUDE constraint the error is the same; deferred, it is the server's.
--
CREATE TABLE rows_set.excluded (
	id text PRIMARY KEY,
	ids external_id_set NOT NULL,
	CONSTRAINT excluded_ids EXCLUDE USING unique_members (ids WITH &&) DEFERRABLE
);
INSERT INTO rows_set.excluded VALUES ('a b', '{crm:1}'), ('c', '{crm:2}');
SELECT * FROM external_ids_add('rows_set.excluded', 'c', 'crm:1');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM external_ids_add('rows_set.excluded', 'c'::text, 'crm:3');
SELECT * FROM external_ids_add('rows_set.excluded', 'c'::varchar, 'crm:4');
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
SELECT * FROM external_ids_add('rows_set.excluded', 'c', 'crm:1');
COMMIT;
\echo :LAST_ERROR_SQLSTATE
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
SELECT * FROM external_ids_add('rows_set.excluded', 'c', 'crm:1');
SELECT * FROM external_ids_remove('rows_set.excluded', 'a b', 'crm:1');
COMMIT;

--
-- Composite key
--
CREATE TABLE rows_set."Mixed ""Case""" (
	"Ids" external_id_set DEFAULT '{}',
	"Part No" text,
	"Tenant" uuid,
	PRIMARY KEY ("Tenant", "Part No")
);
CREATE INDEX "Mixed Index" ON rows_set."Mixed ""Case""" USING unique_members ("Ids", "Tenant");
INSERT INTO rows_set."Mixed ""Case""" ("Tenant", "Part No") VALUES
	('00000000-0000-0000-0000-00000000000a', 'p,1'),
	('00000000-0000-0000-0000-00000000000a', 'p 2');
SELECT * FROM external_ids_add('rows_set."Mixed ""Case"""',
	'(00000000-0000-0000-0000-00000000000a,"p,1")', 'crm:1');
SELECT * FROM external_ids_add('rows_set."Mixed ""Case"""',
	ROW('00000000-0000-0000-0000-00000000000a'::uuid, 'p 2'), 'crm:2',
	scope => '{"Tenant": "00000000-0000-0000-0000-00000000000a"}');
SELECT * FROM external_ids_add('rows_set."Mixed ""Case"""',
	ROW('00000000-0000-0000-0000-00000000000a', 'p 2'), 'crm:1');
SELECT * FROM external_ids_add('rows_set."Mixed ""Case"""', 'p 2', 'crm:3');
SELECT * FROM external_ids_add('rows_set."Mixed ""Case"""', 2, 'crm:3');
SELECT * FROM external_ids_add('rows_set."Mixed ""Case"""', '(,"p,1")', 'crm:3');
SELECT * FROM external_ids_add('rows_set."Mixed ""Case"""', ROW(NULL::uuid, 'p,1'), 'crm:3');

--
-- Triggers: the row as it was really written counts
--
CREATE FUNCTION rows_set.own_mind() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.name = 'refuse' THEN
		RETURN NULL;
	END IF;
	NEW.external_ids := NEW.external_ids + 'trigger:t'::external_id;
	RETURN NEW;
END $$;
CREATE TRIGGER own_mind BEFORE UPDATE ON rows_set.accounts
	FOR EACH ROW WHEN (NEW.id = 3) EXECUTE FUNCTION rows_set.own_mind();
SELECT * FROM external_ids_set('rows_set.accounts', '3', '{crm:3}');
ALTER TABLE rows_set.accounts DISABLE TRIGGER own_mind;
UPDATE rows_set.accounts SET name = 'refuse' WHERE id = 3;
ALTER TABLE rows_set.accounts ENABLE TRIGGER own_mind;
SELECT * FROM external_ids_set('rows_set.accounts', '3', '{crm:33}');

-- Domains over the column types
CREATE DOMAIN rows_set.key_domain AS int CHECK (VALUE > 0);
CREATE DOMAIN rows_set.set_domain AS external_id_set CHECK (cardinality(VALUE) < 3);
CREATE TABLE rows_set.domains (id rows_set.key_domain PRIMARY KEY, ids rows_set.set_domain);
CREATE INDEX domains_key ON rows_set.domains USING unique_members (ids);
INSERT INTO rows_set.domains VALUES (1, '{}');
SELECT * FROM external_ids_add('rows_set.domains', 1, 'crm:1');
SELECT * FROM external_ids_add('rows_set.domains', '1', '{crm:2,crm:3}');

-- A read-only transaction
BEGIN READ ONLY;
SELECT * FROM external_ids_add('rows_set.accounts', '2', 'ro:1');
ROLLBACK;

--
-- Triggers fire once for a call, also where one keeps the row from being written
--
SET search_path = rows_set, public;
CREATE TABLE watched (id int PRIMARY KEY, ids external_id_set);
CREATE INDEX watched_ids ON watched USING unique_members (ids);
INSERT INTO watched VALUES (1, 'crm:1'), (2, 'crm:2');
CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE '% % %', TG_WHEN, TG_LEVEL, TG_OP;
	RETURN NULL;
END $$;
SELECT * FROM external_ids_add('watched', 1, 'crm:11');
CREATE TRIGGER watch BEFORE UPDATE ON watched FOR EACH ROW EXECUTE FUNCTION watch();
SELECT * FROM external_ids_add('watched', 1, 'crm:12');
DROP TRIGGER watch ON watched;
CREATE TRIGGER watch BEFORE UPDATE ON watched FOR EACH STATEMENT EXECUTE FUNCTION watch();
SELECT * FROM external_ids_add('watched', 1, 'crm:12');
SELECT * FROM external_ids_add('watched', 3, 'crm:13');
DROP TRIGGER watch ON watched;
CREATE TRIGGER watch AFTER UPDATE ON watched FOR EACH STATEMENT EXECUTE FUNCTION watch();
SELECT * FROM external_ids_add('watched', 1, 'crm:13');
-- the set may be that of a domain, or null
CREATE DOMAIN some_ids AS external_id_set CHECK (cardinality(VALUE) < 3);
CREATE TABLE of_domain (id int PRIMARY KEY, org int, ids some_ids);
CREATE INDEX of_domain_ids ON of_domain USING unique_members (ids, org);
INSERT INTO of_domain VALUES (1, 7, '{crm:1}'), (2, 7, NULL), (3, NULL, '{crm:1}');
SELECT * FROM external_ids_add('of_domain', 1, 'crm:11');
SELECT * FROM external_ids_add('of_domain', 1, 'crm:12');
SELECT * FROM external_ids_add('of_domain', 2, 'crm:2', '{"org": 7}');
SELECT * FROM external_ids_add('of_domain', 2, 'crm:1', '{"org": 7}');
SELECT * FROM external_ids_set('of_domain', 1, '{crm:3}', scope => '{"org": 8}');
SELECT * FROM external_ids_add('of_domain', 3, 'crm:11');
SELECT * FROM of_domain ORDER BY id;

-- A trigger that writes null: that is the empty set
CREATE TABLE nulled (id int PRIMARY KEY, ids external_id_set);
CREATE INDEX ON nulled USING unique_members (ids);
INSERT INTO nulled VALUES (1, 'a:1'), (2, 'a:2');
CREATE FUNCTION write_null() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.ids := NULL; RETURN NEW; END';
CREATE TRIGGER write_null BEFORE UPDATE ON nulled FOR EACH ROW EXECUTE FUNCTION write_null();
SELECT * FROM external_ids_set('nulled', 1, '{a:1,b:1}');
SELECT * FROM nulled ORDER BY id;

RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA rows_set CASCADE;
DROP ROLE regress_rows_set;
