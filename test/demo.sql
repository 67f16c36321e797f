-- The demo: four public registries of network address blocks become accounts
-- and their external IDs. `make demo` runs it on a private server; by hand it is
-- psql -X -f test/demo.sql in an empty database that may create the extension.
\set ON_ERROR_STOP 1
\set QUIET 1
\pset pager off
\pset footer off
\pset null '(none)'
SET client_min_messages = warning;

\echo
\echo 'external_ids: the rows of a table carry the identifiers that other systems know them by'
\echo '======================================================================================='
\echo
\echo 'The data: the four IEEE registries of network address blocks. Each line assigns one'
\echo 'block, such as 080030, to an organisation. Here an organisation is an account, and each'
\echo 'of its blocks is an external ID of that account, labelled by the registry it comes from:'
\echo 'ma-l:080030. The label says which system the ID belongs to, like crm:42 or stripe:cus_9s6.'

\echo
\echo
\echo '1. Read the registries into a staging table'
\echo '-------------------------------------------'
CREATE EXTENSION external_ids;
CREATE TABLE assignments (
    line         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    registry     text,
    assignment   text,
    organisation text,
    address      text
);
\timing on
\echo 'oui.csv, large blocks (MA-L)'
\copy assignments (registry, assignment, organisation, address) from '/usr/share/ieee-data/oui.csv' (format csv, header)
\echo 'mam.csv, medium blocks (MA-M)'
\copy assignments (registry, assignment, organisation, address) from '/usr/share/ieee-data/mam.csv' (format csv, header)
\echo 'oui36.csv, small blocks (MA-S)'
\copy assignments (registry, assignment, organisation, address) from '/usr/share/ieee-data/oui36.csv' (format csv, header)
\echo 'iab.csv, individual blocks (IAB)'
\copy assignments (registry, assignment, organisation, address) from '/usr/share/ieee-data/iab.csv' (format csv, header)
\timing off
-- Names come with stray spaces; a line without a name gets one.
UPDATE assignments SET registry = lower(registry),
       organisation = coalesce(nullif(btrim(organisation, E' \t'), ''), '(no name)');
\echo
SELECT registry AS label, count(*) AS assignments, count(DISTINCT organisation) AS organisations,
       min(assignment) AS "for example"
  FROM assignments GROUP BY registry ORDER BY count(*) DESC;

\echo
\echo '2. A table with a column of external IDs, and the index that keeps each one unique'
\echo '----------------------------------------------------------------------------------'
\echo 'Within a tenant no two accounts may hold the same external ID.'
\echo
\set ECHO queries
CREATE TABLE accounts (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id    int NOT NULL,
    name         text NOT NULL,
    external_ids external_id_set NOT NULL DEFAULT '{}'
);
CREATE INDEX accounts_external_ids_key ON accounts
    USING unique_members (external_ids, tenant_id);
\set ECHO none

\echo
\echo
\echo '3. The first attempt to load it all is refused: the real data has duplicates'
\echo '----------------------------------------------------------------------------'
\echo 'One account for each organisation, with all its assignments as one set:'
\echo
\set ON_ERROR_STOP 0
\set ECHO queries
\timing on
INSERT INTO accounts (tenant_id, name, external_ids)
SELECT 1, organisation, external_ids_agg(external_id(registry, assignment))
  FROM assignments
 GROUP BY organisation;
\timing off
\set ECHO none
\if :ERROR
\echo
\echo 'Nothing was stored. That is the guarantee: no program has to check first, none can forget to.'
\else
\echo 'This must not happen: duplicates were accepted.'
DO $$ BEGIN RAISE 'duplicates were accepted'; END $$;
\quit
\endif
\set ON_ERROR_STOP 1
-- The refused attempt has used up numbers.
ALTER TABLE accounts ALTER id RESTART;

\echo
\echo
\echo '4. Load each assignment for the organisation named first'
\echo '--------------------------------------------------------'
\set ECHO queries
\timing on
INSERT INTO accounts (tenant_id, name, external_ids)
SELECT 1, organisation, external_ids_agg(external_id(registry, assignment))
  FROM (SELECT DISTINCT ON (registry, assignment) *
          FROM assignments ORDER BY registry, assignment, line) AS first_claims
 GROUP BY organisation
 ORDER BY min(line);
\timing off
\set ECHO none
-- An organisation whose only assignment is disputed still is an account.
INSERT INTO accounts (tenant_id, name)
SELECT DISTINCT 1, organisation FROM assignments AS s
 WHERE NOT EXISTS (SELECT FROM accounts AS a WHERE a.name = s.organisation);
VACUUM ANALYZE accounts;
\echo
SELECT count(*) AS accounts, sum(cardinality(external_ids)) AS external_ids,
       max(cardinality(external_ids)) AS "most in one account",
       pg_size_pretty(pg_relation_size('accounts')) AS "table",
       pg_size_pretty(pg_relation_size('accounts_external_ids_key')) AS "index"
  FROM accounts;

\echo
\echo '5. The disputed assignments, claimed one by one for the other organisations'
\echo '---------------------------------------------------------------------------'
\echo 'external_ids_add claims IDs for a row; a conflict is an ordinary unique_violation (23505).'
\echo
CREATE TEMPORARY TABLE refused (external_id external_id, claimed_by text, message text, detail text);
\set ECHO queries
DO $$
DECLARE
    claim record;
    said  text;
BEGIN
    FOR claim IN
        SELECT a.id, a.name, external_id(s.registry, s.assignment) AS external_id
          FROM assignments AS s JOIN accounts AS a ON a.name = s.organisation
         WHERE NOT a.external_ids @> external_id(s.registry, s.assignment)
         ORDER BY s.line
    LOOP
        BEGIN
            PERFORM external_ids_add('accounts', claim.id, claim.external_id);
        EXCEPTION WHEN unique_violation THEN
            GET STACKED DIAGNOSTICS said = PG_EXCEPTION_DETAIL;
            INSERT INTO refused VALUES (claim.external_id, claim.name, SQLERRM, said);
        END;
    END LOOP;
END
$$;
\set ECHO none
\echo
\echo 'Each was refused. The account that holds it, and what the error said:'
\echo
SELECT r.external_id, r.claimed_by AS "refused to", holder.name AS "held by", r.detail AS "error detail"
  FROM refused AS r
  JOIN accounts AS holder ON holder.external_ids @> r.external_id AND holder.tenant_id = 1
 ORDER BY 1, 2;

\echo
\echo '6. PATCH one account with the JSON of an API call'
\echo '-------------------------------------------------'
\echo 'The body is the new set of external IDs, whole. The account as it is:'
\echo
-- One with an ID in each of three registries; the request keeps the first.
SELECT id AS account, name, external_ids AS held,
       jsonb_pretty(jsonb_build_array(
           kept::jsonb,
           jsonb_build_object('external_id', 'cus_9s6XKz', 'label', 'stripe'),
           jsonb_build_object('external_id', '42', 'label', 'crm'))) AS body
  FROM (SELECT *, (SELECT i FROM unnest(external_ids) AS i LIMIT 1) AS kept
          FROM accounts
         WHERE tenant_id = 1 AND cardinality(external_ids) = 3
           AND cardinality(external_ids_labels(external_ids)) = 3
         ORDER BY id LIMIT 1) AS a
\gset
SELECT :account AS id, :'name' AS name, :'held' AS external_ids;
\echo
\echo 'PATCH /accounts/{id} sends the array; the result says what is new and what is gone:'
\echo
\set ECHO queries
\timing on
SELECT * FROM external_ids_set('accounts', :account,
    :'body');
\timing off
\set ECHO none
\echo
\echo 'One integration can replace only its own IDs, those under its label:'
\echo
\set ECHO queries
SELECT * FROM external_ids_set('accounts', :account, 'crm:43', label => 'crm');
\set ECHO none

\echo
\echo '7. Resolve an external ID to its account'
\echo '----------------------------------------'
\echo 'By label and value:'
\echo
\set ECHO queries
\timing on
SELECT id, name FROM external_ids_resolve(NULL::accounts, 'ma-l:0001C8', '{"tenant_id": 1}');
\timing off
\set ECHO none
\echo
\echo 'By the bare value, whatever system it came from (what a chat widget sends):'
\echo
\set ECHO queries
\timing on
SELECT id, name FROM external_ids_resolve_value(NULL::accounts, 'cus_9s6XKz', '{"tenant_id": 1}');
\timing off
\set ECHO none
\echo
\echo 'Plain SQL does the same. The plan is one probe of one index:'
\echo
\set ECHO queries
EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, SUMMARY OFF)
SELECT id, name FROM accounts WHERE external_ids @> 'ma-l:0001C8' AND tenant_id = 1;
EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, SUMMARY OFF)
SELECT id, name FROM accounts WHERE external_ids @= 'cus_9s6XKz' AND tenant_id = 1;
\set ECHO none

\echo
\echo '8. Resolve 10,000 IDs in one call; every tenth is unknown'
\echo '---------------------------------------------------------'
CREATE TEMPORARY TABLE wanted AS
SELECT n, CASE WHEN n % 10 = 0 THEN external_id('ma-l', 'unknown-' || n)
               ELSE external_id(registry, assignment) END AS id
  FROM (SELECT row_number() OVER (ORDER BY md5(line::text)) AS n, registry, assignment FROM assignments
         WHERE (registry, assignment) NOT IN (SELECT external_id_label(external_id), external_id_value(external_id) FROM refused)
           AND organisation <> :'name') AS s
 WHERE n <= 10000;
\set ECHO queries
\timing on
SELECT count(*) AS asked, count((match).id) AS found, count(*) - count((match).id) AS missed
  FROM external_ids_resolve_many(NULL::accounts,
           (SELECT array_agg(id ORDER BY n) FROM wanted), '{"tenant_id": 1}');
\timing off
\set ECHO none
\echo
\echo 'One row for each ID asked for, in the order asked, with no match for a miss:'
\echo
SELECT ordinality, r.id, (match).id AS account, (match).name
  FROM external_ids_resolve_many(NULL::accounts,
           (SELECT array_agg(id ORDER BY n) FROM wanted WHERE n BETWEEN 8 AND 11), '{"tenant_id": 1}') AS r;

\echo
\echo '9. 10,000 contacts that carry only the external ID of their account'
\echo '-------------------------------------------------------------------'
\echo 'As an import from another system delivers them:'
\echo
\set ECHO queries
CREATE TABLE contacts (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id           int NOT NULL,
    email               text NOT NULL,
    account_external_id external_id NOT NULL,
    account_id          bigint REFERENCES accounts
);
\set ECHO none
INSERT INTO contacts (tenant_id, email, account_external_id)
SELECT 1, 'contact' || n || '@example.com', id FROM wanted ORDER BY n;
ANALYZE contacts;
\echo
\echo 'One statement gives each its account:'
\echo
\set ECHO queries
\timing on
UPDATE contacts AS c
   SET account_id = a.id
  FROM accounts AS a
 WHERE a.external_ids @> c.account_external_id
   AND a.tenant_id = c.tenant_id
   AND c.account_id IS NULL;
\timing off
\set ECHO none
\echo
SELECT count(*) AS contacts, count(account_id) AS associated,
       count(*) - count(account_id) AS "account not known yet"
  FROM contacts;
\echo 'Its plan probes the index once for each contact:'
\echo
EXPLAIN (COSTS OFF)
UPDATE contacts AS c SET account_id = a.id FROM accounts AS a
 WHERE a.external_ids @> c.account_external_id AND a.tenant_id = c.tenant_id AND c.account_id IS NULL;

\echo
\echo '10. A conflict, in full'
\echo '-----------------------'
\echo 'Another account tries to take an ID that this one holds. A driver gets SQLSTATE,'
\echo 'constraint, table and schema as fields; the detail names the ID and its holder:'
\echo
SELECT min(id) AS other FROM accounts WHERE id <> :account
\gset
\set ON_ERROR_STOP 0
\set VERBOSITY verbose
\set ECHO queries
SELECT * FROM external_ids_add('accounts', :other, 'stripe:cus_9s6XKz');
\set ECHO none
\set VERBOSITY default
\set ON_ERROR_STOP 1
\echo
\echo 'Another tenant may use the same ID: the index keeps it unique within tenant_id.'
\echo
\set ECHO queries
INSERT INTO accounts (tenant_id, name, external_ids)
VALUES (2, 'An account of another tenant', '{stripe:cus_9s6XKz}') RETURNING id, tenant_id, external_ids;
\set ECHO none
\ir demo_associate.sql

\echo
\echo 'That is external_ids. README.md has the four statements to start with.'
\echo
