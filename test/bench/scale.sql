-- @title the same look-up among few IDs and among a hundred times as many
-- @rounds 5
-- @chart bars time us_1 us_100 key_1 key_100
-- @ops :probes
-- @setup
CREATE EXTENSION external_ids;
CREATE EXTENSION pg_prewarm;
-- @each 1 100
CREATE TABLE accounts_<n> (id bigint PRIMARY KEY, org_id int NOT NULL, name text, external_ids external_id_set NOT NULL);
INSERT INTO accounts_<n>
SELECT i, 1 + i % :tenants, 'Account ' || i,
       external_id_set(external_id('crm', i::bigint * 48271 % 2147483647), external_id('erp', md5(i::text)), external_id('stripe', 'cus_' || left(md5('s' || i), 14)))
  FROM generate_series(1, :small * <n>) i;
CREATE INDEX accounts_<n>_key ON accounts_<n> USING unique_members (external_ids, org_id);
-- As many look-ups in each, of other accounts each time as far as there are some.
CREATE TABLE probes_<n> AS
SELECT id, 1 + id % :tenants AS org_id, external_id('erp', md5(id::text)) AS external_id
  FROM (SELECT 1 + i::bigint * 48271 % 2147483647 % (:small * <n>) AS id FROM generate_series(1, :probes) i) i;
VACUUM ANALYZE accounts_<n>, probes_<n>;
CHECKPOINT;
-- Everything comes into memory.
SELECT sum(pg_prewarm(c)) > 0 FROM unnest('{accounts_<n>,accounts_<n>_key,accounts_<n>_pkey}'::regclass[]) c;
-- @end
-- @each 1 100
-- @sql us_<n>
SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_memoize = off;
SELECT count(a.name) FROM probes_<n> p JOIN accounts_<n> a ON a.external_ids @> p.external_id AND a.org_id = p.org_id;
-- @plan us_<n> Nested Loop.*Index Scan using accounts_<n>_key
-- @sql key_<n>
SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_memoize = off;
SELECT count(a.name) FROM probes_<n> p JOIN accounts_<n> a ON a.id = p.id;
-- @plan key_<n> Nested Loop.*Index Scan using accounts_<n>_pkey
-- @end
-- @factor us us_100 / us_1
-- @factor key key_100 / key_1

-- @goal E4 factor us / key <= 1.0 by how much a look-up among a hundred times as many IDs is slower, by the bigint primary key (f)
