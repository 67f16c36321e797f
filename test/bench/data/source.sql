-- The accounts that every contender gets, with their IDs as text, and what will be
-- looked for: each account by one of its IDs, in an order that has nothing to do
-- with where the account lies. Multiplying modulo a prime shuffles without a collision.
-- @setup
CREATE TABLE accounts AS
SELECT i::bigint AS id, 1 + i % :tenants AS org_id, 'Account ' || i AS name,
       ARRAY['crm:' || i::bigint * 48271 % 2147483647, 'erp:' || md5(i::text), 'stripe:cus_' || left(md5('s' || i), 14)] AS ids
  FROM generate_series(1, :accounts) i;
CREATE TABLE probes AS
SELECT row_number() OVER (ORDER BY md5('p' || id)) AS n, id AS account_id, org_id, ids[1 + id % 3] AS id
  FROM accounts LIMIT :probes;
VACUUM ANALYZE accounts, probes;
