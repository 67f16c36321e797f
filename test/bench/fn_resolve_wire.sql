-- @title external_ids_resolve over the wire, by plain SQL
-- @rounds 11
-- @data us
-- @ops 20
-- The scope as JSON is made for both.
-- @pgbench us_plain -c 2 -j 2 -t :look_ups
\set n random(1, :batches)
SELECT n
\repeat 20 , id#, org#, '{"org_id": ' || org# || '}' AS scope#
  FROM source.batches WHERE n = :n \gset
\repeat 20 SELECT * FROM us.accounts WHERE external_ids @> :id#::external_id AND org_id = :org#;

-- @pgbench us_function -c 2 -j 2 -t :look_ups
\set n random(1, :batches)
SELECT n
\repeat 20 , id#, org#, '{"org_id": ' || org# || '}' AS scope#
  FROM source.batches WHERE n = :n \gset
\repeat 20 SELECT * FROM external_ids_resolve(NULL::us.accounts, :id#, :scope#);

-- @goal E5 time us_function / us_plain <= 1.1 external_ids_resolve over the wire, by plain SQL
