-- (e) in the database's own, linguistic collation.
-- The indexes begin with the ID, as (a)'s does.
-- @data source
-- @setup
CREATE TABLE accounts (id bigint PRIMARY KEY, org_id int NOT NULL, name text, crm text, erp text, stripe text);
INSERT INTO accounts
SELECT id, org_id, name, split_part(ids[1], ':', 2), split_part(ids[2], ':', 2), split_part(ids[3], ':', 2) FROM source.accounts ORDER BY id;
ALTER TABLE accounts ADD UNIQUE (crm, org_id), ADD UNIQUE (erp, org_id), ADD UNIQUE (stripe, org_id);
CREATE TABLE probes AS
SELECT n, account_id, org_id, split_part(id, ':', 1) AS label, split_part(id, ':', 2) AS id FROM source.probes ORDER BY n;
VACUUM ANALYZE accounts, probes;
CHECKPOINT;
