/* external_ids 0.3: the checker */

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION external_ids UPDATE TO '0.3'" to load this file. \quit

-- CREATE EXTENSION runs this too, after external_ids--0.1--0.2.sql.

-- =========================================================================
-- The checker (section owner: src/index/umverify*.c)
-- =========================================================================

CREATE FUNCTION external_ids_check(
	index regclass,
	progress int DEFAULT NULL,
	OUT fault text,
	OUT id text,
	OUT "row" tid,
	OUT detail text)
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;

COMMENT ON FUNCTION external_ids_check(regclass, int)
IS 'compare a unique_members index with its table: a row for each fault';

-- END OF CHECKER
