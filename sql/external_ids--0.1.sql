/* external_ids 0.1: types, the unique_members index access method, row functions */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION external_ids" to load this file. \quit

-- =========================================================================
-- Types (section owner: src/types)
-- =========================================================================

-- The types' names must be free: a table of that name is a type of that name.
DO $check$
DECLARE
	taken text;
BEGIN
	SELECT pg_catalog.format('%s %I.%I',
			CASE WHEN t.typrelid <> 0 THEN 'relation' ELSE 'type' END,
			n.nspname, t.typname)
		INTO taken
		FROM pg_catalog.pg_type t
			JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
		WHERE n.nspname = pg_catalog.current_schema()
			AND t.typname IN ('external_id', 'external_id_set')
		ORDER BY t.typname
		LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION USING
			ERRCODE = '42710',
			MESSAGE = 'extension external_ids cannot be created in this schema',
			DETAIL = pg_catalog.format('The %s has the name of one of its types.', taken),
			HINT = 'Create it in a schema of its own: CREATE SCHEMA ext; CREATE EXTENSION external_ids SCHEMA ext;';
	END IF;
END
$check$;

CREATE TYPE external_id;

CREATE FUNCTION external_id_in(cstring) RETURNS external_id
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_in';
COMMENT ON FUNCTION external_id_in(cstring) IS 'I/O';

CREATE FUNCTION external_id_out(external_id) RETURNS cstring
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_out';
COMMENT ON FUNCTION external_id_out(external_id) IS 'I/O';

CREATE FUNCTION external_id_recv(internal) RETURNS external_id
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_recv';
COMMENT ON FUNCTION external_id_recv(internal) IS 'I/O';

CREATE FUNCTION external_id_send(external_id) RETURNS bytea
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_send';
COMMENT ON FUNCTION external_id_send(external_id) IS 'I/O';

CREATE TYPE external_id (
	INPUT = external_id_in,
	OUTPUT = external_id_out,
	RECEIVE = external_id_recv,
	SEND = external_id_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = int4,
	STORAGE = extended
);
COMMENT ON TYPE external_id IS 'an external ID: a value given by another system, with an optional label';

CREATE TYPE external_id_set;

CREATE FUNCTION external_id_set_in(cstring) RETURNS external_id_set
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_in';
COMMENT ON FUNCTION external_id_set_in(cstring) IS 'I/O';

CREATE FUNCTION external_id_set_out(external_id_set) RETURNS cstring
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_out';
COMMENT ON FUNCTION external_id_set_out(external_id_set) IS 'I/O';

CREATE FUNCTION external_id_set_recv(internal) RETURNS external_id_set
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_recv';
COMMENT ON FUNCTION external_id_set_recv(internal) IS 'I/O';

CREATE FUNCTION external_id_set_send(external_id_set) RETURNS bytea
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_send';
COMMENT ON FUNCTION external_id_set_send(external_id_set) IS 'I/O';

CREATE TYPE external_id_set (
	INPUT = external_id_set_in,
	OUTPUT = external_id_set_out,
	RECEIVE = external_id_set_recv,
	SEND = external_id_set_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = int4,
	STORAGE = extended
);
COMMENT ON TYPE external_id_set IS 'a set of external IDs, sorted and without duplicates';

-- Casts. An external_id is a one-member set as it stands; the other casts are
-- for drivers that give their parameters a type.
CREATE CAST (external_id AS external_id_set) WITHOUT FUNCTION AS IMPLICIT;
COMMENT ON CAST (external_id AS external_id_set) IS 'the set of one external ID, without any work';

CREATE CAST (text AS external_id) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (text AS external_id) IS 'reads the text form';

CREATE CAST (varchar AS external_id) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (varchar AS external_id) IS 'reads the text form';

CREATE FUNCTION external_id_from_json(json) RETURNS external_id
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_from_json';
COMMENT ON FUNCTION external_id_from_json(json) IS 'reads the object {"external_id": "42", "label": "crm"}';

CREATE FUNCTION external_id_to_json(external_id) RETURNS json
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_to_json';
COMMENT ON FUNCTION external_id_to_json(external_id) IS 'writes the object {"external_id": "42", "label": "crm"}';

CREATE CAST (json AS external_id) WITH FUNCTION external_id_from_json(json) AS ASSIGNMENT;
COMMENT ON CAST (json AS external_id) IS 'reads the object {"external_id": "42", "label": "crm"}';
CREATE CAST (external_id AS json) WITH FUNCTION external_id_to_json(external_id) AS ASSIGNMENT;
COMMENT ON CAST (external_id AS json) IS 'writes the object {"external_id": "42", "label": "crm"}';

CREATE FUNCTION external_id_from_jsonb(jsonb) RETURNS external_id
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_from_jsonb';
COMMENT ON FUNCTION external_id_from_jsonb(jsonb) IS 'reads the object {"external_id": "42", "label": "crm"}';

CREATE FUNCTION external_id_to_jsonb(external_id) RETURNS jsonb
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_to_jsonb';
COMMENT ON FUNCTION external_id_to_jsonb(external_id) IS 'writes the object {"external_id": "42", "label": "crm"}';

CREATE CAST (jsonb AS external_id) WITH FUNCTION external_id_from_jsonb(jsonb) AS ASSIGNMENT;
COMMENT ON CAST (jsonb AS external_id) IS 'reads the object {"external_id": "42", "label": "crm"}';
CREATE CAST (external_id AS jsonb) WITH FUNCTION external_id_to_jsonb(external_id) AS ASSIGNMENT;
COMMENT ON CAST (external_id AS jsonb) IS 'writes the object {"external_id": "42", "label": "crm"}';

CREATE CAST (text AS external_id_set) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (text AS external_id_set) IS 'reads the text form';

CREATE CAST (varchar AS external_id_set) WITH INOUT AS ASSIGNMENT;
COMMENT ON CAST (varchar AS external_id_set) IS 'reads the text form';

CREATE FUNCTION external_id_set_from_json(json) RETURNS external_id_set
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_from_json';
COMMENT ON FUNCTION external_id_set_from_json(json) IS 'reads the array [{"external_id": "42", "label": "crm"}]';

CREATE FUNCTION external_id_set_to_json(external_id_set) RETURNS json
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_to_json';
COMMENT ON FUNCTION external_id_set_to_json(external_id_set) IS 'writes the array [{"external_id": "42", "label": "crm"}]';

CREATE CAST (json AS external_id_set) WITH FUNCTION external_id_set_from_json(json) AS ASSIGNMENT;
COMMENT ON CAST (json AS external_id_set) IS 'reads the array [{"external_id": "42", "label": "crm"}]';
CREATE CAST (external_id_set AS json) WITH FUNCTION external_id_set_to_json(external_id_set) AS ASSIGNMENT;
COMMENT ON CAST (external_id_set AS json) IS 'writes the array [{"external_id": "42", "label": "crm"}]';

CREATE FUNCTION external_id_set_from_jsonb(jsonb) RETURNS external_id_set
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_from_jsonb';
COMMENT ON FUNCTION external_id_set_from_jsonb(jsonb) IS 'reads the array [{"external_id": "42", "label": "crm"}]';

CREATE FUNCTION external_id_set_to_jsonb(external_id_set) RETURNS jsonb
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_to_jsonb';
COMMENT ON FUNCTION external_id_set_to_jsonb(external_id_set) IS 'writes the array [{"external_id": "42", "label": "crm"}]';

CREATE CAST (jsonb AS external_id_set) WITH FUNCTION external_id_set_from_jsonb(jsonb) AS ASSIGNMENT;
COMMENT ON CAST (jsonb AS external_id_set) IS 'reads the array [{"external_id": "42", "label": "crm"}]';
CREATE CAST (external_id_set AS jsonb) WITH FUNCTION external_id_set_to_jsonb(external_id_set) AS ASSIGNMENT;
COMMENT ON CAST (external_id_set AS jsonb) IS 'writes the array [{"external_id": "42", "label": "crm"}]';

-- Constructors and accessors
CREATE FUNCTION external_id(label text, value text) RETURNS external_id
	LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_make';
COMMENT ON FUNCTION external_id(label text, value text) IS 'an external ID of a label (NULL for none) and a value';

CREATE FUNCTION external_id(label text, value bigint) RETURNS external_id
	LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_make_bigint';
COMMENT ON FUNCTION external_id(label text, value bigint) IS 'an external ID of a label (NULL for none) and a number';

CREATE FUNCTION external_id(label text, value uuid) RETURNS external_id
	LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_make_uuid';
COMMENT ON FUNCTION external_id(label text, value uuid) IS 'an external ID of a label (NULL for none) and a UUID';

CREATE FUNCTION external_id_set(VARIADIC ids external_id[]) RETURNS external_id_set
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_make';
COMMENT ON FUNCTION external_id_set(VARIADIC ids external_id[]) IS 'the set of the given external IDs';

CREATE FUNCTION external_id_label(id external_id) RETURNS text
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_label';
COMMENT ON FUNCTION external_id_label(id external_id) IS 'the label, NULL for none';

CREATE FUNCTION external_id_value(id external_id) RETURNS text
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_value';
COMMENT ON FUNCTION external_id_value(id external_id) IS 'the value';

CREATE FUNCTION cardinality(ids external_id_set) RETURNS integer
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_cardinality';
COMMENT ON FUNCTION cardinality(ids external_id_set) IS 'the number of members';

CREATE FUNCTION unnest(ids external_id_set) RETURNS SETOF external_id
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 10 AS 'MODULE_PATHNAME', 'external_id_set_unnest';
COMMENT ON FUNCTION unnest(ids external_id_set) IS 'the members, in order';

CREATE FUNCTION external_ids_each(ids external_id_set, OUT label text, OUT value text) RETURNS SETOF record
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 10 AS 'MODULE_PATHNAME', 'external_ids_each';
COMMENT ON FUNCTION external_ids_each(ids external_id_set) IS 'the members as rows of label and value';

CREATE FUNCTION external_ids_labels(ids external_id_set) RETURNS text[]
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_ids_labels';
COMMENT ON FUNCTION external_ids_labels(ids external_id_set) IS 'the distinct labels, in order';

CREATE FUNCTION external_ids_under(ids external_id_set, VARIADIC labels text[]) RETURNS external_id_set
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_ids_under';
COMMENT ON FUNCTION external_ids_under(ids external_id_set, VARIADIC labels text[]) IS 'the members under any of the labels; NULL stands for no label';

-- Set algebra
CREATE FUNCTION external_id_set_union(external_id_set, external_id_set) RETURNS external_id_set
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_union';
COMMENT ON FUNCTION external_id_set_union(external_id_set, external_id_set) IS 'members of either set';

CREATE FUNCTION external_id_set_minus(external_id_set, external_id_set) RETURNS external_id_set
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_minus';
COMMENT ON FUNCTION external_id_set_minus(external_id_set, external_id_set) IS 'members of the first set that are not in the second';

CREATE FUNCTION external_id_set_intersect(external_id_set, external_id_set) RETURNS external_id_set
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_intersect';
COMMENT ON FUNCTION external_id_set_intersect(external_id_set, external_id_set) IS 'members of both sets';

CREATE FUNCTION external_id_set_contains(external_id_set, external_id_set) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_contains';
COMMENT ON FUNCTION external_id_set_contains(external_id_set, external_id_set) IS 'contains';

CREATE FUNCTION external_id_set_contained(external_id_set, external_id_set) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_contained';
COMMENT ON FUNCTION external_id_set_contained(external_id_set, external_id_set) IS 'is contained in';

CREATE FUNCTION external_id_set_overlaps(external_id_set, external_id_set) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_overlaps';
COMMENT ON FUNCTION external_id_set_overlaps(external_id_set, external_id_set) IS 'has members in common with';

CREATE FUNCTION external_id_set_shares_value(external_id_set, external_id_set) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_shares_value';
COMMENT ON FUNCTION external_id_set_shares_value(external_id_set, external_id_set) IS 'has values in common with, whatever their labels';

CREATE FUNCTION external_id_set_has_value(external_id_set, text) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_has_value';
COMMENT ON FUNCTION external_id_set_has_value(external_id_set, text) IS 'holds the value under any label';

CREATE FUNCTION external_id_set_values_under(external_id_set, text) RETURNS text[]
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_values_under';
COMMENT ON FUNCTION external_id_set_values_under(external_id_set, text) IS 'the values under a label; an empty label for those without one';

CREATE FUNCTION external_id_set_value_under(external_id_set, text) RETURNS text
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_value_under';
COMMENT ON FUNCTION external_id_set_value_under(external_id_set, text) IS 'the one value under a label, NULL for none';

-- Comparison and hashing
CREATE FUNCTION external_id_set_eq(external_id_set, external_id_set) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_eq';
COMMENT ON FUNCTION external_id_set_eq(external_id_set, external_id_set) IS 'equal';

CREATE FUNCTION external_id_set_ne(external_id_set, external_id_set) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_ne';
COMMENT ON FUNCTION external_id_set_ne(external_id_set, external_id_set) IS 'not equal';

CREATE FUNCTION external_id_set_lt(external_id_set, external_id_set) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_lt';
COMMENT ON FUNCTION external_id_set_lt(external_id_set, external_id_set) IS 'less than';

CREATE FUNCTION external_id_set_le(external_id_set, external_id_set) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_le';
COMMENT ON FUNCTION external_id_set_le(external_id_set, external_id_set) IS 'less than or equal';

CREATE FUNCTION external_id_set_gt(external_id_set, external_id_set) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_gt';
COMMENT ON FUNCTION external_id_set_gt(external_id_set, external_id_set) IS 'greater than';

CREATE FUNCTION external_id_set_ge(external_id_set, external_id_set) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_ge';
COMMENT ON FUNCTION external_id_set_ge(external_id_set, external_id_set) IS 'greater than or equal';

CREATE FUNCTION external_id_set_cmp(external_id_set, external_id_set) RETURNS integer
	LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_cmp';
COMMENT ON FUNCTION external_id_set_cmp(external_id_set, external_id_set) IS 'less-equal-greater';

CREATE FUNCTION external_id_set_sortsupport(internal) RETURNS void
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_sortsupport';
COMMENT ON FUNCTION external_id_set_sortsupport(internal) IS 'sort support';

CREATE FUNCTION external_id_set_hash(external_id_set) RETURNS integer
	LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_hash';
COMMENT ON FUNCTION external_id_set_hash(external_id_set) IS 'hash';

CREATE FUNCTION external_id_set_hash_extended(external_id_set, bigint) RETURNS bigint
	LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_hash_extended';
COMMENT ON FUNCTION external_id_set_hash_extended(external_id_set, bigint) IS 'hash';

-- Selectivity: a member names about one row
CREATE FUNCTION external_id_set_sel(internal, oid, internal, integer) RETURNS double precision
	LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_sel';
COMMENT ON FUNCTION external_id_set_sel(internal, oid, internal, integer) IS 'restriction selectivity';

CREATE FUNCTION external_id_set_joinsel(internal, oid, internal, smallint, internal) RETURNS double precision
	LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_joinsel';
COMMENT ON FUNCTION external_id_set_joinsel(internal, oid, internal, smallint, internal) IS 'join selectivity';

-- Operators
CREATE OPERATOR + (
	LEFTARG = external_id_set, RIGHTARG = external_id_set, FUNCTION = external_id_set_union,
	COMMUTATOR = +
);
COMMENT ON OPERATOR + (external_id_set, external_id_set) IS 'union';

CREATE OPERATOR - (
	LEFTARG = external_id_set, RIGHTARG = external_id_set, FUNCTION = external_id_set_minus
);
COMMENT ON OPERATOR - (external_id_set, external_id_set) IS 'difference';

CREATE OPERATOR * (
	LEFTARG = external_id_set, RIGHTARG = external_id_set, FUNCTION = external_id_set_intersect,
	COMMUTATOR = *
);
COMMENT ON OPERATOR * (external_id_set, external_id_set) IS 'intersection';

CREATE OPERATOR @> (
	LEFTARG = external_id_set, RIGHTARG = external_id_set, FUNCTION = external_id_set_contains,
	COMMUTATOR = <@,
	RESTRICT = external_id_set_sel, JOIN = external_id_set_joinsel
);
COMMENT ON OPERATOR @> (external_id_set, external_id_set) IS 'contains';

CREATE OPERATOR <@ (
	LEFTARG = external_id_set, RIGHTARG = external_id_set, FUNCTION = external_id_set_contained,
	COMMUTATOR = @>,
	RESTRICT = external_id_set_sel, JOIN = external_id_set_joinsel
);
COMMENT ON OPERATOR <@ (external_id_set, external_id_set) IS 'is contained in';

CREATE OPERATOR && (
	LEFTARG = external_id_set, RIGHTARG = external_id_set, FUNCTION = external_id_set_overlaps,
	COMMUTATOR = &&,
	RESTRICT = external_id_set_sel, JOIN = external_id_set_joinsel
);
COMMENT ON OPERATOR && (external_id_set, external_id_set) IS 'has members in common with';

CREATE OPERATOR &= (
	LEFTARG = external_id_set, RIGHTARG = external_id_set, FUNCTION = external_id_set_shares_value,
	COMMUTATOR = &=,
	RESTRICT = external_id_set_sel, JOIN = external_id_set_joinsel
);
COMMENT ON OPERATOR &= (external_id_set, external_id_set) IS 'has values in common with, whatever their labels';

CREATE OPERATOR @= (
	LEFTARG = external_id_set, RIGHTARG = text, FUNCTION = external_id_set_has_value,
	RESTRICT = external_id_set_sel, JOIN = external_id_set_joinsel
);
COMMENT ON OPERATOR @= (external_id_set, text) IS 'holds the value under any label';

CREATE OPERATOR -> (
	LEFTARG = external_id_set, RIGHTARG = text, FUNCTION = external_id_set_values_under
);
COMMENT ON OPERATOR -> (external_id_set, text) IS 'the values under a label';

CREATE OPERATOR ->> (
	LEFTARG = external_id_set, RIGHTARG = text, FUNCTION = external_id_set_value_under
);
COMMENT ON OPERATOR ->> (external_id_set, text) IS 'the one value under a label, NULL for none';

CREATE OPERATOR = (
	LEFTARG = external_id_set, RIGHTARG = external_id_set, FUNCTION = external_id_set_eq,
	COMMUTATOR = =, NEGATOR = <>,
	RESTRICT = eqsel, JOIN = eqjoinsel,
	HASHES, MERGES
);
COMMENT ON OPERATOR = (external_id_set, external_id_set) IS 'equal';

CREATE OPERATOR <> (
	LEFTARG = external_id_set, RIGHTARG = external_id_set, FUNCTION = external_id_set_ne,
	COMMUTATOR = <>, NEGATOR = =,
	RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR <> (external_id_set, external_id_set) IS 'not equal';

CREATE OPERATOR < (
	LEFTARG = external_id_set, RIGHTARG = external_id_set, FUNCTION = external_id_set_lt,
	COMMUTATOR = >, NEGATOR = >=,
	RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR < (external_id_set, external_id_set) IS 'less than';

CREATE OPERATOR <= (
	LEFTARG = external_id_set, RIGHTARG = external_id_set, FUNCTION = external_id_set_le,
	COMMUTATOR = >=, NEGATOR = >,
	RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR <= (external_id_set, external_id_set) IS 'less than or equal';

CREATE OPERATOR > (
	LEFTARG = external_id_set, RIGHTARG = external_id_set, FUNCTION = external_id_set_gt,
	COMMUTATOR = <, NEGATOR = <=,
	RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR > (external_id_set, external_id_set) IS 'greater than';

CREATE OPERATOR >= (
	LEFTARG = external_id_set, RIGHTARG = external_id_set, FUNCTION = external_id_set_ge,
	COMMUTATOR = <=, NEGATOR = <,
	RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR >= (external_id_set, external_id_set) IS 'greater than or equal';

-- Aggregate
CREATE FUNCTION external_ids_agg_transfn(internal, external_id_set) RETURNS internal
	LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_ids_agg_transfn';
COMMENT ON FUNCTION external_ids_agg_transfn(internal, external_id_set) IS 'transition of external_ids_agg';

CREATE FUNCTION external_ids_agg_finalfn(internal) RETURNS external_id_set
	LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_ids_agg_finalfn';
COMMENT ON FUNCTION external_ids_agg_finalfn(internal) IS 'result of external_ids_agg';

CREATE AGGREGATE external_ids_agg(external_id_set) (
	SFUNC = external_ids_agg_transfn,
	STYPE = internal,
	FINALFUNC = external_ids_agg_finalfn,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE external_ids_agg(external_id_set) IS 'the union of the sets, NULL if there is none';

-- Support functions for index operator classes: a set's entries, their order
CREATE FUNCTION external_id_set_entry_cmp(external_id_set, external_id_set) RETURNS integer
	LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_entry_cmp';
COMMENT ON FUNCTION external_id_set_entry_cmp(external_id_set, external_id_set) IS 'order of index entries: by value, then label';

CREATE FUNCTION external_id_set_entry_cmp_value(external_id_set, text) RETURNS integer
	LANGUAGE C IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_entry_cmp_value';
COMMENT ON FUNCTION external_id_set_entry_cmp_value(external_id_set, text) IS 'an index entry''s value against a text';

CREATE FUNCTION external_id_set_entry_sortsupport(internal) RETURNS void
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_entry_sortsupport';
COMMENT ON FUNCTION external_id_set_entry_sortsupport(internal) IS 'sort support for index entries';

CREATE FUNCTION external_id_set_entries(external_id_set, internal) RETURNS internal
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_entries';
COMMENT ON FUNCTION external_id_set_entries(external_id_set, internal) IS 'index entries: the members';

CREATE FUNCTION external_id_set_value_entries(external_id_set, internal) RETURNS internal
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_value_entries';
COMMENT ON FUNCTION external_id_set_value_entries(external_id_set, internal) IS 'index entries: the distinct values';

CREATE FUNCTION external_id_set_entries_of_value(text, internal) RETURNS internal
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_entries_of_value';
COMMENT ON FUNCTION external_id_set_entries_of_value(text, internal) IS 'the least index entry of a value';

CREATE FUNCTION external_id_set_gin_query(external_id_set, internal, smallint, internal, internal, internal, internal) RETURNS internal
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_gin_query';
COMMENT ON FUNCTION external_id_set_gin_query(external_id_set, internal, smallint, internal, internal, internal, internal) IS 'GIN support: keys of a query';

CREATE FUNCTION external_id_set_gin_consistent(internal, smallint, external_id_set, integer, internal, internal, internal, internal) RETURNS boolean
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_gin_consistent';
COMMENT ON FUNCTION external_id_set_gin_consistent(internal, smallint, external_id_set, integer, internal, internal, internal, internal) IS 'GIN support: consistent';

CREATE FUNCTION external_id_set_gin_triconsistent(internal, smallint, external_id_set, integer, internal, internal, internal) RETURNS "char"
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_gin_triconsistent';
COMMENT ON FUNCTION external_id_set_gin_triconsistent(internal, smallint, external_id_set, integer, internal, internal, internal) IS 'GIN support: ternary consistent';

CREATE FUNCTION external_id_set_gin_partial(external_id_set, external_id_set, smallint, internal) RETURNS integer
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'external_id_set_gin_partial';
COMMENT ON FUNCTION external_id_set_gin_partial(external_id_set, external_id_set, smallint, internal) IS 'GIN support: keys of one value';

-- Operator classes. Those of external_id_set serve external_id too, as text's
-- serve varchar.
CREATE OPERATOR FAMILY external_id_set_ops USING btree;
CREATE OPERATOR CLASS external_id_set_ops
	DEFAULT FOR TYPE external_id_set USING btree FAMILY external_id_set_ops AS
	OPERATOR 1 <,
	OPERATOR 2 <=,
	OPERATOR 3 =,
	OPERATOR 4 >=,
	OPERATOR 5 >,
	FUNCTION 1 external_id_set_cmp(external_id_set, external_id_set),
	FUNCTION 2 external_id_set_sortsupport(internal),
	FUNCTION 4 btequalimage(oid);
COMMENT ON OPERATOR FAMILY external_id_set_ops USING btree IS 'external ID sets';
COMMENT ON OPERATOR CLASS external_id_set_ops USING btree IS 'external ID sets';

CREATE OPERATOR FAMILY external_id_set_ops USING hash;
CREATE OPERATOR CLASS external_id_set_ops
	DEFAULT FOR TYPE external_id_set USING hash FAMILY external_id_set_ops AS
	OPERATOR 1 =,
	FUNCTION 1 external_id_set_hash(external_id_set),
	FUNCTION 2 external_id_set_hash_extended(external_id_set, bigint);
COMMENT ON OPERATOR FAMILY external_id_set_ops USING hash IS 'external ID sets';
COMMENT ON OPERATOR CLASS external_id_set_ops USING hash IS 'external ID sets';

CREATE OPERATOR FAMILY external_id_set_ops USING gin;
CREATE OPERATOR CLASS external_id_set_ops
	DEFAULT FOR TYPE external_id_set USING gin FAMILY external_id_set_ops AS
	OPERATOR 1 &&,
	OPERATOR 2 @>,
	OPERATOR 3 <@,
	OPERATOR 4 =,
	OPERATOR 5 @= (external_id_set, text),
	FUNCTION 1 external_id_set_entry_cmp(external_id_set, external_id_set),
	FUNCTION 2 external_id_set_entries(external_id_set, internal),
	FUNCTION 3 external_id_set_gin_query(external_id_set, internal, smallint, internal, internal, internal, internal),
	FUNCTION 4 external_id_set_gin_consistent(internal, smallint, external_id_set, integer, internal, internal, internal, internal),
	FUNCTION 5 external_id_set_gin_partial(external_id_set, external_id_set, smallint, internal),
	FUNCTION 6 external_id_set_gin_triconsistent(internal, smallint, external_id_set, integer, internal, internal, internal),
	STORAGE external_id;
COMMENT ON OPERATOR FAMILY external_id_set_ops USING gin IS 'external ID sets';
COMMENT ON OPERATOR CLASS external_id_set_ops USING gin IS 'external ID sets';

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

-- They run with the caller's rights. Writing ones lock the row they change, so
-- nothing of them may run in a parallel worker; external_ids_find may need a
-- subtransaction, which parallel mode does not allow.

CREATE FUNCTION external_ids_set(
	"table" regclass,
	key text,
	ids external_id_set,
	label text DEFAULT NULL,
	scope jsonb DEFAULT NULL,
	index regclass DEFAULT NULL,
	OUT ids external_id_set,
	OUT added external_id_set,
	OUT removed external_id_set)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;

COMMENT ON FUNCTION external_ids_set(regclass, text, external_id_set, text, jsonb, regclass)
IS 'replace a row''s external IDs, or those under one label; the key as text';

CREATE FUNCTION external_ids_set(
	"table" regclass,
	key anyelement,
	ids external_id_set,
	label text DEFAULT NULL,
	scope jsonb DEFAULT NULL,
	index regclass DEFAULT NULL,
	OUT ids external_id_set,
	OUT added external_id_set,
	OUT removed external_id_set)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;

COMMENT ON FUNCTION external_ids_set(regclass, anyelement, external_id_set, text, jsonb, regclass)
IS 'replace a row''s external IDs, or those under one label; the key typed, ROW(...) for a composite one';

CREATE FUNCTION external_ids_add(
	"table" regclass,
	key text,
	ids external_id_set,
	scope jsonb DEFAULT NULL,
	index regclass DEFAULT NULL,
	OUT ids external_id_set,
	OUT added external_id_set,
	OUT removed external_id_set)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;

COMMENT ON FUNCTION external_ids_add(regclass, text, external_id_set, jsonb, regclass)
IS 'add external IDs to a row; the key as text';

CREATE FUNCTION external_ids_add(
	"table" regclass,
	key anyelement,
	ids external_id_set,
	scope jsonb DEFAULT NULL,
	index regclass DEFAULT NULL,
	OUT ids external_id_set,
	OUT added external_id_set,
	OUT removed external_id_set)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;

COMMENT ON FUNCTION external_ids_add(regclass, anyelement, external_id_set, jsonb, regclass)
IS 'add external IDs to a row; the key typed, ROW(...) for a composite one';

CREATE FUNCTION external_ids_remove(
	"table" regclass,
	key text,
	ids external_id_set,
	scope jsonb DEFAULT NULL,
	index regclass DEFAULT NULL,
	OUT ids external_id_set,
	OUT added external_id_set,
	OUT removed external_id_set)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;

COMMENT ON FUNCTION external_ids_remove(regclass, text, external_id_set, jsonb, regclass)
IS 'remove external IDs from a row; the key as text';

CREATE FUNCTION external_ids_remove(
	"table" regclass,
	key anyelement,
	ids external_id_set,
	scope jsonb DEFAULT NULL,
	index regclass DEFAULT NULL,
	OUT ids external_id_set,
	OUT added external_id_set,
	OUT removed external_id_set)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;

COMMENT ON FUNCTION external_ids_remove(regclass, anyelement, external_id_set, jsonb, regclass)
IS 'remove external IDs from a row; the key typed, ROW(...) for a composite one';

CREATE FUNCTION external_ids_resolve(
	"table" anyelement,
	id external_id,
	scope jsonb DEFAULT NULL,
	index regclass DEFAULT NULL)
RETURNS SETOF anyelement
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 1;

COMMENT ON FUNCTION external_ids_resolve(anyelement, external_id, jsonb, regclass)
IS 'the row that holds an external ID, label and value';

CREATE FUNCTION external_ids_resolve_value(
	"table" anyelement,
	value text,
	scope jsonb DEFAULT NULL,
	index regclass DEFAULT NULL)
RETURNS SETOF anyelement
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 1;

COMMENT ON FUNCTION external_ids_resolve_value(anyelement, text, jsonb, regclass)
IS 'the row that holds a value under any label';

CREATE FUNCTION external_ids_resolve_many(
	"table" anyelement,
	ids external_id[],
	scope jsonb DEFAULT NULL,
	index regclass DEFAULT NULL)
RETURNS TABLE (ordinality bigint, id external_id, match anyelement)
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100;

COMMENT ON FUNCTION external_ids_resolve_many(anyelement, external_id[], jsonb, regclass)
IS 'for each of the external IDs the row that holds it, or NULL';

CREATE FUNCTION external_ids_find(
	"table" anyelement,
	id text,
	scope jsonb DEFAULT NULL,
	prefer text DEFAULT NULL,
	index regclass DEFAULT NULL)
RETURNS SETOF anyelement
AS 'MODULE_PATHNAME'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1;

COMMENT ON FUNCTION external_ids_find(anyelement, text, jsonb, text, regclass)
IS 'the row whose primary key or external ID a text is';

-- END OF ROWS
