-- @title one INSERT ... SELECT of many children whose accounts are there
-- @rounds 15
-- @setup
CREATE EXTENSION external_ids;
CREATE TABLE accounts (id bigint PRIMARY KEY, org_id int NOT NULL, external_ids external_id_set NOT NULL);
CREATE INDEX ON accounts USING unique_members (external_ids, org_id);
INSERT INTO accounts
SELECT i, 1, external_id('crm', i::bigint) + external_id('erp', md5(i::text)) + external_id('stripe', 'cus_' || md5('s' || i))
  FROM generate_series(1, :rows) i;
CREATE TABLE linked (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, org_id int NOT NULL,
    account_external_id external_id, account_id bigint REFERENCES accounts);
SELECT external_ids_link('linked', 'account_external_id', 'account_id', 'accounts');

-- The peer takes no lock, so it loses rows, and does nothing when an account comes.
CREATE TABLE by_hand (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, org_id int NOT NULL,
    account_external_id external_id, account_id bigint REFERENCES accounts);
CREATE FUNCTION find_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT id INTO NEW.account_id FROM accounts
     WHERE external_ids @> NEW.account_external_id AND org_id = NEW.org_id;
    RETURN NEW;
END $$;
CREATE TRIGGER find_account BEFORE INSERT OR UPDATE OF account_external_id, org_id ON by_hand
    FOR EACH ROW EXECUTE FUNCTION find_account();
VACUUM ANALYZE accounts;
CREATE TABLE arriving AS
SELECT 1 AS org_id, external_id('crm', (1 + i * 7919 % :rows)::bigint) AS account_external_id FROM generate_series(1, :rows / 10) i;
VACUUM ANALYZE arriving;

-- @before by_hand
TRUNCATE by_hand;
CHECKPOINT;
-- @sql by_hand
INSERT INTO by_hand (org_id, account_external_id) SELECT org_id, account_external_id FROM arriving;
-- @after by_hand
SELECT count(*) = :rows / 10 AND count(account_id) = :rows / 10 FROM by_hand;

-- @before linked
TRUNCATE linked;
CHECKPOINT;
-- @sql linked
INSERT INTO linked (org_id, account_external_id) SELECT org_id, account_external_id FROM arriving;
-- @after linked
SELECT count(*) = :rows / 10 AND count(account_id) = :rows / 10 FROM linked;

-- @goal link time linked / by_hand <= 1.3 many children are inserted by one statement, by such a trigger
