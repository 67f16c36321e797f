--
-- Row functions against what changes the meaning of their statements' text
--
SET client_min_messages = warning;
CREATE SCHEMA rows_attacks;
SET search_path = rows_attacks, public;

--
-- An operator of a better match in the extension's own schema is not called.
--
CREATE TABLE accounts (id varchar PRIMARY KEY, org varchar, ids external_id_set);
CREATE INDEX accounts_ids ON accounts USING unique_members (ids, org);
INSERT INTO accounts VALUES ('one', 'a', 'crm:1'), ('two', 'a', 'crm:2');
CREATE FUNCTION evil(external_id_set, external_id) RETURNS bool LANGUAGE plpgsql AS
	$$ BEGIN RAISE WARNING 'evil was called'; RETURN true; END $$;
CREATE OPERATOR public.@> (LEFTARG = external_id_set, RIGHTARG = external_id, FUNCTION = evil);
CREATE OPERATOR public.&& (LEFTARG = external_id_set, RIGHTARG = external_id, FUNCTION = evil);
-- the trap works
SELECT count(*) AS two FROM accounts WHERE ids @> 'crm:1'::external_id;
SELECT id AS one FROM external_ids_resolve(NULL::accounts, 'crm:1', '{"org": "a"}');
SELECT ordinality, (match).id FROM external_ids_resolve_many(NULL::accounts, '{crm:1,crm:3}', '{"org": "a"}');
SELECT * FROM external_ids_add('accounts', 'two', 'crm:1');
DROP OPERATOR public.@> (external_id_set, external_id);
DROP OPERATOR public.&& (external_id_set, external_id);

--
-- Constants in an index's predicate mean the same under every setting.
--
CREATE TABLE dated (id int PRIMARY KEY, day date, span interval, note text, weight float8, ids external_id_set);
CREATE INDEX dated_ids ON dated USING unique_members (ids)
	WHERE day >= date '2026-02-01' AND span > interval '-1 day 2 hours' AND note <> 'a\b' AND weight = 0.1;
INSERT INTO dated VALUES (1, '2026-01-15', '0', 'x', 0.1, 'crm:1'), (2, '2026-02-15', '0', 'x', 0.1, 'crm:1'),
	(3, '2026-02-15', '0', 'a\b', 0.1, 'crm:1'), (4, '2026-02-15', '-23 hours', 'x', 0.1, 'crm:1');
SET datestyle = 'SQL, DMY';
SET intervalstyle = 'postgres';
SET extra_float_digits = -5;
SELECT id AS two FROM external_ids_resolve(NULL::dated, 'crm:1');
SET datestyle = 'SQL, MDY';
SET intervalstyle = 'sql_standard';
-- (from 19 on this one is always on)
DO $$ BEGIN SET standard_conforming_strings = off; EXCEPTION WHEN feature_not_supported THEN END $$;
SELECT current_setting('standard_conforming_strings') AS strings \gset
SELECT id AS two FROM external_ids_resolve(NULL::dated, 'crm:1');
SELECT id AS two FROM external_ids_resolve_value(NULL::dated, '1');
-- not in the index: not there
SELECT * FROM external_ids_set('dated', 1, 'crm:7');
SELECT * FROM external_ids_set('dated', 3, 'crm:7');
SELECT ids FROM external_ids_set('dated', 2, 'crm:7');
-- what the text was read under is the session's own again
SHOW datestyle;
SELECT current_setting('standard_conforming_strings') = :'strings' AS t;
RESET datestyle;
RESET intervalstyle;
RESET extra_float_digits;
RESET standard_conforming_strings;

--
-- A function that comes to stand before the predicate's own does not take over.
--
CREATE SCHEMA rows_attacks_before;
SET search_path = rows_attacks_before, rows_attacks, public;
CREATE FUNCTION rows_attacks.ok(int) RETURNS bool LANGUAGE sql IMMUTABLE RETURN $1 > 0;
CREATE TABLE rows_attacks.signed (id int PRIMARY KEY, ids external_id_set);
CREATE INDEX signed_ids ON signed USING unique_members (ids) WHERE ok(id);
INSERT INTO signed VALUES (1, 'b:1'), (-1, 'b:1');
SELECT id AS one FROM external_ids_resolve(NULL::signed, 'b:1');
CREATE FUNCTION rows_attacks_before.ok(int) RETURNS bool LANGUAGE sql IMMUTABLE RETURN $1 < 0;
SELECT id AS one FROM external_ids_resolve(NULL::signed, 'b:1');
SELECT id AS one FROM external_ids_resolve_value(NULL::signed, '1');
SELECT * FROM external_ids_set('signed', -1, 'b:7');

RESET search_path;
DROP SCHEMA rows_attacks_before, rows_attacks CASCADE;
