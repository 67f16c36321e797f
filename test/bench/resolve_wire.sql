-- @title resolve over the wire: prepared statements of 2 clients, one ID each
-- @rounds 7
-- @chart bars time us side key gin rum
-- @chart bars cpu us side key gin rum
-- @data us side gin rum
-- @ops 20
-- @pgbench us -c 2 -j 2 -t :look_ups
\set n random(1, :batches)
SELECT n
\repeat 20 , id#, org#
  FROM source.batches WHERE n = :n \gset
\repeat 20 SELECT id, org_id, name FROM us.accounts WHERE external_ids @> :id#::external_id AND org_id = :org#;

-- @pgbench us_set -c 2 -j 2 -t :look_ups
\set n random(1, :batches)
SELECT n
\repeat 20 , id#, org#
  FROM source.batches WHERE n = :n \gset
\repeat 20 SELECT * FROM us.accounts WHERE external_ids @> :id#::external_id AND org_id = :org#;

-- @pgbench side -c 2 -j 2 -t :look_ups
\set n random(1, :batches)
SELECT n
\repeat 20 , id#, org#
  FROM source.batches WHERE n = :n \gset
\repeat 20 SELECT a.id, a.org_id, a.name FROM side.account_external_ids e JOIN side.accounts a ON a.id = e.account_id WHERE e.external_id = :id# AND e.org_id = :org#;

-- @pgbench key -c 2 -j 2 -t :look_ups
\set n random(1, :batches)
SELECT n
\repeat 20 , account#
  FROM source.batches WHERE n = :n \gset
\repeat 20 SELECT id, org_id, name FROM us.accounts WHERE id = :account#;

-- @pgbench gin -c 2 -j 2 -t :look_ups
\set n random(1, :batches)
SELECT n
\repeat 20 , id#, org#
  FROM source.batches WHERE n = :n \gset
\repeat 20 SELECT id, org_id, name FROM gin.accounts WHERE external_ids @> ARRAY[:id#]::text[] AND org_id = :org#;

-- @pgbench rum -c 2 -j 2 -t :look_ups
\set n random(1, :batches)
SELECT n
\repeat 20 , id#, org#
  FROM source.batches WHERE n = :n \gset
\repeat 20 SELECT id, org_id, name FROM rum.accounts WHERE external_ids @> ARRAY[:id#]::text[] AND org_id = :org#;

-- @goal E1 time side / us >= 1.1 a look-up over the wire by (b)
-- @goal E1 cpu us / side <= 0.7 the server's CPU for it
-- @goal - time side / us_set - the same, and the account's set read as well
-- @goal - time us / key - by the bigint primary key (f), over the wire
-- @goal E6 time gin / us >= 1.0 a look-up over the wire by (c)
-- @goal E6 time rum / us >= 1.0 a look-up over the wire by (d)
