-- The demo's second half, read by demo.sql: what arrives finds its account.

\echo
\echo '11. Contacts and accounts arrive in any order, from eight sessions at once'
\echo '--------------------------------------------------------------------------'
\echo 'A link makes contacts.account_id follow contacts.account_external_id, whichever of the'
\echo 'two rows comes first. 1,000 contacts of step 9 still wait for an account nobody knows:'
\echo
\set ECHO queries
\timing on
SELECT linked, waiting FROM external_ids_link('contacts', 'account_external_id', 'account_id', 'accounts');
\timing off
\set ECHO none

-- Tenant 3 gets accounts with the same IDs as tenant 1's, and 10,000 contacts.
CREATE TABLE arriving_accounts AS
SELECT row_number() OVER (ORDER BY md5('a' || id)) AS n, name, external_ids
  FROM accounts WHERE tenant_id = 1 AND cardinality(external_ids) > 0;
CREATE TABLE arriving_contacts AS
SELECT row_number() OVER (ORDER BY md5('c' || n)) AS n, 'new' || n || '@example.com' AS email, id
  FROM (SELECT row_number() OVER (ORDER BY md5('x' || line)) AS n, external_id(registry, assignment) AS id
          FROM assignments
         WHERE EXISTS (SELECT FROM accounts AS a
                        WHERE a.external_ids @> external_id(registry, assignment) AND a.tenant_id = 1)) AS s
 WHERE n <= 10000;
CREATE TABLE arrived (contacts int, linked_at_once int);

-- Each of four sessions brings every fourth row, some in a transaction.
CREATE PROCEDURE accounts_arrive(session int) LANGUAGE plpgsql AS $$
BEGIN
    FOR part IN 0 .. (SELECT max(n) / 80 FROM arriving_accounts) LOOP
        INSERT INTO accounts (tenant_id, name, external_ids)
        SELECT 3, name, external_ids FROM arriving_accounts WHERE n / 80 = part AND n % 4 = session;
        COMMIT;
    END LOOP;
END $$;
CREATE PROCEDURE contacts_arrive(session int) LANGUAGE plpgsql AS $$
BEGIN
    FOR part IN 0 .. (SELECT max(n) / 28 FROM arriving_contacts) LOOP
        WITH new AS (
            INSERT INTO contacts (tenant_id, email, account_external_id)
            SELECT 3, email, id FROM arriving_contacts WHERE n / 28 = part AND n % 4 = session
            RETURNING account_id)
        INSERT INTO arrived SELECT count(*), count(account_id) FROM new;
        COMMIT;
    END LOOP;
END $$;
\setenv PGHOST :HOST
\setenv PGPORT :PORT
\setenv PGUSER :USER
\setenv PGDATABASE :DBNAME
\echo
\echo 'Four sessions insert 10,000 contacts and four insert their accounts, each in random order:'
\! for i in 0 1 2 3; do for side in accounts contacts; do psql -X -q -c "CALL ${side}_arrive($i)" & done; done; wait
\echo
SELECT sum(a.contacts) AS contacts, sum(linked_at_once) AS "linked on arrival",
       (SELECT count(account_id) FROM contacts WHERE tenant_id = 3) - sum(linked_at_once) AS "linked when the account came",
       (SELECT count(*) FROM contacts WHERE tenant_id = 3 AND account_id IS NULL) AS "still waiting"
  FROM arrived AS a;
SELECT count(*) AS "linked to another account than holds the ID"
  FROM contacts AS c JOIN accounts AS a ON a.id = c.account_id
 WHERE NOT a.external_ids @> c.account_external_id;

\echo
\echo '12. Two accounts turn out to be one organisation: merge them'
\echo '------------------------------------------------------------'
\echo 'The registries spell some organisations in several ways. One such pair, with contacts on both:'
\echo
WITH named AS MATERIALIZED (
    SELECT id, cardinality(external_ids) AS held, lower(regexp_replace(name, '[^[:alnum:]]', '', 'g')) AS spelling
      FROM accounts AS a
     WHERE tenant_id = 1 AND id <> :account AND EXISTS (SELECT FROM contacts WHERE account_id = a.id))
SELECT one.id AS survivor, other.id AS duplicate
  FROM named AS one JOIN named AS other USING (spelling)
 WHERE one.held > other.held
 ORDER BY other.held DESC, one.id, other.id
 LIMIT 1
\gset
SELECT id, name, cardinality(external_ids) AS external_ids,
       (SELECT count(*) FROM contacts WHERE account_id = a.id) AS contacts,
       (SELECT i FROM unnest(external_ids) AS i LIMIT 1) AS "for example"
  FROM accounts AS a WHERE id IN (:survivor, :duplicate) ORDER BY id;
SELECT i AS moved FROM accounts, unnest(external_ids) AS i WHERE accounts.id = :duplicate LIMIT 1
\gset
\echo 'A dry run tells what would happen; then in earnest:'
\echo
\set ECHO queries
SELECT * FROM external_ids_merge('accounts', :duplicate, :survivor, repoint => true, delete_from => true, dry_run => true);
\timing on
SELECT * FROM external_ids_merge('accounts', :duplicate, :survivor, repoint => true, delete_from => true);
\timing off
SELECT id, name, cardinality(external_ids) AS external_ids
  FROM external_ids_resolve(NULL::accounts, :'moved', '{"tenant_id": 1}');
\set ECHO none

\echo
\echo '13. Sync a registry: create what is new, update what is known'
\echo '-------------------------------------------------------------'
\echo 'Tenant 4 knows the organisations of the medium blocks (MA-M), by their blocks and by name.'
\echo 'Now it syncs the registry of small blocks (MA-S): one JSON array, one element for each'
\echo 'organisation, with its blocks and its name as external IDs.'
\echo
INSERT INTO accounts (tenant_id, name, external_ids)
SELECT 4, organisation, external_ids_agg(external_id(registry, assignment)) + external_id('name', organisation)
  FROM assignments WHERE registry = 'ma-m' AND organisation <> '(no name)'
 GROUP BY organisation;
CREATE TEMPORARY TABLE sync AS
SELECT jsonb_agg(element ORDER BY line) AS elements
  FROM (SELECT min(line) AS line,
               jsonb_build_object('tenant_id', 4, 'name', organisation, 'external_ids',
                   external_ids_agg(external_id(registry, assignment)) + external_id('name', organisation)) AS element
          FROM assignments WHERE registry = 'ma-s' AND organisation <> '(no name)'
         GROUP BY organisation) AS s;
SELECT jsonb_pretty(elements -> 0) AS "the first element" FROM sync;
\set ECHO queries
\timing on
SELECT count(*) AS elements, count(*) FILTER (WHERE result = 'created') AS created,
       count(*) FILTER (WHERE result = 'updated') AS updated,
       count(*) FILTER (WHERE result = 'unchanged') AS unchanged
  FROM sync, external_ids_upsert_many(NULL::accounts, elements);
\timing off
\set ECHO none
\echo
\echo 'The same file once more finds nothing to do, and writes nothing:'
\echo
\set ECHO queries
\timing on
SELECT count(*) AS elements, count(*) FILTER (WHERE result = 'created') AS created,
       count(*) FILTER (WHERE result = 'updated') AS updated,
       count(*) FILTER (WHERE result = 'unchanged') AS unchanged
  FROM sync, external_ids_upsert_many(NULL::accounts, elements);
\timing off
\set ECHO none
