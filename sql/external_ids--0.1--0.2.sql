/* external_ids 0.2: upsert, merge, late binding */

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION external_ids UPDATE TO '0.2'" to load this file. \quit

-- CREATE EXTENSION runs this too, after external_ids--0.1.sql.

-- =========================================================================
-- Upsert (section owner: src/rows/upsert*.c)
-- =========================================================================

-- They run with the caller's rights, and write.

CREATE FUNCTION external_ids_upsert(
	"table" anyelement,
	ids external_id_set,
	data jsonb,
	mode text DEFAULT 'upsert',
	ids_mode text DEFAULT 'add',
	index regclass DEFAULT NULL)
RETURNS TABLE (result text, "row" anyelement)
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;

COMMENT ON FUNCTION external_ids_upsert(anyelement, external_id_set, jsonb, text, text, regclass)
IS 'find the row that holds any of the external IDs and update it, or create it';

CREATE FUNCTION external_ids_upsert_many(
	"table" anyelement,
	elements jsonb,
	mode text DEFAULT 'upsert',
	ids_mode text DEFAULT 'add',
	on_error text DEFAULT 'stop',
	progress int DEFAULT NULL,
	index regclass DEFAULT NULL)
RETURNS TABLE (
	ordinality bigint,
	result text,
	"row" anyelement,
	sqlstate text,
	message text,
	detail text)
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100;

COMMENT ON FUNCTION external_ids_upsert_many(anyelement, jsonb, text, text, text, int, regclass)
IS 'external_ids_upsert for each element of a JSON array, many at once';

-- END OF UPSERT

-- =========================================================================
-- Merge (section owner: src/rows/merge*.c)
-- =========================================================================

-- END OF MERGE

-- =========================================================================
-- Late binding (section owner: src/rows/link*.c)
-- =========================================================================

-- Both are trigger functions only: external_ids_link creates the triggers.

CREATE FUNCTION external_ids_link_child() RETURNS trigger
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE;

COMMENT ON FUNCTION external_ids_link_child()
IS 'trigger function of external_ids_link on the child table';

CREATE FUNCTION external_ids_link_parent() RETURNS trigger
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE;

COMMENT ON FUNCTION external_ids_link_parent()
IS 'trigger function of external_ids_link on the parent table';

-- END OF LINK
