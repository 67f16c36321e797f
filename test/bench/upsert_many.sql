-- @title many upserts in one call of external_ids_upsert_many, and in a call of external_ids_upsert each: new rows, then rows that change, then rows that do not
-- @rounds 5
-- @setup
CREATE EXTENSION external_ids;
CREATE TABLE accounts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, org_id int NOT NULL, name text,
    external_ids external_id_set NOT NULL);
CREATE INDEX ON accounts USING unique_members (external_ids, org_id);
CREATE TABLE arriving AS
SELECT i, external_id('crm', i::bigint) + external_id('erp', md5(i::text)) AS ids,
       jsonb_build_object('org_id', 1, 'name', 'Account ' || i) AS data
  FROM generate_series(1, :rows / 10) i;
CREATE TABLE arriving_array AS
SELECT jsonb_agg(data || jsonb_build_object('external_ids', ids::jsonb) ORDER BY i) AS elements FROM arriving;

-- @before create_one_by_one
TRUNCATE accounts;
CHECKPOINT;
-- @sql create_one_by_one
SELECT format('SELECT result FROM external_ids_upsert(NULL::accounts, %L, %L)', ids, data) FROM arriving ORDER BY i
\gexec
-- @after create_one_by_one
SELECT count(*) = :rows / 10 FROM accounts WHERE name LIKE 'Account%';

-- @before create_many
TRUNCATE accounts;
CHECKPOINT;
-- @sql create_many
SELECT count(*) FROM arriving_array, external_ids_upsert_many(NULL::accounts, elements);
-- @after create_many
SELECT count(*) = :rows / 10 FROM accounts WHERE name LIKE 'Account%';

-- @before update_one_by_one
TRUNCATE accounts;
INSERT INTO accounts (org_id, name, external_ids) SELECT 1, 'old', ids FROM arriving;
VACUUM ANALYZE accounts;
CHECKPOINT;
-- @sql update_one_by_one
SELECT format('SELECT result FROM external_ids_upsert(NULL::accounts, %L, %L)', ids, data) FROM arriving ORDER BY i
\gexec
-- @after update_one_by_one
SELECT count(*) = :rows / 10 FROM accounts WHERE name LIKE 'Account%';

-- @before update_many
TRUNCATE accounts;
INSERT INTO accounts (org_id, name, external_ids) SELECT 1, 'old', ids FROM arriving;
VACUUM ANALYZE accounts;
CHECKPOINT;
-- @sql update_many
SELECT count(*) FROM arriving_array, external_ids_upsert_many(NULL::accounts, elements);
-- @after update_many
SELECT count(*) = :rows / 10 FROM accounts WHERE name LIKE 'Account%';

-- @before unchanged_one_by_one
TRUNCATE accounts;
INSERT INTO accounts (org_id, name, external_ids) SELECT 1, data ->> 'name', ids FROM arriving;
VACUUM ANALYZE accounts;
CHECKPOINT;
-- @sql unchanged_one_by_one
SELECT format('SELECT result FROM external_ids_upsert(NULL::accounts, %L, %L)', ids, data) FROM arriving ORDER BY i
\gexec
-- @after unchanged_one_by_one
SELECT count(*) = :rows / 10 FROM accounts WHERE name LIKE 'Account%';

-- @before unchanged_many
TRUNCATE accounts;
INSERT INTO accounts (org_id, name, external_ids) SELECT 1, data ->> 'name', ids FROM arriving;
VACUUM ANALYZE accounts;
CHECKPOINT;
-- @sql unchanged_many
SELECT count(*) FROM arriving_array, external_ids_upsert_many(NULL::accounts, elements);
-- @after unchanged_many
SELECT count(*) = :rows / 10 FROM accounts WHERE name LIKE 'Account%';

-- @goal - time create_many / create_one_by_one <= 0.2 external_ids_upsert_many of new rows, by a call of external_ids_upsert for each
-- @goal - time update_many / update_one_by_one <= 0.2 the same of rows that change
-- @goal - time unchanged_many / unchanged_one_by_one <= 0.2 the same of rows that do not
