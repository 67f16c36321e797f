-- (b) A side table as a good engineer makes it: its texts compare bytewise, which
-- is the fastest they can; the key begins with the tenant; an index for the foreign key.
-- @data source
-- @setup
CREATE TABLE accounts (id bigint PRIMARY KEY, org_id int NOT NULL, name text);
INSERT INTO accounts SELECT id, org_id, name FROM source.accounts ORDER BY id;
CREATE TABLE account_external_ids (org_id int NOT NULL, external_id text COLLATE "C" NOT NULL, account_id bigint NOT NULL);
INSERT INTO account_external_ids SELECT org_id, unnest(ids), id FROM source.accounts ORDER BY id;
ALTER TABLE account_external_ids ADD PRIMARY KEY (org_id, external_id);
CREATE INDEX ON account_external_ids (account_id);
ALTER TABLE account_external_ids ADD FOREIGN KEY (account_id) REFERENCES accounts ON DELETE CASCADE;
CREATE TABLE probes AS SELECT n, account_id, org_id, id COLLATE "C" AS id FROM source.probes ORDER BY n;

-- PATCH: the account's row is locked, or two of them at once would mix their sets.
CREATE FUNCTION patch(account bigint, org int, ids text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM side.accounts WHERE id = account FOR UPDATE;
    DELETE FROM side.account_external_ids WHERE account_id = account;
    INSERT INTO side.account_external_ids SELECT org, i, account FROM unnest(ids) i;
END $$;

-- The same, touching only what changed.
CREATE FUNCTION patch_changed(account bigint, org int, ids text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM side.accounts WHERE id = account FOR UPDATE;
    DELETE FROM side.account_external_ids WHERE account_id = account AND external_id <> ALL (ids);
    INSERT INTO side.account_external_ids
    SELECT org, i, account FROM unnest(ids) i
     WHERE NOT EXISTS (SELECT FROM side.account_external_ids e WHERE e.account_id = account AND e.external_id = i);
END $$;
VACUUM ANALYZE accounts, account_external_ids, probes;
CHECKPOINT;
