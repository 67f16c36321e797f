-- @title one INSERT of a child whose account is there, by one prepared client, some thousand times a round
-- @rounds 21
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

-- @before by_hand
TRUNCATE by_hand;
CHECKPOINT;
-- @pgbench by_hand -c 1 -t :inserts
\set account random(1, :rows)
INSERT INTO by_hand (org_id, account_external_id) VALUES (1, external_id('crm', :account::bigint));
-- @after by_hand
SELECT count(*) = :inserts AND count(account_id) = :inserts FROM by_hand;

-- @before linked
TRUNCATE linked;
CHECKPOINT;
-- @pgbench linked -c 1 -t :inserts
\set account random(1, :rows)
INSERT INTO linked (org_id, account_external_id) VALUES (1, external_id('crm', :account::bigint));
-- @after linked
SELECT count(*) = :inserts AND count(account_id) = :inserts FROM linked;

-- @goal link time linked / by_hand <= 1.3 a child is inserted, by a trigger that only looks its account up
