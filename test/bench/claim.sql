-- @title 16 clients give accounts two of 3,000 IDs each; what an account had is free for others to claim
-- @rounds 3
-- @chart bars time us side side_ordered side_changed
-- @data source
-- @setup
-- One of 1,500 accounts gets two IDs at random instead of those it had, as by a PATCH. That fails
-- when another account holds one. Each success is counted by a sequence.
CREATE SEQUENCE claims;
CREATE TABLE us (id bigint PRIMARY KEY, org_id int NOT NULL, external_ids external_id_set NOT NULL);
CREATE INDEX us_key ON us USING unique_members (external_ids, org_id);
CREATE TABLE side_accounts (id bigint PRIMARY KEY, org_id int NOT NULL);
CREATE TABLE side (org_id int NOT NULL, external_id text COLLATE "C" NOT NULL, account_id bigint NOT NULL REFERENCES side_accounts, PRIMARY KEY (org_id, external_id));
CREATE INDEX ON side (account_id);

CREATE FUNCTION us_claim(ids external_id_set, account bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE own.us SET external_ids = ids WHERE id = account;
    PERFORM nextval('own.claims');
EXCEPTION WHEN unique_violation OR deadlock_detected THEN
END $$;

-- (b)'s PATCH. IDs go in as they come, so clients can wait for each other in a circle.
CREATE FUNCTION side_claim(ids text[], account bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM own.side_accounts WHERE id = account FOR UPDATE;
    DELETE FROM own.side WHERE account_id = account;
    INSERT INTO own.side SELECT 1, i, account FROM unnest(ids) i;
    PERFORM nextval('own.claims');
EXCEPTION WHEN unique_violation OR deadlock_detected THEN
END $$;

-- With more care: IDs go in in order.
CREATE FUNCTION side_claim_ordered(ids text[], account bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM own.side_accounts WHERE id = account FOR UPDATE;
    DELETE FROM own.side WHERE account_id = account;
    INSERT INTO own.side SELECT DISTINCT 1, i, account FROM unnest(ids) i ORDER BY 2;
    PERFORM nextval('own.claims');
EXCEPTION WHEN unique_violation OR deadlock_detected THEN
END $$;

CREATE FUNCTION side_claim_changed(ids text[], account bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM own.side_accounts WHERE id = account FOR UPDATE;
    DELETE FROM own.side WHERE account_id = account AND external_id <> ALL (ids);
    INSERT INTO own.side SELECT DISTINCT 1, i, account FROM unnest(ids) i
     WHERE NOT EXISTS (SELECT FROM own.side s WHERE s.account_id = account AND s.external_id = i) ORDER BY 2;
    PERFORM nextval('own.claims');
EXCEPTION WHEN unique_violation OR deadlock_detected THEN
END $$;
-- @before us
SELECT pg_stat_reset();
ALTER SEQUENCE own.claims RESTART;
TRUNCATE own.us;
INSERT INTO own.us SELECT i, 1, '{}' FROM generate_series(1, 1500) i;
VACUUM ANALYZE own.us;
-- @pgbench us -c 16 -j 2 -T :seconds
\set a random(1, 3000)
\set b random(1, 3000)
\set account random(1, 1500)
SELECT own.us_claim(external_id('crm', :a::bigint) + external_id('crm', :b::bigint), :account);
-- @measure us ops
SELECT last_value FROM own.claims;
-- @measure us deadlocks
SELECT deadlocks FROM pg_stat_database WHERE datname = current_database();
-- @after us
SELECT count(*) = count(DISTINCT e) FROM own.us, unnest(external_ids) e;
-- @before side
SELECT pg_stat_reset();
ALTER SEQUENCE own.claims RESTART;
TRUNCATE own.side, own.side_accounts;
INSERT INTO own.side_accounts SELECT i, 1 FROM generate_series(1, 1500) i;
VACUUM ANALYZE own.side, own.side_accounts;
-- @pgbench side -c 16 -j 2 -T :seconds
\set a random(1, 3000)
\set b random(1, 3000)
\set account random(1, 1500)
SELECT own.side_claim(ARRAY['crm:' || :a::text, 'crm:' || :b::text], :account);
-- @measure side ops
SELECT last_value FROM own.claims;
-- @measure side deadlocks
SELECT deadlocks FROM pg_stat_database WHERE datname = current_database();

-- @before side_ordered
SELECT pg_stat_reset();
ALTER SEQUENCE own.claims RESTART;
TRUNCATE own.side, own.side_accounts;
INSERT INTO own.side_accounts SELECT i, 1 FROM generate_series(1, 1500) i;
VACUUM ANALYZE own.side, own.side_accounts;
-- @pgbench side_ordered -c 16 -j 2 -T :seconds
\set a random(1, 3000)
\set b random(1, 3000)
\set account random(1, 1500)
SELECT own.side_claim_ordered(ARRAY['crm:' || :a::text, 'crm:' || :b::text], :account);
-- @measure side_ordered ops
SELECT last_value FROM own.claims;
-- @measure side_ordered deadlocks
SELECT deadlocks FROM pg_stat_database WHERE datname = current_database();

-- @before side_changed
SELECT pg_stat_reset();
ALTER SEQUENCE own.claims RESTART;
TRUNCATE own.side, own.side_accounts;
INSERT INTO own.side_accounts SELECT i, 1 FROM generate_series(1, 1500) i;
VACUUM ANALYZE own.side, own.side_accounts;
-- @pgbench side_changed -c 16 -j 2 -T :seconds
\set a random(1, 3000)
\set b random(1, 3000)
\set account random(1, 1500)
SELECT own.side_claim_changed(ARRAY['crm:' || :a::text, 'crm:' || :b::text], :account);
-- @measure side_changed ops
SELECT last_value FROM own.claims;
-- @measure side_changed deadlocks
SELECT deadlocks FROM pg_stat_database WHERE datname = current_database();

-- @goal E5b time side / us >= 2.0 successful claims a second, by (b)
-- @goal E5b time side_ordered / us >= 2.0 the same, by (b) that inserts in order
-- @goal E5b time side_changed / us >= 2.0 the same, by (b) that inserts in order and touches only what changed
