--
-- external_ids_backfill: fills a set column, a range of keys at a time
--
CREATE ROLE regress_ops_backfill;
CREATE ROLE regress_ops_writer;
CREATE SCHEMA ops_backfill AUTHORIZATION regress_ops_backfill;
GRANT USAGE ON SCHEMA ops_backfill TO regress_ops_writer;
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET ROLE regress_ops_backfill;
SET search_path = ops_backfill, public;

-- with a column that is gone
CREATE TABLE accounts (id int PRIMARY KEY, org_id int, gone int, crm text, tags text[], doc jsonb, ids external_id_set NOT NULL DEFAULT '{}');
ALTER TABLE accounts DROP COLUMN gone;
INSERT INTO accounts SELECT i, i % 3, nullif(i, 5), ARRAY['a:' || i, NULL], jsonb_build_array(i, 'x:' || i) FROM generate_series(1, 25) AS i;
ANALYZE accounts;
-- which transactions wrote the rows, and how many rows each
CREATE VIEW batches AS SELECT array_agg(n ORDER BY first) AS batches FROM
	(SELECT min(id) AS first, count(*) AS n FROM accounts GROUP BY xmin::text) AS transaction;

--
-- From each form; a commit for each batch; what is told
--
SET client_min_messages = notice;
\set VERBOSITY terse
CALL external_ids_backfill('accounts', 'crm', label => 'crm', batch => 10, progress => 20);
\set VERBOSITY default
SET client_min_messages = warning;
SELECT * FROM batches;
SELECT count(*) AS all_but_one FROM accounts WHERE ids = external_id('crm', crm)::external_id_set;
SELECT ids FROM accounts WHERE id = 5;
-- again: no row is written, and none is locked
CREATE TABLE before AS SELECT id, xmin::text AS writer, xmax::text AS locker, ctid AS place FROM accounts;
CALL external_ids_backfill('accounts', 'crm', label => 'crm', batch => 10);
SELECT count(*) AS all FROM accounts AS a JOIN before AS b ON (a.id, a.xmin::text, a.xmax::text, a.ctid) = (b.id, b.writer, b.locker, b.place);
-- only what differs
UPDATE accounts SET ids = '{}' WHERE id IN (3, 17);
DROP TABLE before;
CREATE TABLE before AS SELECT id, ctid AS place FROM accounts;
CALL external_ids_backfill('accounts', 'crm', label => 'crm', batch => 10);
SELECT a.id, a.ids FROM accounts AS a JOIN before AS b USING (id) WHERE a.ctid <> b.place ORDER BY id;

CALL external_ids_backfill('accounts', 'tags', batch => 7);
SELECT * FROM batches;
SELECT ids FROM accounts WHERE id IN (1, 25) ORDER BY id;
CALL external_ids_backfill('accounts', 'doc', label => 'n');
SELECT ids FROM accounts WHERE id IN (1, 25) ORDER BY id;
CREATE TABLE side (account_id int, label text, value text);
INSERT INTO side SELECT i, l, l || i FROM generate_series(1, 24) AS i, unnest(ARRAY['crm', 'erp']) AS l;
CALL external_ids_backfill('accounts', '(SELECT external_ids_agg(external_id(label, value)) FROM side WHERE account_id = accounts.id)');
SELECT id, ids FROM accounts WHERE id IN (1, 24, 25) ORDER BY id;
-- a range of keys
CALL external_ids_backfill('accounts', 'crm', after => '3', upto => '6');
SELECT id FROM accounts WHERE NOT ids @> '{}' OR cardinality(ids) < 2 ORDER BY id;

--
-- Interrupted: what was committed stays, and the next call goes on
--
UPDATE accounts SET ids = '{}';
CREATE FUNCTION interrupt() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'interrupted at %', NEW.id; END $$;
CREATE TRIGGER interrupt BEFORE UPDATE ON accounts FOR EACH ROW WHEN (NEW.id = 14) EXECUTE FUNCTION interrupt();
CALL external_ids_backfill('accounts', 'doc', batch => 5);
DROP TRIGGER interrupt ON accounts;
SELECT max(id) FROM accounts WHERE ids <> '{}';
SET statement_timeout = '2s';
CALL external_ids_backfill('accounts', 'doc', batch => 15, wait => '1 hour');
RESET statement_timeout;
SELECT max(id) FROM accounts WHERE ids <> '{}';
CALL external_ids_backfill('accounts', 'doc', wait => '1 ms');
SELECT count(*) FROM accounts WHERE ids <> '{}';

--
-- Conflicts
--
CREATE INDEX ON accounts USING unique_members (ids, org_id);
UPDATE accounts SET doc = '["x:1"]' WHERE id IN (2, 4, 10);
CALL external_ids_backfill('accounts', 'doc', batch => 3);
SELECT id, ids FROM accounts WHERE id < 5 ORDER BY id;
CALL external_ids_backfill('accounts', 'doc', batch => 3, on_conflict => 'report');
SELECT id, ids FROM accounts WHERE id IN (1, 2, 4, 10) ORDER BY id;
-- with an index that cannot be asked, the index's own words
DROP INDEX accounts_ids_org_id_idx;
CREATE INDEX ON accounts USING unique_members (external_ids_under(ids, 'x'), org_id);
CALL external_ids_backfill('accounts', 'doc', on_conflict => 'report');
-- another error is no conflict
ALTER TABLE accounts ADD CHECK (id <> 10 OR ids <> 'x:1');
CALL external_ids_backfill('accounts', 'doc', on_conflict => 'report');

--
-- Other keys, columns, partitions
--
CREATE TABLE parted ("Org" text, id bigint, ref text, k0 text, "Ids" external_id_set, PRIMARY KEY ("Org", id)) PARTITION BY LIST ("Org");
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN ('o, 1');
CREATE TABLE parted_2 PARTITION OF parted DEFAULT;
INSERT INTO parted SELECT 'o, ' || i % 3, i, i, 'k' || i FROM generate_series(1, 20) AS i;
CALL external_ids_backfill('parted', 'k0', batch => 3, "column" => 'Ids');
SELECT count(*) AS all FROM parted WHERE "Ids" = k0::external_id;
CALL external_ids_backfill('parted', 'ref', after => '("o, 1",16)', upto => '("o, 2",5)');
SELECT "Org", id FROM parted WHERE "Ids" = ref::external_id ORDER BY 1, 2;
CREATE TABLE mixed (id external_id, n int, ids external_id_set, PRIMARY KEY (n, id));
CALL external_ids_backfill('mixed', 'id');

--
-- Rights: UPDATE on the set and SELECT on the rest; row security must not hide rows
--
ALTER TABLE accounts DROP CONSTRAINT accounts_check;
DROP INDEX accounts_external_ids_under_org_id_idx;
UPDATE accounts SET ids = '{}';
GRANT SELECT (id, crm, ids) ON accounts TO regress_ops_writer;
SET ROLE regress_ops_writer;
CALL external_ids_backfill('accounts', 'crm', label => 'crm');
SET ROLE regress_ops_backfill;
GRANT UPDATE (ids) ON accounts TO regress_ops_writer;
SET ROLE regress_ops_writer;
CALL external_ids_backfill('accounts', 'crm', label => 'crm');
CALL external_ids_backfill('accounts', 'tags');
SET ROLE regress_ops_backfill;
SELECT count(*) FROM accounts WHERE ids <> '{}';
ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON accounts USING (org_id = 1);
SET ROLE regress_ops_writer;
CALL external_ids_backfill('accounts', 'crm');
SHOW row_security;
SET ROLE regress_ops_backfill;

--
-- A procedure that calls it; where it cannot commit; other errors
--
CREATE PROCEDURE nested() LANGUAGE plpgsql AS $$ BEGIN CALL external_ids_backfill('accounts', 'crm', batch => 10); END $$;
CALL nested();
SELECT * FROM batches;
BEGIN;
CALL external_ids_backfill('accounts', 'crm');
ROLLBACK;
CREATE FUNCTION inside() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CALL external_ids_backfill('accounts', 'crm'); END $$;
SELECT inside();
CALL external_ids_backfill(NULL, 'crm');
CALL external_ids_backfill('accounts', NULL);
CALL external_ids_backfill('accounts', 'crm', batch => 0);
CALL external_ids_backfill('accounts', 'crm', wait => '1 day');
CALL external_ids_backfill('accounts', 'crm', progress => -1);
CALL external_ids_backfill('accounts', 'crm', on_conflict => 'ignore');
CALL external_ids_backfill('accounts', 'crm', after => 'x');
CALL external_ids_backfill('accounts', 'crm', "column" => 'nope');
CALL external_ids_backfill('accounts', 'crm', "column" => 'crm');
CALL external_ids_backfill('accounts', 'crm) FROM accounts; SELECT (1');
CALL external_ids_backfill('side', 'value');
CREATE TABLE keyless (ids external_id_set, one text);
CALL external_ids_backfill('keyless', 'one');

--
-- A key with a null; a conflict that another constraint tells; an error on the way to the holder
--
CREATE TABLE pairs (a int, b int, one text, ids external_id_set, PRIMARY KEY (a, b));
CREATE INDEX pairs_ids ON pairs USING unique_members (ids);
INSERT INTO pairs VALUES (1, 1, 'x:1'), (1, 2, 'x:2'), (2, 1, 'x:1');
CALL external_ids_backfill('pairs', 'one', after => '(1,)');
CREATE UNIQUE INDEX pairs_a ON pairs (a) WHERE ids IS NOT NULL;
CALL external_ids_backfill('pairs', 'one', on_conflict => 'report');
DROP INDEX pairs_a;
CREATE SEQUENCE calls;
CREATE FUNCTION fails_late(text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF $1 = 'x:1' AND nextval('calls') > 3 THEN
		RAISE division_by_zero;
	END IF;
	RETURN $1;
END $$;
CALL external_ids_backfill('pairs', 'fails_late(one)', batch => 1, after => '(1,2)');
SELECT last_value AS calls FROM calls;
-- a name that is cut is told of
SET client_min_messages = notice;
CALL external_ids_backfill('pairs', 'a234567890123456789012345678901234567890123456789012345678901234567890');
SET client_min_messages = warning;

RESET ROLE;
RESET search_path;
DROP SCHEMA ops_backfill CASCADE;
DROP ROLE regress_ops_backfill, regress_ops_writer;
