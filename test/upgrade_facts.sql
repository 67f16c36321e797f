-- What a user sees of the database of upgrade_objects.sql, as lines that an upgrade
-- must not change, whatever the server's version: data and definitions.
\set ON_ERROR_STOP 1
\pset tuples_only on
\pset format unaligned
SET search_path = pg_catalog;
SET timezone = 'UTC';

CREATE TEMP TABLE line (kind text, object text, told text);
CREATE TEMP TABLE rel AS
SELECT c.oid, c.oid::regclass::text AS name, c.relkind FROM pg_class AS c
 WHERE c.relnamespace IN ('"App Data"'::regnamespace, 'shop'::regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm', 'i', 'I');

-- the rows of every relation
DO $$
DECLARE
    r record;
BEGIN
    FOR r IN SELECT * FROM rel WHERE relkind IN ('r', 'p', 'v', 'm') LOOP
        EXECUTE format('INSERT INTO line SELECT ''rows'', %L, concat_ws('' '', count(*), md5(string_agg(md5(t::text), ''''
            ORDER BY t::text COLLATE "C"))) FROM %s AS t', r.name, r.name);
    END LOOP;
END $$;

INSERT INTO line SELECT 'index', name, concat_ws(' ', pg_get_indexdef(oid), indisunique, indisvalid, indisclustered)
  FROM rel JOIN pg_index ON indexrelid = oid;
-- NOT NULL is a constraint from 18 on
INSERT INTO line SELECT 'constraint', concat_ws(' ', conrelid::regclass, contypid::regtype, conname), pg_get_constraintdef(oid)
  FROM pg_constraint WHERE connamespace IN ('"App Data"'::regnamespace, 'shop'::regnamespace) AND contype <> 'n';
INSERT INTO line SELECT 'column', name || '.' || attname,
       concat_ws(' ', format_type(atttypid, atttypmod), attnotnull, attgenerated, attstorage, nullif(attstattarget, -1), pg_get_expr(adbin, adrelid))
  FROM rel JOIN pg_attribute ON attrelid = oid LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
 WHERE attnum > 0 AND NOT attisdropped AND relkind <> 'i';
INSERT INTO line SELECT 'type', typname, concat_ws(' ', typtype, pg_get_expr(typdefaultbin, 0), nullif(typbasetype, 0)::regtype)
  FROM pg_type WHERE typnamespace IN ('"App Data"'::regnamespace, 'shop'::regnamespace) AND typrelid = 0;
INSERT INTO line SELECT 'partition', c.oid::regclass::text, concat_ws(' ', inhparent::regclass, pg_get_expr(relpartbound, c.oid))
  FROM pg_inherits JOIN pg_class AS c ON c.oid = inhrelid WHERE relnamespace IN ('"App Data"'::regnamespace, 'shop'::regnamespace);
INSERT INTO line SELECT 'partition key', name, pg_get_partkeydef(oid) FROM rel WHERE relkind = 'p';
INSERT INTO line SELECT 'function', p.oid::regprocedure, pg_get_functiondef(p.oid) FROM pg_proc AS p
 WHERE pronamespace IN ('"App Data"'::regnamespace, 'shop'::regnamespace);
INSERT INTO line SELECT 'trigger', name || '.' || tgname, concat_ws(' ', tgenabled, pg_get_triggerdef(t.oid), (SELECT tgname FROM pg_trigger AS p WHERE p.oid = t.tgparentid))
  FROM rel JOIN pg_trigger AS t ON tgrelid = rel.oid WHERE NOT tgisinternal;
INSERT INTO line SELECT 'policy', polname, pg_get_expr(polqual, polrelid) FROM pg_policy;
INSERT INTO line SELECT 'statistics', stxname, pg_get_statisticsobjdef(oid) FROM pg_statistic_ext;
INSERT INTO line SELECT 'comment', name, description FROM rel JOIN pg_description ON objoid = oid AND classoid = 'pg_class'::regclass;
INSERT INTO line SELECT 'extension', extname, concat_ws(' ', extnamespace::regnamespace, extrelocatable)
  FROM pg_extension WHERE extname = 'external_ids';

-- every definition on one line
SELECT concat_ws(' | ', kind, object, replace(told, E'\n', ' ')) AS told FROM line
 ORDER BY concat_ws(' | ', kind, object, told) COLLATE "C";
