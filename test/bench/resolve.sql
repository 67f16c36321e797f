-- @title resolve inside the server: one ID after the other, in random order, by a nested loop
-- @rounds 15
-- @chart bars time us side side_en columns columns_en key gin rum
-- @data us side side_en columns columns_en gin rum
-- @ops :probes

-- @sql us
SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_memoize = off;
SELECT count(a.name) FROM us.probes p JOIN us.accounts a ON a.external_ids @> p.id AND a.org_id = p.org_id;
-- @plan us Nested Loop.*Index Scan using accounts_external_ids_key

-- @sql side
SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_memoize = off;
SELECT count(a.name) FROM side.probes p JOIN side.account_external_ids e ON e.external_id = p.id AND e.org_id = p.org_id
  JOIN side.accounts a ON a.id = e.account_id;
-- @plan side Nested Loop.*Nested Loop.*Index Scan using account_external_ids_pkey.*Index Scan using accounts_pkey

-- @sql side_en
SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_memoize = off;
SELECT count(a.name) FROM side_en.probes p JOIN side_en.account_external_ids e ON e.external_id = p.id AND e.org_id = p.org_id
  JOIN side_en.accounts a ON a.id = e.account_id;
-- @plan side_en Nested Loop.*Nested Loop.*Index Scan using account_external_ids_pkey.*Index Scan using accounts_pkey

-- @sql columns
SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_memoize = off;
SELECT count(a.name) FROM (
SELECT a.name FROM columns.probes p JOIN columns.accounts a ON a.crm = p.id AND a.org_id = p.org_id WHERE p.label = 'crm' UNION ALL
SELECT a.name FROM columns.probes p JOIN columns.accounts a ON a.erp = p.id AND a.org_id = p.org_id WHERE p.label = 'erp' UNION ALL
SELECT a.name FROM columns.probes p JOIN columns.accounts a ON a.stripe = p.id AND a.org_id = p.org_id WHERE p.label = 'stripe') a;
-- @plan columns crm_org_id_key.*erp_org_id_key.*stripe_org_id_key

-- @sql columns_en
SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_memoize = off;
SELECT count(a.name) FROM (
SELECT a.name FROM columns_en.probes p JOIN columns_en.accounts a ON a.crm = p.id AND a.org_id = p.org_id WHERE p.label = 'crm' UNION ALL
SELECT a.name FROM columns_en.probes p JOIN columns_en.accounts a ON a.erp = p.id AND a.org_id = p.org_id WHERE p.label = 'erp' UNION ALL
SELECT a.name FROM columns_en.probes p JOIN columns_en.accounts a ON a.stripe = p.id AND a.org_id = p.org_id WHERE p.label = 'stripe') a;
-- @plan columns_en crm_org_id_key.*erp_org_id_key.*stripe_org_id_key

-- @sql key
SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_memoize = off;
SELECT count(a.name) FROM us.probes p JOIN us.accounts a ON a.id = p.account_id;
-- @plan key Nested Loop.*Index Scan using accounts_pkey

-- @sql side_id
-- Where the account's key is enough there is no join.
SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_memoize = off;
SELECT max(e.account_id) FROM side.probes p JOIN side.account_external_ids e ON e.external_id = p.id AND e.org_id = p.org_id;
-- @plan side_id Nested Loop.*Index Scan using account_external_ids_pkey

-- @sql gin
SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_memoize = off;
SELECT count(a.name) FROM gin.probes p JOIN gin.accounts a ON a.external_ids @> p.ids AND a.org_id = p.org_id;
-- @plan gin Nested Loop.*Scan (on|using) accounts_external_ids
-- @sql rum
-- A hundredth of them, or RUM would take most of the time.
SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_memoize = off;
SELECT count(a.name) FROM (SELECT * FROM rum.probes ORDER BY n LIMIT greatest(:probes / 100, 1)) p JOIN rum.accounts a ON a.external_ids @> p.ids AND a.org_id = p.org_id;
-- @plan rum Nested Loop.*Scan (on|using) accounts_external_ids
-- @measure rum ops
SELECT greatest(:probes / 100, 1);

-- @goal E1 time side / us >= 2.5 a look-up by (b), the account's row
-- @goal E1 time side_en / us >= 2.5 the same where (b) has a linguistic collation
-- @goal E1 time us / columns_en <= 0.85 by (e)'s one column, linguistic collation
-- @goal E1 time us / columns <= 1.0 by (e)'s one column, COLLATE "C"
-- @goal E1 time us / key <= 1.5 by the bigint primary key (f)
-- @goal - time side_id / us - by (b), only the account's key
-- @goal E6 time gin / us >= 1.0 a look-up by (c)
-- @goal E6 time rum / us >= 1.0 a look-up by (d)
