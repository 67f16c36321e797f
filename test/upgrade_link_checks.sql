-- What the links of upgrade_links.sql must do; as upgrade_checks.sql.
\set ON_ERROR_STOP 1
\pset tuples_only on
\pset format unaligned
SET search_path = "App Data", ext;
BEGIN;
UPDATE accounts SET external_ids = external_ids + '{crm:wait,x:wait}' WHERE id = 11; -- org 1
INSERT INTO tickets (id, org, area, "the ID", value) VALUES (10, 1, 'eu', 'crm:16', 'v16'), (11, 2, 'eu', 'crm:16', NULL);
UPDATE tickets SET sure = true WHERE id = 3;
UPDATE accounts SET external_ids = external_ids - 'v6' WHERE id = 6;
SELECT CASE WHEN got = '1:1:,2:11:11,3:11:,10:16:16,11::' THEN 'ok links' ELSE 'FAIL links: ' || got END
  FROM (SELECT string_agg(concat_ws(':', id, coalesce(account::text, ''), coalesce(other::text, '')), ',' ORDER BY id) FROM tickets) AS t (got);
INSERT INTO parents VALUES (1, 5, 'p:wait');
SELECT CASE WHEN got = '1:5,2:1' THEN 'ok links of partitioned tables' ELSE 'FAIL links of partitioned tables: ' || got END
  FROM (SELECT string_agg(concat_ws(':', id, parent), ',' ORDER BY id) FROM children) AS t (got);
SELECT CASE WHEN got = 'created' THEN 'ok upsert' ELSE 'FAIL upsert: ' || got END FROM upserted('{p:new}') AS got;
SELECT CASE WHEN got = 'updated' THEN 'ok upsert again' ELSE 'FAIL upsert again: ' || got END FROM upserted('{p:new,p:newer}') AS got;
SELECT external_ids_unlink('tickets', 'account'), external_ids_unlink('tickets', 'other'), external_ids_unlink('children', 'parent');
SELECT CASE WHEN count(*) = 0 THEN 'ok nothing is left of a link' ELSE 'FAIL left of a link: ' || string_agg(name, ', ') END
  FROM (SELECT tgname FROM pg_trigger WHERE tgname LIKE '%external_ids%'
        UNION ALL SELECT relname FROM pg_class WHERE relname LIKE '%waiting%') AS t (name);
ROLLBACK;
