--
-- external_ids_mirror: a set column and a side table in step, while both are written
--
CREATE ROLE regress_ops_mirror;
CREATE ROLE regress_ops_other;
CREATE SCHEMA ops_mirror AUTHORIZATION regress_ops_mirror;
GRANT USAGE ON SCHEMA ops_mirror TO regress_ops_other;
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET ROLE regress_ops_mirror;
SET search_path = ops_mirror, public;

CREATE TABLE accounts (id bigint PRIMARY KEY, org_id int NOT NULL, ids external_id_set NOT NULL DEFAULT '{}', note text);
CREATE INDEX ON accounts USING unique_members (ids, org_id);
CREATE TABLE side (
	account_id int REFERENCES accounts ON DELETE CASCADE ON UPDATE CASCADE,
	tenant int NOT NULL, label varchar(10), value text, made_by text DEFAULT current_user,
	UNIQUE (tenant, label, value));
CREATE INDEX ON side (account_id);
CREATE VIEW both_sides AS
	SELECT a.id, a.org_id, a.ids, (SELECT external_ids_agg(external_id(label, value)) FROM side WHERE account_id = a.id) AS side,
	       (SELECT array_agg(DISTINCT tenant) FROM side WHERE account_id = a.id) AS tenants
	  FROM accounts AS a ORDER BY id;
SELECT external_ids_mirror('accounts', 'side', '{account_id}', 'value', label_column => 'label', scope => '{"org_id": "tenant"}');

--
-- From the column to the side table
--
INSERT INTO accounts VALUES (1, 1, '{crm:1,x}'), (2, 1, 'm:1'), (3, 2, 'crm:1');
SELECT account_id, tenant, label, value FROM side ORDER BY 1, 3, 4;
UPDATE accounts SET ids = ids + 'zd:1' - 'x' WHERE id = 1;
-- one statement moves an ID, from the row that it meets first
UPDATE accounts SET ids = CASE id WHEN 2 THEN ids - 'm:1' ELSE ids + 'm:1' END WHERE id < 3;
SELECT * FROM both_sides;
UPDATE accounts SET org_id = 3, ids = ids + 'n:1' WHERE id = 2;
UPDATE accounts SET id = 20 WHERE id = 2;
SELECT * FROM both_sides;
COPY accounts (id, org_id, ids) FROM stdin;
4	1	{c:1,c:2}
5	1	c:3
\.
DELETE FROM accounts WHERE id IN (3, 20);
SELECT * FROM external_ids_merge('accounts', '1', '4');
SELECT * FROM external_ids_set('accounts', '1', '{back:1}');
SELECT * FROM both_sides;
SELECT count(*) AS rows FROM side;

--
-- From the side table to the column
--
INSERT INTO side VALUES (5, 1, 'crm', '5'), (5, 1, NULL, '5'), (4, 1, '', 'y'), (NULL, 1, 'crm', '6'), (4, 1, 'crm', NULL);
UPDATE side SET value = '55' WHERE label = 'crm' AND account_id = 5;
UPDATE side SET account_id = 4 WHERE label IS NULL;
DELETE FROM side WHERE label = 'c' AND value = '2';
SELECT * FROM both_sides;
COPY side (account_id, tenant, label, value) FROM stdin;
1	1	copy	1
4	1	copy	2
1	1	copy	3
\.
INSERT INTO side (account_id, tenant, label, value) VALUES (1, 1, 'copy', '1'), (1, 1, 'new', '1') ON CONFLICT DO NOTHING;
INSERT INTO side (account_id, tenant, label, value) VALUES (4, 1, 'copy', '1')
	ON CONFLICT (tenant, label, value) DO UPDATE SET account_id = excluded.account_id;
WITH a AS (INSERT INTO accounts VALUES (6, 1, 'both:6') RETURNING id)
INSERT INTO side SELECT id, 1, l, '6' FROM a, unnest(ARRAY['x', 'z']) AS l;
SELECT * FROM both_sides;
-- a row that says the same writes nothing
CREATE TEMPORARY TABLE before AS SELECT id, ctid AS place FROM accounts;
UPDATE side SET made_by = 'somebody' WHERE account_id = 4;
UPDATE accounts SET note = 'n' WHERE id = 1;
SELECT a.id FROM accounts AS a JOIN before AS b USING (id) WHERE a.ctid <> b.place;
DROP TABLE before;

--
-- Several rows of one ID: it is lost with the last of them
--
ALTER TABLE side DROP CONSTRAINT side_tenant_label_value_key;
INSERT INTO side VALUES (6, 1, 'twice', '1'), (6, 1, 'twice', '1'), (6, 1, '', '7'), (6, 1, NULL, '7');
DELETE FROM side WHERE label = '';
DELETE FROM side WHERE ctid = (SELECT min(ctid) FROM side WHERE label = 'twice');
SELECT ids FROM accounts WHERE id = 6;
DELETE FROM side WHERE label = 'twice';
UPDATE accounts SET ids = ids - '7' WHERE id = 6;
SELECT * FROM both_sides WHERE id = 6;
ALTER TABLE side ADD UNIQUE (tenant, label, value);

--
-- Conflicts, and what the other table refuses
--
INSERT INTO side VALUES (6, 1, 'new', '2'), (6, 2, 'c', '1');
INSERT INTO side VALUES (6, 1, 'crm', ' 2');
UPDATE accounts SET ids = ids + 'a_long_label:1' WHERE id = 6;
INSERT INTO side VALUES (77, 1, 'crm', '77');
ALTER TABLE side DROP CONSTRAINT side_account_id_fkey;
INSERT INTO side VALUES (77, 1, 'crm', '77');
SELECT * FROM both_sides WHERE id = 6;
-- without a foreign key, too, the side table follows
UPDATE accounts SET id = 7 WHERE id = 6;
SELECT * FROM both_sides WHERE id > 5;
DELETE FROM accounts WHERE id = 7;
SELECT count(*) AS none FROM side WHERE account_id IN (6, 7);
-- rows of two scopes that hand on their keys hand on the scope with an ID that both have
CREATE TABLE swap (id int PRIMARY KEY DEFERRABLE, org_id int, ids external_id_set);
CREATE TABLE swap_ids (swap_id int, tenant int, id external_id);
CREATE INDEX ON swap_ids (swap_id);
SELECT external_ids_mirror('swap', 'swap_ids', '{swap_id}', 'id', scope => '{"org_id": "tenant"}');
INSERT INTO swap VALUES (1, 1, 'x'), (2, 2, '{x,y}');
UPDATE swap SET id = 3 - id;
SELECT id, org_id, ids FROM swap ORDER BY id;
SELECT * FROM swap_ids ORDER BY swap_id, id;

--
-- Savepoints, deferred constraints, TRUNCATE
--
BEGIN;
SAVEPOINT s;
INSERT INTO side VALUES (5, 1, 'sp', '1');
UPDATE accounts SET ids = ids + 'sp:2' WHERE id = 5;
SELECT * FROM both_sides WHERE id = 5;
ROLLBACK TO s;
SELECT * FROM both_sides WHERE id = 5;
SAVEPOINT s;
INSERT INTO side VALUES (5, 1, 'c', '1');
ROLLBACK TO s;
INSERT INTO side VALUES (5, 1, 'sp', '3');
COMMIT;
SELECT * FROM both_sides WHERE id = 5;
BEGIN;
TRUNCATE side;
SELECT count(*) AS none FROM both_sides WHERE ids <> '{}' OR side IS NOT NULL;
ROLLBACK;
BEGIN;
TRUNCATE accounts;
SELECT count(*) AS none FROM side WHERE account_id IS NOT NULL AND value IS NOT NULL;
ROLLBACK;
BEGIN;
TRUNCATE accounts, side;
COMMIT;

--
-- Neither table needs to be complete while it is filled from the other
--
ALTER TABLE side DISABLE TRIGGER USER;
ALTER TABLE accounts DISABLE TRIGGER USER;
INSERT INTO accounts VALUES (1, 1, '{}'), (2, 1, '{}'), (3, 1, 'only:3');
TRUNCATE side;
INSERT INTO side VALUES (1, 1, 'crm', '1'), (1, 1, 'crm', '11'), (2, 1, 'crm', '2');
ALTER TABLE side ENABLE TRIGGER USER;
ALTER TABLE accounts ENABLE TRIGGER USER;
UPDATE accounts SET ids = ids + 'x:1' WHERE id = 1;
INSERT INTO side VALUES (2, 1, 'x', '2'), (3, 1, 'x', '3');
SELECT * FROM both_sides;
CALL external_ids_backfill('accounts', '(SELECT external_ids_agg(external_id(label, value)) FROM side WHERE account_id = accounts.id)', upto => '2');
SELECT * FROM both_sides;

--
-- Renamed tables; a dropped one takes its triggers along
--
ALTER TABLE side RENAME TO side_old;
ALTER TABLE accounts RENAME TO customers;
UPDATE customers SET ids = ids + 'renamed:1' WHERE id = 1;
INSERT INTO side_old VALUES (1, 1, 'renamed', '2');
SELECT ids FROM customers WHERE id = 1;
SELECT label, value FROM side_old WHERE label = 'renamed' ORDER BY 2;
ALTER TABLE side_old RENAME value TO v;
UPDATE customers SET ids = ids + 'renamed:3' WHERE id = 1;
ALTER TABLE side_old RENAME v TO value;
DROP VIEW both_sides;
ALTER TABLE customers RENAME TO accounts;
DROP TABLE side_old;
SELECT count(*) AS none FROM pg_trigger WHERE tgrelid = 'accounts'::regclass;
UPDATE accounts SET ids = ids + 'alone:1' WHERE id = 1;

--
-- Other forms: a table for each label; the text of an ID; a composite key
--
TRUNCATE accounts;
CREATE TABLE crm_numbers (account_id bigint PRIMARY KEY, number int NOT NULL);
CREATE TABLE others (id external_id NOT NULL, org_id smallint, "account id" bigint);
CREATE INDEX ON others USING hash ("account id");
SELECT external_ids_mirror('accounts', 'crm_numbers', '{account_id}', 'number', label => 'crm');
SELECT external_ids_mirror('accounts', 'others', '{account id}', 'id', scope => '{"org_id": "org_id"}');
INSERT INTO accounts VALUES (1, 7, '{crm:1,x:1}');
INSERT INTO crm_numbers VALUES (1, 2);
UPDATE accounts SET ids = ids + 'crm:2' WHERE id = 1;
UPDATE accounts SET ids = ids + 'crm:two' - 'crm:1' WHERE id = 1;
UPDATE accounts SET ids = ids + 'crm:002' - 'crm:1' WHERE id = 1;
UPDATE crm_numbers SET number = 3;
INSERT INTO others VALUES ('z:1', 7, 1);
SELECT ids FROM accounts;
SELECT * FROM crm_numbers;
SELECT * FROM others ORDER BY id;
TRUNCATE crm_numbers;
SELECT ids FROM accounts;
SELECT external_ids_unmirror('accounts', 'crm_numbers');
SELECT external_ids_unmirror('accounts', 'others');
SELECT count(*) AS none FROM pg_trigger WHERE tgrelid IN ('accounts'::regclass, 'crm_numbers'::regclass, 'others'::regclass);
CREATE TABLE parts (org text, n int, ids external_id_set, PRIMARY KEY (org, n));
CREATE TABLE part_ids (n int, org varchar(20), label text NOT NULL, value uuid, PRIMARY KEY (n, org, label, value));
SELECT external_ids_mirror('parts', 'part_ids', '{org,n}', 'value', label_column => 'label');
INSERT INTO parts VALUES ('o', 1, NULL), ('o', 2, '{00000000-0000-0000-0000-00000000000a}');
INSERT INTO part_ids VALUES (1, 'o', '', '00000000-0000-0000-0000-00000000000b');
SELECT * FROM parts ORDER BY n;
SELECT * FROM part_ids ORDER BY n;
DELETE FROM part_ids;
SELECT * FROM parts ORDER BY n;

--
-- A trigger of the user's that has another mind
--
CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE FUNCTION lower_label() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.label := lower(NEW.label); RETURN NEW; END';
CREATE TRIGGER skip BEFORE INSERT OR DELETE ON part_ids FOR EACH ROW EXECUTE FUNCTION skip();
UPDATE parts SET ids = 'a:00000000-0000-0000-0000-00000000000b' WHERE n = 1;
DROP TRIGGER skip ON part_ids;
CREATE TRIGGER lower BEFORE INSERT ON part_ids FOR EACH ROW EXECUTE FUNCTION lower_label();
UPDATE parts SET ids = 'A:00000000-0000-0000-0000-00000000000b' WHERE n = 1;
INSERT INTO part_ids VALUES (1, 'o', 'A', '00000000-0000-0000-0000-00000000000b');
CREATE TRIGGER skip BEFORE UPDATE ON parts FOR EACH ROW EXECUTE FUNCTION skip();
DELETE FROM part_ids WHERE n = 1;
TRUNCATE part_ids;
DROP TRIGGER skip ON parts;
CREATE TRIGGER skip BEFORE DELETE ON part_ids FOR EACH ROW EXECUTE FUNCTION skip();
TRUNCATE parts;
DROP TRIGGER skip ON part_ids;
SELECT * FROM parts ORDER BY n;
SELECT * FROM part_ids ORDER BY n;
-- it is mirrored already; a mirror notices what became of its tables
CREATE TABLE other_parts (org text, n int, ids external_id_set, PRIMARY KEY (org, n));
SELECT external_ids_mirror('parts', 'part_ids', '{org,n}', 'value', label_column => 'label');
SELECT external_ids_mirror('other_parts', 'part_ids', '{org,n}', 'value', label_column => 'label');
ALTER TABLE parts RENAME ids TO other;
UPDATE parts SET other = NULL;
ALTER TABLE parts RENAME other TO ids;
ALTER TABLE parts DROP CONSTRAINT parts_pkey, ADD PRIMARY KEY (n);
UPDATE parts SET ids = NULL;
SELECT external_ids_unmirror('parts', 'part_ids');

--
-- What is no external ID, and was there before the mirror, can be mended
--
CREATE TABLE noted (id int PRIMARY KEY, ids external_id_set);
CREATE TABLE notes (noted_id int, value text);
CREATE INDEX ON notes (noted_id);
INSERT INTO noted VALUES (1, '{}'), (2, '{}');
INSERT INTO notes VALUES (1, ' bad'), (1, 'a:'), (1, 'a:1'), (2, ' good');
SELECT external_ids_mirror('noted', 'notes', '{noted_id}', 'value');
UPDATE noted SET ids = 'x:1' WHERE id = 1;
INSERT INTO notes VALUES (1, ' worse');
DELETE FROM notes WHERE value = ' bad';
DELETE FROM notes WHERE value = 'a:';
UPDATE notes SET value = ltrim(value) WHERE noted_id = 2;
UPDATE noted SET ids = 'x:1' WHERE id = 1;
SELECT * FROM noted ORDER BY id;
SELECT * FROM notes ORDER BY noted_id, value;
-- no key, after its type changed, that could be written otherwise
ALTER TABLE notes ALTER noted_id TYPE text;
INSERT INTO notes VALUES ('02', 'x:2');
-- what became a partition meanwhile can be left
CREATE TABLE all_notes (noted_id text, value text) PARTITION BY LIST (value);
ALTER TABLE all_notes ATTACH PARTITION notes DEFAULT;
SELECT external_ids_unmirror('noted', 'notes');
SELECT external_ids_mirror('noted', 'notes', '{noted_id}', 'value');

--
-- Rights are the owner's; row security does not hide a row; names in the
-- caller's schema take nobody's place
--
CREATE TABLE side (account_id bigint PRIMARY KEY, value text);
SELECT external_ids_mirror('accounts', 'side', '{account_id}', 'value', label => 'crm');
ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE accounts FORCE ROW LEVEL SECURITY;
GRANT INSERT, DELETE, SELECT ON side TO regress_ops_other;
RESET ROLE;
CREATE SCHEMA ops_mirror_evil AUTHORIZATION regress_ops_other;
SET ROLE regress_ops_other;
CREATE FUNCTION ops_mirror_evil.external_id(text, text) RETURNS external_id LANGUAGE sql AS $$ SELECT 'evil:1'::external_id $$;
CREATE FUNCTION ops_mirror_evil.cardinality(external_id_set) RETURNS int LANGUAGE sql AS 'SELECT 0';
CREATE FUNCTION ops_mirror_evil.eq(bigint, bigint) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR ops_mirror_evil.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = ops_mirror_evil.eq);
SET search_path = ops_mirror_evil, ops_mirror, pg_catalog, public;
INSERT INTO side VALUES (1, 'other');
SELECT * FROM accounts;
-- tables that are not one's own, or a trigger made by hand
SELECT external_ids_mirror('accounts', 'side', '{account_id}', 'value');
SELECT external_ids_unmirror('accounts', 'side');
CREATE TABLE ops_mirror_evil.theirs (account_id bigint, value text);
CREATE CONSTRAINT TRIGGER row AFTER INSERT ON theirs FROM accounts FOR EACH ROW
	EXECUTE FUNCTION external_ids_mirror_side('x', 'ids', 'value', 'text', '', '1', 'account_id');
RESET ROLE;
SET search_path = ops_mirror, public;
GRANT TRIGGER ON accounts TO regress_ops_other;
SET ROLE regress_ops_other;
CREATE CONSTRAINT TRIGGER row AFTER INSERT ON ops_mirror_evil.theirs FROM accounts FOR EACH ROW
	EXECUTE FUNCTION external_ids_mirror_side('x', 'ids', 'value', 'text', '', '1', 'account_id');
INSERT INTO ops_mirror_evil.theirs VALUES (1, 'stolen:1');
DROP TRIGGER row ON ops_mirror_evil.theirs;
CREATE TRIGGER by_hand AFTER INSERT ON ops_mirror_evil.theirs FOR EACH STATEMENT EXECUTE FUNCTION external_ids_mirror_side('x');
INSERT INTO ops_mirror_evil.theirs VALUES (1, 'stolen:1');
SELECT external_ids_mirror_side();
SET ROLE regress_ops_mirror;
ALTER TABLE accounts NO FORCE ROW LEVEL SECURITY;
SELECT id, ids FROM accounts;
RESET ROLE;
ALTER TABLE side OWNER TO regress_ops_other;
UPDATE accounts SET ids = 'x:1';
SELECT external_ids_unmirror('accounts', 'side');
SELECT external_ids_mirror('accounts', 'side', '{account_id}', 'value');
DROP SCHEMA ops_mirror_evil CASCADE;
SET ROLE regress_ops_mirror;

--
-- Errors
--
CREATE TABLE plain (account_id bigint, value text, label text, more int NOT NULL, g text GENERATED ALWAYS AS (value) STORED);
SELECT external_ids_mirror(NULL, 'plain', '{account_id}', 'value');
SELECT external_ids_mirror('accounts', 'plain', NULL, 'value');
SELECT external_ids_mirror('accounts', 'plain', '{NULL}', 'value');
SELECT external_ids_mirror('accounts', 'accounts', '{account_id}', 'value');
SELECT external_ids_mirror('accounts', 'plain', '{account_id,value}', 'value');
SELECT external_ids_mirror('accounts', 'plain', '{account_id}', 'nope');
SELECT external_ids_mirror('accounts', 'plain', '{account_id}', 'account_id');
SELECT external_ids_mirror('accounts', 'plain', '{account_id}', 'g');
SELECT external_ids_mirror('accounts', 'plain', '{account_id}', 'value', 'label', 'crm');
SELECT external_ids_mirror('accounts', 'plain', '{account_id}', 'value', label => 'c:rm');
SELECT external_ids_mirror('accounts', 'plain', '{account_id}', 'value', "column" => 'note');
SELECT external_ids_mirror('accounts', 'plain', '{label}', 'value');
CREATE TABLE codes (id text PRIMARY KEY, ids external_id_set);
CREATE TABLE code_ids (short varchar(9) COLLATE "POSIX" PRIMARY KEY, padded char(9), number int, id external_id);
SELECT external_ids_mirror('codes', 'code_ids', '{padded}', 'id');
SELECT external_ids_mirror('codes', 'code_ids', '{number}', 'id');
CREATE TABLE days (day date PRIMARY KEY, ids external_id_set);
CREATE TABLE day_ids (day timestamp PRIMARY KEY, id external_id);
SELECT external_ids_mirror('days', 'day_ids', '{day}', 'id');
SELECT external_ids_mirror('codes', 'code_ids', '{short}', 'id');
CREATE TABLE derived (id int PRIMARY KEY, ids external_id_set GENERATED ALWAYS AS (external_id_set(external_id('n', id))) STORED);
SELECT external_ids_mirror('derived', 'plain', '{account_id}', 'value');
SELECT external_ids_mirror('accounts', 'plain', '{account_id}', 'value', scope => '["org_id"]');
SELECT external_ids_mirror('accounts', 'plain', '{account_id}', 'value', scope => '{"nope": "more"}');
SELECT external_ids_mirror('accounts', 'plain', '{account_id}', 'value', scope => '{"org_id": 1}');
SELECT external_ids_mirror('accounts', 'plain', '{account_id}', 'value', scope => '{"org_id": {"more": "x"}}');
SELECT external_ids_mirror('accounts', 'plain', '{account_id}', 'value', 'label');
SELECT external_ids_mirror('accounts', 'plain', '{account_id}', 'value', 'label', scope => '{"org_id": "more"}');
CREATE INDEX ON plain (value, account_id);
CREATE INDEX ON plain (account_id) WHERE value <> '';
SELECT external_ids_mirror('accounts', 'plain', '{account_id}', 'value', 'label', scope => '{"org_id": "more"}');
CREATE TEMPORARY TABLE passing (account_id bigint PRIMARY KEY, value text);
SELECT external_ids_mirror('accounts', 'passing', '{account_id}', 'value');
DROP TABLE passing;
CREATE TABLE split (account_id bigint, value text) PARTITION BY HASH (account_id);
SELECT external_ids_mirror('accounts', 'split', '{account_id}', 'value');
CREATE VIEW seen AS SELECT * FROM plain;
SELECT external_ids_mirror('accounts', 'seen', '{account_id}', 'value');
CREATE TABLE keyless (ids external_id_set);
SELECT external_ids_mirror('keyless', 'plain', '{account_id}', 'value');
SELECT external_ids_unmirror('accounts', 'plain');
SELECT external_ids_unmirror('accounts', NULL);

--
-- A scope that is null; names that are taken; triggers that do not belong together
--
CREATE TABLE loose (id int PRIMARY KEY, org int, ids external_id_set NOT NULL DEFAULT '{}');
CREATE INDEX ON loose USING unique_members (ids, org);
CREATE TABLE loose_ids (loose_id int REFERENCES loose, org int, id external_id);
CREATE INDEX ON loose_ids (loose_id);
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER zz_external_ids_mirror_loose_ids_row AFTER INSERT ON loose FOR EACH ROW EXECUTE FUNCTION nothing();
SELECT external_ids_mirror('loose', 'loose_ids', '{loose_id}', 'id', scope => '{"org": "org"}');
SELECT tgname, tgrelid::regclass FROM pg_trigger WHERE tgname LIKE 'zz%loose%' ORDER BY tgname;
INSERT INTO loose VALUES (1, NULL, 'a:1'), (2, 1, 'a:1');
INSERT INTO loose_ids VALUES (1, NULL, 'a:2');
SELECT l.*, array_agg((s.org, s.id) ORDER BY s.id) AS side FROM loose l JOIN loose_ids s ON s.loose_id = l.id GROUP BY l.id ORDER BY l.id;
-- the same side table twice
CREATE TABLE loose_too (id int PRIMARY KEY, ids external_id_set NOT NULL);
CREATE INDEX ON loose_too USING unique_members (ids);
SELECT external_ids_mirror('loose_too', 'loose_ids', '{loose_id}', 'id');
SELECT external_ids_unmirror('loose', 'loose_ids');
CREATE TRIGGER by_hand AFTER INSERT ON loose FOR EACH ROW EXECUTE FUNCTION external_ids_mirror_table('loose_ids', 'ids', 'id', '', '', '1');
INSERT INTO loose VALUES (3, 1, 'a:3');
SELECT count(*) AS none FROM loose_ids WHERE id = 'a:3';

RESET ROLE;
RESET search_path;
DROP SCHEMA ops_mirror CASCADE;
DROP ROLE regress_ops_mirror, regress_ops_other;
