-- @title external_ids_resolve inside the server, by plain SQL
-- @rounds 5
-- @data us
-- @ops :probes
-- @sql us_plain
SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_memoize = off;
SELECT count(a.name) FROM us.probes p JOIN us.accounts a ON a.external_ids @> p.id AND a.org_id = p.org_id;
-- @plan us_plain Nested Loop.*Index Scan using accounts_external_ids_key

-- @sql us_function
SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_memoize = off;
SELECT count(a.name) FROM us.probes p, LATERAL external_ids_resolve(NULL::us.accounts, p.id, p.scope) a;

-- @goal E5 time us_function / us_plain <= 2.0 external_ids_resolve inside the server, by plain SQL
