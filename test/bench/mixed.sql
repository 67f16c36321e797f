-- @title 16 clients replace sets of 1,000 accounts; how many accounts end with a mix of two sets
-- @rounds 3
-- @chart bars mixed_percent us side side_unlocked
-- @data us side
-- @writes us side
-- @setup
-- (b) without its lock: the second of two DELETEs waits for the first, then finds nothing
-- left to delete, for what the first one's transaction inserted is not in its snapshot.
CREATE FUNCTION patch_unlocked(account bigint, org int, ids text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM side.account_external_ids WHERE account_id = account;
    INSERT INTO side.account_external_ids SELECT org, i, account FROM unnest(ids) i;
END $$;
-- @before us
VACUUM us.accounts; CHECKPOINT;
-- @pgbench us -c 16 -j 2 -t :turns
\set account random(1, 1000)
\set r random(1, 9000000000000000000)
UPDATE us.accounts SET external_ids = external_id_set(external_id('a', :r::bigint), external_id('b', :r::bigint), external_id('c', :r::bigint)) WHERE id = :account;
-- @measure us mixed_percent
SELECT 100.0 * count(*) FILTER (WHERE cardinality(external_ids) > 3) / count(*) FROM us.accounts WHERE id <= 1000;
-- @after us
SELECT NOT EXISTS (SELECT FROM us.accounts WHERE cardinality(external_ids) <> 3);

-- @before side
DELETE FROM side.account_external_ids WHERE account_id <= 1000;
VACUUM side.accounts, side.account_external_ids; CHECKPOINT;
-- @pgbench side -c 16 -j 2 -t :turns
\set account random(1, 1000)
\set r random(1, 9000000000000000000)
SELECT side.patch(id, org_id, ARRAY['a:' || :r::text, 'b:' || :r::text, 'c:' || :r::text]) FROM side.accounts WHERE id = :account;
-- @measure side mixed_percent
SELECT 100.0 * count(*) FILTER (WHERE n > 3) / count(*) FROM (SELECT count(*) AS n FROM side.account_external_ids WHERE account_id <= 1000 GROUP BY account_id) m;

-- @before side_unlocked
DELETE FROM side.account_external_ids WHERE account_id <= 1000;
VACUUM side.accounts, side.account_external_ids; CHECKPOINT;
-- @pgbench side_unlocked -c 16 -j 2 -t :turns
\set account random(1, 1000)
\set r random(1, 9000000000000000000)
SELECT own.patch_unlocked(id, org_id, ARRAY['a:' || :r::text, 'b:' || :r::text, 'c:' || :r::text]) FROM side.accounts WHERE id = :account;
-- @measure side_unlocked mixed_percent
SELECT 100.0 * count(*) FILTER (WHERE n > 3) / count(*) FROM (SELECT count(*) AS n FROM side.account_external_ids WHERE account_id <= 1000 GROUP BY account_id) m;

-- @goal - mixed_percent us <= 0 accounts left with a mix of two sets
-- @goal - mixed_percent side - the same by (b), which locks the account's row
-- @goal - mixed_percent side_unlocked - the same by (b) without the lock, in silence
-- @goal - time side / us - a replaced set, by 16 clients, each its own transaction, by (b)
