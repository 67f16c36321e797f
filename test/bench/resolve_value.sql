-- @title resolve by bare value inside the server, in random order, by a nested loop
-- @rounds 5
-- @data us side
-- @ops :probes
-- @setup
-- (b) as one makes it for this: the value before the label in the key.
CREATE TABLE ids AS
SELECT org_id, split_part(external_id, ':', 2) COLLATE "C" AS value, split_part(external_id, ':', 1) COLLATE "C" AS label, account_id
  FROM side.account_external_ids;
ALTER TABLE ids ADD CONSTRAINT ids_key PRIMARY KEY (org_id, value, label);
CREATE TABLE probes AS SELECT n, org_id, split_part(id, ':', 2) COLLATE "C" AS value FROM source.probes ORDER BY n;
VACUUM ANALYZE ids, probes;
-- @sql us
SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_memoize = off;
SELECT count(a.name) FROM own.probes p JOIN us.accounts a ON a.external_ids @= p.value AND a.org_id = p.org_id;
-- @plan us Nested Loop.*Index Scan using accounts_external_ids_key

-- @sql side
SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_memoize = off;
SELECT count(a.name) FROM own.probes p JOIN own.ids e ON e.value = p.value AND e.org_id = p.org_id JOIN side.accounts a ON a.id = e.account_id;
-- @plan side Nested Loop.*Nested Loop.*ids_key.*Index Scan using accounts_pkey

-- @goal - time side / us - a look-up by bare value, by (b)
