-- What 0.2 adds to upgrade_objects.sql: links, of which all state is in triggers
-- and indexes; functions that call the new ones.
\set ON_ERROR_STOP 1
SET search_path = "App Data", ext;
CREATE TABLE tickets (id int PRIMARY KEY, org int, area text COLLATE "C", "the ID" external_id, account bigint REFERENCES accounts,
    sure bool DEFAULT true, value varchar, other bigint);
SELECT FROM external_ids_link('tickets', 'the ID', 'account', 'accounts', '{"org_id": "org", "region": "area"}', verified => 'sure',
    index => 'accounts_external_ids_key');
SELECT FROM external_ids_link('tickets', 'value', 'other', 'accounts', '{"org_id": "org", "region": "area"}', 'follow',
    index => 'accounts_external_ids_key');
INSERT INTO tickets (id, org, area, "the ID", value) VALUES (1, 1, 'eu', 'crm:1', 'v6'), (2, 1, 'eu', 'crm:wait', 'wait');
INSERT INTO tickets (id, org, area, "the ID", sure) VALUES (3, 1, 'eu', 'crm:11', false);
CREATE TABLE parents (org_id int, id int, ids external_id_set, PRIMARY KEY (org_id, id)) PARTITION BY LIST (org_id);
CREATE TABLE parents_1 PARTITION OF parents FOR VALUES IN (1);
CREATE INDEX parents_ids ON parents USING unique_members (ids, org_id);
CREATE TABLE children (id int, org_id int, ext external_id, parent int) PARTITION BY HASH (id);
CREATE TABLE children_0 PARTITION OF children FOR VALUES WITH (MODULUS 1, REMAINDER 0);
SELECT FROM external_ids_link('children', 'ext', 'parent', 'parents');
INSERT INTO parents VALUES (1, 1, 'p:1');
INSERT INTO children VALUES (1, 1, 'p:wait'), (2, 1, 'p:1');
CREATE FUNCTION upserted(ids external_id_set) RETURNS text LANGUAGE sql SET search_path = "App Data", ext AS
    $$SELECT result FROM external_ids_upsert(NULL::parents, ids, '{"org_id": 1, "id": 2}')$$;
ANALYZE;
