-- (c) An array with GIN, which finds but does not make unique.
-- @requires btree_gin
-- @data source
-- @setup
CREATE EXTENSION IF NOT EXISTS btree_gin SCHEMA public;
CREATE TABLE accounts (id bigint PRIMARY KEY, org_id int NOT NULL, name text, external_ids text[] COLLATE "C" NOT NULL);
INSERT INTO accounts SELECT id, org_id, name, ids FROM source.accounts ORDER BY id;
CREATE INDEX accounts_external_ids ON accounts USING gin (external_ids, org_id);
CREATE TABLE probes AS SELECT n, account_id, org_id, ARRAY[id] COLLATE "C" AS ids FROM source.probes ORDER BY n;
VACUUM ANALYZE accounts, probes;
CHECKPOINT;
