-- The accounts that every contender gets, with their IDs as text: a quarter of them
-- in tenant 1, so that there is a large one. And what will be looked for: accounts
-- by one of their IDs, in an order that has nothing to do with where they lie.
-- Multiplying modulo a prime shuffles without a collision.
-- @setup
CREATE TABLE accounts AS
SELECT i::bigint AS id, CASE WHEN i % 4 = 0 THEN 1 ELSE 1 + i % :tenants END AS org_id, 'Account ' || i AS name,
       ARRAY['crm:' || i::bigint * 48271 % 2147483647, 'erp:' || md5(i::text), 'stripe:cus_' || left(md5('s' || i), 14)] AS ids
  FROM generate_series(1, :accounts) i;
CREATE TABLE probes AS
SELECT row_number() OVER (ORDER BY md5('p' || id)) AS n, id AS account_id, org_id, ids[1 + id % 3] AS id, ids[1] AS crm, ids[2] AS erp
  FROM accounts LIMIT :probes;

-- pgbench knows no text but what a query gives it, so it gets 20 probes at once.
CREATE TABLE batches AS
SELECT (n + 19) / 20 AS n
\repeat 20 , max(account_id) FILTER (WHERE n % 20 = # - 1) AS account#, max(org_id) FILTER (WHERE n % 20 = # - 1) AS org#, max(id) FILTER (WHERE n % 20 = # - 1) AS id#, max(crm) FILTER (WHERE n % 20 = # - 1) AS crm#, max(erp) FILTER (WHERE n % 20 = # - 1) AS erp#
  FROM probes GROUP BY 1;
ALTER TABLE batches ADD PRIMARY KEY (n);

-- Many at once, of the large tenant; one in ten is a miss.
CREATE TABLE bulk AS
SELECT array_agg(id ORDER BY md5(id)) AS ids
  FROM ((SELECT ids[1 + id % 3] AS id FROM accounts WHERE org_id = 1 ORDER BY md5('b' || id) LIMIT :bulk * 9 / 10)
        UNION ALL SELECT 'crm:miss' || i FROM generate_series(1, :bulk / 10) i) ids;
VACUUM ANALYZE accounts, probes, batches;
