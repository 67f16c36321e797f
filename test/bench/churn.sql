-- @title VACUUM after one of three IDs of a fifth of the accounts is replaced, and the size after 10 times
-- @rounds 10
-- @chart bars final_bytes us side gin
-- @data us side gin
-- @writes us side gin
-- @setup
-- (b) in the form that touches only what changed, which bloats least. Each round changes
-- other accounts, the sixth those of the first again.
-- @before us
UPDATE us.accounts AS a SET external_ids = a.external_ids - external_ids_under(a.external_ids, 'stripe') + external_id('stripe', 'r' || :round || '_' || a.id)
 WHERE id % 5 = :round % 5;
CHECKPOINT;
-- @sql us
VACUUM us.accounts;
-- @measure us final_bytes
SELECT pg_total_relation_size('us.accounts');

-- @before side
SELECT count(side.patch_changed(id, org_id, ARRAY[ids[1], ids[2], 'stripe:r' || :round || '_' || id])) FROM source.accounts WHERE id % 5 = :round % 5;
CHECKPOINT;
-- @sql side
VACUUM side.accounts, side.account_external_ids;
-- @measure side final_bytes
SELECT pg_total_relation_size('side.accounts') + pg_total_relation_size('side.account_external_ids');

-- @before gin
UPDATE gin.accounts AS a SET external_ids = ARRAY[a.external_ids[1], a.external_ids[2], 'stripe:r' || :round || '_' || a.id] WHERE id % 5 = :round % 5;
CHECKPOINT;
-- @sql gin
VACUUM gin.accounts;
-- @measure gin final_bytes
SELECT pg_total_relation_size('gin.accounts');

-- @goal E3 final_bytes us / side <= 0.6 total size after churn, by (b)
-- @goal - time side / us - VACUUM after churn, by (b)
-- @goal E6 time gin / us >= 1.0 VACUUM after churn, by (c)
