-- @title 16 clients move one of 3,000 IDs at a time between 1,000 accounts, each move a transaction
-- @rounds 3
-- @chart bars time us side side_changed
-- @data source
-- @setup
-- A move takes the ID from whoever holds it; both rows are locked, in one order. It
-- fails if another was faster. Each success is counted by a sequence.
CREATE SEQUENCE moves;
CREATE TABLE us (id bigint PRIMARY KEY, org_id int NOT NULL, external_ids external_id_set NOT NULL);
CREATE INDEX us_key ON us USING unique_members (external_ids, org_id);
CREATE TABLE side_accounts (id bigint PRIMARY KEY, org_id int NOT NULL);
CREATE TABLE side (org_id int NOT NULL, external_id text COLLATE "C" NOT NULL, account_id bigint NOT NULL REFERENCES side_accounts, PRIMARY KEY (org_id, external_id));
CREATE INDEX ON side (account_id);

CREATE FUNCTION us_move(ext external_id, target bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE holder bigint;
BEGIN
    SELECT id INTO holder FROM own.us WHERE external_ids @> ext AND org_id = 1;
    IF holder = target THEN RETURN; END IF;
    PERFORM FROM own.us WHERE id IN (holder, target) ORDER BY id FOR UPDATE;
    IF holder IS NOT NULL THEN
        UPDATE own.us SET external_ids = external_ids - ext WHERE id = holder AND external_ids @> ext;
        IF NOT FOUND THEN RETURN; END IF;
    END IF;
    UPDATE own.us SET external_ids = external_ids + ext WHERE id = target;
    PERFORM nextval('own.moves');
EXCEPTION WHEN unique_violation OR deadlock_detected THEN
END $$;

-- As (b) replaces a set: delete, insert.
CREATE FUNCTION side_move(ext text, target bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE holder bigint;
BEGIN
    SELECT account_id INTO holder FROM own.side WHERE external_id = ext AND org_id = 1;
    IF holder = target THEN RETURN; END IF;
    PERFORM FROM own.side_accounts WHERE id IN (holder, target) ORDER BY id FOR UPDATE;
    IF holder IS NOT NULL THEN
        DELETE FROM own.side WHERE external_id = ext AND org_id = 1 AND account_id = holder;
        IF NOT FOUND THEN RETURN; END IF;
    END IF;
    INSERT INTO own.side VALUES (1, ext, target);
    PERFORM nextval('own.moves');
EXCEPTION WHEN unique_violation OR deadlock_detected THEN
END $$;

-- The least that (b) can do: it changes the one row, and needs no lock but that row's.
CREATE FUNCTION side_move_changed(ext text, target bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO own.side AS s VALUES (1, ext, target)
        ON CONFLICT (org_id, external_id) DO UPDATE SET account_id = target WHERE s.account_id <> target;
    IF FOUND THEN PERFORM nextval('own.moves'); END IF;
END $$;
-- @before us
SELECT pg_stat_reset();
ALTER SEQUENCE own.moves RESTART;
TRUNCATE own.us;
INSERT INTO own.us SELECT i, 1, '{}' FROM generate_series(1, 1000) i;
VACUUM ANALYZE own.us;
-- @pgbench us -c 16 -j 2 -T :seconds
\set id random(1, 3000)
\set account random(1, 1000)
SELECT own.us_move(external_id('crm', :id::bigint), :account);
-- @measure us ops
SELECT last_value FROM own.moves;
-- @measure us deadlocks
SELECT deadlocks FROM pg_stat_database WHERE datname = current_database();
-- @after us
SELECT count(*) = count(DISTINCT e) FROM own.us, unnest(external_ids) e;
-- @before side
SELECT pg_stat_reset();
ALTER SEQUENCE own.moves RESTART;
TRUNCATE own.side, own.side_accounts;
INSERT INTO own.side_accounts SELECT i, 1 FROM generate_series(1, 1000) i;
VACUUM ANALYZE own.side, own.side_accounts;
-- @pgbench side -c 16 -j 2 -T :seconds
\set id random(1, 3000)
\set account random(1, 1000)
SELECT own.side_move('crm:' || :id::text, :account);
-- @measure side ops
SELECT last_value FROM own.moves;
-- @measure side deadlocks
SELECT deadlocks FROM pg_stat_database WHERE datname = current_database();

-- @before side_changed
SELECT pg_stat_reset();
ALTER SEQUENCE own.moves RESTART;
TRUNCATE own.side, own.side_accounts;
INSERT INTO own.side_accounts SELECT i, 1 FROM generate_series(1, 1000) i;
VACUUM ANALYZE own.side, own.side_accounts;
-- @pgbench side_changed -c 16 -j 2 -T :seconds
\set id random(1, 3000)
\set account random(1, 1000)
SELECT own.side_move_changed('crm:' || :id::text, :account);
-- @measure side_changed ops
SELECT last_value FROM own.moves;
-- @measure side_changed deadlocks
SELECT deadlocks FROM pg_stat_database WHERE datname = current_database();

-- @goal E5b time side / us >= 2.0 successful moves of one ID a second, by (b)
-- @goal E5b time side_changed / us >= 2.0 the same, by (b) that touches only what changed
