--
-- Late binding: a foreign key column follows a column with the parent's ID
--
CREATE ROLE regress_link_owner;
CREATE ROLE regress_link_clerk;
CREATE SCHEMA rows_link AUTHORIZATION regress_link_owner;
GRANT USAGE ON SCHEMA rows_link TO regress_link_clerk;
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

--
-- follow: a linked row moves with its ID
--
SELECT external_ids_unlink('contacts', 'account_id');
TRUNCATE contacts;
DELETE FROM accounts;
INSERT INTO accounts VALUES (1, 1, false, '{f:1,f:2,f:3}'), (2, 1, false, '{}'), (3, 2, false, '{}');
INSERT INTO contacts VALUES (1, 1, 'f:1'), (2, 1, 'f:2'), (3, 1, 'f:3'), (4, 1, 'f:4');
SELECT * FROM external_ids_link('contacts', 'account_ext', 'account_id', 'accounts', on_move => 'follow');
SELECT links();
-- released: it waits
UPDATE accounts SET external_ids = external_ids - 'f:1' WHERE id = 1;
SELECT links();
-- claimed by another
UPDATE accounts SET external_ids = external_ids + 'f:1' WHERE id = 2;
SELECT links();
-- moved within one transaction; and by one statement
BEGIN;
UPDATE accounts SET external_ids = external_ids - 'f:2' WHERE id = 1;
UPDATE accounts SET external_ids = external_ids + 'f:2' WHERE id = 2;
COMMIT;
SELECT links();
WITH gone AS (DELETE FROM accounts WHERE id = 1 RETURNING id)
SELECT count(*) FROM gone;
SELECT links();
INSERT INTO accounts VALUES (1, 1, false, '{f:3,f:4}');
SELECT links();
-- the account moves to another scope, its predicate turns
UPDATE accounts SET org_id = 2 WHERE id = 1;
SELECT links();
UPDATE contacts SET org_id = 2 WHERE id IN (3, 4);
SELECT links();
UPDATE accounts SET archived = true WHERE id = 1;
SELECT links();
UPDATE accounts SET archived = false WHERE id = 1;
-- what the application set is no link: it stays
UPDATE contacts SET account_id = 3 WHERE id = 3;
UPDATE accounts SET external_ids = external_ids - '{f:3,f:4}' WHERE id = 1;
SELECT links();
BEGIN;
UPDATE accounts SET external_ids = '{f:4}' WHERE id = 3;
SAVEPOINT a;
UPDATE accounts SET external_ids = '{}' WHERE id = 3;
SELECT links();
ROLLBACK TO a;
SELECT links();
COMMIT;
TABLE wrong;
SELECT external_ids_unlink('contacts', 'account_id');

--
-- Verified: a claim is not a fact
--
ALTER TABLE contacts ADD COLUMN verified bool;
TRUNCATE contacts;
DELETE FROM accounts;
INSERT INTO accounts VALUES (1, 1, false, 'v:1');
INSERT INTO contacts (id, account_ext, verified) VALUES (1, 'v:1', true), (2, 'v:1', false), (3, 'v:1', NULL), (4, 'v:4', true), (5, 'v:4', false);
SELECT * FROM external_ids_link('contacts', 'account_ext', 'account_id', 'accounts', verified => 'verified');
SELECT links();
UPDATE accounts SET external_ids = external_ids + 'v:4';
SELECT links();
UPDATE contacts SET verified = true WHERE id IN (2, 5);
SELECT links();
UPDATE contacts SET verified = false WHERE id = 1;
UPDATE contacts SET verified = NULL WHERE id = 2;
SELECT links();
-- verified before its account comes, and again not
INSERT INTO contacts (id, account_ext) VALUES (6, 'v:6'), (7, 'v:7');
UPDATE contacts SET verified = true WHERE id IN (6, 7);
UPDATE contacts SET verified = false WHERE id = 7;
INSERT INTO accounts VALUES (6, 1, false, '{v:6,v:7}');
SELECT links();
SELECT external_ids_unlink('contacts', 'account_id');
-- follow, verified
SELECT * FROM external_ids_link('contacts', 'account_ext', 'account_id', 'accounts', verified => 'verified', on_move => 'follow');
UPDATE accounts SET external_ids = '{}' WHERE id = 6;
UPDATE accounts SET external_ids = '{v:6,v:7,v:4}' WHERE id = 1;
SELECT links();
SELECT external_ids_unlink('contacts', 'account_id');

--
-- A text column: a value under any label, taken literally
--
CREATE TABLE issues (id int PRIMARY KEY, organisation_id int DEFAULT 1, account_value varchar, account int);
CREATE FUNCTION issue_links() RETURNS text LANGUAGE sql AS
	$$ SELECT string_agg(id || '=' || coalesce(account::text, '-'), ' ' ORDER BY id) FROM issues $$;
DELETE FROM accounts;
INSERT INTO accounts VALUES (1, 1, false, '{crm:42,x:y:z,":urn:a:b",":[1]"}'), (2, 1, false, '{stripe:43}'), (3, 2, false, 'crm:43');
INSERT INTO issues (id, account_value) VALUES (1, '42'), (2, 'crm:42'), (3, 'y:z'), (4, 'urn:a:b'), (5, ':urn:a:b'), (6, '[1]'), (7, '43'), (8, ''), (9, ' 42');
SELECT * FROM external_ids_link('issues', 'account_value', 'account', 'accounts', '{"org_id": "organisation_id"}');
SELECT issue_links();
-- longer than any value may be, and longer than an index can hold
INSERT INTO issues (id, account_value) VALUES (20, repeat('long', 1000));
\set VERBOSITY terse
INSERT INTO issues (id, account_value) SELECT 21, string_agg(md5(i::text), '') FROM generate_series(1, 100) i;
\set VERBOSITY default
DELETE FROM issues WHERE id > 19;
-- two labels, one row: one holder
UPDATE accounts SET external_ids = external_ids + 'stripe:42' WHERE id = 1;
INSERT INTO issues (id, account_value) VALUES (10, '42');
-- two rows: none, until one of them lets go
UPDATE accounts SET external_ids = external_ids + 'crm:43' WHERE id = 1;
INSERT INTO issues (id, account_value) VALUES (11, '43'), (12, '44');
SELECT issue_links();
-- rows that wait because several accounts hold their value
SELECT i.id, i.account_value, array_agg(a.id ORDER BY a.id) AS candidates
	FROM issues i JOIN accounts a ON a.external_ids @= i.account_value AND a.org_id = i.organisation_id AND NOT a.archived
	WHERE i.account IS NULL GROUP BY i.id HAVING count(*) > 1 ORDER BY i.id;
UPDATE accounts SET external_ids = external_ids - 'crm:43' WHERE id = 1;
SELECT issue_links();
-- two claims by one statement, and one of the two is deleted, or archived
INSERT INTO accounts VALUES (4, 1, false, '{a:44}'), (5, 1, false, '{b:44}');
INSERT INTO issues (id, account_value) VALUES (13, '44');
SELECT issue_links();
DELETE FROM accounts WHERE id = 4;
SELECT issue_links();
INSERT INTO issues (id, account_value) VALUES (14, '45');
INSERT INTO accounts VALUES (6, 1, false, '{a:45}'), (7, 1, false, '{b:45}');
UPDATE accounts SET archived = true WHERE id = 6;
SELECT issue_links();
-- a label that changes is not a value that moves
UPDATE accounts SET external_ids = 'c:45' WHERE id = 7;
SELECT issue_links();
SELECT external_ids_unlink('issues', 'account');
-- follow: a second holder makes no answer of a good one
SELECT * FROM external_ids_link('issues', 'account_value', 'account', 'accounts', '{"org_id": "organisation_id"}', 'follow');
UPDATE accounts SET external_ids = external_ids + 'x:43' WHERE id = 1;
SELECT issue_links();
UPDATE accounts SET external_ids = external_ids - 'stripe:43' WHERE id = 2;
SELECT issue_links();
SELECT external_ids_unlink('issues', 'account');

--
-- A deferrable constraint lets two rows hold an exact ID until the commit: the
-- child waits until one lets go, by DELETE or UPDATE.
--
CREATE TABLE late (id int PRIMARY KEY, ids external_id_set,
	CONSTRAINT late_ids EXCLUDE USING unique_members (ids WITH &&) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE late_children (id int, ext external_id, parent int);
SELECT external_ids_link('late_children', 'ext', 'parent', 'late');
INSERT INTO late_children VALUES (1, 'd:1'), (2, 'd:2');
BEGIN;
INSERT INTO late VALUES (1, '{d:1,d:2}'), (2, '{d:1,d:2}');
SELECT * FROM late_children ORDER BY id;
UPDATE late SET ids = ids - 'd:1' WHERE id = 1;
SELECT * FROM late_children ORDER BY id;
DELETE FROM late WHERE id = 1;
COMMIT;
SELECT * FROM late_children ORDER BY id;
-- a constraint that became deferrable under a link that was made without
SELECT external_ids_unlink('late_children', 'parent');
ALTER TABLE late DROP CONSTRAINT late_ids, ADD CONSTRAINT late_ids EXCLUDE USING unique_members (ids WITH &&);
SELECT external_ids_link('late_children', 'ext', 'parent', 'late');
ALTER TABLE late DROP CONSTRAINT late_ids, ADD CONSTRAINT late_ids EXCLUDE USING unique_members (ids WITH &&) DEFERRABLE;
INSERT INTO late VALUES (3, 'd:3');
DROP TABLE late, late_children;

--
-- Several links: two columns of one table, two tables, a table and itself
--
CREATE TABLE deals (id int PRIMARY KEY, org_id int DEFAULT 1, buyer_ext external_id, buyer bigint, seller_ext external_id, seller bigint);
TRUNCATE contacts;
DELETE FROM accounts;
SELECT * FROM external_ids_link('deals', 'buyer_ext', 'buyer', 'accounts');
SELECT * FROM external_ids_link('deals', 'seller_ext', 'seller', 'accounts', on_move => 'follow');
SELECT * FROM external_ids_link('contacts', 'account_ext', 'account_id', 'accounts');
INSERT INTO deals (id, buyer_ext, seller_ext) VALUES (1, 's:1', 's:1'), (2, 's:1', 's:2'), (3, 's:2', 's:1');
INSERT INTO contacts VALUES (1, 1, 's:2');
INSERT INTO accounts VALUES (1, 1, false, 's:1'), (2, 1, false, 's:2');
SELECT id, buyer, seller FROM deals ORDER BY id;
UPDATE accounts SET external_ids = '{}' WHERE id = 1;
UPDATE accounts SET external_ids = '{s:1,s:2}' WHERE id = 2;
SELECT id, buyer, seller FROM deals ORDER BY id;
SELECT links();
SELECT external_ids_unlink('deals', 'buyer');
SELECT external_ids_unlink('deals', 'seller');

CREATE TABLE people (id int PRIMARY KEY, ids external_id_set, boss_ext external_id, boss int REFERENCES people);
CREATE INDEX ON people USING unique_members (ids);
SELECT * FROM external_ids_link('people', 'boss_ext', 'boss', 'people');
INSERT INTO people VALUES (1, 'p:1', 'p:2'), (2, 'p:2', 'p:3'), (3, 'p:3', 'p:3'), (4, 'p:4', 'p:5');
INSERT INTO people VALUES (5, 'p:5', 'p:1');
SELECT id, boss FROM people ORDER BY id;
UPDATE people SET ids = ids + 'p:6', boss_ext = 'p:6' WHERE id = 1;
UPDATE people SET boss_ext = 'p:7';
UPDATE people SET ids = ids + 'p:7' WHERE id = 2;
SELECT id, boss FROM people ORDER BY id;

--
-- Nobody's rights but the owners': a clerk who may only insert contacts
--
CREATE TABLE leads (id int PRIMARY KEY, org_id int DEFAULT 1, ext external_id, account_id bigint);
CREATE TABLE firms (id bigint PRIMARY KEY, org_id int, ids external_id_set);
CREATE INDEX ON firms USING unique_members (ids, org_id);
SELECT * FROM external_ids_link('leads', 'ext', 'account_id', 'firms');
GRANT INSERT, UPDATE (ext) ON leads TO regress_link_clerk;
GRANT SELECT (id) ON leads TO regress_link_clerk;
ALTER TABLE leads ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY insert_only ON leads FOR INSERT WITH CHECK (true);
ALTER TABLE firms ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
INSERT INTO leads VALUES (1, 1, 'c:1');
CREATE POLICY insert_only ON firms FOR INSERT WITH CHECK (true);
GRANT INSERT ON firms TO regress_link_clerk;
SET ROLE regress_link_clerk;
INSERT INTO rows_link.leads VALUES (2, 1, 'c:1'), (3, 1, 'c:3');
INSERT INTO rows_link.firms VALUES (1, 1, '{c:1,c:2}');
INSERT INTO rows_link.leads VALUES (4, 1, 'c:2'), (5, 1, 'c:4');
SELECT count(*) FROM rows_link.firms;
INSERT INTO rows_link.firms VALUES (3, 1, '{c:3}');
SELECT current_user, count(*) FROM rows_link.leads;
RESET ROLE;
SELECT id, account_id FROM leads ORDER BY id;
SET ROLE regress_link_owner;
SELECT count(*) FROM leads;
-- made under row security that hides all
SELECT external_ids_unlink('leads', 'account_id');
RESET ROLE;
UPDATE leads SET account_id = NULL;
SET ROLE regress_link_owner;
SELECT * FROM external_ids_link('leads', 'ext', 'account_id', 'firms');
RESET ROLE;
SELECT id, account_id FROM leads ORDER BY id;
SET ROLE regress_link_owner;

--
-- A hostile search path
--
RESET ROLE;
CREATE SCHEMA rows_link_evil;
GRANT ALL ON SCHEMA rows_link_evil TO regress_link_owner;
SET ROLE regress_link_owner;
CREATE FUNCTION rows_link_evil.no(anyelement, anyelement) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil was called'; END $$;
CREATE FUNCTION rows_link_evil.no(public.external_id_set, public.external_id) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil was called'; END $$;
CREATE FUNCTION rows_link_evil.no(int, int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil was called'; END $$;
CREATE OPERATOR rows_link_evil.= (LEFTARG = anyelement, RIGHTARG = anyelement, FUNCTION = rows_link_evil.no);
CREATE OPERATOR rows_link_evil.= (LEFTARG = int, RIGHTARG = int, FUNCTION = rows_link_evil.no);
CREATE OPERATOR rows_link_evil.@> (LEFTARG = external_id_set, RIGHTARG = external_id, FUNCTION = rows_link_evil.no);
CREATE TABLE rows_link_evil.contacts (id int);
CREATE TABLE rows_link_evil.accounts (id int);
TRUNCATE contacts;
DELETE FROM accounts;
SET search_path = rows_link_evil, pg_catalog;
-- the trap works
SELECT 1 = 1;
SELECT public.external_id 'h:1' = 'h:1';
INSERT INTO rows_link.accounts VALUES (1, 1, false, 'h:1');
INSERT INTO rows_link.contacts VALUES (1, 1, 'h:1'), (2, 1, 'h:2');
INSERT INTO rows_link.accounts VALUES (2, 1, false, 'h:2');
UPDATE rows_link.contacts SET account_ext = 'h:3';
INSERT INTO rows_link.accounts VALUES (3, 1, false, 'h:3');
SET search_path = rows_link, public;
SELECT links();

--
-- Partitioned tables, and statements that name a partition
--
CREATE TABLE pparents (org_id int, id bigint, gone int, ids external_id_set, PRIMARY KEY (org_id, id)) PARTITION BY LIST (org_id);
CREATE TABLE pparents_1 PARTITION OF pparents FOR VALUES IN (1);
CREATE TABLE pparents_2 (ids external_id_set, id bigint NOT NULL, gone int, org_id int NOT NULL);
ALTER TABLE pparents ATTACH PARTITION pparents_2 FOR VALUES IN (2);
ALTER TABLE pparents DROP COLUMN gone;
CREATE INDEX ON pparents USING unique_members (ids, org_id);
CREATE TABLE pchildren (id int, org_id int, ext external_id, parent bigint, note text) PARTITION BY HASH (id);
CREATE TABLE pchildren_0 PARTITION OF pchildren FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE pchildren_1 (x int, note text, parent bigint, ext external_id, id int, org_id int);
ALTER TABLE pchildren_1 DROP COLUMN x;
ALTER TABLE pchildren ATTACH PARTITION pchildren_1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE FUNCTION plinks() RETURNS text LANGUAGE sql AS
	$$ SELECT string_agg(id || '=' || coalesce(parent::text, '-'), ' ' ORDER BY id) FROM pchildren $$;
INSERT INTO pchildren SELECT i, 1 + i % 2, external_id('q', i / 2) FROM generate_series(0, 5) i;
INSERT INTO pparents SELECT 1 + i % 2, i, external_id_set(external_id('q', i / 2)) FROM generate_series(0, 2) i;
SELECT * FROM external_ids_link('pchildren', 'ext', 'parent', 'pparents');
SELECT plinks();
INSERT INTO pparents SELECT 1 + i % 2, i, external_id_set(external_id('q', i / 2)) FROM generate_series(3, 5) i;
SELECT plinks();
INSERT INTO pchildren SELECT i, 1 + i % 2, external_id('q', i / 2) FROM generate_series(2, 9) i;
SELECT plinks();
-- partitions by name
INSERT INTO pparents_1 VALUES (1, 6, 'q:3');
INSERT INTO pparents_2 (org_id, id, ids) VALUES (2, 7, 'q:3');
SELECT plinks();
INSERT INTO pchildren_1 (id, org_id, ext) SELECT id, 1, 'q:3' FROM pchildren_1 ORDER BY id LIMIT 1;
INSERT INTO pchildren_0 (id, org_id, ext) SELECT id, 2, 'q:9' FROM pchildren_0 ORDER BY id LIMIT 1;
COPY pparents_2 (org_id, id, ids) FROM stdin;
2	9	{q:9}
\.
SELECT count(*) FILTER (WHERE ext = 'q:9' AND parent = 9) AS nine, count(*) FILTER (WHERE ext = 'q:3' AND parent IS NULL) AS waiting FROM pchildren;
-- a row that changes its partition, on both sides
UPDATE pparents SET org_id = 3 - org_id WHERE id = 9;
INSERT INTO pchildren VALUES (20, 1, 'q:9'), (21, 2, 'q:9');
UPDATE pchildren SET id = id + 100 WHERE id IN (20, 21);
SELECT id, parent FROM pchildren WHERE ext = 'q:9' ORDER BY id;
UPDATE pchildren SET org_id = 3 - org_id WHERE id > 100;
SELECT id, parent FROM pchildren WHERE ext = 'q:9' ORDER BY id;
SELECT external_ids_unlink('pchildren', 'parent');
SELECT * FROM external_ids_link('pchildren', 'ext', 'parent', 'pparents', on_move => 'follow');
UPDATE pparents_1 SET ids = '{}' WHERE id = 9;
UPDATE pparents_2 SET ids = '{q:9}' WHERE id = 7;
SELECT id, parent FROM pchildren WHERE ext = 'q:9' ORDER BY id;
UPDATE pparents SET org_id = 1 WHERE id = 7;
SELECT id, parent FROM pchildren WHERE ext = 'q:9' ORDER BY id;
-- rows that came with a partition that was attached: written again, they are looked at
CREATE TABLE pparents_4 (LIKE pparents INCLUDING ALL);
INSERT INTO pparents_4 (org_id, id, ids) VALUES (4, 40, 'q:40');
INSERT INTO pchildren VALUES (400, 4, 'q:40');
ALTER TABLE pparents ATTACH PARTITION pparents_4 FOR VALUES IN (4);
SELECT id, parent FROM pchildren WHERE id = 400;
UPDATE pchildren SET ext = ext WHERE parent IS NULL;
SELECT id, parent FROM pchildren WHERE id = 400;
-- a partition that comes and one that goes
CREATE TABLE pparents_3 PARTITION OF pparents FOR VALUES IN (3);
INSERT INTO pchildren VALUES (200, 3, 'q:1'), (201, 3, 'q:2');
INSERT INTO pparents VALUES (3, 200, 'q:1');
ALTER TABLE pparents DETACH PARTITION pparents_3;
INSERT INTO pparents_3 VALUES (3, 201, 'q:2');
SELECT id, parent FROM pchildren WHERE id >= 200 ORDER BY id;

--
-- What is left of a link is idle.
--
SELECT external_ids_unlink('contacts', 'account_id');
SELECT * FROM external_ids_link('contacts', 'account_ext', 'account_id', 'accounts');
ALTER TABLE contacts DROP CONSTRAINT contacts_account_id_fkey;
DROP VIEW wrong;
BEGIN;
DROP TABLE accounts;
INSERT INTO contacts VALUES (90, 1, 'z:1');
UPDATE contacts SET account_ext = 'z:2' WHERE id = 90;
COPY contacts (id, org_id, account_ext) FROM stdin;
91	1	z:2
\.
SELECT links();
ROLLBACK;
RESET ROLE;
DELETE FROM pg_depend WHERE classid = 'pg_trigger'::regclass AND refclassid = 'pg_trigger'::regclass AND deptype = 'a';
SET ROLE regress_link_owner;
BEGIN;
ALTER TABLE contacts DROP COLUMN account_id CASCADE;
INSERT INTO accounts VALUES (90, 1, false, 'z:1');
INSERT INTO contacts (id, org_id, account_ext) VALUES (90, 1, 'z:1');
ROLLBACK;
DROP TABLE contacts CASCADE;
INSERT INTO accounts VALUES (90, 1, false, 'z:1');
UPDATE accounts SET external_ids = 'z:2' WHERE id = 90;
DELETE FROM accounts;

-- The trigger functions are for triggers of links.
SELECT external_ids_link_child();
CREATE TRIGGER odd BEFORE INSERT ON accounts FOR EACH ROW EXECUTE FUNCTION external_ids_link_parent('a', 'keep', '', '', '');
INSERT INTO accounts VALUES (1, 1, false, 'o:1') RETURNING id;
DROP TRIGGER odd ON accounts;
CREATE TRIGGER odd BEFORE INSERT ON accounts FOR EACH ROW EXECUTE FUNCTION external_ids_link_child();
INSERT INTO accounts VALUES (1, 1, false, 'o:1');

RESET ROLE;
RESET search_path;
DROP SCHEMA rows_link, rows_link_evil CASCADE;
DROP ROLE regress_link_owner, regress_link_clerk;
