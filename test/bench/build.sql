-- @title build the index on a full table
-- @rounds 5
-- @chart bars time us text text_serial side
-- @chart bars cpu us text text_serial side
-- @data us side
-- @writes us side
-- @setup
-- What a UNIQUE index of the same entries costs that is nothing but btree's.
CREATE TABLE entries AS SELECT external_id, org_id FROM side.account_external_ids;
VACUUM ANALYZE entries;
-- @before us
DROP INDEX us.accounts_external_ids_key;
CHECKPOINT;
-- @sql us
CREATE INDEX accounts_external_ids_key ON us.accounts USING unique_members (external_ids, org_id);
-- @measure us bytes
SELECT pg_relation_size('us.accounts_external_ids_key');

-- @before text
DROP INDEX IF EXISTS own.entries_key;
CHECKPOINT;
-- @sql text
CREATE UNIQUE INDEX entries_key ON own.entries (external_id, org_id);
-- @measure text bytes
SELECT pg_relation_size('own.entries_key');

-- @before text_serial
DROP INDEX IF EXISTS own.entries_key;
CHECKPOINT;
-- @sql text_serial
-- By one process, as (a)'s is.
SET max_parallel_maintenance_workers = 0;
CREATE UNIQUE INDEX entries_key ON own.entries (external_id, org_id);

-- @before side
ALTER TABLE side.account_external_ids DROP CONSTRAINT account_external_ids_pkey, DROP CONSTRAINT account_external_ids_account_id_fkey;
DROP INDEX side.account_external_ids_account_id_idx;
CHECKPOINT;
-- @sql side
ALTER TABLE side.account_external_ids ADD PRIMARY KEY (org_id, external_id);
CREATE INDEX account_external_ids_account_id_idx ON side.account_external_ids (account_id);
ALTER TABLE side.account_external_ids ADD FOREIGN KEY (account_id) REFERENCES side.accounts ON DELETE CASCADE;
-- @measure side bytes
SELECT pg_indexes_size('side.account_external_ids');

-- @goal E3 cpu us / text <= 1.0 build, by a UNIQUE (text COLLATE "C", int) index of as many entries
-- @goal - time us / text_serial - the same, the other built by one process
-- @goal E3 time us / side <= 0.6 build, by (b)'s two indexes and foreign key
-- @goal E3 cpu us / side <= 0.6 the server's CPU for it
-- @goal - bytes us / text - size of the index, by a UNIQUE (text COLLATE "C", int) index
