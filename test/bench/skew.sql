-- @title sets of 1, 10 and 1,000 IDs: look-ups, and one ID of each of some rows gives way to another
-- @rounds 3
-- @chart bars time us_read_1 side_read_1 us_read_10 side_read_10 us_read_1000 side_read_1000 us_write_1 side_write_1 us_write_10 side_write_10 us_write_1000 side_write_1000
-- @setup
CREATE EXTENSION external_ids;
-- As many IDs in each table; look-ups of a tenth of them; a hundredth of them is changed.
-- @each 1 10 1000
CREATE TABLE us_<n> AS
SELECT i AS id, 1 AS org_id, external_ids_agg(external_id('crm', md5(i || '.' || j))) AS external_ids
  FROM generate_series(1, greatest(:members / <n>, 1)) i, generate_series(1, <n>) j GROUP BY i;
ALTER TABLE us_<n> ADD PRIMARY KEY (id), ALTER external_ids SET NOT NULL;
CREATE INDEX us_<n>_key ON us_<n> USING unique_members (external_ids, org_id);
CREATE TABLE accounts_<n> AS SELECT id, org_id FROM us_<n>;
ALTER TABLE accounts_<n> ADD PRIMARY KEY (id);
CREATE TABLE side_<n> AS SELECT org_id, e::text COLLATE "C" AS external_id, id AS account_id FROM us_<n>, unnest(external_ids) e;
ALTER TABLE side_<n> ADD PRIMARY KEY (org_id, external_id), ADD FOREIGN KEY (account_id) REFERENCES accounts_<n>;
CREATE INDEX ON side_<n> (account_id);
CREATE TABLE us_probes_<n> AS
SELECT external_id('crm', md5(1 + i * 7919 % greatest(:members / <n>, 1) || '.' || 1 + i % <n>)) AS id FROM generate_series(1, greatest(:members / 10, 1)) i;
CREATE TABLE side_probes_<n> AS SELECT id::text COLLATE "C" AS id FROM us_probes_<n>;
-- @end
VACUUM ANALYZE;
-- @each 1 10 1000
-- @sql us_read_<n>
-- A hundred rows of a thousand IDs each are one page, so the planner would read them all.
SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_memoize = off; SET enable_seqscan = off;
SELECT count(a.id) FROM us_probes_<n> p JOIN us_<n> a ON a.external_ids @> p.id AND a.org_id = 1;
-- @plan us_read_<n> Nested Loop.*Scan using us_<n>_key
-- @sql side_read_<n>
SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_memoize = off;
SELECT count(a.id) FROM side_probes_<n> p JOIN side_<n> e ON e.external_id = p.id AND e.org_id = 1 JOIN accounts_<n> a ON a.id = e.account_id;
-- @plan side_read_<n> Nested Loop.*Nested Loop.*side_<n>_pkey

-- @before us_write_<n>
DROP TABLE IF EXISTS swaps;
CREATE TABLE swaps AS
SELECT DISTINCT ON (id) id, e AS old, external_id('new', 'r' || :round || '_' || id) AS new
  FROM us_<n>, unnest(external_ids) e WHERE id <= greatest(:members / <n> / 100, 1) ORDER BY id, md5(:round || e::text);
VACUUM ANALYZE swaps, us_<n>; CHECKPOINT;
-- @sql us_write_<n>
UPDATE us_<n> AS a SET external_ids = a.external_ids - s.old + s.new FROM swaps AS s WHERE a.id = s.id;
-- @after us_write_<n>
SELECT count(*) = (SELECT count(*) FROM swaps) FROM swaps s JOIN us_<n> a ON a.external_ids @> s.new AND a.org_id = 1 AND a.id = s.id AND cardinality(a.external_ids) = <n>;

-- @before side_write_<n>
DROP TABLE IF EXISTS swaps;
CREATE TABLE swaps AS
SELECT DISTINCT ON (account_id) account_id, external_id AS old, 'new:r' || :round || '_' || account_id AS new
  FROM side_<n> WHERE account_id <= greatest(:members / <n> / 100, 1) ORDER BY account_id, md5(:round || external_id);
VACUUM ANALYZE swaps, side_<n>, accounts_<n>; CHECKPOINT;
-- @sql side_write_<n>
BEGIN;
SELECT count(*) FROM (SELECT FROM accounts_<n> a JOIN swaps s ON s.account_id = a.id FOR UPDATE OF a) a;
DELETE FROM side_<n> e USING swaps s WHERE e.org_id = 1 AND e.external_id = s.old;
INSERT INTO side_<n> SELECT 1, new, account_id FROM swaps;
COMMIT;
-- @goal - time side_read_<n> / us_read_<n> - a look-up by (b), IDs on a row: <n>
-- @goal - time side_write_<n> / us_write_<n> - one ID replaced by (b) that touches only what changed, IDs on a row: <n>
-- @end
