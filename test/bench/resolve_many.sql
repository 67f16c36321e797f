-- @title 10,000 IDs of one tenant at once, one in ten a miss, 5 times
-- @rounds 5
-- @chart bars time us_function us_nested us_plain side_nested side
-- @data us side
-- @ops 5 * :bulk
-- @setup
CREATE TABLE bulk AS SELECT ids::external_id[] AS ids FROM source.bulk;
-- @sql us_function
\repeat 5 SELECT count((match).name) = :bulk * 9 / 10 FROM external_ids_resolve_many(NULL::us.accounts, (SELECT ids FROM own.bulk), '{"org_id": 1}');

-- @sql us_plain
\repeat 5 SELECT count(a.name), count(*) FROM own.bulk, unnest(ids) WITH ORDINALITY AS i (id, n) LEFT JOIN us.accounts a ON a.external_ids @> i.id AND a.org_id = 1;

-- @sql us_nested
-- The plain join, by index.
SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_memoize = off;
\repeat 5 SELECT count(a.name), count(*) FROM own.bulk, unnest(ids) WITH ORDINALITY AS i (id, n) LEFT JOIN us.accounts a ON a.external_ids @> i.id AND a.org_id = 1;

-- @sql side
-- As the planner likes it.
\repeat 5 SELECT count(a.name), count(*) FROM source.bulk, unnest(ids) WITH ORDINALITY AS i (id, n) LEFT JOIN side.account_external_ids e ON e.external_id = i.id AND e.org_id = 1 LEFT JOIN side.accounts a ON a.id = e.account_id;

-- @sql side_nested
SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_memoize = off;
\repeat 5 SELECT count(a.name), count(*) FROM source.bulk, unnest(ids) WITH ORDINALITY AS i (id, n) LEFT JOIN side.account_external_ids e ON e.external_id = i.id AND e.org_id = 1 LEFT JOIN side.accounts a ON a.id = e.account_id;

-- @goal E5 time us_function / us_nested <= 1.2 external_ids_resolve_many of 10,000, by the plain join
-- @goal - time us_plain / us_nested - the plain join as the planner likes it
-- @goal - time side / us_function - external_ids_resolve_many of 10,000, by (b)'s join as the planner likes it
-- @goal - time side_nested / us_nested - bulk look-up of 10,000, by (b)'s join by index
