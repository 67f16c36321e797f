--
-- Links of several tables, of partitioned ones, of other owners; what is left of one
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
-- Several links: two columns of one table, two tables, a table and itself
--
CREATE TABLE deals (id int PRIMARY KEY, org_id int DEFAULT 1, buyer_ext external_id, buyer bigint, seller_ext external_id, seller bigint);
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
