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

-- Keys as text, for untyped parameters, or typed; anycompatible, so that an
-- integer literal goes with a bigint column.

CREATE FUNCTION external_ids_merge(
	"table" regclass,
	"from" text,
	"into" text,
	repoint boolean DEFAULT false,
	dry_run boolean DEFAULT false,
	delete_from boolean DEFAULT false,
	scope jsonb DEFAULT NULL,
	index regclass DEFAULT NULL,
	OUT child regclass,
	OUT reference name,
	OUT columns name[],
	OUT count bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10;

COMMENT ON FUNCTION external_ids_merge(regclass, text, text, boolean, boolean, boolean, jsonb, regclass)
IS 'move all external IDs of one row to another; the keys as text';

CREATE FUNCTION external_ids_merge(
	"table" regclass,
	"from" anycompatible,
	"into" anycompatible,
	repoint boolean DEFAULT false,
	dry_run boolean DEFAULT false,
	delete_from boolean DEFAULT false,
	scope jsonb DEFAULT NULL,
	index regclass DEFAULT NULL,
	OUT child regclass,
	OUT reference name,
	OUT columns name[],
	OUT count bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10;

COMMENT ON FUNCTION external_ids_merge(regclass, anycompatible, anycompatible, boolean, boolean, boolean, jsonb, regclass)
IS 'move all external IDs of one row to another; the keys typed, ROW(...) for composite ones';

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

CREATE FUNCTION external_ids_link(
	child regclass,
	id_column name,
	fk_column name,
	parent regclass,
	scope jsonb DEFAULT NULL,
	on_move text DEFAULT 'keep',
	verified name DEFAULT NULL,
	index regclass DEFAULT NULL,
	OUT linked bigint,
	OUT waiting bigint)
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION external_ids_link(regclass, name, name, regclass, jsonb, text, name, regclass)
IS 'make a foreign key column follow a column with the parent''s external ID';

CREATE FUNCTION external_ids_unlink(child regclass, fk_column name) RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION external_ids_unlink(regclass, name)
IS 'remove all that external_ids_link made for a foreign key column';

-- END OF LINK
