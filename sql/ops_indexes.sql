--
-- external_ids_indexes: what it says of each index and column, and that its
-- statements mend it
--
CREATE ROLE regress_ops_indexes;
CREATE SCHEMA ops_indexes AUTHORIZATION regress_ops_indexes;
SET client_min_messages = warning;
\set VERBOSITY sqlstate
SET ROLE regress_ops_indexes;
SET search_path = ops_indexes, public;

CREATE VIEW here AS SELECT * FROM external_ids_indexes
	WHERE "table" IN (SELECT oid FROM pg_class WHERE relnamespace = 'ops_indexes'::regnamespace)
	ORDER BY "table"::text COLLATE "C", index::text COLLATE "C", "column" COLLATE "C";
CREATE VIEW wrong AS SELECT "table", index, "column", valid, problem, mend FROM here WHERE problem IS NOT NULL;

--
-- All is well: kinds, scopes, sizes
--
CREATE TABLE accounts (id int PRIMARY KEY, org_id int, region text, deleted bool NOT NULL DEFAULT false, ids external_id_set);
CREATE INDEX accounts_plain ON accounts USING unique_members (ids, org_id, region) WHERE NOT deleted;
CREATE INDEX accounts_value ON accounts USING unique_members (ids external_id_set_value_ops);
CREATE INDEX accounts_expression ON accounts USING unique_members (external_ids_under(ids, 'crm'), org_id);
ALTER TABLE accounts ADD CONSTRAINT accounts_exclude EXCLUDE USING unique_members (ids WITH &&),
	ADD CONSTRAINT accounts_deferrable EXCLUDE USING unique_members (ids WITH &&, org_id WITH =) DEFERRABLE;
SELECT index, "table", "column", scope, operator_class, kind, predicate, valid, problem, mend FROM here;
SELECT size = pg_relation_size('accounts_plain') AS t FROM here WHERE index = 'accounts_plain'::regclass;
-- the same to who sees another schema first, and it is his to see
RESET search_path;
SELECT index, "table" FROM public.external_ids_indexes WHERE index = 'ops_indexes.accounts_plain'::regclass;
SET search_path = ops_indexes, public;
DROP TABLE accounts;

--
-- A column without index of its members; one with another method's or of an
-- expression is somebody's choice
--
CREATE DOMAIN few AS external_id_set CHECK (cardinality(VALUE) < 3);
CREATE DOMAIN fewer AS few CHECK (cardinality(VALUE) < 2);
CREATE TABLE bare (id int, "External IDs" external_id_set, few few, fewer fewer, one external_id, gin external_id_set, expr external_id_set, excluded external_id_set,
	whole external_id_set UNIQUE, hashed external_id_set, included external_id_set, condition external_id_set, excluded_expr external_id_set);
CREATE INDEX ON bare USING hash (hashed);
CREATE INDEX ON bare (id) INCLUDE (included) WHERE condition <> '{}';
ALTER TABLE bare ADD EXCLUDE USING unique_members (external_ids_under(excluded_expr, 'crm') WITH &&);
CREATE INDEX ON bare USING gin (gin);
ALTER TABLE bare ADD EXCLUDE USING unique_members (excluded WITH &&);
CREATE INDEX ON bare ((cardinality(expr)));
SELECT * FROM wrong;
SELECT unnest(mend) FROM wrong \gexec
SELECT * FROM wrong;
SELECT index, "column" FROM here;
DROP TABLE bare;

--
-- What CREATE INDEX and REINDEX CONCURRENTLY leave behind
--
CREATE TABLE leftover (id int, ids external_id_set);
INSERT INTO leftover VALUES (1, 'crm:1'), (2, '{crm:1,crm:2}');
CREATE INDEX CONCURRENTLY leftover_key ON leftover USING unique_members (ids);
SELECT * FROM wrong;
SELECT unnest(mend) FROM wrong \gexec
SELECT * FROM wrong;
UPDATE leftover SET ids = ids - 'crm:1' WHERE id = 2;
SELECT unnest(mend) FROM wrong ORDER BY 1 \gexec
SELECT * FROM wrong;
SELECT index, valid FROM here;
DROP TABLE leftover;

--
-- A partitioned table: no index, one with a part missing, one without the key
--
CREATE TABLE parted (id int, ids external_id_set, org_id int, region text COLLATE "C") PARTITION BY LIST (org_id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES IN (2) PARTITION BY HASH (region);
CREATE TABLE parted_2_1 (region text COLLATE "C", org_id int, id int, ids external_id_set);
CREATE INDEX parted_2_1_key ON parted_2_1 USING unique_members (ids, org_id) WHERE id > 0;
ALTER TABLE parted_2 ATTACH PARTITION parted_2_1 FOR VALUES WITH (MODULUS 1, REMAINDER 0);
SELECT * FROM wrong;
INSERT INTO parted VALUES (1, 'crm:1', 2, 'x');
-- the partition first: its other index would not be in its table's
SELECT unnest(mend) FROM wrong WHERE index = 'parted_2_1_key'::regclass \gexec
SELECT index, scope, predicate, problem FROM here;
INSERT INTO parted VALUES (1, 'crm:1', 2, 'x');
DELETE FROM parted;
CREATE INDEX parted_key ON ONLY parted USING unique_members (ids external_id_set_value_ops, org_id, region) WHERE id > 0;
-- parts are named with an OID at the end, which is not to be shown
\set unnamed 'regexp_replace(mend::text, \'_\\d{4,}\', \'_OID\', \'g\')'
SELECT index, valid, problem, :unnamed AS mend FROM wrong;
\set ECHO none
SELECT unnest(mend) FROM wrong \gexec
\set ECHO all
SELECT index, valid, problem, :unnamed AS mend FROM wrong;
\set ECHO none
SELECT unnest(mend) FROM wrong \gexec
\set ECHO all
SELECT * FROM wrong;
SELECT "table", scope, operator_class, predicate, valid FROM here;
SELECT size = (SELECT sum(size) FROM here WHERE "table" IN ('parted_1'::regclass, 'parted_2_1') AND operator_class = 'external_id_set_value_ops'
	AND size > 0) AS t FROM here WHERE index = 'parted_key'::regclass;
DROP TABLE parted;

-- every partition has an index: the table needs none; a partition that comes without is seen
CREATE TABLE own (ids external_id_set, org_id int) PARTITION BY LIST (org_id);
SELECT "table", problem, mend FROM wrong;
CREATE TABLE own_1 PARTITION OF own FOR VALUES IN (1);
CREATE INDEX ON own_1 USING unique_members (ids, org_id);
SELECT * FROM wrong;
CREATE TABLE own_2 PARTITION OF own FOR VALUES IN (2);
SELECT "table", problem, mend FROM wrong;
DROP TABLE own;

-- another collation or equality is another key; EXCLUDE; an expression cannot be mended
CREATE TABLE text_key (ids external_id_set, region text COLLATE "C") PARTITION BY LIST (region);
CREATE TABLE text_key_1 (ids external_id_set, region text COLLATE "C");
ALTER TABLE text_key_1 ADD CONSTRAINT text_key_1_ids EXCLUDE USING unique_members (ids WITH &&);
CREATE INDEX text_key_1_collation ON text_key_1 USING unique_members (ids, region COLLATE "POSIX");
ALTER TABLE text_key ATTACH PARTITION text_key_1 DEFAULT;
SELECT index, problem, mend FROM wrong WHERE index IS NOT NULL;
SELECT unnest(mend) FROM wrong WHERE index IS NOT NULL \gexec
SELECT * FROM wrong;
DROP TABLE text_key;
CREATE TABLE by_expression (ids external_id_set, region text) PARTITION BY LIST ((lower(region)));
CREATE TABLE by_expression_1 (ids external_id_set, region text);
CREATE INDEX ON by_expression_1 USING unique_members (ids, region);
ALTER TABLE by_expression ATTACH PARTITION by_expression_1 DEFAULT;
SELECT "table", problem, mend FROM wrong;
INSERT INTO by_expression VALUES ('crm:1', 'x');

RESET ROLE;
RESET search_path;
DROP SCHEMA ops_indexes CASCADE;
DROP ROLE regress_ops_indexes;
