-- What the tables of schema shop must do when docs/upgrading.md has been followed and its
-- example has run; as upgrade_checks.sql.
\set ON_ERROR_STOP 1
\pset tuples_only on
\pset format unaligned
SET search_path = shop, ext;
BEGIN;

-- Is what a statement gives, or its SQLSTATE, as expected? It stays done.
CREATE FUNCTION pg_temp.gives(name text, expected text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    got text;
BEGIN
    BEGIN
        EXECUTE statement INTO got;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS got = RETURNED_SQLSTATE;
    END;
    RETURN CASE WHEN got IS NOT DISTINCT FROM expected THEN 'ok ' || name ELSE format('FAIL %s: got %s, expected %s', name, got, expected) END;
END $$;

SELECT pg_temp.gives('the index is UNIQUE and has the name', 'true', $$SELECT indisunique AND indisvalid AND NOT indisexclusion
    FROM pg_index WHERE indexrelid = 'accounts_external_ids_key'::regclass$$);
SELECT pg_temp.gives('so has the other', 'true', $$SELECT indisunique AND indisvalid FROM pg_index WHERE indexrelid = 'people_external_ids_key'::regclass$$);
SELECT pg_temp.gives('nothing of the old is left', '1|1', $$SELECT concat_ws('|', (SELECT count(*) FROM pg_index JOIN pg_class c ON c.oid = indexrelid
    JOIN pg_am a ON a.oid = relam WHERE indrelid = 'accounts'::regclass AND amname = 'unique_members'),
    (SELECT count(*) FROM pg_index JOIN pg_class c ON c.oid = indexrelid
    JOIN pg_am a ON a.oid = relam WHERE indrelid = 'people'::regclass AND amname = 'unique_members'))$$);
SELECT pg_temp.gives('a conflict', '23505', $$INSERT INTO accounts (org_id, external_ids) VALUES (1, '{new:1,erp:7}')$$);
SELECT pg_temp.gives('DO NOTHING', NULL, $$INSERT INTO accounts (org_id, external_ids) VALUES (1, '{new:1,erp:7}') ON CONFLICT DO NOTHING RETURNING id$$);
SELECT pg_temp.gives('DO UPDATE finds by any ID', '2|{crm:43,erp:7,new:1}', $$INSERT INTO accounts (org_id, external_ids) VALUES (1, '{new:1,erp:7}')
    ON CONFLICT (external_ids, org_id) DO UPDATE SET external_ids = accounts.external_ids + excluded.external_ids RETURNING concat_ws('|', id, external_ids)$$);
SELECT pg_temp.gives('DO UPDATE inserts in another scope', '{erp:7,new:1}', $$INSERT INTO accounts (org_id, external_ids) VALUES (3, '{new:1,erp:7}')
    ON CONFLICT (external_ids, org_id) DO UPDATE SET name = 'found' RETURNING external_ids$$);
SELECT pg_temp.gives('empty sets insert', '2', $$WITH new AS (INSERT INTO accounts (org_id) VALUES (1), (1)
    ON CONFLICT (external_ids, org_id) DO UPDATE SET name = 'found' RETURNING 1) SELECT count(*) FROM new$$);
SELECT pg_temp.gives('two rows for one set', '23505', $$INSERT INTO accounts (org_id, external_ids) VALUES (1, '{crm:42,crm:43}')
    ON CONFLICT (external_ids, org_id) DO UPDATE SET external_ids = excluded.external_ids$$);
SELECT pg_temp.gives('row functions: resolve', '2', $$SELECT id FROM external_ids_resolve(NULL::accounts, 'new:1', '{"org_id": 1}')$$);
SELECT pg_temp.gives('row functions: upsert', 'updated', $$SELECT result FROM external_ids_upsert(NULL::people, '{hr:8,ad:joe}', '{"org_id": 1}')$$);
SELECT pg_temp.gives('all rows are there', '1000', $$SELECT count(DISTINCT external_ids) FROM people$$);
ROLLBACK;
