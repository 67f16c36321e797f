-- (e) A column for each of three systems, which is as far as it goes, compared bytewise.
-- The indexes begin with the ID, as (a)'s does.
-- @data source
-- @setup
CREATE TABLE accounts (id bigint PRIMARY KEY, org_id int NOT NULL, name text, crm text COLLATE "C", erp text COLLATE "C", stripe text COLLATE "C");
INSERT INTO accounts
SELECT id, org_id, name, split_part(ids[1], ':', 2), split_part(ids[2], ':', 2), split_part(ids[3], ':', 2) FROM source.accounts ORDER BY id;
ALTER TABLE accounts ADD UNIQUE (crm, org_id), ADD UNIQUE (erp, org_id), ADD UNIQUE (stripe, org_id);
CREATE TABLE probes AS
SELECT n, account_id, org_id, split_part(id, ':', 1) AS label, split_part(id, ':', 2) COLLATE "C" AS id FROM source.probes ORDER BY n;
VACUUM ANALYZE accounts, probes;
CHECKPOINT;
