-- @title resolve over the wire by 1, 2, 4, 8 and 16 clients
-- @rounds 3
-- @chart lines time us side
-- @data us side
-- @ops 20
-- @each 1 2 4 8 16
-- @pgbench us_<n> -c <n> -j 2 -t :turns
\set n random(1, :batches)
SELECT n
\repeat 20 , id#, org#
  FROM source.batches WHERE n = :n \gset
\repeat 20 SELECT * FROM us.accounts WHERE external_ids @> :id#::external_id AND org_id = :org#;

-- @pgbench side_<n> -c <n> -j 2 -t :turns
\set n random(1, :batches)
SELECT n
\repeat 20 , id#, org#
  FROM source.batches WHERE n = :n \gset
\repeat 20 SELECT a.* FROM side.account_external_ids e JOIN side.accounts a ON a.id = e.account_id WHERE e.external_id = :id# AND e.org_id = :org#;

-- @goal - time side_<n> / us_<n> - a look-up over the wire by (b), clients: <n>
-- @end
