-- @title replace the set over the wire, one of three IDs is new: prepared, 20 statements a transaction
-- @rounds 5
-- @data us side
-- @writes us side
-- @ops 20
-- @before us_plain
VACUUM us.accounts;
CHECKPOINT;
-- @pgbench us_plain -c 1 -t :turns
\set n random(1, :batches)
\set seed random(1, 2000000000)
SELECT n
\repeat 20 , account#, org#, '{' || crm# || ',' || erp# || ',stripe:' || 's' || :seed::text || '_#}' AS set#
  FROM source.batches WHERE n = :n \gset
BEGIN;
\repeat 20 UPDATE us.accounts SET external_ids = :set# WHERE id = :account#;
COMMIT;
-- @before us_function
VACUUM us.accounts;
CHECKPOINT;
-- @pgbench us_function -c 1 -t :turns
\set n random(1, :batches)
\set seed random(1, 2000000000)
SELECT n
\repeat 20 , account#, org#, '{' || crm# || ',' || erp# || ',stripe:' || 's' || :seed::text || '_#}' AS set#
  FROM source.batches WHERE n = :n \gset
BEGIN;
\repeat 20 SELECT * FROM external_ids_set('us.accounts', :account#::bigint, :set#);
COMMIT;
-- @before side
VACUUM side.accounts, side.account_external_ids;
CHECKPOINT;
-- @pgbench side -c 1 -t :turns
\set n random(1, :batches)
\set seed random(1, 2000000000)
SELECT n
\repeat 20 , account#, org#, '{' || crm# || ',' || erp# || ',stripe:' || 's' || :seed::text || '_#}' AS set#
  FROM source.batches WHERE n = :n \gset
BEGIN;
\repeat 20 SELECT side.patch(:account#, :org#, :set#);
COMMIT;
-- @before side_changed
VACUUM side.accounts, side.account_external_ids;
CHECKPOINT;
-- @pgbench side_changed -c 1 -t :turns
\set n random(1, :batches)
\set seed random(1, 2000000000)
SELECT n
\repeat 20 , account#, org#, '{' || crm# || ',' || erp# || ',stripe:' || 's' || :seed::text || '_#}' AS set#
  FROM source.batches WHERE n = :n \gset
BEGIN;
\repeat 20 SELECT side.patch_changed(:account#, :org#, :set#);
COMMIT;

-- @goal E5 time us_function / us_plain <= 1.3 external_ids_set, by a plain UPDATE
-- @goal - time side / us_plain - a plain UPDATE over the wire, by (b)
-- @goal - time side_changed / us_plain - a plain UPDATE over the wire, by (b) that touches only what changed
