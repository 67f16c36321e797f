--
-- What unique_members leaves alone: an index that is not UNIQUE, an EXCLUDE
-- constraint, and whatever belongs to other indexes. On every server.
--
SET client_min_messages = warning;
CREATE ROLE regress_index_guard;
CREATE SCHEMA index_guard AUTHORIZATION regress_index_guard;
SET ROLE regress_index_guard;
SET search_path = index_guard, public;

-- Runs a statement; 'ok', or what it raises.
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;

CREATE TABLE accounts (id int PRIMARY KEY, external_ids external_id_set NOT NULL DEFAULT '{}', org_id int NOT NULL,
	code external_id NOT NULL UNIQUE);
CREATE INDEX accounts_external_ids_key ON accounts USING unique_members (external_ids, org_id);
CREATE TABLE excluded_accounts (id int PRIMARY KEY, external_ids external_id_set NOT NULL DEFAULT '{}', org_id int NOT NULL,
	CONSTRAINT excluded_key EXCLUDE USING unique_members (external_ids WITH &&, org_id WITH =));
INSERT INTO accounts VALUES (1, '{crm:1,zen:1}', 1, 'a'), (2, '{}', 1, 'b'), (3, '{}', 1, 'c');
INSERT INTO excluded_accounts SELECT id, external_ids, org_id FROM accounts;

SELECT * FROM (VALUES
	('a foreign key on the primary key',		'ok',		outcome('CREATE TABLE c1 (account_id int REFERENCES accounts)')),
	('by its name',								'ok',		outcome('CREATE TABLE c2 (account_id int REFERENCES excluded_accounts (id))')),
	('on a single external ID',					'ok',		outcome('CREATE TABLE c3 (code external_id REFERENCES accounts (code))')),
	('none on the set of a plain index',		'42830',	outcome('CREATE TABLE c4 (x external_id, o int, FOREIGN KEY (x, o) REFERENCES accounts (external_ids, org_id))')),
	('none on that of an EXCLUDE constraint',	'42830',	outcome('CREATE TABLE c5 (x external_id, o int, FOREIGN KEY (x, o) REFERENCES excluded_accounts (external_ids, org_id))')),
	('replica identity: the primary key',		'ok',		outcome('ALTER TABLE accounts REPLICA IDENTITY USING INDEX accounts_pkey')),
	('FULL',									'ok',		outcome('ALTER TABLE accounts REPLICA IDENTITY FULL')),
	('not a plain index',						'42809',	outcome('ALTER TABLE accounts REPLICA IDENTITY USING INDEX accounts_external_ids_key')),
	('not that of an EXCLUDE constraint',		'42809',	outcome('ALTER TABLE excluded_accounts REPLICA IDENTITY USING INDEX excluded_key')),
	('DEFAULT',									'ok',		outcome('ALTER TABLE accounts REPLICA IDENTITY DEFAULT')),
	('a CHECK constraint',						'ok',		outcome('ALTER TABLE accounts ADD CHECK (id > 0)')),
	('no UNIQUE constraint by a plain index',	'42809',	outcome('ALTER TABLE accounts ADD UNIQUE USING INDEX accounts_external_ids_key')),
	('CLUSTER by another index',				'ok',		outcome('CLUSTER accounts USING accounts_pkey')),
	('not by ours',								'0A000',	outcome('CLUSTER accounts USING accounts_external_ids_key'))
) v (what, expected, result);

-- a materialised view, refreshed by comparing
CREATE MATERIALIZED VIEW accounts_view AS SELECT * FROM accounts;
CREATE UNIQUE INDEX ON accounts_view (id);
CREATE INDEX accounts_view_key ON accounts_view USING unique_members (external_ids, org_id);
UPDATE accounts SET external_ids = external_ids - 'zen:1' WHERE id = 1;
UPDATE accounts SET external_ids = 'zen:1' WHERE id = 2;
REFRESH MATERIALIZED VIEW CONCURRENTLY accounts_view;
SELECT id, external_ids FROM accounts_view ORDER BY id;

RESET ROLE;
DROP SCHEMA index_guard CASCADE;
DROP ROLE regress_index_guard;
