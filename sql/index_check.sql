-- external_ids_check: what it finds in indexes that are as they should be, which
-- is nothing, and in those that were broken on purpose. What only the pages
-- themselves can show is broken in test/t/check.pl.

CREATE SCHEMA check_test;
SET search_path = check_test, public;

-- ---------------------------------------------------------------------------
-- Indexes as they should be: no row
-- ---------------------------------------------------------------------------
CREATE TABLE accounts (
    id         int PRIMARY KEY,
    org_id     int,
    region     text,
    deleted_at timestamptz,
    ids        external_id_set
);
CREATE INDEX accounts_plain ON accounts USING unique_members (ids, org_id);
CREATE INDEX accounts_partial ON accounts USING unique_members (ids, org_id, region) WHERE deleted_at IS NULL;
CREATE INDEX accounts_expression ON accounts USING unique_members ((ids - external_ids_under(ids, 'x')), (org_id + 1));
CREATE INDEX accounts_value ON accounts USING unique_members (ids external_id_set_value_ops, org_id);
ALTER TABLE accounts ADD CONSTRAINT accounts_exclude EXCLUDE USING unique_members (ids WITH &&, org_id WITH =) DEFERRABLE;

-- Many leaf pages; empty and NULL sets, NULLs in the scope, one ID and many on a row.
INSERT INTO accounts
SELECT i, nullif(i % 7, 0), nullif('r' || i % 3, 'r0'), CASE WHEN i % 11 = 0 THEN now() END,
       CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN '{}'
                  ELSE external_id('crm', i) + external_id('x', md5(i::text)) + external_id(NULL, 'v' || i) END
  FROM generate_series(1, 4000) i;
UPDATE accounts SET ids = ids + external_id('more', id) WHERE id % 13 = 0;
UPDATE accounts SET region = 'hot' || id WHERE id % 17 = 0;
DELETE FROM accounts WHERE id % 19 = 0;
UPDATE accounts SET ids = '{}' WHERE id % 23 = 0;
INSERT INTO accounts SELECT 10000, 9, 'large', NULL, external_ids_agg(external_id('many', i)) FROM generate_series(1, 3000) i;

CREATE VIEW every_index AS
SELECT c.relname AS index, coalesce(f.n, 0) AS faults
  FROM pg_class AS c, LATERAL (SELECT count(*) AS n FROM external_ids_check(c.oid)) AS f
 WHERE c.relnamespace = 'check_test'::regnamespace AND c.relkind = 'i'
   AND c.relam = (SELECT oid FROM pg_am WHERE amname = 'unique_members');
SELECT * FROM every_index ORDER BY 1;
VACUUM accounts;
SELECT * FROM every_index ORDER BY 1;
REINDEX TABLE accounts;
SELECT * FROM every_index ORDER BY 1;

-- The transaction's own changes are seen, and a snapshot of before them is not misled.
BEGIN;
INSERT INTO accounts VALUES (20000, 1, 'own', NULL, '{own:1,own:2}');
DELETE FROM accounts WHERE id = 2;
SELECT * FROM every_index ORDER BY 1;
ROLLBACK;
SELECT * FROM every_index ORDER BY 1;

CREATE TABLE parts (id int, org_id int, ids external_id_set) PARTITION BY LIST (org_id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2);
CREATE INDEX parts_key ON parts USING unique_members (ids, org_id);
INSERT INTO parts SELECT i, 1 + i % 2, external_id('crm', i / 2) FROM generate_series(1, 100) i;
SELECT relid, c.* FROM pg_partition_tree('parts_key') LEFT JOIN LATERAL external_ids_check(relid) AS c ON true WHERE isleaf ORDER BY relid::text;
CREATE TEMPORARY TABLE temporary (ids external_id_set);
CREATE INDEX temporary_key ON temporary USING unique_members (ids);
INSERT INTO temporary VALUES ('{crm:1,crm:2}'), ('{}'), (NULL);
SELECT * FROM external_ids_check('temporary_key');

-- Every few entries and rows it tells how far it is.
SELECT * FROM external_ids_check('temporary_key', progress => 2);

-- ---------------------------------------------------------------------------
-- Rows that an index has not heard of
-- ---------------------------------------------------------------------------
CREATE TABLE broken (id int PRIMARY KEY, org_id int, ids external_id_set);
CREATE INDEX broken_key ON broken USING unique_members (ids, org_id);
INSERT INTO broken VALUES (1, 1, '{crm:1,crm:2}'), (2, 1, '{}'), (3, NULL, 'crm:3'), (4, 1, 'crm:4'), (5, 1, NULL);

-- What follows happens behind the index's back, until it is ready again.
CREATE FUNCTION set_ready(ready boolean) RETURNS void LANGUAGE sql
AS $$UPDATE pg_catalog.pg_index SET indisready = ready WHERE indexrelid = 'check_test.broken_key'::pg_catalog.regclass$$;

-- missing entry: of a member, of the empty set, of a row with a NULL scope
SELECT set_ready(false);
INSERT INTO broken VALUES (6, 1, '{crm:6,crm:7}'), (7, 1, '{}'), (8, NULL, 'crm:8'), (9, 1, NULL);
SELECT set_ready(true);
SELECT * FROM external_ids_check('broken_key') ORDER BY "row", id;

-- unexpected entry: the row was changed in place, and holds other members now
TRUNCATE broken;
INSERT INTO broken VALUES (1, 1, '{crm:1,crm:2}'), (2, 1, '{}'), (3, NULL, 'crm:3'), (4, 1, 'crm:4'), (5, 1, NULL);
SELECT set_ready(false);
UPDATE pg_class SET relhasindex = false WHERE oid = 'broken'::regclass;
UPDATE broken SET ids = '{crm:1,crm:9}' WHERE id = 1;
UPDATE broken SET ids = 'crm:10' WHERE id = 2;
UPDATE broken SET org_id = 2 WHERE id = 3;
UPDATE broken SET ids = NULL WHERE id = 4;
UPDATE pg_class SET relhasindex = true WHERE oid = 'broken'::regclass;
SELECT set_ready(true);
SELECT * FROM external_ids_check('broken_key') ORDER BY fault, "row", id;

-- REINDEX mends both
REINDEX INDEX broken_key;
SELECT * FROM external_ids_check('broken_key');

-- A row that left a partial index's condition, and is in it
CREATE INDEX broken_partial ON broken USING unique_members (ids) WHERE id < 100;
UPDATE pg_class SET relhasindex = false WHERE oid = 'broken'::regclass;
UPDATE broken SET id = 101 WHERE id = 1;
UPDATE pg_class SET relhasindex = true WHERE oid = 'broken'::regclass;
SELECT * FROM external_ids_check('broken_partial');
REINDEX TABLE broken;

-- ---------------------------------------------------------------------------
-- What cannot be checked, and by whom
-- ---------------------------------------------------------------------------
SELECT external_ids_check(NULL);
SELECT external_ids_check('broken_key', 0);
SELECT external_ids_check('broken');
SELECT external_ids_check('broken_pkey');
SELECT external_ids_check('parts_key');
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'broken_key'::regclass;
SELECT external_ids_check('broken_key');
UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'broken_key'::regclass;

CREATE ROLE check_reader;
CREATE ROLE check_owner;
GRANT USAGE ON SCHEMA check_test TO check_reader, check_owner;
GRANT SELECT ON broken TO check_reader;
SET ROLE check_reader;
SELECT external_ids_check('broken_key');
RESET ROLE;

-- The index's code is run as the table's owner, whoever checks.
CREATE TABLE owned (ids external_id_set);
ALTER TABLE owned OWNER TO check_owner;
CREATE FUNCTION who(ids external_id_set) RETURNS external_id_set LANGUAGE plpgsql IMMUTABLE
AS $$BEGIN RAISE NOTICE 'run as %', current_user; RETURN ids; END$$;
INSERT INTO owned VALUES ('crm:1');
CREATE INDEX owned_key ON owned USING unique_members (who(ids));
SELECT * FROM external_ids_check('owned_key');
SET ROLE check_owner;
SELECT * FROM external_ids_check('owned_key');
RESET ROLE;

-- Sets wider than what is kept of them in maintenance_work_mem
CREATE TABLE wide (id int PRIMARY KEY, ids external_id_set);
INSERT INTO wide SELECT i, (SELECT external_ids_agg(external_id('w' || i, j)) FROM generate_series(1, 3000) j) FROM generate_series(1, 60) i;
CREATE INDEX wide_key ON wide USING unique_members (ids);
SET maintenance_work_mem = '1MB';
SELECT * FROM external_ids_check('wide_key');
RESET maintenance_work_mem;

SET client_min_messages = warning;
DROP SCHEMA check_test CASCADE;
DROP ROLE check_reader, check_owner;
