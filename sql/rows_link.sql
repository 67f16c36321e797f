--
-- Late binding: a foreign key column follows a column with the parent's ID
--
CREATE ROLE regress_link_owner;
CREATE SCHEMA rows_link AUTHORIZATION regress_link_owner;
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET ROLE regress_link_owner;
SET search_path = rows_link, public;

CREATE TABLE accounts (
	id bigint PRIMARY KEY,
	org_id int,
	archived bool NOT NULL DEFAULT false,
	external_ids external_id_set NOT NULL DEFAULT '{}'
);
CREATE INDEX accounts_ids ON accounts USING unique_members (external_ids, org_id) WHERE NOT archived;
CREATE TABLE contacts (
	id int PRIMARY KEY,
	org_id int DEFAULT 1,
	account_ext external_id,
	account_id bigint REFERENCES accounts ON DELETE SET NULL,
	note text
);
CREATE FUNCTION links() RETURNS text LANGUAGE sql AS
	$$ SELECT string_agg(id || '=' || coalesce(account_id::text, '-'), ' ' ORDER BY id) FROM contacts $$;
-- Every link that a row should have, and no other, in words of the data alone.
CREATE VIEW wrong AS
	SELECT c.id, c.account_ext, c.account_id FROM contacts c
	WHERE c.account_id IS NULL AND EXISTS
		(SELECT FROM accounts a WHERE NOT a.archived AND a.org_id = c.org_id AND a.external_ids @> c.account_ext);

--
-- What is there when the link is made
--
INSERT INTO accounts VALUES (1, 1, false, 'crm:1'), (2, 1, false, '{crm:2,stripe:2}'), (3, 2, false, 'crm:1'), (4, 1, true, 'crm:4');
INSERT INTO contacts VALUES (1, 1, 'crm:1'), (2, 1, 'stripe:2'), (3, 2, 'crm:1'), (4, 1, 'crm:4'), (5, 1, 'crm:5'), (6, NULL, 'crm:1'),
	(7, 1, NULL), (9, 1, 'x:1'), (10, 3, 'crm:1');
INSERT INTO contacts VALUES (8, 1, 'crm:1', 2);
SELECT * FROM external_ids_link('contacts', 'account_ext', 'account_id', 'accounts');
SELECT * FROM contacts ORDER BY id;
TRUNCATE contacts;

--
-- The parent is there first
--
INSERT INTO contacts VALUES (1, 1, 'crm:1') RETURNING account_id;
INSERT INTO contacts VALUES (2, 1, 'crm:2'), (3, 1, 'crm:3'), (4, 2, 'crm:1'), (5, 1, NULL), (6, NULL, 'crm:1');
COPY contacts (id, org_id, account_ext) FROM stdin;
7	1	stripe:2
8	1	crm:8
\.
SELECT links();

--
-- The child is there first: INSERT, an ID added, COPY, a row function, an upsert
--
INSERT INTO accounts VALUES (10, 1, false, '{crm:3,crm:99}');
UPDATE accounts SET external_ids = external_ids + 'crm:8' WHERE id = 2;
SELECT links();
INSERT INTO contacts VALUES (20, 1, 'crm:20'), (21, 1, 'crm:21'), (22, 1, 'crm:22'), (23, 2, 'crm:20'), (24, 1, 'crm:20'), (25, 1, 'crm:25');
COPY accounts (id, org_id, external_ids) FROM stdin;
20	1	{crm:20,stripe:20}
21	1	{crm:21}
22	2	{crm:22}
\.
SELECT count(*) FROM external_ids_add('accounts', 20, 'crm:25');
INSERT INTO accounts VALUES (20) ON CONFLICT (id) DO UPDATE SET external_ids = accounts.external_ids + 'crm:22';
SELECT links();
TABLE wrong;

-- multi-row, both in one statement, and by data-modifying CTEs
TRUNCATE contacts;
DELETE FROM accounts;
INSERT INTO contacts SELECT i, 1 + i % 2, external_id('m', i / 2) FROM generate_series(1, 300) i;
INSERT INTO accounts SELECT i, 1 + i % 2, false, external_id_set(external_id('m', i), external_id('n', i)) FROM generate_series(1, 100) i;
SELECT count(*) FILTER (WHERE account_id IS NOT NULL) AS linked, count(*) AS all,
	count(*) FILTER (WHERE account_id <> substr(account_ext::text, 3)::int) AS false FROM contacts;
TABLE wrong;
TRUNCATE contacts;
DELETE FROM accounts;
WITH a AS (INSERT INTO accounts VALUES (1, 1, false, 'cte:1') RETURNING id),
	c AS (INSERT INTO contacts VALUES (1, 1, 'cte:1'), (2, 1, 'cte:2') RETURNING id)
INSERT INTO accounts VALUES (2, 1, false, 'cte:2');
SELECT links();
WITH c AS (INSERT INTO contacts VALUES (3, 1, 'cte:3') RETURNING id),
	a AS (UPDATE accounts SET external_ids = external_ids + 'cte:3' WHERE id = 1 RETURNING id)
SELECT FROM c, a;
SELECT links();
MERGE INTO contacts c USING (VALUES (3, 'cte:1'), (4, 'cte:2'), (5, 'cte:5')) AS v (id, ext) ON c.id = v.id
	WHEN MATCHED THEN UPDATE SET account_ext = v.ext::external_id
	WHEN NOT MATCHED THEN INSERT (id, account_ext) VALUES (v.id, v.ext::external_id);
MERGE INTO accounts a USING (VALUES (2, 'cte:6'), (5, 'cte:5')) AS v (id, ext) ON a.id = v.id
	WHEN MATCHED THEN UPDATE SET external_ids = external_ids + v.ext::external_id
	WHEN NOT MATCHED THEN INSERT (id, org_id, external_ids) VALUES (v.id, 1, v.ext::external_id);
INSERT INTO contacts (id, account_ext) VALUES (4, 'cte:5'), (6, 'cte:6') ON CONFLICT (id) DO UPDATE SET account_ext = excluded.account_ext;
SELECT links();
TABLE wrong;

--
-- An ID that is moved or released: kept
--
UPDATE accounts SET external_ids = external_ids - 'cte:1' WHERE id = 1;
UPDATE accounts SET external_ids = external_ids + 'cte:1' WHERE id = 2;
SELECT links();
-- a row that arrives now is the new holder's
INSERT INTO contacts VALUES (7, 1, 'cte:1');
-- one that changes its ID, or its scope, is worked out anew; to none, to one
UPDATE contacts SET account_ext = 'cte:5' WHERE id = 1;
UPDATE contacts SET account_ext = 'cte:none' WHERE id = 2;
UPDATE contacts SET org_id = 2 WHERE id = 3;
UPDATE contacts SET account_ext = NULL WHERE id = 4;
SELECT links();
UPDATE contacts SET org_id = 1 WHERE id = 3;
-- another column changes nothing
UPDATE contacts SET note = 'x';
SELECT links();
-- what the application sets by itself is left alone, as long as the ID is
UPDATE contacts SET account_id = 1;
SELECT links();
UPDATE contacts SET account_id = 2, account_ext = 'cte:5';
UPDATE contacts SET note = 'y';
INSERT INTO contacts VALUES (8, 1, 'cte:5', 1);
SELECT links();
UPDATE accounts SET external_ids = external_ids + 'cte:new' WHERE id = 5;
SELECT links();
-- and given up, it is the link's again
UPDATE contacts SET account_id = NULL WHERE id IN (1, 8);
SELECT links();

--
-- The holder is deleted: its rows wait, or go to who holds the ID now
--
TRUNCATE contacts;
DELETE FROM accounts;
INSERT INTO accounts VALUES (1, 1, false, '{d:1,d:2}'), (2, 1, false, '{}');
INSERT INTO contacts VALUES (1, 1, 'd:1'), (2, 1, 'd:2');
UPDATE accounts SET external_ids = 'd:2' WHERE id = 1;
UPDATE accounts SET external_ids = 'd:1' WHERE id = 2;
SELECT links();
DELETE FROM accounts WHERE id = 1;
SELECT links();
INSERT INTO accounts VALUES (3, 1, false, 'd:2');
SELECT links();
-- a key that changes takes its children along, as the foreign key says
ALTER TABLE contacts DROP CONSTRAINT contacts_account_id_fkey,
	ADD FOREIGN KEY (account_id) REFERENCES accounts ON DELETE SET NULL ON UPDATE CASCADE DEFERRABLE;
UPDATE accounts SET id = 30 WHERE id = 3;
SELECT links();

--
-- Soft delete: an archived account neither links nor holds.
--
TRUNCATE contacts;
DELETE FROM accounts;
INSERT INTO accounts VALUES (1, 1, true, 's:1'), (2, 1, false, 's:2');
INSERT INTO contacts VALUES (1, 1, 's:1'), (2, 1, 's:2');
SELECT links();
UPDATE accounts SET external_ids = 's:1', archived = true WHERE id = 2;
INSERT INTO contacts VALUES (3, 1, 's:2'), (4, 1, 's:1');
SELECT links();
UPDATE accounts SET archived = false WHERE id = 1;
SELECT links();
UPDATE accounts SET archived = false, external_ids = 's:2' WHERE id = 2;
SELECT links();

--
-- Transactions: what is rolled back takes its links along.
--
TRUNCATE contacts;
DELETE FROM accounts;
INSERT INTO contacts VALUES (1, 1, 't:1'), (2, 1, 't:2');
BEGIN;
INSERT INTO accounts VALUES (1, 1, false, 't:1');
SAVEPOINT a;
INSERT INTO accounts VALUES (2, 1, false, 't:2');
SELECT links();
ROLLBACK TO a;
SELECT links();
SAVEPOINT a;
-- the statement fails after it has collected rows
INSERT INTO contacts VALUES (3, 1, 't:3'), (4, 1, 't:4'), (1, 1, 't:1');
ROLLBACK TO a;
INSERT INTO accounts VALUES (4, 1, false, 't:4');
INSERT INTO contacts VALUES (4, 1, 't:4'), (5, 1, 't:5');
COMMIT;
SELECT links();
-- a statement that fails after its rows were collected, and the transaction goes on
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'too late'; END $$;
CREATE TRIGGER zzz_fail AFTER INSERT ON contacts FOR EACH ROW WHEN (NEW.note = 'fail') EXECUTE FUNCTION fail();
CREATE TRIGGER zzz_fail AFTER INSERT ON accounts FOR EACH ROW WHEN (NEW.id < 0) EXECUTE FUNCTION fail();
BEGIN;
INSERT INTO contacts VALUES (50, 1, 't:50');
SAVEPOINT a;
INSERT INTO contacts VALUES (51, 1, 't:51', NULL, NULL), (52, 1, 't:52', NULL, 'fail');
ROLLBACK TO a;
INSERT INTO accounts VALUES (51, 1, false, 't:50'), (-1, 1, false, 't:52');
ROLLBACK TO a;
INSERT INTO accounts VALUES (52, 1, false, '{t:51,t:52}');
INSERT INTO contacts VALUES (51, 1, 't:51');
COMMIT;
-- and ends there
BEGIN;
SAVEPOINT a;
INSERT INTO contacts VALUES (53, 1, 't:53', NULL, NULL), (54, 1, 't:54', NULL, 'fail');
ROLLBACK TO a;
INSERT INTO accounts VALUES (53, 1, false, 't:53'), (-1, 1, false, 't:54');
ROLLBACK TO a;
COMMIT;
SELECT id, account_id FROM contacts WHERE id >= 50 ORDER BY id;
DELETE FROM contacts WHERE id >= 50;
DROP TRIGGER zzz_fail ON contacts;
DROP TRIGGER zzz_fail ON accounts;
-- the same within PL/pgSQL's own subtransactions
DO $$
BEGIN
	FOR i IN 6..9 LOOP
		BEGIN
			INSERT INTO contacts VALUES (i, 1, external_id('t', i));
			INSERT INTO accounts VALUES (i, 1, false, external_id_set(external_id('t', i)));
			IF i % 2 = 0 THEN RAISE 'no'; END IF;
		EXCEPTION WHEN raise_exception THEN NULL;
		END;
	END LOOP;
END $$;
SELECT links();
BEGIN;
INSERT INTO contacts VALUES (20, 1, 't:20');
INSERT INTO accounts VALUES (20, 1, false, 't:20'), (5, 1, false, 't:5');
PREPARE TRANSACTION 'link';
SELECT links();
COMMIT PREPARED 'link';
SELECT links();
TABLE wrong;

-- deferred, within triggers, and by a function that writes both
CREATE FUNCTION claim_for(ext external_id) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO rows_link.accounts VALUES (100, 1, false, ext);
	RETURN 100;
END $$;
INSERT INTO contacts SELECT 30, 1, 't:30' WHERE claim_for('t:30') = 100;
INSERT INTO contacts VALUES (31, 1, 't:31');
CREATE FUNCTION make_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO rows_link.accounts VALUES (1000 + NEW.id, NEW.org_id, false, NEW.account_ext);
	RETURN NEW;
END $$;
CREATE TRIGGER make_account AFTER INSERT ON contacts FOR EACH ROW EXECUTE FUNCTION make_account();
INSERT INTO contacts VALUES (32, 1, 't:32'), (33, 1, 't:33');
DROP TRIGGER make_account ON contacts;
CREATE TRIGGER make_account BEFORE INSERT ON contacts FOR EACH ROW EXECUTE FUNCTION make_account();
INSERT INTO contacts VALUES (34, 1, 't:34'), (35, 1, 't:35');
DROP TRIGGER make_account ON contacts;
-- the application's own BEFORE trigger sets the ID: the link's comes after it
CREATE FUNCTION set_ext() RETURNS trigger LANGUAGE plpgsql AS
	$$ BEGIN NEW.account_ext = public.external_id('t', NEW.note); RETURN NEW; END $$;
CREATE TRIGGER set_ext BEFORE INSERT OR UPDATE ON contacts FOR EACH ROW EXECUTE FUNCTION set_ext();
INSERT INTO contacts VALUES (40, 1, NULL, NULL, '40'), (41, 1, NULL, NULL, '32');
UPDATE contacts SET note = '33' WHERE id = 41;
UPDATE contacts SET note = '42' WHERE id = 41;
INSERT INTO accounts VALUES (40, 1, false, '{t:40,t:42}');
SELECT links();
DROP TRIGGER set_ext ON contacts;
TABLE wrong;

--
-- session_replication_role = replica: no links, as no foreign keys
--
RESET ROLE;
SET session_replication_role = replica;
INSERT INTO contacts VALUES (50, 1, 't:40');
RESET session_replication_role;
SET ROLE regress_link_owner;
SELECT links() LIKE '%50=-%' AS waits;

--
-- Names change, other columns go
--
TRUNCATE contacts;
DELETE FROM accounts;
INSERT INTO accounts VALUES (1, 1, false, 'r:1');
INSERT INTO contacts VALUES (1, 1, 'r:1'), (2, 1, 'r:2');
ALTER TABLE contacts ADD COLUMN extra text;
ALTER TABLE contacts DROP COLUMN note;
ALTER TABLE contacts RENAME account_ext TO "Their ID";
ALTER TABLE contacts RENAME account_id TO "Account";
ALTER TABLE contacts RENAME org_id TO "Org";
ALTER TABLE contacts RENAME TO "People";
ALTER TABLE accounts RENAME external_ids TO "IDs";
ALTER TABLE accounts RENAME org_id TO "order";
ALTER TABLE accounts RENAME id TO key;
ALTER TABLE accounts RENAME TO "Firms";
ALTER INDEX accounts_ids RENAME TO "Firms'";
INSERT INTO "People" ("Org", id, "Their ID") VALUES (1, 3, 'r:1'), (1, 4, 'r:4');
INSERT INTO "Firms" (key, "order", "IDs") VALUES (2, 1, '{r:2,r:4}');
SELECT * FROM "People" ORDER BY id;
RESET ROLE;
ALTER SCHEMA rows_link RENAME TO "Rows";
SET ROLE regress_link_owner;
SET search_path = "Rows", public;
INSERT INTO "People" ("Org", id, "Their ID") VALUES (1, 5, 'r:5');
INSERT INTO "Firms" (key, "order", "IDs") VALUES (3, 1, '{r:5}');
SELECT id, "Account" FROM "People" ORDER BY id;
RESET ROLE;
ALTER SCHEMA "Rows" RENAME TO rows_link;
SET ROLE regress_link_owner;
SET search_path = rows_link, public;
ALTER TABLE "People" RENAME TO contacts;
ALTER TABLE contacts RENAME "Their ID" TO account_ext;
ALTER TABLE contacts RENAME "Account" TO account_id;
ALTER TABLE contacts RENAME "Org" TO org_id;
ALTER TABLE "Firms" RENAME TO accounts;
ALTER TABLE accounts RENAME "IDs" TO external_ids;
ALTER TABLE accounts RENAME "order" TO org_id;
ALTER TABLE accounts RENAME key TO id;
-- the index of waiting rows has another name, or is gone
ALTER INDEX contacts_account_id_waiting_idx RENAME TO waiting;
INSERT INTO contacts VALUES (6, 1, 'r:6');
INSERT INTO accounts VALUES (6, 1, false, 'r:6');
SELECT links();
DROP INDEX waiting;
INSERT INTO contacts VALUES (7, 1, 'r:7');
INSERT INTO accounts VALUES (7, 1, false, 'r:7');
SELECT links();

--
-- Unlinked: nothing happens any more
--
SELECT external_ids_unlink('contacts', 'account_id');
INSERT INTO contacts VALUES (8, 1, 'r:7'), (9, 1, 'r:9');
INSERT INTO accounts VALUES (9, 1, false, 'r:9');
SELECT links();
SELECT * FROM external_ids_link('contacts', 'account_ext', 'account_id', 'accounts');

RESET ROLE;
RESET search_path;
DROP SCHEMA rows_link CASCADE;
DROP ROLE regress_link_owner;
