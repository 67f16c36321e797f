-- (d) An array with RUM, which makes unique by an EXCLUDE constraint. Of a tenth of the
-- accounts: what RUM takes grows faster than their number, with all it would be minutes.
-- @requires rum
-- @data source
-- @setup
CREATE EXTENSION IF NOT EXISTS rum SCHEMA public;
CREATE TABLE accounts (id bigint PRIMARY KEY, org_id int NOT NULL, name text, external_ids text[] COLLATE "C" NOT NULL);
INSERT INTO accounts SELECT id, org_id, name, ids FROM source.accounts WHERE id <= greatest(:accounts / 10, 1) ORDER BY id;
ALTER TABLE accounts ADD CONSTRAINT accounts_external_ids EXCLUDE USING rum (external_ids public.rum_anyarray_ops WITH &&, org_id public.rum_int4_ops WITH =);
CREATE TABLE probes AS SELECT n, account_id, org_id, ARRAY[id] COLLATE "C" AS ids FROM source.probes WHERE account_id IN (SELECT id FROM accounts) ORDER BY n;
VACUUM ANALYZE accounts, probes;
CHECKPOINT;
