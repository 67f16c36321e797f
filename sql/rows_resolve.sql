--
-- external_ids_resolve, _resolve_value, _resolve_many, _find
--
CREATE ROLE regress_rows_resolve;
CREATE SCHEMA rows_resolve AUTHORIZATION regress_rows_resolve;
\set SHOW_CONTEXT never
SET ROLE regress_rows_resolve;
SET search_path = rows_resolve, public;

CREATE TABLE accounts (
	id int PRIMARY KEY,
	gone text,
	org_id int,
	external_ids external_id_set NOT NULL DEFAULT '{}',
	deleted_at date
);
ALTER TABLE accounts DROP COLUMN gone;
CREATE INDEX accounts_external_ids_key ON accounts
	USING unique_members (external_ids, org_id) WHERE deleted_at IS NULL;
INSERT INTO accounts (id, org_id, external_ids, deleted_at) VALUES
	(1, 7, '{crm:42,billing:x}', NULL),
	(2, 7, '{support:42,crm:2,1}', NULL),
	(3, 8, '{crm:42}', NULL),
	(4, 7, '{crm:44,crm:43}', '2020-01-01'),
	(5, 7, '{crm:44}', NULL),
	(6, 7, '{self:6}', NULL),
	(7, 8, '{crm:7,other:6}', NULL);

--
-- external_ids_resolve: label and value
--
SELECT * FROM external_ids_resolve(NULL::accounts, 'crm:42', '{"org_id": 7}');
SELECT * FROM external_ids_resolve(NULL::accounts, 'crm:42', '{"org_id": "8"}');
SELECT * FROM external_ids_resolve(NULL::accounts, 'support:42', '{"org_id": 7}');
SELECT * FROM external_ids_resolve(NULL::accounts, '{"external_id": "42", "label": "crm"}', '{"org_id": 7}');
-- the archived row does not count
SELECT * FROM external_ids_resolve(NULL::accounts, 'crm:44', '{"org_id": 7}');
SELECT * FROM external_ids_resolve(NULL::accounts, 'crm:43', '{"org_id": 7}');
-- misses are no rows
SELECT * FROM external_ids_resolve(NULL::accounts, '42', '{"org_id": 7}');
SELECT * FROM external_ids_resolve(NULL::accounts, 'crm:42', '{"org_id": 9}');
SELECT * FROM external_ids_resolve(NULL::accounts, NULL, '{"org_id": 7}');
-- in a select list, in a join, columns picked
SELECT external_ids_resolve(NULL::accounts, 'crm:42', '{"org_id": 7}');
SELECT (external_ids_resolve(NULL::accounts, 'crm:42', '{"org_id": 7}')).id;
SELECT v.id, a.id AS account FROM (VALUES ('crm:42'), ('crm:2'), ('crm:miss')) v(id)
	LEFT JOIN LATERAL external_ids_resolve(NULL::accounts, v.id::external_id, '{"org_id": 7}') a ON true
	ORDER BY v.id;
SELECT id FROM external_ids_resolve(NULL::accounts, 'crm:42', '{"org_id": 7}') LIMIT 1;
SELECT count(*) FROM generate_series(1, 20) n,
	external_ids_resolve(NULL::accounts, 'crm:42', jsonb_build_object('org_id', 7 + n % 3));
PREPARE untyped AS SELECT id FROM external_ids_resolve(NULL::accounts, $1, $2);
EXECUTE untyped('crm:42', '{"org_id": 8}');
DEALLOCATE untyped;
-- the scope is required
SELECT * FROM external_ids_resolve(NULL::accounts, 'crm:42');
SELECT * FROM external_ids_resolve(NULL::accounts, 'crm:42', '{"org": 7}');
SELECT * FROM external_ids_resolve(NULL::accounts, 'crm:42', '{"org_id": 7, "org": 7}');
SELECT * FROM external_ids_resolve(NULL::accounts, 'crm:42', '{"org_id": null}');
SELECT * FROM external_ids_resolve(NULL::accounts, 'crm:42', 'null');
SELECT * FROM external_ids_resolve(NULL::accounts, 'crm:42', '{"org_id": true}');
-- the caller's query does not see what it wrote itself
WITH moved AS (UPDATE accounts SET external_ids = external_ids + 'new:1'::external_id WHERE id = 1 RETURNING id)
SELECT m.id, r.id AS resolved FROM moved m LEFT JOIN
	external_ids_resolve(NULL::accounts, 'new:1', '{"org_id": 7}') r ON true;
SELECT id FROM external_ids_resolve(NULL::accounts, 'new:1', '{"org_id": 7}');

--
-- external_ids_resolve_value: a value under any label
--
SELECT id FROM external_ids_resolve_value(NULL::accounts, 'x', '{"org_id": 7}');
SELECT id FROM external_ids_resolve_value(NULL::accounts, '42', '{"org_id": 8}');
SELECT id FROM external_ids_resolve_value(NULL::accounts, '42', '{"org_id": 7}');
SELECT id FROM external_ids_resolve_value(NULL::accounts, 'crm:42', '{"org_id": 7}');
SELECT id FROM external_ids_resolve_value(NULL::accounts, '', '{"org_id": 7}');
SELECT id FROM external_ids_resolve_value(NULL::accounts, NULL, '{"org_id": 7}');
SELECT id FROM external_ids_resolve_value(NULL::accounts, repeat('x', 2000), '{"org_id": 7}');
INSERT INTO accounts (id, org_id, external_ids)
	SELECT n, 9, external_id('l' || n, 'same')::external_id_set FROM generate_series(101, 107) n;
DO $$
DECLARE
	state text; mess text; det text; hint text;
BEGIN
	PERFORM external_ids_resolve_value(NULL::accounts, 'same', '{"org_id": 9}');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, mess = MESSAGE_TEXT,
		det = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RAISE WARNING '% % | % | %', state, mess, regexp_count(det, 'id'), hint;
END $$;

--
-- external_ids_resolve_many
--
SELECT * FROM external_ids_resolve_many(NULL::accounts,
	ARRAY['crm:2', 'crm:miss', NULL, 'crm:42', 'crm:2', 'crm:43']::external_id[], '{"org_id": 7}');
SELECT m.ordinality, (m.match).id FROM external_ids_resolve_many(NULL::accounts,
	'{crm:42,other:6}', '{"org_id": 8}') m;
SELECT * FROM external_ids_resolve_many(NULL::accounts, '{}', '{"org_id": 8}');
SELECT * FROM external_ids_resolve_many(NULL::accounts, NULL, '{"org_id": 8}');
SELECT * FROM external_ids_resolve_many(NULL::accounts, '{crm:42}');
SELECT count(*), count(match), min(ordinality), max(ordinality)
	FROM external_ids_resolve_many(NULL::accounts,
		(SELECT array_agg(external_id('crm', n)) FROM generate_series(1, 2500) n), '{"org_id": 7}');

--
-- external_ids_find: the key, or a value under any label
--
SELECT id FROM external_ids_find(NULL::accounts, '1', '{"org_id": 7}');
SELECT id FROM external_ids_find(NULL::accounts, '1', '{"org_id": 7}', prefer => 'key');
SELECT id FROM external_ids_find(NULL::accounts, '1', '{"org_id": 7}', prefer => 'external_id');
SELECT id FROM external_ids_find(NULL::accounts, '1', '{"org_id": 7}', prefer => 'both');
SELECT id FROM external_ids_find(NULL::accounts, '3', '{"org_id": 8}');
SELECT id FROM external_ids_find(NULL::accounts, '3', '{"org_id": 7}');
SELECT id FROM external_ids_find(NULL::accounts, '3', '{"org_id": 7}', prefer => 'key');
SELECT id FROM external_ids_find(NULL::accounts, '4', '{"org_id": 7}');
SELECT id FROM external_ids_find(NULL::accounts, '6', '{"org_id": 7}');
SELECT id FROM external_ids_find(NULL::accounts, '6', '{"org_id": 8}');
SELECT id FROM external_ids_find(NULL::accounts, 'x', '{"org_id": 7}');
SELECT id FROM external_ids_find(NULL::accounts, 'no such', '{"org_id": 7}');
SELECT id FROM external_ids_find(NULL::accounts, '99999999999999', '{"org_id": 7}');
SELECT id FROM external_ids_find(NULL::accounts, '', '{"org_id": 7}');
SELECT id FROM external_ids_find(NULL::accounts, NULL, '{"org_id": 7}');
SELECT id FROM external_ids_find(NULL::accounts, '42', '{"org_id": 7}');
SELECT id FROM external_ids_find(NULL::accounts, '42', '{"org_id": 7}', prefer => 'external_id');
SELECT id FROM external_ids_find(NULL::accounts, 'x');
BEGIN READ ONLY;
SELECT id FROM external_ids_find(NULL::accounts, 'x', '{"org_id": 7}');
COMMIT;

--
-- Keys of other types, no scope
--
CREATE TABLE by_uuid (id uuid PRIMARY KEY, ids external_id_set);
CREATE INDEX ON by_uuid USING unique_members (ids);
INSERT INTO by_uuid VALUES ('00000000-0000-0000-0000-000000000001', '{crm:1,00000000-0000-0000-0000-000000000002}'),
	('00000000-0000-0000-0000-000000000002', '{crm:2}');
SELECT id FROM external_ids_find(NULL::by_uuid, '1');
SELECT id FROM external_ids_find(NULL::by_uuid, '00000000-0000-0000-0000-000000000001');
SELECT id FROM external_ids_find(NULL::by_uuid, '{00000000-0000-0000-0000-000000000001}');
SELECT id FROM external_ids_find(NULL::by_uuid, '00000000-0000-0000-0000-000000000002');
SELECT id FROM external_ids_resolve(NULL::by_uuid, 'crm:1');
SELECT id FROM external_ids_resolve(NULL::by_uuid, 'crm:1', '{}');
SELECT id FROM external_ids_resolve(NULL::by_uuid, 'crm:1', '{"id": 1}');
CREATE TABLE by_text (id text PRIMARY KEY, ids external_id_set);
CREATE INDEX ON by_text USING unique_members (ids);
INSERT INTO by_text VALUES ('one', '{crm:1,one}'), ('two', '{crm:2}');
SELECT id FROM external_ids_find(NULL::by_text, 'one');
SELECT id FROM external_ids_find(NULL::by_text, '2');
CREATE TABLE by_pair (a int, b text, ids external_id_set, PRIMARY KEY (b, a));
CREATE INDEX ON by_pair USING unique_members (ids);
INSERT INTO by_pair VALUES (1, 'x', '{crm:1}'), (2, 'x', '{crm:2}'), (3, '(x', '{"crm:(x,1)"}');
SELECT * FROM external_ids_find(NULL::by_pair, '(x,1)', prefer => 'key');
SELECT * FROM external_ids_find(NULL::by_pair, '(x,1)');
SELECT * FROM external_ids_find(NULL::by_pair, '("(x",3)');
SELECT * FROM external_ids_find(NULL::by_pair, '(x,one)');
SELECT * FROM external_ids_find(NULL::by_pair, '(x,)');
SELECT * FROM external_ids_find(NULL::by_pair, '2');

--
-- Scopes of other types; several columns
--
CREATE DOMAIN tenant AS varchar(8);
CREATE TYPE region AS ENUM ('eu', 'us');
CREATE TABLE scoped (
	id bigint PRIMARY KEY,
	ids external_id_set,
	"Tenant" tenant,
	region region,
	live boolean
);
CREATE INDEX ON scoped USING unique_members (ids, "Tenant", region, live);
INSERT INTO scoped VALUES (1, '{crm:1}', 'acme', 'eu', true), (2, '{crm:1}', 'acme', 'us', true),
	(3, '{crm:1}', '7', 'us', false);
SELECT id FROM external_ids_resolve(NULL::scoped, 'crm:1', '{"Tenant": "acme", "region": "us", "live": true}');
SELECT id FROM external_ids_resolve(NULL::scoped, 'crm:1', '{"live": "f", "region": "us", "Tenant": 7}');
SELECT id FROM external_ids_resolve(NULL::scoped, 'crm:1', '{"live": "f", "region": "us", "tenant": 7}');
SELECT id FROM external_ids_resolve(NULL::scoped, 'crm:1', '{"live": true, "region": "us", "Tenant": "acme, which is too long"}');
SELECT id FROM external_ids_resolve(NULL::scoped, 'crm:1', '{"live": true, "region": "mars", "Tenant": "acme"}');

--
-- A scan of the index alone, where it cannot but give what the statement would;
-- "planned" tells where the statement is asked
--
CREATE TABLE plain (id int PRIMARY KEY, gone int, ids external_id_set, org text, long text);
ALTER TABLE plain DROP COLUMN gone, ALTER COLUMN long SET STORAGE EXTERNAL;
CREATE INDEX plain_ids ON plain USING unique_members (ids, org);
INSERT INTO plain VALUES (1, '{crm:1,one:2}', 'a', repeat('x', 5000)), (2, '{crm:2,crm:3}', 'b', NULL),
	(3, '{}', 'a', NULL), (4, NULL, 'a', NULL);
ALTER TABLE plain ADD COLUMN late text DEFAULT 'late';
SET client_min_messages = debug1;
SELECT id, length(long), late FROM external_ids_resolve(NULL::plain, 'crm:1', '{"org": "a"}');
SELECT id, length(long), late FROM external_ids_resolve_value(NULL::plain, '3', '{"org": "b"}');
SELECT id FROM external_ids_resolve(NULL::plain, 'crm:1', '{"org": "b"}');
SET client_min_messages = notice;
-- the row's value stands by itself, whatever becomes of the table's
CREATE TABLE copied AS SELECT r FROM external_ids_resolve(NULL::plain, 'crm:1', '{"org": "a"}') r;
TRUNCATE plain;
SELECT (r).id, length((r).long), (r).late FROM copied;
DROP TABLE copied;
CREATE TABLE kept (id int PRIMARY KEY, ids external_id_set, long text);
ALTER TABLE kept ALTER COLUMN long SET STORAGE EXTERNAL;
CREATE INDEX ON kept USING unique_members (ids);
INSERT INTO kept VALUES (1, '{crm:1,one:2}', repeat('x', 5000)), (2, 'crm:2', 'short');
SELECT r.id, length(r.long), n, ordinality
	FROM ROWS FROM (external_ids_resolve(NULL::kept, 'crm:2'), external_ids_resolve(NULL::kept, 'crm:1'),
		generate_series(1, 2)) WITH ORDINALITY AS r (a, b, c, id, ids, long, n);
SELECT (external_ids_resolve(NULL::kept, id::external_id)).id, id FROM unnest(ARRAY['crm:2', 'crm:3', 'one:2']) id;
BEGIN;
DECLARE scrolled SCROLL CURSOR FOR SELECT id, length(long) FROM external_ids_resolve(NULL::kept, 'crm:1');
FETCH scrolled;
TRUNCATE kept;
FETCH PRIOR scrolled;
FETCH scrolled;
COMMIT;
DROP TABLE kept;
INSERT INTO plain VALUES (1, 'crm:1', 'a');
-- row security
ALTER TABLE plain ENABLE ROW LEVEL SECURITY;
SET client_min_messages = debug1;
SELECT id FROM external_ids_resolve(NULL::plain, 'crm:1', '{"org": "a"}');
SET client_min_messages = notice;
ALTER TABLE plain FORCE ROW LEVEL SECURITY;
SELECT id FROM external_ids_resolve(NULL::plain, 'crm:1', '{"org": "a"}');
ALTER TABLE plain DISABLE ROW LEVEL SECURITY;
-- privileges on columns
REVOKE ALL ON plain FROM regress_rows_resolve;
SELECT id FROM external_ids_resolve(NULL::plain, 'crm:1', '{"org": "a"}');
GRANT SELECT (id, ids, org, long) ON plain TO regress_rows_resolve;
SELECT id FROM external_ids_resolve(NULL::plain, 'crm:1', '{"org": "a"}');
GRANT SELECT (late) ON plain TO regress_rows_resolve;
SET client_min_messages = debug1;
SELECT id FROM external_ids_resolve(NULL::plain, 'crm:1', '{"org": "a"}');
SET client_min_messages = notice;
GRANT SELECT ON plain TO regress_rows_resolve;
-- a collation that is not the column's
DROP INDEX plain_ids;
CREATE INDEX plain_ids ON plain USING unique_members (ids, org COLLATE "C");
SET client_min_messages = debug1;
SELECT id FROM external_ids_resolve(NULL::plain, 'crm:1', '{"org": "a"}');
SET client_min_messages = notice;

--
-- The first argument
--
CREATE TYPE loose AS (id int);
CREATE VIEW account_view AS SELECT * FROM accounts;
CREATE DOMAIN account_row AS accounts;
SELECT * FROM external_ids_resolve(NULL::int, 'crm:1');
SELECT * FROM external_ids_resolve(NULL::loose, 'crm:1');
SELECT * FROM external_ids_resolve(NULL::account_view, 'crm:1');
SELECT (external_ids_resolve(NULL::account_row, 'crm:42', '{"org_id": 7}')).id;

--
-- One index probe
--
CREATE FUNCTION probed() RETURNS bigint LANGUAGE sql AS $$
	SELECT coalesce(pg_stat_get_xact_numscans('rows_resolve.accounts_external_ids_key'::regclass), 0)
$$;
BEGIN;
SET LOCAL enable_seqscan = off;
SELECT probed() AS before \gset
SELECT id FROM external_ids_resolve(NULL::accounts, 'crm:2', '{"org_id": 7}');
SELECT probed() - :before AS probes;
COMMIT;

RESET ROLE;
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA rows_resolve CASCADE;
DROP ROLE regress_rows_resolve;
