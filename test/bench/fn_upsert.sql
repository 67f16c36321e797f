-- @title upsert by any ID: half are new accounts, half have one new ID and a new name; in one transaction
-- @rounds 5
-- @chart bars time us us_many side
-- @data us side
-- @writes us side
-- @ops :patches
-- @setup
CREATE SEQUENCE us_ids START 1000000000;
ALTER TABLE us.accounts ALTER id SET DEFAULT nextval('own.us_ids');
CREATE SEQUENCE side_ids START 1000000000;
ALTER TABLE side.accounts ALTER id SET DEFAULT nextval('own.side_ids');
-- Each round takes other accounts, a tenth of them.
-- @before us
DROP TABLE IF EXISTS own.elements;
CREATE TABLE own.elements AS
SELECT row_number() OVER () AS n, org_id, CASE WHEN id % 2 = 0 THEN ARRAY[ids[1], 'zendesk:r' || :round || '_' || id] ELSE ARRAY['crm:n' || :round || '_' || id, 'zendesk:n' || :round || '_' || id] END AS ids, 'Round ' || :round || ' ' || id AS name
  FROM (SELECT * FROM source.accounts WHERE (id - 1) / :patches = :round * 2 % 10 ORDER BY md5('u' || id)) a;
ALTER TABLE own.elements ADD COLUMN data jsonb, ADD COLUMN set external_id_set;
UPDATE own.elements SET data = jsonb_build_object('org_id', org_id, 'name', name), set = ids::text::external_id_set;
VACUUM FULL own.elements; VACUUM us.accounts; CHECKPOINT;
-- @sql us
DO $$ DECLARE e record; BEGIN
    FOR e IN SELECT * FROM own.elements LOOP
        PERFORM result FROM external_ids_upsert(NULL::us.accounts, e.set, e.data);
    END LOOP;
END $$;
-- @after us
SELECT count(*) = :patches AND count(*) FILTER (WHERE a.id >= 1000000000) = (:patches + 1) / 2 FROM own.elements e JOIN us.accounts a ON a.external_ids @> e.set AND a.org_id = e.org_id AND a.name = e.name;

-- @before us_many
DROP TABLE IF EXISTS own.elements;
CREATE TABLE own.elements AS
SELECT row_number() OVER () AS n, org_id, CASE WHEN id % 2 = 0 THEN ARRAY[ids[1], 'zendesk:r' || :round || '_' || id] ELSE ARRAY['crm:n' || :round || '_' || id, 'zendesk:n' || :round || '_' || id] END AS ids, 'Round ' || :round || ' ' || id AS name
  FROM (SELECT * FROM source.accounts WHERE (id - 1) / :patches = (:round * 2 + 1) % 10 ORDER BY md5('u' || id)) a;
CREATE TABLE own.json AS
SELECT (n - 1) / 1000 AS batch, jsonb_agg(jsonb_build_object('org_id', org_id, 'name', name, 'external_ids', ids::text)) AS elements FROM own.elements GROUP BY 1;
VACUUM us.accounts; CHECKPOINT;
-- @sql us_many
-- A thousand at once.
SELECT sum((SELECT count(*) FROM external_ids_upsert_many(NULL::us.accounts, elements))) FROM own.json;
-- @after us_many
DROP TABLE own.json;
SELECT count(*) = :patches FROM own.elements e JOIN us.accounts a ON a.external_ids @> e.ids::text::external_id_set AND a.org_id = e.org_id AND a.name = e.name;

-- @before side
DROP TABLE IF EXISTS own.elements;
CREATE TABLE own.elements AS
SELECT row_number() OVER () AS n, org_id, CASE WHEN id % 2 = 0 THEN ARRAY[ids[1], 'zendesk:r' || :round || '_' || id] ELSE ARRAY['crm:n' || :round || '_' || id, 'zendesk:n' || :round || '_' || id] END AS ids, 'Round ' || :round || ' ' || id AS name
  FROM (SELECT * FROM source.accounts WHERE (id - 1) / :patches = :round * 2 % 10 ORDER BY md5('u' || id)) a;
VACUUM side.accounts, side.account_external_ids; CHECKPOINT;
-- @sql side
-- Its best: one statement, with a kept plan, which is right as long as nobody else does the same at once.
DO $$ DECLARE e record; BEGIN
    FOR e IN SELECT * FROM own.elements LOOP
        WITH found AS (
            SELECT account_id AS id FROM side.account_external_ids WHERE org_id = e.org_id AND external_id = ANY (e.ids) LIMIT 1
        ), made AS (
            INSERT INTO side.accounts (org_id, name) SELECT e.org_id, e.name WHERE NOT EXISTS (SELECT FROM found) RETURNING id
        ), changed AS (
            UPDATE side.accounts a SET name = e.name FROM found f WHERE a.id = f.id AND a.name IS DISTINCT FROM e.name
        )
        INSERT INTO side.account_external_ids
        SELECT e.org_id, i, a.id FROM (TABLE found UNION ALL TABLE made) a, unnest(e.ids) i ON CONFLICT DO NOTHING;
    END LOOP;
END $$;
-- @after side
SELECT count(*) = :patches AND count(*) FILTER (WHERE a.id >= 1000000000) = (:patches + 1) / 2 FROM own.elements e JOIN side.account_external_ids i ON i.external_id = e.ids[2] AND i.org_id = e.org_id JOIN side.accounts a ON a.id = i.account_id AND a.name = e.name;

-- @goal E5 time side / us >= 2.0 external_ids_upsert, by (b)'s best statement
-- @goal - time side / us_many - external_ids_upsert_many, by (b)'s best statement
