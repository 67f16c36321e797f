-- All that the catalogs hold about the extension, as lines that do not depend on
-- OIDs: every column of every entry that belongs to it, objects by their identity.
-- Two databases have the same extension if they print the same lines.
\set ON_ERROR_STOP 1
\pset tuples_only on
\pset format unaligned
SET search_path = pg_catalog;

-- "123" as "type public.external_id" where a catalog's column refers to pktable.
CREATE FUNCTION pg_temp.named(pktable regclass, value jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    IF jsonb_typeof(value) = 'array' THEN
        RETURN (SELECT jsonb_agg(pg_temp.named(pktable, e) ORDER BY n)
                  FROM jsonb_array_elements(value) WITH ORDINALITY AS a (e, n));
    ELSIF value #>> '{}' ~ '^\d+( \d+)+$' THEN -- a vector
        RETURN pg_temp.named(pktable, to_jsonb(string_to_array(value #>> '{}', ' ')));
    ELSIF value #>> '{}' ~ '^[1-9]\d*$' THEN
        RETURN to_jsonb((SELECT o.type || ' ' || o.identity
                           FROM pg_identify_object(pktable, (value #>> '{}')::oid, 0) AS o));
    END IF;
    RETURN value;
END $$;

-- A row of a catalog without what depends on OIDs.
CREATE FUNCTION pg_temp.told(catalog regclass, entry jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    fk record;
BEGIN
    entry := entry - 'oid' - 'proargdefaults'; -- of the latter see below
    -- an option that some servers give each new relation, another one each time
    IF jsonb_typeof(entry -> 'attoptions') = 'array' THEN
        entry := entry || jsonb_build_object('attoptions',
            (SELECT jsonb_agg(o) FROM jsonb_array_elements_text(entry -> 'attoptions') AS a (o) WHERE o NOT LIKE 'pg_attver=%'));
    END IF;
    FOR fk IN SELECT fkcols[1] AS col, pktable FROM pg_get_catalog_foreign_keys()
               WHERE fktable = catalog AND pkcols = '{oid}' LOOP
        entry := entry || jsonb_build_object(fk.col, pg_temp.named(fk.pktable, entry -> fk.col));
    END LOOP;
    RETURN entry;
END $$;

-- The members, and what is part of one: array types, operators in families.
CREATE TEMP TABLE member AS
WITH RECURSIVE member (classid, objid) AS (
    SELECT classid, objid FROM pg_depend
     WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
       AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'external_ids')
    UNION
    SELECT d.classid, d.objid FROM member AS m
      JOIN pg_depend AS d ON (d.refclassid, d.refobjid) = (m.classid, m.objid)
     WHERE d.deptype IN ('a', 'i')
       AND d.classid IN ('pg_type'::regclass, 'pg_amop'::regclass, 'pg_amproc'::regclass,
                         'pg_class'::regclass, 'pg_cast'::regclass, 'pg_opclass'::regclass))
SELECT classid::oid::regclass, objid FROM member
UNION ALL
SELECT 'pg_extension', oid FROM pg_extension WHERE extname = 'external_ids';

CREATE TEMP TABLE line (catalog text, object text, entry text);
DO $$
DECLARE
    catalog regclass;
    -- catalogs with entries about objects of others: how they refer to them
    about CONSTANT text[] := ARRAY[
        ['pg_aggregate', 'm.classid = ''pg_proc''::regclass AND m.objid = c.aggfnoid'],
        ['pg_attribute', 'm.classid = ''pg_class''::regclass AND m.objid = c.attrelid'],
        ['pg_enum', 'm.classid = ''pg_type''::regclass AND m.objid = c.enumtypid'],
        ['pg_range', 'm.classid = ''pg_type''::regclass AND m.objid = c.rngtypid'],
        ['pg_description', '(m.classid, m.objid) = (c.classoid, c.objoid)'],
        ['pg_seclabel', '(m.classid, m.objid) = (c.classoid, c.objoid)'],
        ['pg_init_privs', '(m.classid, m.objid) = (c.classoid, c.objoid)'],
        ['pg_shdepend', '(m.classid, m.objid) = (c.classid, c.objid) AND c.dbid <> 0'],
        ['pg_depend', '(m.classid, m.objid) = (c.classid, c.objid)']];
BEGIN
    FOR catalog IN SELECT DISTINCT classid FROM member LOOP
        EXECUTE format('INSERT INTO line SELECT %1$L, o.identity, pg_temp.told(%1$L, to_jsonb(c))
                          FROM member JOIN %1$s AS c ON c.oid = objid,
                               pg_identify_object(classid, objid, 0) AS o
                         WHERE classid = %1$L::regclass', catalog);
    END LOOP;
    FOR i IN 1 .. array_length(about, 1) LOOP
        EXECUTE format('INSERT INTO line
            SELECT %1$L, o.type || '' '' || o.identity,
                   pg_temp.told(%1$L, to_jsonb(c) - ''objoid'' - ''objid'' - ''refobjid'')
                   || CASE WHEN %1$L = ''pg_depend'' THEN jsonb_build_object(''on'',
                          pg_temp.named((to_jsonb(c) ->> ''refclassid'')::oid, to_jsonb(c) -> ''refobjid''))
                      ELSE ''{}'' END
              FROM %1$s AS c JOIN member AS m ON %2$s,
                   pg_identify_object(m.classid, m.objid, 0) AS o',
            about[i][1], about[i][2]);
    END LOOP;
END $$;

-- Arguments with their defaults, whose stored form has OIDs in it.
INSERT INTO line
SELECT 'arguments', objid::regprocedure, pg_get_function_arguments(objid)
  FROM member WHERE classid = 'pg_proc'::regclass;

SELECT concat_ws(' | ', catalog, object, entry) AS told FROM line ORDER BY concat_ws(' | ', catalog, object, entry) COLLATE "C";
