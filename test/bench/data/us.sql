-- (a) external_ids.
-- @data source
-- @setup
CREATE TABLE accounts (id bigint PRIMARY KEY, org_id int NOT NULL, name text, external_ids external_id_set NOT NULL DEFAULT '{}');
INSERT INTO accounts SELECT id, org_id, name, ids::text::external_id_set FROM source.accounts ORDER BY id;
CREATE INDEX accounts_external_ids_key ON accounts USING unique_members (external_ids, org_id);
CREATE TABLE probes AS
SELECT n, account_id, org_id, id::external_id, jsonb_build_object('org_id', org_id) AS scope FROM source.probes ORDER BY n;
VACUUM ANALYZE accounts, probes;
CHECKPOINT;
