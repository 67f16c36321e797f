--
-- external_ids_merge
--
-- Most of it runs as a role that has the tables' privileges and no others.
--
CREATE ROLE regress_rows_merge;
CREATE ROLE regress_rows_merge_app;
CREATE SCHEMA rows_merge AUTHORIZATION regress_rows_merge;
GRANT USAGE ON SCHEMA rows_merge TO regress_rows_merge_app;
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET ROLE regress_rows_merge;
SET search_path = rows_merge, public;

CREATE TABLE accounts (
	id bigint PRIMARY KEY,
	org_id int NOT NULL,
	name text,
	code text UNIQUE,
	parent_id bigint REFERENCES accounts,
	external_ids external_id_set NOT NULL DEFAULT '{}',
	deleted_at date,
	UNIQUE (org_id, id)
);
CREATE INDEX accounts_external_ids_key ON accounts
	USING unique_members (external_ids, org_id) WHERE deleted_at IS NULL;
CREATE FUNCTION fresh() RETURNS void LANGUAGE sql AS $$
	TRUNCATE accounts CASCADE;
	INSERT INTO accounts (id, org_id, name, code, external_ids, deleted_at) VALUES
		(1, 7, 'one', 'A', '{crm:1,billing:x1}', NULL),
		(2, 7, 'two', 'B', '{crm:2}', NULL),
		(3, 8, 'other org', 'C', '{crm:1}', NULL),
		(4, 7, 'archived', 'D', '{crm:1}', '2020-01-01'),
		(5, 7, 'no code', NULL, '{}', NULL);
$$;
SELECT fresh();

--
-- The IDs
--
ALTER TABLE accounts DROP CONSTRAINT accounts_parent_id_fkey;
SELECT * FROM external_ids_merge('accounts', '1', '2');
SELECT id, external_ids FROM accounts ORDER BY id;
SELECT id AS two FROM external_ids_resolve(NULL::accounts, 'crm:1', '{"org_id": 7}');
SELECT id AS two FROM external_ids_resolve(NULL::accounts, 'billing:x1', '{"org_id": 7}');
-- a second time moves nothing and writes nothing
SELECT array_agg(ctid ORDER BY id) AS before FROM accounts \gset
SELECT * FROM external_ids_merge('accounts', '1', '2');
SELECT array_agg(ctid ORDER BY id) = :'before' AS unchanged FROM accounts;
-- and back
SELECT * FROM external_ids_merge('accounts', '2', '1');
SELECT id, external_ids FROM accounts WHERE id IN (1, 2) ORDER BY id;
-- into a row without any
SELECT * FROM external_ids_merge('accounts', '1', '5', delete_from => true);
SELECT id, external_ids FROM accounts WHERE org_id = 7 ORDER BY id;

-- untyped, typed and mixed keys; scope; index
SELECT fresh();
PREPARE merge AS SELECT * FROM external_ids_merge('accounts', $1, $2);
EXECUTE merge('1', '2');
SELECT * FROM external_ids_merge('accounts', 2, 1);
SELECT m.* FROM accounts a, external_ids_merge('accounts', 1, a.id) m WHERE a.id = 2;
SELECT * FROM external_ids_merge('accounts', '2', 1::smallint);
SELECT * FROM external_ids_merge("table" => 'accounts', "from" => 1, "into" => 2,
	scope => '{"org_id": 7}', index => 'accounts_external_ids_key');
SELECT id, external_ids FROM accounts WHERE id IN (1, 2) ORDER BY id;
SELECT external_ids_merge('accounts', 2, 1);

--
-- What cannot be merged
--
SELECT * FROM external_ids_merge('accounts', '1', '1');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM external_ids_merge('accounts', '1', '99');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM external_ids_merge('accounts', '99', '1');
SELECT * FROM external_ids_merge('accounts', '99', '98');
-- archived: outside the index
SELECT * FROM external_ids_merge('accounts', '4', '1');
SELECT * FROM external_ids_merge('accounts', '1', '4', dry_run => true);
SELECT * FROM external_ids_merge('accounts', '1', '3');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM external_ids_merge('accounts', '1', '3', dry_run => true);
SELECT * FROM external_ids_merge('accounts', '1', '2', scope => '{"org_id": 8}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM external_ids_merge('accounts', '1', '2', scope => '{"org": 8}');
SELECT * FROM external_ids_merge(NULL, '1', '2');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM external_ids_merge('accounts', NULL, '2');
SELECT * FROM external_ids_merge('accounts', '1', NULL);
SELECT * FROM external_ids_merge('accounts', '1', '2', NULL);
SELECT * FROM external_ids_merge('accounts', '1', '2', dry_run => NULL);
SELECT * FROM external_ids_merge('accounts', '1', '2', delete_from => NULL);
SELECT * FROM external_ids_merge('accounts', 'one', '2');
CREATE TABLE keyless (ids external_id_set);
CREATE INDEX keyless_ids ON keyless USING unique_members (ids);
SELECT * FROM external_ids_merge('keyless', '1', '2');
SELECT id, external_ids FROM accounts ORDER BY id;

--
-- Children: every foreign key, with or without rows
--
ALTER TABLE accounts ADD FOREIGN KEY (parent_id) REFERENCES accounts;
CREATE TABLE contacts (
	id int PRIMARY KEY,
	account_id int,
	backup_id bigint CONSTRAINT backup REFERENCES accounts,
	email text,
	CONSTRAINT contacts_account FOREIGN KEY (account_id) REFERENCES accounts MATCH FULL,
	CONSTRAINT contacts_email UNIQUE (account_id, email)
);
CREATE TABLE notes (id int, org int, account bigint, note text,
	CONSTRAINT notes_account FOREIGN KEY (account, org) REFERENCES accounts (id, org_id));
CREATE TABLE codes (id int, account_code varchar(1) REFERENCES accounts (code));
CREATE TABLE events (id int, day date, account_id bigint CONSTRAINT events_account REFERENCES accounts) PARTITION BY RANGE (day);
CREATE TABLE events_old PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE events_new PARTITION OF events FOR VALUES FROM ('2021-01-01') TO ('2030-01-01');
CREATE TABLE empty (account_id bigint REFERENCES accounts DEFERRABLE);
CREATE TABLE late (account_id bigint);
INSERT INTO late VALUES (1);
CREATE FUNCTION children() RETURNS void LANGUAGE sql AS $$
	SELECT fresh();
	UPDATE accounts SET parent_id = 1 WHERE id IN (3, 4, 5);
	INSERT INTO contacts VALUES (1, 1, NULL, 'a@x'), (2, 1, 1, 'b@x'), (3, 2, 1, 'c@x'), (4, NULL, 1, 'd@x'), (5, 2, 2, 'e@x');
	INSERT INTO notes VALUES (1, 7, 1), (2, 7, 1), (3, NULL, 1), (4, 7, NULL), (5, 7, 2);
	INSERT INTO codes VALUES (1, 'A'), (2, 'B'), (3, NULL);
	INSERT INTO events VALUES (1, '2020-05-05', 1), (2, '2021-05-05', 1), (3, '2021-05-06', 2);
$$;
-- every row of every child, with what it points at
CREATE FUNCTION pointers() RETURNS TABLE (child text, pointers text) LANGUAGE sql AS $$
	SELECT 'accounts', string_agg(id || '>' || parent_id, ' ' ORDER BY id) FROM accounts UNION ALL
	SELECT 'codes', string_agg(id || '>' || account_code, ' ' ORDER BY id) FROM codes UNION ALL
	SELECT 'contacts', string_agg(format('%s>%s,%s', id, account_id, backup_id), ' ' ORDER BY id) FROM contacts UNION ALL
	SELECT 'events', string_agg(format('%s>%s', id, account_id), ' ' ORDER BY id) FROM events UNION ALL
	SELECT 'notes', string_agg(format('%s>%s/%s', id, account, org), ' ' ORDER BY id) FROM notes
$$;
SELECT children();
SELECT * FROM pointers();
-- the same table three times: what dry_run says, leaving, re-pointing
CREATE TABLE dry AS SELECT * FROM external_ids_merge('accounts', '1', '2', repoint => true, dry_run => true);
BEGIN READ ONLY;
SELECT * FROM external_ids_merge('accounts', '1', '2', dry_run => true);
COMMIT;
SELECT id, external_ids FROM accounts WHERE id IN (1, 2) ORDER BY id;
CREATE TABLE kept AS SELECT * FROM external_ids_merge('accounts', '1', '2');
SELECT * FROM pointers();
SELECT children();
CREATE TABLE repointed AS SELECT * FROM external_ids_merge('accounts', '1', '2', repoint => true);
SELECT * FROM pointers();
SELECT id, external_ids FROM accounts WHERE id IN (1, 2) ORDER BY id;
(TABLE dry EXCEPT ALL TABLE kept) UNION ALL (TABLE kept EXCEPT ALL TABLE dry)
	UNION ALL (TABLE dry EXCEPT ALL TABLE repointed) UNION ALL (TABLE repointed EXCEPT ALL TABLE dry);
-- now nothing points at it
SELECT child, reference, count FROM external_ids_merge('accounts', '1', '2', repoint => true) WHERE count <> 0;
-- a dry run writes nothing
SELECT children();
SELECT array_agg(ctid ORDER BY id) AS before FROM accounts \gset
SELECT count(*) FROM external_ids_merge('accounts', '1', '2', true, true, true);
SELECT array_agg(ctid ORDER BY id) = :'before' AS unchanged FROM accounts;

-- with delete
SELECT sum(count) FROM external_ids_merge('accounts', '1', '2', repoint => true, delete_from => true);
SELECT id, parent_id, external_ids FROM accounts ORDER BY id;
SELECT * FROM pointers();

-- a row that points at itself, or at the other
SELECT fresh();
UPDATE accounts SET parent_id = 1 WHERE id IN (1, 2);
SELECT child, count FROM external_ids_merge('accounts', '1', '2', repoint => true) WHERE count > 0;
SELECT id, parent_id, external_ids FROM accounts WHERE id IN (1, 2) ORDER BY id;

-- two keys on one column, two that share a column
CREATE TABLE twice (id bigint CONSTRAINT one REFERENCES accounts CONSTRAINT two REFERENCES accounts);
CREATE TABLE pairs (org int, a bigint, b bigint, CONSTRAINT a FOREIGN KEY (org, a) REFERENCES accounts (org_id, id),
	CONSTRAINT b FOREIGN KEY (org, b) REFERENCES accounts (org_id, id));
SELECT fresh();
INSERT INTO twice VALUES (1), (1), (2);
INSERT INTO pairs VALUES (7, 1, 1), (7, 2, 1), (7, NULL, 1);
SELECT child, reference, count FROM external_ids_merge('accounts', '1', '2', repoint => true, delete_from => true) WHERE count > 0;
SELECT * FROM twice;
SELECT * FROM pairs ORDER BY a;
DROP TABLE twice, pairs;

--
-- delete_from without repoint: the foreign key decides
--
SELECT fresh();
INSERT INTO contacts VALUES (1, 1);
SELECT * FROM external_ids_merge('accounts', '1', '2', delete_from => true);
\echo :LAST_ERROR_SQLSTATE
SELECT id, external_ids FROM accounts WHERE id IN (1, 2) ORDER BY id;
ALTER TABLE contacts DROP CONSTRAINT contacts_account,
	ADD CONSTRAINT contacts_account FOREIGN KEY (account_id) REFERENCES accounts ON DELETE SET NULL;
SELECT count FROM external_ids_merge('accounts', '1', '2', delete_from => true) WHERE reference = 'contacts_account';
SELECT id, account_id FROM contacts;
-- row "into" would go too
SELECT fresh();
ALTER TABLE accounts DROP CONSTRAINT accounts_parent_id_fkey,
	ADD CONSTRAINT accounts_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES accounts ON DELETE CASCADE;
UPDATE accounts SET parent_id = 1 WHERE id = 2;
SELECT * FROM external_ids_merge('accounts', '1', '2', delete_from => true);
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) > 0 AS done FROM external_ids_merge('accounts', '1', '2', delete_from => true, repoint => true);
SELECT id, parent_id, external_ids FROM accounts WHERE id IN (1, 2);

--
-- Re-pointing that fails, and undoes all
--
SELECT fresh();
INSERT INTO contacts VALUES (1, 1, 1, 'a@x'), (2, 2, 1, 'a@x');
DO $$
DECLARE state text; message text; detail text; hint text; tab text; con text;
BEGIN
	PERFORM external_ids_merge('accounts', 1, 2, repoint => true, delete_from => true);
EXCEPTION WHEN unique_violation THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
		hint = PG_EXCEPTION_HINT, tab = TABLE_NAME, con = CONSTRAINT_NAME;
	RAISE WARNING E'%\n%\n%\n%\n% %', state, message, detail, hint, tab, con;
END $$;
SELECT * FROM external_ids_merge('accounts', '1', '2', repoint => true);
SELECT id, account_id, backup_id FROM contacts ORDER BY id;
SELECT id, external_ids FROM accounts WHERE id IN (1, 2) ORDER BY id;
-- counts are no matter of unique keys
SELECT reference, count FROM external_ids_merge('accounts', '1', '2', dry_run => true) WHERE count > 0;
-- row "into" has nothing to point at
SELECT fresh();
INSERT INTO codes VALUES (1, 'A');
SELECT * FROM external_ids_merge('accounts', '1', '5', repoint => true);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM external_ids_merge('accounts', '1', '5', repoint => true, dry_run => true);
SELECT count FROM external_ids_merge('accounts', '1', '5') WHERE reference = 'codes_account_code_fkey';
-- nothing pointed at a null: no matter
SELECT count FROM external_ids_merge('accounts', '5', '2', repoint => true) WHERE reference = 'codes_account_code_fkey';
-- a value that the child cannot hold
UPDATE accounts SET code = 'too long' WHERE id = 2;
SELECT fresh();
INSERT INTO codes VALUES (1, 'A');
UPDATE accounts SET code = 'too long' WHERE id = 2;
SELECT * FROM external_ids_merge('accounts', '1', '2', repoint => true);
SELECT account_code, external_ids FROM codes JOIN accounts ON code = account_code;

-- triggers and rules with a mind of their own
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END';
CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
SELECT children();
CREATE TRIGGER keep BEFORE UPDATE ON events FOR EACH ROW EXECUTE FUNCTION keep();
SELECT * FROM external_ids_merge('accounts', '1', '2', repoint => true);
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER keep ON events;
CREATE TRIGGER skip BEFORE UPDATE ON events FOR EACH ROW EXECUTE FUNCTION skip();
SELECT * FROM external_ids_merge('accounts', '1', '2', repoint => true);
DROP TRIGGER skip ON events;
CREATE RULE nothing AS ON UPDATE TO notes DO INSTEAD SELECT 1;
SELECT * FROM external_ids_merge('accounts', '1', '2', repoint => true);
DROP RULE nothing ON notes;
CREATE TRIGGER keep BEFORE UPDATE ON accounts FOR EACH ROW WHEN (OLD.id = 1) EXECUTE FUNCTION keep();
SELECT * FROM external_ids_merge('accounts', '1', '2');
\echo :LAST_ERROR_SQLSTATE
DROP TRIGGER keep ON accounts;
CREATE TRIGGER keep BEFORE UPDATE ON accounts FOR EACH ROW WHEN (OLD.id = 2) EXECUTE FUNCTION keep();
SELECT * FROM external_ids_merge('accounts', '1', '2');
DROP TRIGGER keep ON accounts;
CREATE TRIGGER skip BEFORE DELETE ON accounts FOR EACH ROW EXECUTE FUNCTION skip();
SELECT * FROM external_ids_merge('accounts', '1', '2', repoint => true, delete_from => true);
DROP TRIGGER skip ON accounts;
SELECT id, external_ids FROM accounts WHERE id IN (1, 2) ORDER BY id;

--
-- Rights: the caller's
--
SET ROLE regress_rows_merge_app;
SELECT * FROM external_ids_merge('accounts', '1', '2', dry_run => true);
RESET ROLE; SET ROLE regress_rows_merge;
GRANT SELECT ON ALL TABLES IN SCHEMA rows_merge TO regress_rows_merge_app;
SET ROLE regress_rows_merge_app;
SELECT count(*) FROM external_ids_merge('accounts', '1', '2', dry_run => true);
SELECT * FROM external_ids_merge('accounts', '1', '2');
\echo :LAST_ERROR_SQLSTATE
RESET ROLE; SET ROLE regress_rows_merge;
GRANT UPDATE (external_ids, parent_id) ON accounts TO regress_rows_merge_app;
SET ROLE regress_rows_merge_app;
BEGIN;
SELECT count(*) FROM external_ids_merge('accounts', '1', '2');
ROLLBACK;
SELECT * FROM external_ids_merge('accounts', '1', '2', delete_from => true);
SELECT * FROM external_ids_merge('accounts', '1', '2', repoint => true);
RESET ROLE; SET ROLE regress_rows_merge;
GRANT UPDATE ON contacts, codes, events, empty TO regress_rows_merge_app;
GRANT UPDATE (note) ON notes TO regress_rows_merge_app;
SET ROLE regress_rows_merge_app;
SELECT * FROM external_ids_merge('accounts', '1', '2', repoint => true);
RESET ROLE; SET ROLE regress_rows_merge;
-- of a composite key only the columns that change are written
GRANT UPDATE (account) ON notes TO regress_rows_merge_app;
SET ROLE regress_rows_merge_app;
BEGIN;
SELECT sum(count) FROM external_ids_merge('accounts', '1', '2', repoint => true);
ROLLBACK;

-- Row security: all rows that point at "from", or an error
RESET ROLE; SET ROLE regress_rows_merge;
ALTER TABLE contacts ENABLE ROW LEVEL SECURITY;
CREATE POLICY see ON contacts USING (email <> 'b@x');
SET ROLE regress_rows_merge_app;
SELECT * FROM external_ids_merge('accounts', '1', '2', repoint => true);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM external_ids_merge('accounts', '1', '2', dry_run => true);
SET row_security = off;
SELECT * FROM external_ids_merge('accounts', '1', '2', dry_run => true);
RESET row_security;
-- a policy that hides nothing of this row's stands in no way
RESET ROLE; SET ROLE regress_rows_merge;
ALTER POLICY see ON contacts USING (email <> 'e@x');
SET ROLE regress_rows_merge_app;
BEGIN;
SELECT reference, count FROM external_ids_merge('accounts', '1', '2', repoint => true) WHERE count > 0;
ROLLBACK;
-- seen, but not to be written
RESET ROLE; SET ROLE regress_rows_merge;
ALTER POLICY see ON contacts USING (true);
CREATE POLICY write ON contacts AS RESTRICTIVE FOR UPDATE USING (email <> 'b@x');
SET ROLE regress_rows_merge_app;
SELECT * FROM external_ids_merge('accounts', '1', '2', repoint => true);
\echo :LAST_ERROR_SQLSTATE
-- the owner is not concerned
RESET ROLE; SET ROLE regress_rows_merge;
BEGIN;
SELECT reference, count FROM external_ids_merge('accounts', '1', '2', repoint => true) WHERE count > 0;
ROLLBACK;
-- row security on the account table: a row that is not seen is not there
ALTER TABLE contacts DISABLE ROW LEVEL SECURITY;
ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
CREATE POLICY see ON accounts USING (id <> 2);
SET ROLE regress_rows_merge_app;
SELECT * FROM external_ids_merge('accounts', '1', '2');
RESET ROLE; SET ROLE regress_rows_merge;
-- a hidden child of the same table
ALTER POLICY see ON accounts USING (id <> 4);
SET ROLE regress_rows_merge_app;
SELECT * FROM external_ids_merge('accounts', '1', '2');
RESET ROLE; SET ROLE regress_rows_merge;
ALTER TABLE accounts DISABLE ROW LEVEL SECURITY;

--
-- Hostile and unusual names, a set column that may be null, a composite key
--
CREATE TABLE "child" (
	"child" int, "member" text COLLATE "C", ids external_id_set, "from" text,
	PRIMARY KEY ("child", "member"));
CREATE INDEX child_ids ON "child" USING unique_members (ids, "child");
CREATE TABLE "Into" ("where" int, "set" varchar, "child" smallint,
	CONSTRAINT "to child" FOREIGN KEY ("child", "set") REFERENCES "child" ("child", "member"));
INSERT INTO "child" VALUES (1, 'a', 'x:a'), (1, 'b', NULL), (2, 'c', NULL);
INSERT INTO "Into" VALUES (1, 'a', 1), (2, 'b', 1), (3, NULL, 1);
SELECT * FROM external_ids_merge('"child"', ROW(1, 'a'), ROW(1, 'b'), repoint => true);
SELECT * FROM "Into" ORDER BY "where";
SELECT "member", ids FROM "child" ORDER BY "member";
-- an empty set goes into none, and none into another
SELECT count FROM external_ids_merge('"child"', '(1,a)', '(1,b)');
SELECT count FROM external_ids_merge('"child"', '(1,b)', '(1,a)', repoint => true, delete_from => true);
UPDATE "child" SET ids = NULL WHERE "member" = 'c';
INSERT INTO "child" VALUES (1, 'n', NULL);
SELECT count FROM external_ids_merge('"child"', ROW(1, 'n'), ROW(1, 'a'));
SELECT * FROM external_ids_merge('"child"', ROW(1, 'a'), ROW(2, 'c'));
SELECT * FROM external_ids_merge('"child"', ROW(1, NULL), ROW(1, 'a'));
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM external_ids_merge('"child"', 1, 2);
SELECT "child", "member", ids FROM "child" ORDER BY 1, 2;

-- A scope that is null is one scope.
CREATE TABLE unscoped (id int PRIMARY KEY, org int, ids external_id_set);
CREATE INDEX unscoped_ids ON unscoped USING unique_members (ids, org);
INSERT INTO unscoped VALUES (1, NULL, 'x:1'), (2, NULL, 'x:2'), (3, 3, 'x:3');
SELECT * FROM external_ids_merge('unscoped', 1, 2);
SELECT * FROM external_ids_merge('unscoped', 2, 3);
SELECT id, ids FROM unscoped ORDER BY id;

-- A better-matching operator in an earlier schema is not called.
RESET ROLE;
CREATE SCHEMA rows_merge_before AUTHORIZATION regress_rows_merge;
SET ROLE regress_rows_merge;
SET search_path = rows_merge_before, rows_merge, public, pg_catalog;
CREATE FUNCTION rows_merge_before.evil(bigint, int) RETURNS bool LANGUAGE plpgsql AS
	$$ BEGIN RAISE WARNING 'evil was called'; RETURN true; END $$;
CREATE OPERATOR rows_merge_before.= (LEFTARG = bigint, RIGHTARG = int, FUNCTION = rows_merge_before.evil);
CREATE FUNCTION rows_merge_before.evil(text, varchar) RETURNS bool LANGUAGE plpgsql AS
	$$ BEGIN RAISE WARNING 'evil was called'; RETURN true; END $$;
CREATE OPERATOR rows_merge_before.= (LEFTARG = text, RIGHTARG = varchar, FUNCTION = rows_merge_before.evil);
CREATE FUNCTION rows_merge_before.count() RETURNS bigint LANGUAGE sql AS 'SELECT 666';
-- the trap works
SELECT 1::bigint = 2::int AS evil;
BEGIN;
SELECT reference, columns, count FROM external_ids_merge('accounts', '1', '2', repoint => true) WHERE count > 0;
ROLLBACK;
SET search_path = rows_merge, public;
DROP SCHEMA rows_merge_before CASCADE;

-- Nor is one in the operator's own schema: an external ID's equality is the set's.
CREATE TABLE labelled (id int PRIMARY KEY, main external_id UNIQUE, ids external_id_set);
CREATE INDEX labelled_ids ON labelled USING unique_members (ids);
CREATE TABLE labelled_child (main external_id REFERENCES labelled (main));
INSERT INTO labelled VALUES (1, 'x:1', 'x:1'), (2, 'x:2', 'x:2');
INSERT INTO labelled_child VALUES ('x:1'), ('x:1'), ('x:2'), (NULL);
RESET ROLE;
CREATE FUNCTION evil(external_id_set, external_id) RETURNS bool LANGUAGE plpgsql AS
	$$ BEGIN RAISE WARNING 'evil was called'; RETURN true; END $$;
CREATE OPERATOR public.= (LEFTARG = external_id_set, RIGHTARG = external_id, FUNCTION = evil);
SET ROLE regress_rows_merge;
-- the trap works
SELECT count(*) AS more_than_two FROM labelled_child WHERE 'x:1'::external_id_set = main;
SELECT * FROM external_ids_merge('labelled', 1, 2, repoint => true);
SELECT * FROM labelled_child ORDER BY main;
RESET ROLE;
DROP OPERATOR public.= (external_id_set, external_id);
SET ROLE regress_rows_merge;

-- A child's collation that knows no equal but the same bytes, a parent's that
-- does: compared under the parent's. (A server built without ICU has none; from
-- 18 on a foreign key wants the same collation on both sides.)
DO $$
BEGIN
	BEGIN
		CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
	EXCEPTION WHEN feature_not_supported THEN
		RETURN;
	END;
	CREATE TABLE named (name text COLLATE nocase PRIMARY KEY, ids external_id_set);
	CREATE INDEX named_ids ON named USING unique_members (ids);
	EXECUTE format('CREATE TABLE named_child (name text COLLATE %I REFERENCES named)',
		CASE WHEN current_setting('server_version_num')::int < 180000 THEN 'C' ELSE 'nocase' END);
	INSERT INTO named VALUES ('One', 'x:1'), ('Two', 'x:2');
	INSERT INTO named_child VALUES ('ONE'), ('one'), ('two');
	ASSERT (SELECT count = 2 FROM external_ids_merge('named', 'oNE', 'tWO', repoint => true, delete_from => true));
	ASSERT (SELECT array_agg(name ORDER BY name) = '{Two,Two,two}' FROM named_child);
	ASSERT (SELECT ids = '{x:1,x:2}' FROM named);
	BEGIN
		PERFORM external_ids_merge('named', 'TWO', 'two');
		ASSERT false, 'one row under two spellings';
	EXCEPTION WHEN invalid_parameter_value THEN
		NULL;
	END;
END $$;

-- Domains
CREATE DOMAIN key AS int;
CREATE DOMAIN id_set AS external_id_set NOT NULL;
CREATE TABLE domains (id key PRIMARY KEY, ids id_set);
CREATE INDEX domains_ids ON domains USING unique_members (ids);
CREATE TABLE domains_child (id key REFERENCES domains);
INSERT INTO domains VALUES (1, 'x:1'), (2, 'x:2');
INSERT INTO domains_child VALUES (1);
SELECT * FROM external_ids_merge('domains', '1', '2', repoint => true);
SELECT * FROM domains ORDER BY id;
TABLE domains_child;

--
-- EXCLUDE constraints, deferred too
--
CREATE TABLE excluded (id int PRIMARY KEY, ids external_id_set,
	CONSTRAINT excluded_ids EXCLUDE USING unique_members (ids WITH &&) DEFERRABLE INITIALLY DEFERRED);
INSERT INTO excluded VALUES (1, '{x:1,x:2}'), (2, 'x:3');
SELECT * FROM external_ids_merge('excluded', 1, 2);
SELECT * FROM excluded ORDER BY id;

CREATE TABLE at_once (id int PRIMARY KEY, ids external_id_set,
	CONSTRAINT at_once_ids EXCLUDE USING unique_members (ids WITH &&));
INSERT INTO at_once VALUES (1, '{x:1,x:2}'), (2, 'x:3');
SELECT * FROM external_ids_merge('at_once', 1, 2);
SELECT * FROM at_once ORDER BY id;
-- values that are unique under any label
CREATE TABLE by_value (id int PRIMARY KEY, ids external_id_set);
CREATE INDEX by_value_ids ON by_value USING unique_members (ids external_id_set_value_ops);
INSERT INTO by_value VALUES (1, '{x:1,y:1}'), (2, 'x:3');
SELECT * FROM external_ids_merge('by_value', 1, 2);
SELECT * FROM by_value ORDER BY id;

--
-- Linked children, without foreign keys: one link keeps, the other follows
--
CREATE TABLE linked (id bigint PRIMARY KEY, org_id int NOT NULL, ids external_id_set NOT NULL DEFAULT '{}');
CREATE INDEX linked_ids ON linked USING unique_members (ids, org_id);
CREATE TABLE keeps (id int PRIMARY KEY, org_id int NOT NULL DEFAULT 1, ext external_id, linked_id bigint);
CREATE TABLE follows (id int PRIMARY KEY, org_id int NOT NULL DEFAULT 1, ext text, linked_id bigint);
SELECT external_ids_link('keeps', 'ext', 'linked_id', 'linked');
SELECT external_ids_link('follows', 'ext', 'linked_id', 'linked', on_move => 'follow');
INSERT INTO linked VALUES (1, 1, '{crm:1,crm:11}'), (2, 1, 'crm:2');
INSERT INTO keeps (id, ext, linked_id) VALUES (1, 'crm:1', NULL), (2, 'crm:2', NULL), (3, 'crm:3', NULL), (4, NULL, 1);
INSERT INTO follows (id, ext, linked_id) VALUES (1, '1', NULL), (2, '2', NULL), (3, '3', NULL), (4, NULL, 1), (5, '11', NULL);
CREATE VIEW links AS
	SELECT 'keeps' AS child, id, ext::text, linked_id FROM keeps
	UNION ALL SELECT 'follows', id, ext, linked_id FROM follows;
-- counted without foreign keys; what follows, follows the IDs
BEGIN;
SELECT * FROM external_ids_merge('linked', 1, 2);
SELECT * FROM links ORDER BY child, id;
ROLLBACK;
-- re-pointed: also the row that keeps, and those that the application set
SELECT * FROM external_ids_merge('linked', 1, 2, repoint => true, delete_from => true);
SELECT * FROM links ORDER BY child, id;
DROP VIEW links;
DROP TABLE keeps, follows, linked;

--
-- Partitioned account tables
--
CREATE TABLE parts (org int, id int, ids external_id_set, PRIMARY KEY (org, id)) PARTITION BY LIST (org);
CREATE INDEX parts_ids ON parts USING unique_members (ids, org);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1) PARTITION BY RANGE (org);
CREATE TABLE parts_1a PARTITION OF parts_1 FOR VALUES FROM (1) TO (2);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2);
ALTER TABLE parts_1a ADD UNIQUE (id);
ALTER TABLE parts_2 ADD UNIQUE (id);
ALTER TABLE parts ADD parent int, ADD CONSTRAINT parts_parent FOREIGN KEY (org, parent) REFERENCES parts (org, id);
CREATE TABLE to_root (n int, org int, id int, FOREIGN KEY (org, id) REFERENCES parts) PARTITION BY LIST (n);
CREATE TABLE to_root_1 PARTITION OF to_root DEFAULT;
CREATE TABLE to_middle (org int, id int, FOREIGN KEY (org, id) REFERENCES parts_1);
CREATE TABLE to_leaf (id int REFERENCES parts_1a (id));
CREATE TABLE to_other_leaf (id int REFERENCES parts_2 (id));
INSERT INTO parts VALUES (1, 1, 'x:1'), (1, 2, 'x:2'), (2, 1, 'x:1'), (2, 2, 'x:2');
UPDATE parts SET parent = 1 WHERE org = 1;
INSERT INTO to_root VALUES (1, 1, 1), (2, 1, 2), (3, 2, 1);
INSERT INTO to_middle VALUES (1, 1);
INSERT INTO to_leaf VALUES (1), (1);
INSERT INTO to_other_leaf VALUES (1);
-- by the root and by the partition: the same keys
SELECT * FROM external_ids_merge('parts', '(1,1)', '(1,2)', dry_run => true);
SELECT * FROM external_ids_merge('parts_1a', '(1,1)', '(1,2)', dry_run => true);
SELECT * FROM external_ids_merge('parts', '(2,1)', '(2,2)', dry_run => true);
SELECT * FROM external_ids_merge('parts', '(1,1)', '(1,2)', repoint => true, delete_from => true);
SELECT * FROM external_ids_merge('parts_2', '(2,1)', '(2,2)', repoint => true);
SELECT tableoid::regclass, * FROM parts ORDER BY org, id;
SELECT * FROM to_root ORDER BY n;
SELECT * FROM to_middle;
SELECT * FROM to_leaf;
SELECT * FROM to_other_leaf;

--
-- Renamed columns, and columns that a dropped one precedes
--
SELECT children();
ALTER TABLE contacts DROP id, ADD id int;
UPDATE contacts SET id = ascii(email) - 96;
ALTER TABLE contacts RENAME account_id TO belongs_to;
ALTER TABLE contacts RENAME CONSTRAINT contacts_account TO belongs;
SELECT * FROM external_ids_merge('accounts', 1, 2, repoint => true) WHERE child = 'contacts'::regclass;
SELECT id, belongs_to FROM contacts ORDER BY id;

-- A trigger that writes null in the place of the set
CREATE TABLE nulled (id int PRIMARY KEY, ids external_id_set);
CREATE INDEX ON nulled USING unique_members (ids);
INSERT INTO nulled VALUES (1, 'a:1'), (2, 'a:2');
CREATE FUNCTION write_null() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.ids := NULL; RETURN NEW; END';
CREATE TRIGGER write_null BEFORE UPDATE ON nulled FOR EACH ROW EXECUTE FUNCTION write_null();
SELECT * FROM external_ids_merge('nulled', 2, 1);
SELECT * FROM nulled ORDER BY id;

--
-- A link without a foreign key: its scope columns are part of what it points by
--
CREATE TABLE firms (org int, id int, ids external_id_set, PRIMARY KEY (org, id)) PARTITION BY LIST (org);
CREATE TABLE firms_1 PARTITION OF firms FOR VALUES IN (1);
CREATE TABLE firms_2 PARTITION OF firms FOR VALUES IN (2);
CREATE INDEX firms_ids ON firms USING unique_members (ids, org);
CREATE TABLE staff (n int, tenant int, ext external_id, firm int);
SELECT external_ids_link('staff', 'ext', 'firm', 'firms', scope => '{"org": "tenant"}', index => 'firms_ids');
INSERT INTO firms VALUES (1, 1, 'a:1'), (1, 2, 'a:2'), (2, 1, 'a:1');
INSERT INTO staff VALUES (1, 1, 'a:1'), (2, 2, 'a:1'), (3, 1, 'a:2');
SELECT * FROM external_ids_merge('firms', '(1,1)', '(1,2)', repoint => true);
SELECT * FROM staff ORDER BY n;
-- by the partition, whose part of the index has another name
SELECT * FROM external_ids_merge('firms_1', '(1,2)', '(1,1)', repoint => true);
SELECT * FROM staff ORDER BY n;
SELECT * FROM firms ORDER BY org, id;
-- one that is linked by another index than the one the merge goes by
CREATE TABLE shops (org int, id int, ids external_id_set, old_ids external_id_set, PRIMARY KEY (org, id));
CREATE INDEX shops_ids ON shops USING unique_members (ids);
CREATE INDEX shops_old_ids ON shops USING unique_members (old_ids, org);
SELECT external_ids_link('staff', 'ext', 'firm', 'shops', scope => '{"org": "tenant"}', index => 'shops_old_ids');
SELECT external_ids_unlink('staff', 'firm');
SELECT external_ids_link('staff', 'ext', 'firm', 'shops', scope => '{"org": "tenant"}', index => 'shops_old_ids');
INSERT INTO shops VALUES (1, 1, 'a:1', 'a:1'), (1, 2, 'a:2', 'a:2'), (2, 1, 'b:1', 'a:1');
TRUNCATE staff;
INSERT INTO staff VALUES (1, 1, 'a:1'), (2, 2, 'a:1'), (3, 1, 'a:2');
SELECT * FROM external_ids_merge('shops', '(1,1)', '(1,2)', index => 'shops_ids', repoint => true);
SELECT * FROM staff ORDER BY n;

-- What row "into" lacks is no matter where nothing points by it
CREATE TABLE coded (id int PRIMARY KEY, code text UNIQUE, ids external_id_set);
CREATE INDEX ON coded USING unique_members (ids);
CREATE TABLE coded_child (code text REFERENCES coded (code), secret int, UNIQUE (code, secret));
INSERT INTO coded VALUES (1, 'one', 'a:1'), (2, NULL, 'a:2'), (3, 'three', 'a:3');
SELECT * FROM external_ids_merge('coded', 1, 2, repoint => true);
INSERT INTO coded_child VALUES ('one', 5), ('three', 5);
SELECT * FROM external_ids_merge('coded', 1, 2, repoint => true);
-- what the caller may not read is not told
GRANT SELECT, UPDATE ON coded TO regress_rows_merge_app;
GRANT SELECT (code), UPDATE (code) ON coded_child TO regress_rows_merge_app;
SET ROLE regress_rows_merge_app;
SELECT * FROM external_ids_merge('coded', 1, 3, repoint => true);
SET ROLE regress_rows_merge;

-- A trigger that leaves the row out
CREATE FUNCTION leave_out() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER leave_out BEFORE UPDATE ON coded FOR EACH ROW WHEN (OLD.id = 3) EXECUTE FUNCTION leave_out();
SELECT * FROM external_ids_merge('coded', 2, 3);
SELECT * FROM external_ids_merge('coded', 3, 2);
SELECT * FROM coded ORDER BY id;

RESET ROLE;
DROP SCHEMA rows_merge CASCADE;
DROP ROLE regress_rows_merge, regress_rows_merge_app;
