-- @title COPY of accounts with 3 IDs each, into a table without a link and into one with (no child waits)
-- @rounds 7
-- @setup
CREATE EXTENSION external_ids;
CREATE SCHEMA without_link;
CREATE TABLE without_link.accounts (id bigint PRIMARY KEY, org_id int NOT NULL, name text, external_ids external_id_set NOT NULL);
CREATE INDEX ON without_link.accounts USING unique_members (external_ids, org_id);
CREATE TABLE without_link.contacts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, org_id int NOT NULL,
    account_external_id external_id, account_id bigint REFERENCES without_link.accounts);
CREATE SCHEMA with_link;
CREATE TABLE with_link.accounts (id bigint PRIMARY KEY, org_id int NOT NULL, name text, external_ids external_id_set NOT NULL);
CREATE INDEX ON with_link.accounts USING unique_members (external_ids, org_id);
CREATE TABLE with_link.contacts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, org_id int NOT NULL,
    account_external_id external_id, account_id bigint REFERENCES with_link.accounts);
SELECT external_ids_link('with_link.contacts', 'account_external_id', 'account_id', 'with_link.accounts');

-- IDs come in no order, as they do from other systems.
\set file :dir /accounts
COPY (SELECT i, 1 + i % 100, 'Account ' || i,
             external_id('crm', i::bigint) + external_id('erp', md5(i::text)) + external_id('stripe', 'cus_' || md5('s' || i))
        FROM generate_series(1, :rows) i) TO :'file';

-- @before without
TRUNCATE without_link.accounts, without_link.contacts;
CHECKPOINT;
-- @sql without
\set file :dir /accounts
COPY without_link.accounts FROM :'file';
-- @after without
SELECT count(*) = :rows FROM without_link.accounts;

-- @before with
TRUNCATE with_link.accounts, with_link.contacts;
CHECKPOINT;
-- @sql with
\set file :dir /accounts
COPY with_link.accounts FROM :'file';
-- @after with
SELECT count(*) = :rows FROM with_link.accounts;

-- @goal link time with / without <= 1.5 COPY into the parent of a link, by COPY into a table without
