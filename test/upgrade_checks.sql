-- What the database of upgrade_objects.sql must do, on every server, with every
-- version of the extension: each line of the output begins with "ok" or "FAIL".
-- Nothing stays changed.
\set ON_ERROR_STOP 1
\pset tuples_only on
\pset format unaligned
SET search_path = "App Data", ext;
SET client_min_messages = warning;
SET jit = off; -- what is switched off costs 10^10, which would be worth a compiler
BEGIN;

-- Runs a statement, takes it back, and says whether it ended as expected: with
-- this SQLSTATE, and the constraint or index in it; or with 'ok'.
CREATE FUNCTION pg_temp.attempt(name text, expected text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text;
    constraint_name text;
BEGIN
    BEGIN
        EXECUTE statement;
        SET CONSTRAINTS ALL IMMEDIATE;
        RAISE 'undone' USING ERRCODE = 'ZZZZZ';
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, constraint_name = CONSTRAINT_NAME;
        state := concat_ws(' ', CASE WHEN state = 'ZZZZZ' THEN 'ok' ELSE state END, nullif(constraint_name, ''));
        RETURN CASE WHEN state = expected THEN 'ok ' || name ELSE format('FAIL %s: got %s, expected %s (%s)', name, state, expected, SQLERRM) END;
    END;
END $$;

-- Is what a query gives what is expected?
CREATE FUNCTION pg_temp.gives(name text, expected text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    got text;
BEGIN
    EXECUTE query INTO got;
    RETURN CASE WHEN got IS NOT DISTINCT FROM expected THEN 'ok ' || name ELSE format('FAIL %s: got %s, expected %s', name, got, expected) END;
END $$;

-- Does every member of a table's sets name the same rows by an index and without?
CREATE FUNCTION pg_temp.finds(tab text, index text, ids text, how text, condition text DEFAULT 'true') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    by_member text := format($q$
        SELECT count(*) FROM probe AS p
         WHERE p.rows IS DISTINCT FROM ARRAY(SELECT t.ctid::text FROM %s AS t WHERE t.%s %s p.key AND %s ORDER BY 1)$q$,
        tab, ids, how, condition);
    key text := CASE how WHEN '@=' THEN 'external_id_value(m)' ELSE 'm' END;
    line text;
    used bool := false;
    wrong bigint;
    probes bigint;
BEGIN
    DROP TABLE IF EXISTS probe;
    SET LOCAL enable_indexscan = off;
    SET LOCAL enable_bitmapscan = off;
    SET LOCAL enable_seqscan = on;
    EXECUTE format('CREATE TEMP TABLE probe AS SELECT %s AS key, array_agg(DISTINCT t.ctid::text ORDER BY t.ctid::text) AS rows
        FROM %s AS t, unnest(t.%s) AS m WHERE %s GROUP BY 1', key, tab, ids, condition);
    SELECT count(*) FROM probe INTO probes;
    SET LOCAL enable_indexscan = on;
    SET LOCAL enable_bitmapscan = on;
    SET LOCAL enable_seqscan = off;
    FOR line IN EXECUTE 'EXPLAIN ' || by_member LOOP
        used := used OR line ~ (' (using|on) ' || index || '(_1)? ');
    END LOOP;
    EXECUTE by_member INTO wrong;
    RETURN format('%s finds %s %s: %s of %s are wrong, %s', CASE WHEN used AND wrong = 0 AND probes > 0 THEN 'ok' ELSE 'FAIL' END,
        index, how, wrong, probes, CASE WHEN used THEN 'index used' ELSE 'INDEX NOT USED' END);
END $$;

-- enforcement
SELECT pg_temp.attempt(name, expected, statement) FROM (VALUES
    ('EXCLUDE: a conflict', '23P01 accounts_external_ids_key', $$INSERT INTO accounts VALUES (9001, 1, 'eu', NULL, '', '{new:1,crm:1}')$$),
    ('EXCLUDE: a conflict in a large set', '23P01 accounts_external_ids_key', $$INSERT INTO accounts VALUES (9001, 1, 'eu', NULL, '', 'large:4999')$$),
    ('EXCLUDE: another scope', 'ok', $$INSERT INTO accounts VALUES (9001, 2, 'eu', NULL, '', '{crm:1}')$$),
    ('EXCLUDE: the other scope column', 'ok', $$INSERT INTO accounts VALUES (9001, 1, 'us', NULL, '', '{crm:1}')$$),
    ('EXCLUDE: NULL in the scope', 'ok', $$INSERT INTO accounts VALUES (9001, 1, NULL, NULL, '', '{crm:1}')$$),
    ('EXCLUDE: outside the predicate', 'ok', $$INSERT INTO accounts VALUES (9001, 1, 'eu', now(), '', '{crm:1}')$$),
    ('EXCLUDE: back under the predicate', '23P01 accounts_external_ids_key', $$UPDATE accounts SET deleted_at = NULL WHERE id = 3002$$),
    ('EXCLUDE: empty sets', 'ok', $$INSERT INTO accounts VALUES (9001, 1, 'eu', NULL, ''), (9002, 1, 'eu', NULL, '')$$),
    ('EXCLUDE: ON CONFLICT DO NOTHING', 'ok', $$INSERT INTO accounts VALUES (9001, 1, 'eu', NULL, '', 'crm:1') ON CONFLICT ON CONSTRAINT accounts_external_ids_key DO NOTHING$$),
    ('EXCLUDE: an ID let go', 'ok', $$UPDATE accounts SET external_ids = '{}' WHERE id = 1; INSERT INTO accounts VALUES (9001, 1, 'eu', NULL, '', 'crm:1')$$),
    ('deferred: at the end', '23P01 deferred_ids', $$INSERT INTO deferred VALUES (900, '{x:1}')$$),
    ('deferred: not before', 'ok', $$INSERT INTO deferred VALUES (900, '{x:1}'); DELETE FROM deferred WHERE id = 1$$),
    ('deferred: its own trigger', 'P0001', $$INSERT INTO deferred VALUES (900, 'a:*')$$),
    ('plain index', '23505 plain_key', $$INSERT INTO plain VALUES (md5('y')::uuid, 1, 't1', true, '{erp:1-1}')$$),
    ('plain index with a predicate', '23505 plain_here', $$INSERT INTO plain VALUES (md5('y')::uuid, 1, 'other', false, '{erp:1-1}')$$),
    ('index on an expression', '23505 plain_crm', $$INSERT INTO plain VALUES (md5('y')::uuid, 99, 'other', true, '{crm:1}')$$),
    ('plain index: a new one', 'ok', $$INSERT INTO plain VALUES (md5('y')::uuid, 1, 't1', false, '{crm:new}')$$),
    ('plain index: an update', '23505 plain_key', $$UPDATE plain SET gone = true, ids = ids + 'erp:7-7' WHERE ids @> 'crm:1'$$),
    ('values: another label', '23505 by_value_key', $$INSERT INTO by_value VALUES (900, '{c:1}', md5('t')::uuid)$$),
    ('values: two labels of one', 'ok', $$INSERT INTO by_value VALUES (900, '{c:900,d:900}', md5('t')::uuid)$$),
    ('values: EXCLUDE', '23P01 by_value_excluded_ids', $$INSERT INTO by_value_excluded VALUES ('z:1')$$),
    ('every scope type', '23505 scopes_key', $$INSERT INTO scopes SELECT 'b:2', a, b, c, d, e, f, g, h, i, j FROM scopes$$),
    ('every scope type: another', 'ok', $$INSERT INTO scopes SELECT ids, a, b, c, d, e, f, '\x00', h, i, j FROM scopes$$),
    ('a partition', '23505 parted_2_ids_org_id_idx', $$INSERT INTO parted VALUES (2, 'crm:1')$$),
    ('a partition: a new one', 'ok', $$INSERT INTO parted VALUES (1, 'crm:200')$$),
    ('primary key', '23505 systems_pkey', $$INSERT INTO systems (id, ids) VALUES ('s:1', 'new:1')$$),
    ('unique set', '23505 systems_ids_key', $$INSERT INTO systems (id, ids) VALUES ('new:1', 'n:7')$$),
    ('primary key: ON CONFLICT', 'ok', $$INSERT INTO systems (id, tags) VALUES ('s:1', 'a:1') ON CONFLICT (id) DO UPDATE SET tags = excluded.tags$$),
    ('foreign key', '23503 refers_system_fkey', $$INSERT INTO refers VALUES (9, 's:2')$$),
    ('foreign key: cascade', 'ok', $$UPDATE systems SET id = 's:one' WHERE id = 's:1'$$),
    ('domain of a set', '23514 few_ids_check', $$UPDATE systems SET few = '{1,2,3,4}'$$),
    ('domain of an ID', '23514 crm_id_check', $$UPDATE systems SET crm = 'erp:1'$$),
    ('check', '23514 tags_not_bad', $$UPDATE systems SET tags = '{good:1,bad:1}'$$),
    ('check by value', '23514 value_of_ids', $$UPDATE systems SET ids = 'x:never' WHERE id = 's:1'$$),
    ('reading of text', '22023', $$UPDATE systems SET tags = ' a:'$$),
    ('matview refreshes', 'ok', $$REFRESH MATERIALIZED VIEW every_id$$),
    ('REINDEX', 'ok', $$REINDEX TABLE plain; REINDEX TABLE accounts$$),
    ('VACUUM''s sister: CLUSTER', 'ok', $$CLUSTER accounts$$)) AS c (name, expected, statement);

-- what the types give
SELECT pg_temp.gives(name, expected, query) FROM (VALUES
    ('defaults', '{b,crm:default}|{}|made:42|["{a:1,b:2}","{}"]',
        $$INSERT INTO systems (id, ids) VALUES ('s:d', 'd:1') RETURNING concat_ws('|', (SELECT ids FROM systems WHERE id = 's:1'), tags, made, to_json(sets::text[]))$$),
    ('generated columns', 'true', $$SELECT bool_and(known = ids + 'known:1' AND json = ids::jsonb) FROM systems$$),
    ('hash partitions hold theirs', '100', $$SELECT count(*) FROM hashed AS h WHERE (SELECT count(*) FROM hashed AS i WHERE i.id = h.id) = 1$$),
    ('JSON', '[{"label": "crm", "external_id": "1"}]', $$SELECT external_ids_under(external_ids, 'crm')::jsonb FROM accounts WHERE id = 1$$),
    ('GIN', '7', $$SET LOCAL enable_seqscan = off; SELECT count(*) FROM generate_series(0, 6) AS i WHERE NOT EXISTS (SELECT FROM systems WHERE tags @> external_id('t', i + 10000))$$),
    ('row function: resolve', '7', $$SELECT resolve_account('crm:7', 2)$$),
    ('row function: find', '8', $$SELECT id FROM external_ids_find(NULL::accounts, 'v8', '{"org_id": 3, "region": "eu"}')$$),
    ('row function: set', '{crm:3,new:1}|{new:1}|{v3,"straße:ü \"3\",\\{}"}',
        $$SELECT concat_ws('|', ids, added, removed) FROM external_ids_set('accounts', 3, '{crm:3,new:1}')$$)) AS c (name, expected, query);
SELECT pg_temp.attempt('row function: a conflict', '23505 accounts_external_ids_key', $$SELECT external_ids_add('accounts', 6, 'crm:1')$$);

-- look-ups
SELECT pg_temp.finds(tab, index, ids, how, condition) FROM (VALUES
    ('accounts', 'accounts_external_ids_key', 'external_ids', '@>', 'deleted_at IS NULL'),
    ('accounts', 'accounts_external_ids_key', 'external_ids', '@=', 'deleted_at IS NULL'),
    ('plain', 'plain_key', 'ids', '@>', 'true'),
    ('plain', 'plain_key', 'ids', '@=', 'true'),
    ('by_value', 'by_value_key', 'ids', '@=', 'true'),
    ('deferred', 'deferred_ids', 'ids', '@>', 'true')) AS c (tab, index, ids, how, condition);
ROLLBACK;
