-- A database that uses all that external_ids 0.1 offers, to be looked at before
-- and after an upgrade: of the extension, by a dump, by pg_upgrade. The extension
-- is in schema ext. upgrade_links.sql adds what came with 0.2.
\set ON_ERROR_STOP 1
CREATE SCHEMA "App Data";
SET search_path = "App Data", ext;

-- ---------------------------------------------------------------------------
-- The types: columns, keys, arrays, domains, members of composite types
-- ---------------------------------------------------------------------------
CREATE DOMAIN few_ids AS external_id_set DEFAULT '{}' CHECK (cardinality(VALUE) <= 3);
CREATE DOMAIN crm_id AS external_id CHECK (external_id_label(VALUE) = 'crm');
CREATE TYPE pair AS (one external_id, many external_id_set, list external_id[]);
CREATE FUNCTION with_known(external_id_set) RETURNS external_id_set IMMUTABLE
    RETURN $1 + 'known:1'::external_id;
CREATE FUNCTION of_label(ids external_id_set, label text DEFAULT 'crm') RETURNS SETOF external_id
    LANGUAGE sql IMMUTABLE SET search_path = ext AS 'SELECT unnest(external_ids_under(ids, label))';

CREATE TABLE systems (
    id external_id PRIMARY KEY,
    ids external_id_set UNIQUE DEFAULT external_id_set('crm:default', 'b'),
    tags external_id_set NOT NULL DEFAULT '{}',
    made external_id DEFAULT external_id('made', 42),
    few few_ids,
    crm crm_id,
    two pair,
    list external_id[],
    sets external_id_set[] DEFAULT '{"{a:1,b:2}","{}"}',
    json jsonb GENERATED ALWAYS AS (ids::jsonb) STORED,
    known external_id_set GENERATED ALWAYS AS (with_known(ids)) STORED,
    CONSTRAINT tags_not_bad CHECK (NOT tags @> 'bad:1'),
    CONSTRAINT value_of_ids CHECK (external_id_value(id) <> 'never' AND NOT ids @= 'never'));
CREATE INDEX systems_hash ON systems USING hash (ids);
CREATE INDEX systems_gin ON systems USING gin (tags);
CREATE INDEX systems_crm ON systems (crm) INCLUDE (few);
INSERT INTO systems (id, tags, few, crm, two, list)
SELECT external_id('s', i), external_id_set(external_id('t', i % 7), external_id('u', i)), '{z:3}',
       external_id('crm', i)::crm_id, ROW ('x:1', '{y:2,x:1}', '{b:2,a:1,b:2}')::pair, '{a:1,b:2,NULL}'
  FROM generate_series(1, 1) i;
INSERT INTO systems (id, ids, tags) VALUES
    ('s:empty', '{}', '{}'),
    ('s:null', NULL, '{a:1}'),
    (':urn:uuid:1', '{":urn:uuid:1",":{x",":[y"}', '{}'),
    ('größe:日本語', '{größe:日本語,😀,straße:ü}', '{größe:日本語}'),
    (external_id('crm', 'a "b" \ {c}, d'), external_id_set(external_id('crm', 'a "b" \ {c}, d'), 'NULL', 'crm:null'), '{}'),
    (external_id(repeat('x', 63), repeat('y', 1024)), external_id(repeat('x', 63), repeat('y', 1024)), '{}');
INSERT INTO systems (id, ids) SELECT external_id('n', i), external_id('n', i) FROM generate_series(1, 50) i;
-- out of line, compressed and not
CREATE TABLE large (id int PRIMARY KEY, ids external_id_set, outside external_id_set);
ALTER TABLE large ALTER outside SET STORAGE EXTERNAL;
INSERT INTO large
SELECT n, external_ids_agg(external_id('crm', i) + external_id(NULL, i)), external_ids_agg(external_id('größe', i * n))
  FROM generate_series(1, 3) n, generate_series(1, 3000) i GROUP BY n;
CREATE TABLE refers (id int PRIMARY KEY, system external_id REFERENCES systems ON UPDATE CASCADE);
INSERT INTO refers VALUES (1, 's:1'), (2, 'größe:日本語'), (3, NULL);

-- ---------------------------------------------------------------------------
-- unique_members: constraints and plain indexes
-- ---------------------------------------------------------------------------
CREATE TABLE accounts (
    id bigint PRIMARY KEY,
    org_id int NOT NULL,
    region text COLLATE "C",
    deleted_at timestamptz,
    name text,
    external_ids external_id_set NOT NULL DEFAULT '{}',
    CONSTRAINT accounts_external_ids_key
        EXCLUDE USING unique_members (external_ids WITH &&, org_id WITH =, region WITH =) WHERE (deleted_at IS NULL));
INSERT INTO accounts
SELECT i, i % 5, 'eu', NULL, 'account ' || i,
       external_id_set(external_id('crm', i), external_id(NULL, 'v' || i), external_id('straße', 'ü "' || i || '",\{}'))
  FROM generate_series(1, 3000) i;
INSERT INTO accounts VALUES (3001, 1, 'eu', NULL, 'none', '{}'), (3002, 1, 'eu', now(), 'deleted', '{crm:1}'),
    (3003, 1, NULL, NULL, 'no region', '{crm:1}');
INSERT INTO accounts SELECT 3004, 1, 'eu', NULL, 'large', external_ids_agg(external_id('large', i)) FROM generate_series(1, 5000) i;

CREATE TABLE deferred (id int PRIMARY KEY, ids external_id_set,
    CONSTRAINT deferred_ids EXCLUDE USING unique_members (ids WITH &&) DEFERRABLE INITIALLY DEFERRED);
INSERT INTO deferred SELECT i, external_id_set(external_id('x', i)) FROM generate_series(1, 100) i;

CREATE TABLE plain (id uuid PRIMARY KEY, org_id int, tenant text, gone bool DEFAULT false, ids external_id_set NOT NULL);
CREATE INDEX plain_key ON plain USING unique_members (ids, org_id, tenant);
CREATE INDEX plain_here ON plain USING unique_members (ids, org_id) WHERE NOT gone;
CREATE INDEX plain_crm ON plain USING unique_members (external_ids_under(ids, 'crm')) WITH (fillfactor = 70);
INSERT INTO plain
SELECT md5(i::text)::uuid, i % 3, 't' || i % 2, false, external_id_set(external_id('crm', i), external_id('erp', i % 1000 || '-' || i))
  FROM generate_series(1, 2000) i;

-- the value alone is unique, whatever its label
CREATE TABLE by_value (id int PRIMARY KEY, ids external_id_set, tenant uuid);
CREATE INDEX by_value_key ON by_value USING unique_members (ids external_id_set_value_ops, tenant) WITH (deduplicate_items = off);
INSERT INTO by_value SELECT i, external_id_set(external_id('a', i), external_id('b', i)), md5('t')::uuid FROM generate_series(1, 500) i;
INSERT INTO by_value VALUES (501, NULL, NULL), (502, '{}', md5('t')::uuid), (503, 'a:1', NULL);
CREATE TABLE by_value_excluded (ids external_id_set,
    CONSTRAINT by_value_excluded_ids EXCLUDE USING unique_members (ids external_id_set_value_ops WITH &=));
INSERT INTO by_value_excluded VALUES ('{a:1,b:1}'), ('{a:2}'), (NULL), ('{}'), ('{}');

-- a scope column of each type that has an operator class of ours
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE scopes (ids external_id_set, a int2, b int8, c uuid, d bool, e oid, f mood, g bytea, h text, i varchar, j char(3));
CREATE INDEX scopes_key ON scopes USING unique_members (ids, a, b, c, d, e, f, g, h, i, j);
INSERT INTO scopes VALUES ('{a:1,b:2}', 1, 2, md5('x')::uuid, true, 5, 'ok', '\x00ff', 'ä', 'v', 'c');

-- ---------------------------------------------------------------------------
-- Partitions: in the scope; by the type itself, hashed and in ranges
-- ---------------------------------------------------------------------------
CREATE TABLE parted (org_id int, ids external_id_set) PARTITION BY LIST (org_id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES IN (2);
CREATE INDEX parted_key ON parted USING unique_members (ids, org_id);
INSERT INTO parted SELECT 1 + i % 2, external_id('crm', i / 2) FROM generate_series(1, 200) i;
CREATE TABLE hashed (id external_id NOT NULL, n int) PARTITION BY HASH (id);
CREATE TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE hashed_1 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO hashed SELECT external_id('h', i), i FROM generate_series(1, 100) i;
CREATE TABLE ranged (ids external_id_set) PARTITION BY RANGE (ids);
CREATE TABLE ranged_a PARTITION OF ranged FOR VALUES FROM (MINVALUE) TO ('{m:1,m:2}');
CREATE TABLE ranged_m PARTITION OF ranged FOR VALUES FROM ('{m:1,m:2}') TO (MAXVALUE);
INSERT INTO ranged VALUES ('{}'), ('{a:1,z:1}'), ('{n:1}'), ('z:1');

-- ---------------------------------------------------------------------------
-- What looks at them: views, functions, policies, statistics, triggers
-- ---------------------------------------------------------------------------
CREATE VIEW labels AS
    SELECT id, external_ids_labels(external_ids) AS labels, external_ids -> 'crm' AS crm, external_ids ->> 'crm' AS one,
           external_ids - 'crm:7' AS less, external_ids * '{crm:1,crm:2}' AS common
      FROM accounts WHERE external_ids @> 'crm:1' OR external_ids @= 'v2' OR external_ids && '{crm:3,crm:4}' OR external_ids <@ '{crm:1}';
CREATE VIEW each_id AS
    SELECT s.id, e.label, e.value, u FROM systems s, external_ids_each(s.tags) AS e, unnest(s.list) AS u;
CREATE MATERIALIZED VIEW every_id AS SELECT org_id, external_ids_agg(external_ids) AS ids FROM accounts GROUP BY org_id;
CREATE UNIQUE INDEX every_id_key ON every_id (org_id);
CREATE INDEX every_id_members ON every_id USING unique_members (ids, org_id);
CREATE STATISTICS plain_stats (ndistinct, dependencies, mcv) ON ids, org_id FROM plain;
ALTER TABLE plain ALTER ids SET STATISTICS 250;
CREATE FUNCTION resolve_account(id external_id, org int) RETURNS bigint LANGUAGE plpgsql STABLE SET search_path = "App Data", ext AS
    'BEGIN RETURN (SELECT a.id FROM external_ids_resolve(NULL::accounts, $1, jsonb_build_object(''org_id'', $2, ''region'', ''eu'')) AS a); END';
CREATE FUNCTION no_stars() RETURNS trigger LANGUAGE plpgsql SET search_path = "App Data", ext AS
    'BEGIN IF NEW.ids @= ''*'' THEN RAISE ''no star''; END IF; RETURN NEW; END';
CREATE TRIGGER no_stars BEFORE INSERT OR UPDATE ON deferred FOR EACH ROW WHEN (NEW.ids <> '{}') EXECUTE FUNCTION no_stars();
ALTER TABLE parted ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON parted USING (ids && coalesce(current_setting('app.ids', true), '{}')::external_id_set);
COMMENT ON INDEX plain_key IS 'one ID, one row';
ALTER TABLE accounts CLUSTER ON accounts_pkey;

-- ---------------------------------------------------------------------------
-- The tables of docs/upgrading.md
-- ---------------------------------------------------------------------------
CREATE SCHEMA shop;
CREATE TABLE shop.accounts (
    id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    org_id int NOT NULL,
    name text,
    external_ids external_id_set NOT NULL DEFAULT '{}',
    CONSTRAINT accounts_external_ids_key EXCLUDE USING unique_members (external_ids WITH &&, org_id WITH =));
INSERT INTO shop.accounts (org_id, name, external_ids) VALUES (1, 'Acme', '{crm:42}'), (1, 'Beta', '{crm:43,erp:7}'), (2, 'Acme', '{crm:42}');
CREATE TABLE shop.people (
    id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    org_id int NOT NULL,
    external_ids external_id_set NOT NULL DEFAULT '{}');
CREATE INDEX people_external_ids_key ON shop.people USING unique_members (external_ids, org_id);
INSERT INTO shop.people (org_id, external_ids) SELECT 1, external_id('hr', i) FROM generate_series(1, 1000) AS i;
ANALYZE;
