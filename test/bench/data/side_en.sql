-- (b) with the texts in the database's own, linguistic collation, as it comes about
-- when nobody thinks of it. For look-ups only.
-- @data source
-- @setup
CREATE TABLE accounts (id bigint PRIMARY KEY, org_id int NOT NULL, name text);
INSERT INTO accounts SELECT id, org_id, name FROM source.accounts ORDER BY id;
CREATE TABLE account_external_ids (org_id int NOT NULL, external_id text NOT NULL, account_id bigint NOT NULL);
INSERT INTO account_external_ids SELECT org_id, unnest(ids), id FROM source.accounts ORDER BY id;
ALTER TABLE account_external_ids ADD PRIMARY KEY (org_id, external_id);
CREATE INDEX ON account_external_ids (account_id);
ALTER TABLE account_external_ids ADD FOREIGN KEY (account_id) REFERENCES accounts ON DELETE CASCADE;
CREATE TABLE probes AS SELECT n, account_id, org_id, id FROM source.probes ORDER BY n;
VACUUM ANALYZE accounts, account_external_ids, probes;
CHECKPOINT;
