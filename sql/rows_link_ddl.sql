--
-- external_ids_link and external_ids_unlink: what they make, refuse and remove
--
CREATE ROLE regress_link_owner;
CREATE ROLE regress_link_child;
CREATE SCHEMA rows_link AUTHORIZATION regress_link_owner;
GRANT USAGE, CREATE ON SCHEMA rows_link TO regress_link_child;
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET ROLE regress_link_owner;
SET search_path = rows_link, public;

CREATE TABLE accounts (
	id bigint PRIMARY KEY,
	org_id int,
	external_ids external_id_set NOT NULL DEFAULT '{}'
);
CREATE INDEX accounts_ids ON accounts USING unique_members (external_ids, org_id);
CREATE TABLE contacts (
	id int PRIMARY KEY,
	org_id int,
	organisation_id int,
	org_text text,
	account_ext external_id,
	account_value varchar(40),
	padded char(10),
	verified bool,
	note text,
	account_id bigint REFERENCES accounts ON DELETE SET NULL,
	value_account_id int,
	required_id bigint NOT NULL DEFAULT 0,
	text_id text,
	made_id bigint GENERATED ALWAYS AS (id) STORED,
	ext_copy external_id GENERATED ALWAYS AS (external_id('copy', id)) STORED,
	org_copy int GENERATED ALWAYS AS (org_id) STORED,
	verified_copy bool GENERATED ALWAYS AS (verified) STORED
);

-- Triggers of links, those on partitions left out; where two tables are named, the second is in FROM.
CREATE VIEW link_triggers AS
	SELECT tgrelid::regclass AS "table", tgconstrrelid::regclass AS "from", tgname AS name
	FROM pg_trigger WHERE tgname LIKE 'zz_external_ids_link_%' AND tgparentid = 0
	ORDER BY tgrelid::regclass::text COLLATE "C", tgname;
CREATE FUNCTION trigger_count() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM link_triggers';

--
-- What a link is
--
SELECT * FROM external_ids_link('contacts', 'account_ext', 'account_id', 'accounts');
SELECT * FROM link_triggers;
\a\t
SELECT replace(pg_get_triggerdef(oid), 'rows_link.', '') AS definition FROM pg_trigger
	WHERE tgname LIKE 'zz_external_ids_link_%' ORDER BY tgname;
\a\t
SELECT pg_get_indexdef('contacts_account_id_waiting_idx'::regclass);

-- another on the same pair: a text column, follow, verified, another scope column, the index named
SELECT * FROM external_ids_link('contacts', 'account_value', 'value_account_id', 'accounts',
	scope => '{"org_id": "organisation_id"}', on_move => 'follow', verified => 'verified', index => 'accounts_ids');
\a\t
SELECT replace(pg_get_triggerdef(oid), 'rows_link.', '') AS definition FROM pg_trigger
	WHERE tgname LIKE 'zz_external_ids_link_contacts_value_account_id_%' ORDER BY tgname;
\a\t
SELECT pg_get_indexdef('contacts_value_account_id_waiting_idx'::regclass);

-- the record: columns in the order that the trigger functions rely on
SELECT t.tgname, array_agg(a.attname ORDER BY c.n) AS columns
	FROM pg_trigger t, unnest(t.tgattr::int2[]) WITH ORDINALITY c (attnum, n), pg_attribute a
	WHERE t.tgname LIKE 'zz_external_ids_link_%' AND a.attrelid = t.tgrelid AND a.attnum = c.attnum
	GROUP BY t.tgname ORDER BY t.tgname;

-- verified and kept: only verified rows wait
SELECT external_ids_unlink('contacts', 'value_account_id');
SELECT * FROM external_ids_link('contacts', 'account_value', 'value_account_id', 'accounts', verified => 'verified');
SELECT pg_get_indexdef('contacts_value_account_id_waiting_idx'::regclass);

--
-- What unlink removes: this link, no other, and everything of it
--
SELECT external_ids_unlink('contacts', 'value_account_id');
SELECT * FROM link_triggers;
SELECT external_ids_unlink('contacts', 'value_account_id');
SELECT external_ids_unlink('contacts', 'account_id');
SELECT trigger_count();
SELECT indexrelid::regclass FROM pg_index WHERE indrelid IN ('contacts'::regclass, 'accounts'::regclass) ORDER BY 1;
SELECT count(*) FROM pg_constraint WHERE conname LIKE 'zz_external_ids_link_%';

--
-- Errors
--
CREATE FUNCTION refused(call text) RETURNS text LANGUAGE plpgsql AS $f$
DECLARE
	result text; code text; message text; detail text; hint text; col text;
BEGIN
	EXECUTE 'SELECT ' || call INTO result;
	RETURN 'no error: ' || result;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
		hint = PG_EXCEPTION_HINT, col = COLUMN_NAME;
	RETURN concat_ws(' | ', code, message, nullif(detail, ''), nullif(hint, ''), 'column ' || nullif(col, ''));
END $f$;
\a\t
-- nulls
SELECT refused($$external_ids_link(NULL, 'account_ext', 'account_id', 'accounts')$$);
SELECT refused($$external_ids_link('contacts', NULL, 'account_id', 'accounts')$$);
SELECT refused($$external_ids_link('contacts', 'account_ext', NULL, 'accounts')$$);
SELECT refused($$external_ids_link('contacts', 'account_ext', 'account_id', NULL)$$);
SELECT refused($$external_ids_link('contacts', 'account_ext', 'account_id', 'accounts', on_move => NULL)$$);
SELECT refused($$external_ids_unlink(NULL, 'account_id')$$);
SELECT refused($$external_ids_unlink('contacts', NULL)$$);
-- columns that are not there
SELECT refused($$external_ids_link('contacts', 'nothing', 'account_id', 'accounts')$$);
SELECT refused($$external_ids_link('contacts', 'account_ext', 'nothing', 'accounts')$$);
SELECT refused($$external_ids_link('contacts', 'account_ext', 'account_id', 'accounts', verified => 'nothing')$$);
SELECT refused($$external_ids_link('contacts', 'account_ext', 'account_id', 'accounts', '{"org_id": "nothing"}')$$);
SELECT refused($$external_ids_link('contacts', 'ctid', 'account_id', 'accounts')$$);
-- types
SELECT refused($$external_ids_link('contacts', 'organisation_id', 'account_id', 'accounts')$$);
SELECT refused($$external_ids_link('contacts', 'padded', 'account_id', 'accounts')$$);
SELECT refused($$external_ids_link('contacts', 'account_ext', 'text_id', 'accounts')$$);
SELECT refused($$external_ids_link('contacts', 'account_ext', 'account_id', 'accounts', '{"org_id": "org_text"}')$$);
SELECT refused($$external_ids_link('contacts', 'account_ext', 'account_id', 'accounts', verified => 'note')$$);
-- the foreign key column
SELECT refused($$external_ids_link('contacts', 'account_ext', 'required_id', 'accounts')$$);
SELECT refused($$external_ids_link('contacts', 'account_ext', 'made_id', 'accounts')$$);
-- generated columns: a BEFORE trigger sees the old value
SELECT refused($$external_ids_link('contacts', 'ext_copy', 'account_id', 'accounts')$$);
SELECT refused($$external_ids_link('contacts', 'account_ext', 'account_id', 'accounts', '{"org_id": "org_copy"}')$$);
SELECT refused($$external_ids_link('contacts', 'account_ext', 'account_id', 'accounts', verified => 'verified_copy')$$);
-- one column for two purposes
SELECT refused($$external_ids_link('contacts', 'account_ext', 'value_account_id', 'accounts', '{"org_id": "value_account_id"}')$$);
SELECT refused($$external_ids_link('contacts', 'account_value', 'account_value', 'accounts')$$);
-- scope
SELECT refused($$external_ids_link('contacts', 'account_ext', 'account_id', 'accounts', '{"organisation_id": "org_id"}')$$);
SELECT refused($$external_ids_link('contacts', 'account_ext', 'account_id', 'accounts', '{"org_id": 1}')$$);
SELECT refused($$external_ids_link('contacts', 'account_ext', 'account_id', 'accounts', '{"org_id": null}')$$);
SELECT refused($$external_ids_link('contacts', 'account_ext', 'account_id', 'accounts', '{"org_id": ["a"]}')$$);
SELECT refused($$external_ids_link('contacts', 'account_ext', 'account_id', 'accounts', '["org_id"]')$$);
SELECT refused($$external_ids_link('contacts', 'account_ext', 'account_id', 'accounts', '"org_id"')$$);
-- on_move
SELECT refused($$external_ids_link('contacts', 'account_ext', 'account_id', 'accounts', on_move => 'Follow')$$);
-- the parent
CREATE TABLE no_key (id bigint, external_ids external_id_set);
CREATE INDEX ON no_key USING unique_members (external_ids);
CREATE TABLE two_keys (a bigint, b bigint, external_ids external_id_set, PRIMARY KEY (a, b));
CREATE INDEX two_keys_ids ON two_keys USING unique_members (external_ids);
CREATE TABLE no_index (id bigint PRIMARY KEY, external_ids external_id_set);
CREATE TABLE two_indexes (id bigint PRIMARY KEY, external_ids external_id_set);
CREATE INDEX two_indexes_1 ON two_indexes USING unique_members (external_ids);
CREATE INDEX two_indexes_2 ON two_indexes USING unique_members (external_ids external_id_set_value_ops);
SELECT refused($$external_ids_link('contacts', 'account_ext', 'account_id', 'no_key')$$);
SELECT refused($$external_ids_link('contacts', 'account_ext', 'account_id', 'two_keys')$$);
SELECT refused($$external_ids_link('contacts', 'account_ext', 'account_id', 'no_index')$$);
SELECT refused($$external_ids_link('contacts', 'account_ext', 'account_id', 'contacts')$$);
SELECT refused($$external_ids_link('contacts', 'account_ext', 'account_id', 'two_indexes')$$);
SELECT refused($$external_ids_link('contacts', 'account_ext', 'account_id', 'two_indexes', index => 'accounts_ids')$$);
SELECT external_ids_link('contacts', 'account_ext', 'account_id', 'two_indexes', index => 'two_indexes_2');
INSERT INTO two_indexes VALUES (1, 'a:1'), (2, 'b:2');
SELECT * FROM external_ids_merge('two_indexes', 1, 2, repoint => true, index => 'two_indexes_1');
DROP INDEX two_indexes_2;
INSERT INTO contacts (account_ext) VALUES ('a:1');
SELECT external_ids_unlink('contacts', 'account_id');
-- what is no table, or a partition, or temporary
CREATE VIEW seen AS SELECT 1 AS id, NULL::external_id AS account_ext;
CREATE TABLE parted (org_id int, id bigint, account_ext external_id, account_id bigint, external_ids external_id_set,
	PRIMARY KEY (org_id, id)) PARTITION BY LIST (org_id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1) PARTITION BY LIST (org_id);
CREATE INDEX ON parted USING unique_members (external_ids, org_id);
CREATE TEMP TABLE temp_contacts (id int, account_ext external_id, org_id int, account_id bigint);
SELECT refused($$external_ids_link('seen', 'account_ext', 'account_id', 'accounts')$$);
SELECT refused($$external_ids_link('contacts', 'account_ext', 'account_id', 'seen')$$);
SELECT refused($$external_ids_link('contacts_pkey', 'account_ext', 'account_id', 'accounts')$$);
SELECT refused($$external_ids_link('parted_1', 'account_ext', 'account_id', 'accounts')$$);
SELECT refused($$external_ids_link('contacts', 'account_ext', 'account_id', 'parted_1')$$);
SELECT refused($$external_ids_link('temp_contacts', 'account_ext', 'account_id', 'accounts')$$);
SELECT refused($$external_ids_link(1, 'account_ext', 'account_id', 'accounts')$$);
SELECT refused($$external_ids_link('contacts', 'account_ext', 'account_id', 1)$$);
SELECT refused($$external_ids_unlink(1, 'account_id')$$);
-- the foreign key as part of a partition key, of the table or of a partition of it
CREATE TABLE by_account (id int, org_id int, account_ext external_id, account_id bigint) PARTITION BY LIST (account_id);
CREATE TABLE by_org (id int, org_id int, account_ext external_id, account_id bigint) PARTITION BY LIST (org_id);
CREATE TABLE by_org_1 (account_id bigint, account_ext external_id, org_id int, id int) PARTITION BY HASH (account_id);
ALTER TABLE by_org ATTACH PARTITION by_org_1 FOR VALUES IN (1);
SELECT refused($$external_ids_link('by_account', 'account_ext', 'account_id', 'accounts')$$);
SELECT refused($$external_ids_link('by_org', 'account_ext', 'account_id', 'accounts')$$);
-- linked already
SELECT external_ids_link('contacts', 'account_ext', 'account_id', 'accounts');
SELECT refused($$external_ids_link('contacts', 'account_value', 'account_id', 'accounts')$$);
SELECT refused($$external_ids_unlink('contacts', 'value_account_id')$$);
SELECT refused($$external_ids_unlink('contacts', 'nothing')$$);
SELECT refused($$external_ids_unlink('accounts', 'account_id')$$);
SELECT external_ids_unlink('contacts', 'account_id');
\a\t
-- nothing is left of all these
SELECT trigger_count();

--
-- Privileges: those of a foreign key and of a trigger
--
SET ROLE regress_link_child;
CREATE TABLE theirs (id int, org_id int, account_ext external_id, account_id bigint);
SELECT external_ids_link('theirs', 'account_ext', 'account_id', 'accounts');
SELECT external_ids_link('contacts', 'account_ext', 'account_id', 'accounts');
SELECT external_ids_unlink('contacts', 'account_id');
SET ROLE regress_link_owner;
GRANT REFERENCES ON accounts TO regress_link_child;
SET ROLE regress_link_child;
SELECT external_ids_link('theirs', 'account_ext', 'account_id', 'accounts');
SET ROLE regress_link_owner;
GRANT TRIGGER ON accounts TO regress_link_child;
SET ROLE regress_link_child;
SELECT external_ids_link('theirs', 'account_ext', 'account_id', 'accounts');
SET ROLE regress_link_owner;
-- as a foreign key, it goes without the parent's owner
REVOKE ALL ON accounts FROM regress_link_child;
SELECT external_ids_unlink('theirs', 'account_id');
SET ROLE regress_link_child;
SELECT external_ids_unlink('theirs', 'account_id');
DROP TABLE theirs;
SET ROLE regress_link_owner;
SELECT trigger_count();

--
-- Names that are taken, long, or need quotes
--
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER zz_external_ids_link_contacts_account_id_c_end BEFORE INSERT ON accounts FOR EACH ROW EXECUTE FUNCTION nothing();
ALTER TABLE contacts ADD CONSTRAINT zz_external_ids_link_contacts_account_id_1_c_wait CHECK (true);
CREATE INDEX contacts_account_id_waiting_idx ON contacts (id);
SELECT external_ids_link('contacts', 'account_ext', 'account_id', 'accounts');
SELECT DISTINCT encode(tgargs, 'escape') AS arguments FROM pg_trigger WHERE tgname LIKE 'zz_external_ids_link_%_c_wait';
SELECT external_ids_unlink('contacts', 'account_id');
SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'contacts'::regclass ORDER BY 1;
DROP INDEX contacts_account_id_waiting_idx;
ALTER TABLE contacts DROP CONSTRAINT zz_external_ids_link_contacts_account_id_1_c_wait;
DROP TRIGGER zz_external_ids_link_contacts_account_id_c_end ON accounts;

CREATE TABLE "Contacts ""of"" a Grüße\ long, very long, much too long name" (
	"The'ID" external_id, "The\Key" bigint, "the other Key" bigint, "Org" int);
SELECT external_ids_link('"Contacts ""of"" a Grüße\ long, very long, much too long name"', 'The''ID', 'The\Key', 'accounts', '{"org_id": "Org"}');
SELECT external_ids_link('"Contacts ""of"" a Grüße\ long, very long, much too long name"', 'The''ID', 'the other Key', 'accounts', '{"org_id": "Org"}', verified => NULL);
SELECT name, octet_length(name::text) <= 63 AS fits FROM link_triggers WHERE "from" <> 0;
SELECT external_ids_unlink('"Contacts ""of"" a Grüße\ long, very long, much too long name"', 'The\Key');
SELECT external_ids_unlink('"Contacts ""of"" a Grüße\ long, very long, much too long name"', 'the other Key');
SELECT trigger_count();

-- tables of one name in two schemas, with one parent
RESET ROLE;
CREATE SCHEMA rows_link_2 AUTHORIZATION regress_link_owner;
SET ROLE regress_link_owner;
CREATE TABLE rows_link_2.contacts (org_id int, account_ext external_id, account_id bigint);
SELECT external_ids_link('contacts', 'account_ext', 'account_id', 'accounts');
SELECT external_ids_link('rows_link_2.contacts', 'account_ext', 'account_id', 'accounts');
SELECT * FROM link_triggers WHERE "from" <> 0;
SELECT external_ids_unlink('contacts', 'account_id');
SELECT * FROM link_triggers WHERE "from" <> 0;
SELECT external_ids_unlink('rows_link_2.contacts', 'account_id');

--
-- Renames do not break it
--
SELECT external_ids_link('contacts', 'account_ext', 'account_id', 'accounts');
ALTER TABLE contacts RENAME account_id TO acc_id;
ALTER TABLE contacts RENAME TO people;
ALTER TABLE accounts RENAME TO companies;
ALTER TABLE people SET SCHEMA rows_link_2;
SELECT external_ids_link('rows_link_2.people', 'account_ext', 'acc_id', 'companies');
SELECT external_ids_unlink('rows_link_2.people', 'acc_id');
SELECT trigger_count();
SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'rows_link_2.people'::regclass ORDER BY 1;
ALTER TABLE rows_link_2.people SET SCHEMA rows_link;
ALTER TABLE people RENAME TO contacts;
ALTER TABLE companies RENAME TO accounts;
ALTER TABLE contacts RENAME acc_id TO account_id;

--
-- Dropped columns and tables
--
SELECT external_ids_link('contacts', 'account_ext', 'account_id', 'accounts');
ALTER TABLE contacts DROP COLUMN account_ext;
ALTER TABLE contacts DROP COLUMN account_id;
ALTER TABLE contacts DROP COLUMN org_id;
\set VERBOSITY terse
ALTER TABLE contacts ALTER COLUMN account_id TYPE int;
\set VERBOSITY default
-- the record goes, and with it every other trigger
BEGIN;
ALTER TABLE contacts DROP COLUMN account_ext CASCADE;
SELECT * FROM link_triggers;
SELECT external_ids_unlink('contacts', 'account_id');
ROLLBACK;
BEGIN;
DROP TABLE contacts;
SELECT * FROM link_triggers;
ROLLBACK;
-- the parent goes: the child's idle half is unlinked as any link, or linked anew after that
BEGIN;
DROP TABLE accounts CASCADE;
SELECT * FROM link_triggers;
SELECT external_ids_unlink('contacts', 'account_id');
SELECT * FROM link_triggers;
SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'contacts'::regclass ORDER BY 1;
ROLLBACK;

-- A dump does not carry that the other triggers go with the record: make it so.
RESET ROLE;
DELETE FROM pg_depend WHERE classid = 'pg_trigger'::regclass AND refclassid = 'pg_trigger'::regclass AND deptype = 'a';
SET ROLE regress_link_owner;
BEGIN;
ALTER TABLE contacts DROP COLUMN account_id CASCADE;
SELECT * FROM link_triggers;
SELECT external_ids_unlink('contacts', 'account_id');
SELECT * FROM link_triggers;
ROLLBACK;
BEGIN;
DROP TABLE contacts;
SELECT * FROM link_triggers;
-- they are in nobody's way, and go when the parent is named
CREATE TABLE contacts (org_id int, account_ext external_id, account_id bigint);
SELECT external_ids_link('contacts', 'account_ext', 'account_id', 'accounts');
SELECT external_ids_unlink('accounts', 'account_id');
SELECT * FROM link_triggers;
ROLLBACK;
SELECT external_ids_unlink('accounts', 'account_id');
-- the index may be gone, or its name another's
DROP INDEX contacts_account_id_waiting_idx;
CREATE TABLE contacts_account_id_waiting_idx ();
SELECT external_ids_unlink('contacts', 'account_id');
SELECT trigger_count(), 'contacts_account_id_waiting_idx'::regclass;
DROP TABLE contacts_account_id_waiting_idx;

--
-- The extension's functions cannot go from under a link.
--
SELECT external_ids_link('contacts', 'account_ext', 'account_id', 'accounts');
RESET ROLE;
DROP FUNCTION external_ids_link_parent();
ALTER EXTENSION external_ids DROP FUNCTION external_ids_link_parent();
DROP FUNCTION external_ids_link_parent();
ALTER EXTENSION external_ids ADD FUNCTION external_ids_link_parent();
SET ROLE regress_link_owner;

-- A trigger that anybody made with our functions is no link.
CREATE TRIGGER zz_external_ids_link_mine AFTER INSERT ON contacts FOR EACH STATEMENT EXECUTE FUNCTION external_ids_link_child('contacts_account_id');
CREATE TRIGGER zz_external_ids_link_bare AFTER INSERT ON contacts FOR EACH STATEMENT EXECUTE FUNCTION external_ids_link_child();
SELECT external_ids_unlink('contacts', 'account_id');
SELECT name FROM link_triggers;
DROP TRIGGER zz_external_ids_link_mine ON contacts;
DROP TRIGGER zz_external_ids_link_bare ON contacts;

--
-- A hostile search path: operators and functions before the server's own
--
RESET ROLE;
CREATE SCHEMA rows_link_evil;
GRANT ALL ON SCHEMA rows_link_evil TO regress_link_owner;
SET ROLE regress_link_owner;
CREATE FUNCTION rows_link_evil.eq(int, int) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR rows_link_evil.= (LEFTARG = int, RIGHTARG = int, FUNCTION = rows_link_evil.eq);
CREATE FUNCTION rows_link_evil.eq(external_id, external_id) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR rows_link_evil.= (LEFTARG = external_id, RIGHTARG = external_id, FUNCTION = rows_link_evil.eq);
CREATE FUNCTION rows_link_evil.external_ids_link_child() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE COLLATION rows_link_evil."C" FROM "POSIX";
SET search_path = rows_link_evil, pg_catalog;
SELECT public.external_ids_link('rows_link.contacts', 'account_ext', 'account_id', 'rows_link.accounts');
SELECT public.external_ids_link('rows_link.contacts', 'account_value', 'value_account_id', 'rows_link.accounts');
SET search_path = rows_link, public;
SELECT pg_describe_object(refclassid, refobjid, 0) AS depends_on, count(*) FROM pg_depend
	WHERE classid = 'pg_trigger'::regclass AND objid IN (SELECT oid FROM pg_trigger WHERE tgname LIKE 'zz_external_ids_link_%')
	AND refclassid IN ('pg_operator'::regclass, 'pg_proc'::regclass) GROUP BY 1 ORDER BY 1;
SELECT pg_get_indexdef('contacts_value_account_id_waiting_idx'::regclass);
SHOW search_path;
SELECT external_ids_unlink('contacts', 'account_id');
SELECT external_ids_unlink('contacts', 'value_account_id');

--
-- Partitioned tables: partitions that are there, and those that come
--
CREATE TABLE parted_contacts (id int, aid text, org int, fk bigint) PARTITION BY LIST (org);
CREATE TABLE parted_contacts_1 PARTITION OF parted_contacts FOR VALUES IN (1);
SELECT external_ids_link('parted_contacts', 'aid', 'fk', 'parted', '{"org_id": "org"}', 'follow');
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES IN (2);
CREATE TABLE parted_contacts_2 (gone int, fk bigint, org int, aid text, id int);
ALTER TABLE parted_contacts_2 DROP COLUMN gone;
ALTER TABLE parted_contacts ATTACH PARTITION parted_contacts_2 FOR VALUES IN (2);
SELECT tgrelid::regclass AS "table", tgconstrrelid::regclass AS "from", right(tgname, -35) AS name, tgparentid <> 0 AS clone
	FROM pg_trigger WHERE tgname LIKE 'zz_external_ids_link_%' ORDER BY tgrelid::regclass::text, 3;
SELECT indexrelid::regclass AS index FROM pg_index WHERE indrelid::regclass::text LIKE 'parted_contacts%' ORDER BY 1;
-- a detached one of either side keeps a trigger; unlinked from that, and from no more, it can come back
ALTER TABLE parted DETACH PARTITION parted_2;
ALTER TABLE parted_contacts DETACH PARTITION parted_contacts_2;
SELECT external_ids_unlink('parted_contacts', 'aid');
SELECT external_ids_unlink('parted_2', 'fk');
SELECT external_ids_unlink('parted_contacts_2', 'fk');
SELECT external_ids_unlink('parted_contacts_2', 'fk');
ALTER TABLE parted ATTACH PARTITION parted_2 FOR VALUES IN (2);
ALTER TABLE parted_contacts ATTACH PARTITION parted_contacts_2 FOR VALUES IN (2);
SELECT tgrelid::regclass AS "table", tgconstrrelid::regclass AS "from", right(tgname, -35) AS name, tgparentid <> 0 AS clone
	FROM pg_trigger WHERE tgname LIKE 'zz_external_ids_link_%' ORDER BY tgrelid::regclass::text, 3;
-- and a link of its own can be made beside it
ALTER TABLE parted_contacts DETACH PARTITION parted_contacts_2;
SELECT external_ids_link('parted_contacts_2', 'aid', 'fk', 'parted', '{"org_id": "org"}');
SELECT external_ids_unlink('parted_contacts_2', 'fk');
ALTER TABLE parted_contacts ATTACH PARTITION parted_contacts_2 FOR VALUES IN (2);
ALTER TABLE parted_contacts DETACH PARTITION parted_contacts_2;
SELECT external_ids_unlink('parted_contacts', 'fk');
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'zz_external_ids_link_%';
SELECT indexrelid::regclass AS index FROM pg_index WHERE indrelid::regclass::text LIKE 'parted_contacts%' ORDER BY 1;

--
-- Keys, domains, temporary tables, a table and itself
--
CREATE DOMAIN account_ref AS external_id;
CREATE DOMAIN account_key AS uuid;
CREATE TABLE orgs (org_id int, id uuid, ids external_id_set, PRIMARY KEY (org_id, id));
CREATE INDEX ON orgs USING unique_members (ids, org_id);
CREATE TABLE members (org_id int, org_ref account_ref, org account_key);
SELECT external_ids_link('members', 'org_ref', 'org', 'orgs');
CREATE TEMP TABLE temp_accounts (LIKE accounts INCLUDING INDEXES);
SELECT external_ids_link('temp_contacts', 'account_ext', 'account_id', 'temp_accounts');
CREATE TABLE people (id int PRIMARY KEY, ids external_id_set, boss_ext external_id, boss int, boss_value text, boss2 int);
CREATE INDEX ON people USING unique_members (ids);
SELECT external_ids_link('people', 'boss_ext', 'boss', 'people');
SELECT external_ids_link('people', 'boss_value', 'boss2', 'people', '{}', 'follow');
SELECT "table" IN ('members'::regclass, 'orgs') AS uuid, * FROM link_triggers;
SELECT external_ids_unlink('people', 'boss');
SELECT external_ids_unlink('people', 'boss2');
SELECT external_ids_unlink('members', 'org');
SELECT external_ids_unlink('temp_contacts', 'account_id');
SELECT trigger_count();

--
-- The waiting index is the table's: where it cannot be probed, every ID may be waited for
--
CREATE TABLE firms (id int PRIMARY KEY, org int, ids external_id_set);
CREATE INDEX firms_ids ON firms USING unique_members (ids);
CREATE TABLE staff (id int, org int, ext external_id, firm_id int, note external_id, active bool);
-- The firm of a row that waited, the waiting index being this one.
CREATE FUNCTION links_with(index text) RETURNS int LANGUAGE plpgsql AS $f$
DECLARE
	linked int;
BEGIN
	DROP INDEX IF EXISTS staff_firm_id_waiting_idx;
	EXECUTE 'CREATE INDEX staff_firm_id_waiting_idx ON staff ' || index;
	INSERT INTO staff (id, ext) VALUES (1, 'crm:1');
	INSERT INTO firms (id, ids) VALUES (1, 'crm:1');
	DELETE FROM staff RETURNING firm_id INTO linked;
	DELETE FROM firms;
	RETURN linked;
END $f$;
SELECT external_ids_link('staff', 'ext', 'firm_id', 'firms');
SELECT index, links_with(index) FROM unnest('{
	(ext), (ext) WHERE ext IS NOT NULL, (ext) WHERE firm_id IS NULL, "(ext, org)", USING hash (ext), (note),
	(ext) WHERE note IS NOT NULL, (ext) WHERE ext IS NULL, (ext) WHERE active, (ext) WHERE id > 1}'::text[]) index;
SELECT external_ids_unlink('staff', 'firm_id');
SELECT external_ids_link('staff', 'ext', 'firm_id', 'firms', verified => 'active', on_move => 'follow');
ALTER TABLE staff ALTER active SET DEFAULT true;
SELECT index, links_with(index) FROM unnest('{
	(ext) WHERE active, (ext) WHERE firm_id IS NULL}'::text[]) index;
SELECT external_ids_unlink('staff', 'firm_id');
DROP TABLE staff;
-- a partition without its part; a leaf of a partition that is itself partitioned
CREATE TABLE staff (id int, ext external_id, firm_id int) PARTITION BY LIST (id);
CREATE TABLE staff_1 PARTITION OF staff FOR VALUES IN (1) PARTITION BY LIST (id);
CREATE TABLE staff_1_1 PARTITION OF staff_1 FOR VALUES IN (1);
CREATE TABLE staff_2 PARTITION OF staff FOR VALUES IN (2);
SELECT external_ids_link('staff', 'ext', 'firm_id', 'firms');
DROP INDEX staff_firm_id_waiting_idx;
CREATE INDEX staff_firm_id_waiting_idx ON ONLY staff (ext);
INSERT INTO staff VALUES (1, 'crm:1');
INSERT INTO staff_1_1 VALUES (1, 'crm:2');
INSERT INTO firms (id, ids) VALUES (1, 'crm:1'), (2, 'crm:2');
INSERT INTO staff_1_1 VALUES (1, 'crm:1');
INSERT INTO staff_2 VALUES (2, 'crm:2');
SELECT * FROM staff ORDER BY id, ext, firm_id;

--
-- Triggers that do not belong together: made by hand, they do nothing
--
CREATE TRIGGER bare AFTER INSERT ON staff_2 FOR EACH ROW
	EXECUTE FUNCTION external_ids_link_child('nobody', 'keep', '', '', '');
INSERT INTO staff VALUES (2, 'crm:1');
DROP TRIGGER bare ON staff_2;
SELECT external_ids_unlink('staff', 'firm_id');
CREATE TABLE loose (id int, ext external_id, firm_id int);
CREATE CONSTRAINT TRIGGER row AFTER INSERT ON loose FROM firms FOR EACH ROW
	EXECUTE FUNCTION external_ids_link_child('loose', 'keep', '', '', '');
CREATE CONSTRAINT TRIGGER loose_row AFTER INSERT ON firms FROM loose FOR EACH ROW
	EXECUTE FUNCTION external_ids_link_parent('loose', 'keep', '', '', '');
CREATE TRIGGER statement BEFORE UPDATE OF ext ON loose FOR EACH STATEMENT
	EXECUTE FUNCTION external_ids_link_child('loose', 'keep', '', '', '');
INSERT INTO loose VALUES (1, 'crm:1');
UPDATE loose SET ext = 'crm:2';
TABLE loose;
DROP TABLE loose, staff;

--
-- A statement trigger that is disabled: what was collected is not lost silently
--
CREATE TABLE staff (id int, ext external_id, firm_id int);
SELECT external_ids_link('staff', 'ext', 'firm_id', 'firms', on_move => 'follow');
SELECT tgname FROM pg_trigger WHERE tgrelid = 'staff'::regclass AND tgname LIKE '%\_end';
ALTER TABLE staff DISABLE TRIGGER zz_external_ids_link_staff_firm_id_c_end;
INSERT INTO staff VALUES (1, 'crm:1');
INSERT INTO staff VALUES (2);
ALTER TABLE staff ENABLE TRIGGER zz_external_ids_link_staff_firm_id_c_end;
TABLE staff;
-- a subtransaction that fails within a statement takes along its own, not the statement's
CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
	BEGIN
		INSERT INTO firms (id, ids) VALUES (NEW.id + 10, external_id('more', NEW.id));
		RAISE unique_violation;
	EXCEPTION WHEN unique_violation THEN
		RETURN NEW;
	END;
END $f$;
CREATE TRIGGER fails AFTER INSERT ON staff FOR EACH ROW EXECUTE FUNCTION fails();
INSERT INTO staff VALUES (3, 'crm:3'), (4, 'more:4'), (5, 'crm:1');
DROP TRIGGER fails ON staff;
INSERT INTO firms (id, ids) VALUES (3, 'crm:3');
SELECT * FROM staff ORDER BY id;
-- more rows than are collected at once
DELETE FROM staff;
INSERT INTO staff SELECT i, 'crm:3' FROM generate_series(1, 20000) i;
SELECT firm_id, count(*) FROM staff GROUP BY 1;
UPDATE firms SET ids = 'crm:4' WHERE id = 3;
UPDATE firms SET ids = '{crm:1,crm:3}' WHERE id = 1;
SELECT firm_id, count(*) FROM staff GROUP BY 1;
SELECT external_ids_unlink('staff', 'firm_id');

--
-- The parent's key: still one column beside the scope
--
CREATE TABLE tenants (org int, id int, part int, ids external_id_set, PRIMARY KEY (org, id));
CREATE INDEX tenants_ids ON tenants USING unique_members (ids, org);
ALTER TABLE staff ADD COLUMN org int;
SELECT external_ids_link('staff', 'ext', 'firm_id', 'tenants');
ALTER TABLE tenants DROP CONSTRAINT tenants_pkey, ADD PRIMARY KEY (org, id, part);
INSERT INTO staff VALUES (1, 'crm:1', NULL, 1);
INSERT INTO tenants VALUES (1, 1, 1, 'crm:1');
SELECT external_ids_unlink('staff', 'firm_id');
ALTER TABLE tenants DROP CONSTRAINT tenants_pkey, ADD PRIMARY KEY (org, id);
-- two scopes of one hash, with one ID, are two
DELETE FROM staff;
SELECT hashint4(4119) = hashint4(209697) AS alike;
SELECT external_ids_link('staff', 'ext', 'firm_id', 'tenants');
INSERT INTO staff (id, ext, org) VALUES (1, 'crm:1', 4119), (2, 'crm:1', 209697);
INSERT INTO tenants VALUES (4119, 1, 1, 'crm:1'), (209697, 2, 1, 'crm:1');
-- who names both says what the row points at
UPDATE staff SET ext = 'crm:2', firm_id = NULL WHERE id = 1;
UPDATE staff SET ext = 'crm:1', firm_id = 7 WHERE id = 1;
SELECT * FROM staff ORDER BY id;
SELECT external_ids_unlink('staff', 'firm_id');

-- By an index of values, an ID's label is looked at in the row
CREATE TABLE shops (id int PRIMARY KEY, ids external_id_set);
CREATE INDEX ON shops USING unique_members (ids external_id_set_value_ops);
SELECT external_ids_link('staff', 'ext', 'firm_id', 'shops');
INSERT INTO shops VALUES (1, 'erp:1');
INSERT INTO staff (id, ext) VALUES (3, 'crm:1'), (4, 'erp:1');
SELECT id, ext, firm_id FROM staff WHERE id > 2 ORDER BY id;
SELECT external_ids_unlink('staff', 'firm_id');

-- A scope column of a type that cannot be hashed
RESET ROLE;
CREATE OPERATOR CLASS rows_link.money_ops FOR TYPE money USING unique_members AS
	OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 cash_cmp(money, money);
SET ROLE regress_link_owner;
CREATE TABLE priced (id int PRIMARY KEY, price money, ids external_id_set);
CREATE INDEX ON priced USING unique_members (ids, price money_ops);
ALTER TABLE staff ADD COLUMN price money;
SELECT external_ids_link('staff', 'ext', 'firm_id', 'priced');

-- One transaction that writes to more IDs of more parents than it first has room for
SELECT format('CREATE TABLE many_%s (id int PRIMARY KEY, ids external_id_set)', i),
	format('CREATE INDEX ON many_%s USING unique_members (ids)', i),
	format('CREATE TABLE of_many_%s (ext external_id, many_id int)', i),
	format('SELECT external_ids_link(''of_many_%s'', ''ext'', ''many_id'', ''many_%s'')', i, i) FROM generate_series(1, 3) i \gexec
BEGIN;
SELECT format('INSERT INTO of_many_%s SELECT external_id(''a'', i) FROM generate_series(1, 60) i', i) FROM generate_series(1, 3) i \gexec
SELECT count(*) BETWEEN 181 AND 190 AS kept FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'page';
SELECT format('INSERT INTO many_%s SELECT i, external_id(''a'', i) FROM generate_series(1, 60) i', i) FROM generate_series(1, 3) i \gexec
COMMIT;
SELECT count(*), sum(many_id) FROM (TABLE of_many_1 UNION ALL TABLE of_many_2 UNION ALL TABLE of_many_3) m;

-- A collation that knows more equals than the bytes (a server built without ICU has none)
DO $$
BEGIN
	BEGIN
		CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
	EXCEPTION WHEN feature_not_supported THEN
		RETURN;
	END;
	CREATE TABLE regions (id int PRIMARY KEY, region text COLLATE "C", ids external_id_set);
	CREATE INDEX ON regions USING unique_members (ids, region);
	CREATE TABLE sites (id int PRIMARY KEY, region text COLLATE any_case, name text COLLATE any_case, region_id int);
	BEGIN
		PERFORM external_ids_link('sites', 'name', 'region_id', 'regions');
		ASSERT false, 'a scope that is compared otherwise than bytewise';
	EXCEPTION WHEN feature_not_supported THEN
		NULL;
	END;
	ALTER TABLE sites ALTER region TYPE text COLLATE "C";
	PERFORM external_ids_link('sites', 'name', 'region_id', 'regions');
	INSERT INTO regions VALUES (1, 'eu', 'crm:a'), (2, 'eu', 'crm:A');
	INSERT INTO sites VALUES (1, 'eu', 'a');
	UPDATE sites SET name = 'A';
	ASSERT (SELECT region_id = 2 FROM sites), 'a name that differs by its bytes only was kept';
END $$;

RESET ROLE;
RESET search_path;
DROP TABLE pg_temp.temp_contacts, pg_temp.temp_accounts;
DROP SCHEMA rows_link, rows_link_2, rows_link_evil CASCADE;
DROP ROLE regress_link_owner, regress_link_child;
