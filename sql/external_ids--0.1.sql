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

-- END OF INDEX

-- =========================================================================
-- Row functions (section owner: src/rows)
-- =========================================================================

-- END OF ROWS
