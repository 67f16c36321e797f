/* external_ids 0.1: types, the unique_members index access method, row functions */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION external_ids" to load this file. \quit

-- =========================================================================
-- Types (section owner: src/types)
-- =========================================================================

-- END OF TYPES

-- =========================================================================
-- Index access method (section owner: src/index)
-- =========================================================================

CREATE FUNCTION unique_members_handler(internal) RETURNS index_am_handler
	AS 'MODULE_PATHNAME' LANGUAGE C STRICT;
COMMENT ON FUNCTION unique_members_handler(internal) IS 'unique_members index access method handler';

CREATE ACCESS METHOD unique_members TYPE INDEX HANDLER unique_members_handler;
COMMENT ON ACCESS METHOD unique_members IS 'btree index access method for the members of a set, each unique within the scope columns';

-- Set operator classes. No <, <=, >=, > here: core would push them down to the
-- index as if whole sets were in order there.

CREATE OPERATOR FAMILY external_id_set_ops USING unique_members;
COMMENT ON OPERATOR FAMILY external_id_set_ops USING unique_members IS 'external ID unique by label and value';

CREATE OPERATOR CLASS external_id_set_ops DEFAULT FOR TYPE external_id_set
	USING unique_members FAMILY external_id_set_ops AS
	OPERATOR 6 &&,
	OPERATOR 8 @>,
	OPERATOR 10 =,
	OPERATOR 11 @= (external_id_set, text),
	FUNCTION 1 external_id_set_entry_cmp(external_id_set, external_id_set),
	FUNCTION 1 (external_id_set, text) external_id_set_entry_cmp_value(external_id_set, text),
	FUNCTION 2 external_id_set_entry_sortsupport(internal),
	FUNCTION 4 btequalimage(oid),
	FUNCTION 6 external_id_set_entries(external_id_set, internal),
	FUNCTION 6 (external_id_set, text) external_id_set_entries_of_value(text, internal);
COMMENT ON OPERATOR CLASS external_id_set_ops USING unique_members IS 'external ID unique by label and value';

CREATE OPERATOR FAMILY external_id_set_value_ops USING unique_members;
COMMENT ON OPERATOR FAMILY external_id_set_value_ops USING unique_members IS 'external ID unique by value, whatever its label';

CREATE OPERATOR CLASS external_id_set_value_ops FOR TYPE external_id_set
	USING unique_members FAMILY external_id_set_value_ops AS
	OPERATOR 6 &=,
	OPERATOR 6 @= (external_id_set, text),
	OPERATOR 7 &&,
	OPERATOR 9 @>,
	OPERATOR 10 =,
	FUNCTION 1 external_id_set_entry_cmp(external_id_set, external_id_set),
	FUNCTION 2 external_id_set_entry_sortsupport(internal),
	FUNCTION 4 btequalimage(oid),
	FUNCTION 6 external_id_set_value_entries(external_id_set, internal),
	FUNCTION 6 (external_id_set, text) external_id_set_entries_of_value(text, internal);
COMMENT ON OPERATOR CLASS external_id_set_value_ops USING unique_members IS 'external ID unique by value, whatever its label';

-- Scope operator classes: btree's operators and functions under this method.
-- Those of text compare bytewise, so no collation upgrade can corrupt an index.

CREATE OPERATOR FAMILY integer_ops USING unique_members;
COMMENT ON OPERATOR FAMILY integer_ops USING unique_members IS 'integer scope columns';

CREATE OPERATOR CLASS int2_ops DEFAULT FOR TYPE int2
	USING unique_members FAMILY integer_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 btint2cmp(int2, int2),
	FUNCTION 2 btint2sortsupport(internal),
	FUNCTION 4 btequalimage(oid);
COMMENT ON OPERATOR CLASS int2_ops USING unique_members IS 'int2 scope columns';

CREATE OPERATOR CLASS int4_ops DEFAULT FOR TYPE int4
	USING unique_members FAMILY integer_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 btint4cmp(int4, int4),
	FUNCTION 2 btint4sortsupport(internal),
	FUNCTION 4 btequalimage(oid);
COMMENT ON OPERATOR CLASS int4_ops USING unique_members IS 'int4 scope columns';

CREATE OPERATOR CLASS int8_ops DEFAULT FOR TYPE int8
	USING unique_members FAMILY integer_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 btint8cmp(int8, int8),
	FUNCTION 2 btint8sortsupport(internal),
	FUNCTION 4 btequalimage(oid);
COMMENT ON OPERATOR CLASS int8_ops USING unique_members IS 'int8 scope columns';

ALTER OPERATOR FAMILY integer_ops USING unique_members ADD
	OPERATOR 1 < (int2, int4),
	OPERATOR 2 <= (int2, int4),
	OPERATOR 3 = (int2, int4),
	OPERATOR 4 >= (int2, int4),
	OPERATOR 5 > (int2, int4),
	FUNCTION 1 (int2, int4) btint24cmp(int2, int4),
	OPERATOR 1 < (int2, int8),
	OPERATOR 2 <= (int2, int8),
	OPERATOR 3 = (int2, int8),
	OPERATOR 4 >= (int2, int8),
	OPERATOR 5 > (int2, int8),
	FUNCTION 1 (int2, int8) btint28cmp(int2, int8),
	OPERATOR 1 < (int4, int2),
	OPERATOR 2 <= (int4, int2),
	OPERATOR 3 = (int4, int2),
	OPERATOR 4 >= (int4, int2),
	OPERATOR 5 > (int4, int2),
	FUNCTION 1 (int4, int2) btint42cmp(int4, int2),
	OPERATOR 1 < (int4, int8),
	OPERATOR 2 <= (int4, int8),
	OPERATOR 3 = (int4, int8),
	OPERATOR 4 >= (int4, int8),
	OPERATOR 5 > (int4, int8),
	FUNCTION 1 (int4, int8) btint48cmp(int4, int8),
	OPERATOR 1 < (int8, int2),
	OPERATOR 2 <= (int8, int2),
	OPERATOR 3 = (int8, int2),
	OPERATOR 4 >= (int8, int2),
	OPERATOR 5 > (int8, int2),
	FUNCTION 1 (int8, int2) btint82cmp(int8, int2),
	OPERATOR 1 < (int8, int4),
	OPERATOR 2 <= (int8, int4),
	OPERATOR 3 = (int8, int4),
	OPERATOR 4 >= (int8, int4),
	OPERATOR 5 > (int8, int4),
	FUNCTION 1 (int8, int4) btint84cmp(int8, int4);

CREATE OPERATOR FAMILY uuid_ops USING unique_members;
COMMENT ON OPERATOR FAMILY uuid_ops USING unique_members IS 'uuid scope columns';

CREATE OPERATOR CLASS uuid_ops DEFAULT FOR TYPE uuid
	USING unique_members FAMILY uuid_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 uuid_cmp(uuid, uuid),
	FUNCTION 2 uuid_sortsupport(internal),
	FUNCTION 4 btequalimage(oid);
COMMENT ON OPERATOR CLASS uuid_ops USING unique_members IS 'uuid scope columns';

CREATE OPERATOR FAMILY bool_ops USING unique_members;
COMMENT ON OPERATOR FAMILY bool_ops USING unique_members IS 'bool scope columns';

CREATE OPERATOR CLASS bool_ops DEFAULT FOR TYPE bool
	USING unique_members FAMILY bool_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 btboolcmp(bool, bool),
	FUNCTION 4 btequalimage(oid);
COMMENT ON OPERATOR CLASS bool_ops USING unique_members IS 'bool scope columns';

CREATE OPERATOR FAMILY oid_ops USING unique_members;
COMMENT ON OPERATOR FAMILY oid_ops USING unique_members IS 'oid scope columns';

CREATE OPERATOR CLASS oid_ops DEFAULT FOR TYPE oid
	USING unique_members FAMILY oid_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 btoidcmp(oid, oid),
	FUNCTION 2 btoidsortsupport(internal),
	FUNCTION 4 btequalimage(oid);
COMMENT ON OPERATOR CLASS oid_ops USING unique_members IS 'oid scope columns';

CREATE OPERATOR FAMILY enum_ops USING unique_members;
COMMENT ON OPERATOR FAMILY enum_ops USING unique_members IS 'enum scope columns';

CREATE OPERATOR CLASS enum_ops DEFAULT FOR TYPE anyenum
	USING unique_members FAMILY enum_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 enum_cmp(anyenum, anyenum),
	FUNCTION 4 btequalimage(oid);
COMMENT ON OPERATOR CLASS enum_ops USING unique_members IS 'enum scope columns';

CREATE OPERATOR FAMILY bytea_ops USING unique_members;
COMMENT ON OPERATOR FAMILY bytea_ops USING unique_members IS 'bytea scope columns';

CREATE OPERATOR CLASS bytea_ops DEFAULT FOR TYPE bytea
	USING unique_members FAMILY bytea_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 byteacmp(bytea, bytea),
	FUNCTION 2 bytea_sortsupport(internal),
	FUNCTION 4 btequalimage(oid);
COMMENT ON OPERATOR CLASS bytea_ops USING unique_members IS 'bytea scope columns';

CREATE OPERATOR FAMILY text_ops USING unique_members;
COMMENT ON OPERATOR FAMILY text_ops USING unique_members IS 'text and varchar scope columns, compared bytewise';

CREATE OPERATOR CLASS text_ops DEFAULT FOR TYPE text
	USING unique_members FAMILY text_ops AS
	OPERATOR 1 ~<~,
	OPERATOR 2 ~<=~,
	OPERATOR 3 =,
	OPERATOR 4 ~>=~,
	OPERATOR 5 ~>~,
	FUNCTION 1 bttext_pattern_cmp(text, text),
	FUNCTION 2 bttext_pattern_sortsupport(internal),
	FUNCTION 4 btequalimage(oid);
COMMENT ON OPERATOR CLASS text_ops USING unique_members IS 'text and varchar scope columns, compared bytewise';

CREATE OPERATOR FAMILY bpchar_ops USING unique_members;
COMMENT ON OPERATOR FAMILY bpchar_ops USING unique_members IS 'char(n) scope columns, compared bytewise';

CREATE OPERATOR CLASS bpchar_ops DEFAULT FOR TYPE bpchar
	USING unique_members FAMILY bpchar_ops AS
	OPERATOR 1 ~<~,
	OPERATOR 2 ~<=~,
	OPERATOR 3 =,
	OPERATOR 4 ~>=~,
	OPERATOR 5 ~>~,
	FUNCTION 1 btbpchar_pattern_cmp(bpchar, bpchar),
	FUNCTION 2 btbpchar_pattern_sortsupport(internal),
	FUNCTION 4 btequalimage(oid);
COMMENT ON OPERATOR CLASS bpchar_ops USING unique_members IS 'char(n) scope columns, compared bytewise';

-- END OF INDEX

-- =========================================================================
-- Row functions (section owner: src/rows)
-- =========================================================================

-- END OF ROWS
