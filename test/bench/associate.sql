-- @title contacts associated with accounts by external ID, by one statement
-- @rounds 3
-- @chart bars time us us_unnest side side_hash us_read us_read_unnest side_read side_read_hash
-- @data us side
-- @ops :contacts
-- @setup
-- Contacts come in an order that has nothing to do with where accounts lie; an account has several.
CREATE TABLE contacts AS
SELECT i AS id, a.org_id, a.ids[1 + i % 3] AS account_external_id
  FROM generate_series(1, :contacts) i JOIN source.accounts a ON a.id = 1 + i::bigint * 48271 % 2147483647 % :accounts;
CREATE TABLE us_contacts AS
SELECT id, org_id, account_external_id::external_id, NULL::bigint AS account_id FROM contacts ORDER BY md5('c' || id);
CREATE TABLE side_contacts AS
SELECT id, org_id, account_external_id COLLATE "C" AS account_external_id, NULL::bigint AS account_id FROM contacts ORDER BY md5('c' || id);
VACUUM ANALYZE us_contacts, side_contacts;
-- @sql us_read
-- Which contact is whose, without writing it down. Ours is planned with no setting of a planner's.
SELECT count(a.id) FROM own.us_contacts c JOIN us.accounts a ON a.external_ids @> c.account_external_id AND a.org_id = c.org_id;
-- @plan us_read Nested Loop.*Index Scan using accounts_external_ids_key

-- @sql us_read_unnest
-- The sets unnested once, where many contacts come at once: no setting either.
SELECT count(a.id) FROM own.us_contacts c JOIN (SELECT id, org_id, unnest(external_ids) AS id_held FROM us.accounts) a ON a.id_held = c.account_external_id AND a.org_id = c.org_id;
-- @plan us_read_unnest Hash Join

-- @sql side_read
SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_memoize = off;
SELECT count(a.id) FROM own.side_contacts c JOIN side.account_external_ids e ON e.external_id = c.account_external_id AND e.org_id = c.org_id JOIN side.accounts a ON a.id = e.account_id;
-- @plan side_read Nested Loop.*account_external_ids_pkey

-- @sql side_read_hash
-- As the planner likes it.
SELECT count(a.id) FROM own.side_contacts c JOIN side.account_external_ids e ON e.external_id = c.account_external_id AND e.org_id = c.org_id JOIN side.accounts a ON a.id = e.account_id;

-- @before us
UPDATE own.us_contacts SET account_id = NULL;
VACUUM FULL ANALYZE own.us_contacts;
CHECKPOINT;
-- @sql us
UPDATE own.us_contacts AS c SET account_id = a.id FROM us.accounts AS a WHERE a.external_ids @> c.account_external_id AND a.org_id = c.org_id;
-- @plan us Nested Loop.*Index Scan using accounts_external_ids_key
-- @after us
SELECT count(*) = count(account_id) FROM own.us_contacts;

-- @before us_unnest
UPDATE own.us_contacts SET account_id = NULL;
VACUUM FULL ANALYZE own.us_contacts;
CHECKPOINT;
-- @sql us_unnest
UPDATE own.us_contacts AS c SET account_id = a.id FROM (SELECT id, org_id, unnest(external_ids) AS id_held FROM us.accounts) AS a WHERE a.id_held = c.account_external_id AND a.org_id = c.org_id;
-- @plan us_unnest Hash Join
-- @after us_unnest
SELECT count(*) = count(account_id) FROM own.us_contacts;

-- @before side
UPDATE own.side_contacts SET account_id = NULL;
VACUUM FULL ANALYZE own.side_contacts;
CHECKPOINT;
-- @sql side
SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_memoize = off;
UPDATE own.side_contacts AS c SET account_id = e.account_id FROM side.account_external_ids AS e WHERE e.external_id = c.account_external_id AND e.org_id = c.org_id;
-- @plan side Nested Loop.*account_external_ids_pkey
-- @after side
SELECT count(*) = count(account_id) FROM own.side_contacts;

-- @before side_hash
UPDATE own.side_contacts SET account_id = NULL;
VACUUM FULL ANALYZE own.side_contacts;
CHECKPOINT;
-- @sql side_hash
UPDATE own.side_contacts AS c SET account_id = e.account_id FROM side.account_external_ids AS e WHERE e.external_id = c.account_external_id AND e.org_id = c.org_id;
-- @after side_hash
SELECT count(*) = count(account_id) FROM own.side_contacts;

-- @goal E7 time side_read / us_read_unnest >= 2.0 contacts joined with the sets unnested, by (b)'s join by index
-- @goal E7 time side / us_unnest >= 2.0 contacts associated by UPDATE from the sets unnested, by (b)'s by index, which needs no account's row
-- @goal - time side_read / us_read - contacts joined with accounts by look-ups, by (b)'s join by index
-- @goal - time side / us - contacts associated by look-ups, by (b)'s by index
-- @goal - time side_read_hash / us_read_unnest - contacts joined with the sets unnested, by (b)'s join as the planner likes it
-- @goal - time side_hash / us_unnest - contacts associated by UPDATE from the sets unnested, by (b)'s as the planner likes it
