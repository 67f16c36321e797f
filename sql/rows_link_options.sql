--
-- The options of a link: follow, verified; and text columns, which hold a value
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
-- follow: a linked row moves with its ID
--
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

RESET ROLE;
RESET search_path;
DROP SCHEMA rows_link CASCADE;
DROP ROLE regress_link_owner;
