-- @title VACUUM after one of three IDs of a fifth of the accounts is replaced, and the size after 10 times, by RUM
-- @ask
-- @rounds 10
-- @data us rum
-- @writes us rum
-- @setup
-- Only when named: RUM takes minutes to change what the others change in seconds.
-- @before us
UPDATE us.accounts AS a SET external_ids = a.external_ids - external_ids_under(a.external_ids, 'stripe') + external_id('stripe', 'r' || :round || '_' || a.id)
 WHERE id % 5 = :round % 5;
CHECKPOINT;
-- @sql us
VACUUM us.accounts;
-- @measure us final_bytes
SELECT pg_total_relation_size('us.accounts');

-- @before rum
UPDATE rum.accounts AS a SET external_ids = ARRAY[a.external_ids[1], a.external_ids[2], 'stripe:r' || :round || '_' || a.id] WHERE id % 5 = :round % 5;
CHECKPOINT;
-- @sql rum
VACUUM rum.accounts;
-- @measure rum final_bytes
SELECT pg_total_relation_size('rum.accounts');

-- @goal E6 time rum / us >= 1.0 VACUUM after churn, by (d)
-- @goal E6 final_bytes us / rum <= 1.0 total size after churn, by (d)
