-- @title COPY of all accounts with the index live
-- @rounds 3
-- @chart bars time us side gin rum
-- @chart bars bytes us side gin
-- @data us side gin rum
-- @writes us side gin
-- @ops :accounts
-- @setup
\set file :dir /us
COPY (SELECT id, org_id, name, external_ids FROM us.accounts ORDER BY id) TO :'file';
\set file :dir /side
COPY (SELECT id, org_id, name FROM side.accounts ORDER BY id) TO :'file';
\set file :dir /side_ids
COPY (SELECT org_id, unnest(ids), id FROM source.accounts ORDER BY id) TO :'file';
\set file :dir /gin
COPY (SELECT id, org_id, name, ids FROM source.accounts ORDER BY id) TO :'file';

-- @before us
TRUNCATE us.accounts;
CHECKPOINT;
-- @sql us
\set file :dir /us
COPY us.accounts FROM :'file';
-- @after us
SELECT count(*) = :accounts FROM us.accounts;
-- @measure us bytes
SELECT pg_total_relation_size('us.accounts');

-- @before side
TRUNCATE side.accounts, side.account_external_ids;
CHECKPOINT;
-- @sql side
BEGIN;
\set file :dir /side
COPY side.accounts FROM :'file';
\set file :dir /side_ids
COPY side.account_external_ids FROM :'file';
COMMIT;
-- @after side
SELECT count(*) = :accounts * 3 FROM side.account_external_ids;
-- @measure side bytes
SELECT pg_total_relation_size('side.accounts') + pg_total_relation_size('side.account_external_ids');

-- @before gin
TRUNCATE gin.accounts;
CHECKPOINT;
-- @sql gin
\set file :dir /gin
COPY gin.accounts FROM :'file';
-- @measure gin bytes
SELECT pg_total_relation_size('gin.accounts');

-- @before rum
-- A tenth of them, or RUM would take most of the time.
CREATE TABLE IF NOT EXISTS own.rum_accounts (LIKE rum.accounts INCLUDING ALL);
TRUNCATE own.rum_accounts;
CHECKPOINT;
-- @sql rum
\set file :dir /gin
COPY own.rum_accounts FROM :'file' WHERE id <= :accounts / 10;
-- @measure rum ops
SELECT count(*) FROM own.rum_accounts;

-- @goal E3 time side / us >= 3.5 COPY with the index live, by (b)
-- @goal E3 bytes us / side <= 0.6 total size after COPY, by (b)
-- @goal E6 time gin / us >= 1.0 COPY with the index live, by (c)
-- @goal E6 time rum / us >= 1.0 COPY with the index live, by (d)
-- @goal E6 bytes us / gin <= 1.0 total size after COPY, by (c)
