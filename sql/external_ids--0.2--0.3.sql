/* external_ids 0.3: for the people who run it */

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

-- =========================================================================
-- Operations: the state of all indexes (section owner: this file)
-- =========================================================================

-- A view, for it only puts catalogs together. What it names is resolved now,
-- so a reader's search path does not matter; its statements name all in full.

CREATE VIEW external_ids_indexes AS
WITH RECURSIVE set_type AS (
	SELECT 'external_id_set'::regtype::oid AS oid
	UNION ALL
	SELECT d.oid FROM set_type AS s JOIN pg_type AS d ON d.typbasetype = s.oid
), tab AS (
	-- temporary tables of other sessions are left out: nobody else can mend them
	SELECT c.oid, c.relkind, c.relispartition, format('%I.%I', n.nspname, c.relname) AS name,
	       n.nspname AS schema, c.relname,
	       CASE c.relkind WHEN 'p' THEN '' ELSE 'CONCURRENTLY ' END AS concurrently
	  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
	 WHERE c.relkind IN ('r', 'p', 'm') AND NOT pg_is_other_temp_schema(n.oid)
), partition_key AS (
	SELECT p.partrelid, p.partstrat, k.n, k.attnum, k.collid, c.opcfamily, a.attname
	  FROM pg_partitioned_table AS p
	 CROSS JOIN LATERAL unnest(p.partattrs::int2[], p.partclass::oid[], p.partcollation::oid[])
	       WITH ORDINALITY AS k (attnum, class, collid, n)
	  JOIN pg_opclass AS c ON c.oid = k.class
	  LEFT JOIN pg_attribute AS a ON a.attrelid = p.partrelid AND a.attnum = k.attnum AND k.attnum > 0
), column_index AS (
	-- columns whose members an index finds, or that an expression is indexed of; btree, hash and BRIN know a set
	-- as a whole, INCLUDE and a predicate find nothing
	SELECT i.indrelid AS relid, a.attname
	  FROM pg_index AS i
	  JOIN pg_class AS c ON c.oid = i.indexrelid
	  JOIN pg_am AS am ON am.oid = c.relam AND am.amname NOT IN ('btree', 'hash', 'brin')
	 CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, n)
	  JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
	 WHERE k.n <= i.indnkeyatts
	UNION ALL
	SELECT i.indrelid, a.attname
	  FROM pg_index AS i
	  JOIN pg_depend AS d ON (d.classid, d.objid) = ('pg_class'::regclass, i.indexrelid)
	       AND (d.refclassid, d.refobjid) = ('pg_class'::regclass, i.indrelid)
	  JOIN pg_attribute AS a ON (a.attrelid, a.attnum) = (d.refobjid, d.refobjsubid)
	 WHERE i.indexprs IS NOT NULL AND a.attnum <> ALL (i.indkey::int2[])
), index_column AS (
	SELECT i.indexrelid, i.indrelid, k.n, k.attnum, k.collid, op.opcfamily, op.opcintype, a.attname,
	       pg_get_indexdef(i.indexrelid, k.n::int, false) AS name,
	       -- as CREATE INDEX takes it
	       concat(pg_get_indexdef(i.indexrelid, k.n::int, false),
	              CASE WHEN co.oid <> a.attcollation THEN format(' COLLATE %I.%I', cn.nspname, co.collname) END,
	              CASE WHEN NOT op.opcdefault THEN format(' %I.%I', pn.nspname, op.opcname) END) AS definition
	  FROM pg_index AS i
	  JOIN pg_class AS c ON c.oid = i.indexrelid
	  JOIN pg_am AS am ON am.oid = c.relam AND am.amname = 'unique_members'
	 CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indclass::oid[], i.indcollation::oid[])
	       WITH ORDINALITY AS k (attnum, class, collid, n)
	  JOIN pg_opclass AS op ON op.oid = k.class
	  JOIN pg_namespace AS pn ON pn.oid = op.opcnamespace
	  LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND k.attnum > 0
	  LEFT JOIN pg_collation AS co ON co.oid = k.collid
	  LEFT JOIN pg_namespace AS cn ON cn.oid = co.collnamespace
), idx AS (
	SELECT i.indexrelid AS oid, i.indrelid, i.indclass, i.indisvalid, i.indisunique, i.indisexclusion, i.indimmediate,
	       c.relname, c.relkind, c.relispartition, format('%I.%I', n.nspname, c.relname) AS name,
	       k.columns, k.definition, pg_get_expr(i.indpred, i.indrelid) AS predicate
	  FROM (SELECT indexrelid, array_agg(name ORDER BY n) AS columns, string_agg(definition, ', ' ORDER BY n) AS definition
	          FROM index_column GROUP BY indexrelid) AS k
	  JOIN pg_index AS i ON i.indexrelid = k.indexrelid
	  JOIN pg_class AS c ON c.oid = i.indexrelid
	  JOIN pg_namespace AS n ON n.oid = c.relnamespace
), above AS (
	-- a table and those that it is a partition of
	SELECT oid, oid AS relid FROM tab WHERE relispartition OR relkind = 'p'
	UNION ALL
	SELECT a.oid, h.inhparent FROM above AS a JOIN pg_inherits AS h ON h.inhrelid = a.relid
), lacking AS (
	-- columns of partition keys, the table's own and those above it, that the scope has not with the same
	-- collation and equality
	SELECT x.oid, bool_or(p.attname IS NULL) AS expression,
	       string_agg(DISTINCT quote_ident(p.attname), ', ' ORDER BY quote_ident(p.attname)) AS columns
	  FROM idx AS x
	  JOIN above AS t ON t.oid = x.indrelid
	  JOIN partition_key AS p ON p.partrelid = t.relid
	 WHERE NOT EXISTS (
	       SELECT FROM index_column AS k
	         JOIN pg_amop AS own ON own.amopfamily = k.opcfamily AND own.amopstrategy = 3
	              AND own.amoplefttype = k.opcintype AND own.amoprighttype = k.opcintype
	         JOIN pg_amop AS theirs ON theirs.amopopr = own.amopopr
	        WHERE k.indexrelid = x.oid AND k.n > 1 AND k.attname = p.attname AND k.collid = p.collid
	          AND theirs.amopfamily = p.opcfamily AND theirs.amopstrategy = CASE p.partstrat WHEN 'h' THEN 1 ELSE 3 END)
	 GROUP BY x.oid
), unattached AS (
	-- the first partition that has no part of a partitioned table's index, and a name for that part
	SELECT DISTINCT ON (x.oid) x.oid, t.name, t.concurrently, t.schema, left(t.relname, 12) || '_' || x.oid AS part
	  FROM idx AS x
	  JOIN pg_inherits AS h ON h.inhparent = x.indrelid
	  JOIN tab AS t ON t.oid = h.inhrelid
	 WHERE x.relkind = 'I' AND NOT EXISTS (
	       SELECT FROM pg_inherits AS c JOIN pg_index AS ci ON ci.indexrelid = c.inhrelid
	        WHERE c.inhparent = x.oid AND ci.indrelid = t.oid)
	 ORDER BY x.oid, t.name
)
SELECT x.oid::regclass AS index, x.indrelid::regclass AS "table", x.columns[1] AS "column", x.columns[2:] AS scope,
       (SELECT opcname FROM pg_opclass WHERE oid = x.indclass[0]) AS operator_class,
       CASE WHEN x.indisexclusion AND NOT x.indimmediate THEN 'EXCLUDE DEFERRABLE'
            WHEN x.indisexclusion THEN 'EXCLUDE'
            WHEN x.indisunique THEN 'UNIQUE' ELSE 'plain' END AS kind,
       x.predicate,
       CASE x.relkind WHEN 'i' THEN pg_relation_size(x.oid)
            ELSE (SELECT sum(pg_relation_size(relid))::bigint FROM pg_partition_tree(x.oid)) END AS size,
       x.indisvalid AS valid, fault.problem, fault.mend
  FROM idx AS x
  JOIN tab AS t ON t.oid = x.indrelid
  LEFT JOIN lacking AS l ON l.oid = x.oid
  LEFT JOIN unattached AS u ON u.oid = x.oid
  LEFT JOIN pg_stat_progress_create_index AS b ON b.index_relid = x.oid AND b.datname = current_database()
  LEFT JOIN LATERAL (
	SELECT format('index on %s lacks partition key column %s: rows cannot be inserted', t.relname, l.columns),
	       -- what is part of another index is mended with that
	       CASE WHEN NOT x.relispartition THEN ARRAY[
	           format('CREATE %sINDEX %sON %s USING unique_members (%s, %s)%s', CASE WHEN x.indisunique THEN 'UNIQUE ' END,
	                  t.concurrently, t.name, x.definition, l.columns, ' WHERE ' || x.predicate),
	           CASE WHEN x.indisexclusion THEN format('ALTER TABLE %s DROP CONSTRAINT %I', t.name, x.relname)
	                ELSE format('DROP INDEX %s%s', t.concurrently, x.name) END] END
	 WHERE l.columns IS NOT NULL AND NOT l.expression
	UNION ALL
	SELECT 'partitioned by an expression, which no index can have in its scope: rows cannot be inserted', NULL
	 WHERE l.expression
	UNION ALL
	SELECT format('being built by process %s', b.pid), NULL
	 WHERE l.oid IS NULL AND NOT x.indisvalid AND b.pid IS NOT NULL
	UNION ALL
	SELECT format('partition %s has no part of the index', u.name),
	       ARRAY[format('CREATE %sINDEX %s%I ON %s USING unique_members (%s)%s', CASE WHEN x.indisunique THEN 'UNIQUE ' END,
	                    u.concurrently, u.part, u.name, x.definition, ' WHERE ' || x.predicate),
	             format('ALTER INDEX %s ATTACH PARTITION %I.%I', x.name, u.schema, u.part)]
	 WHERE l.oid IS NULL AND NOT x.indisvalid AND u.oid IS NOT NULL
	UNION ALL
	SELECT 'a part of the index, on a partition, is not valid', NULL
	 WHERE l.oid IS NULL AND NOT x.indisvalid AND x.relkind = 'I' AND u.oid IS NULL
	UNION ALL
	SELECT 'left over by CREATE INDEX or REINDEX CONCURRENTLY that did not finish',
	       ARRAY[format(CASE WHEN x.relname ~ '_cc(new|old)\d*$' THEN 'DROP INDEX CONCURRENTLY %s'
	                         ELSE 'REINDEX INDEX CONCURRENTLY %s' END, x.name)]
	 WHERE l.oid IS NULL AND NOT x.indisvalid AND x.relkind = 'i' AND b.pid IS NULL
  ) AS fault (problem, mend) ON true
UNION ALL
SELECT NULL, t.oid::regclass, quote_ident(a.attname), NULL, NULL, NULL, NULL, NULL, NULL,
       'no index of members: they are not unique, and looked up by reading the whole table',
       CASE WHEN NOT key.expression THEN ARRAY[
           format('CREATE INDEX %sON %s USING unique_members (%I%s)', t.concurrently, t.name, a.attname, ', ' || key.columns)] END
  FROM tab AS t
  JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN set_type AS s ON s.oid = a.atttypid
 CROSS JOIN LATERAL (
	SELECT coalesce(bool_or(k.attname IS NULL), false) AS expression, string_agg(DISTINCT quote_ident(k.attname), ', ' ORDER BY quote_ident(k.attname)) AS columns
	  FROM above JOIN partition_key AS k ON k.partrelid = above.oid WHERE above.relid = t.oid) AS key
 WHERE t.relkind IN ('r', 'p') AND NOT t.relispartition
   AND NOT EXISTS (SELECT FROM column_index AS i WHERE (i.relid, i.attname) = (t.oid, a.attname))
   -- partitions may all have indexes of their own
   AND (t.relkind = 'r' OR NOT EXISTS (SELECT FROM pg_inherits WHERE inhparent = t.oid) OR EXISTS (
       SELECT FROM above JOIN tab AS leaf ON leaf.oid = above.oid AND leaf.relkind = 'r'
        WHERE above.relid = t.oid
          AND NOT EXISTS (SELECT FROM column_index AS i WHERE (i.relid, i.attname) = (leaf.oid, a.attname))));

COMMENT ON VIEW external_ids_indexes
IS 'each unique_members index, and each external_id_set column without index of members: what is wrong, and what mends it';

GRANT SELECT ON external_ids_indexes TO PUBLIC;

-- END OF INDEXES

-- =========================================================================
-- Operations: moving to a set column (section owner: src/rows/duplicates.c, backfill*.c, mirror*.c)
-- =========================================================================

-- With the caller's rights, also those of an expression; it may do anything.

CREATE FUNCTION external_ids_duplicates(
	"table" regclass,
	ids text DEFAULT NULL,
	scope name[] DEFAULT '{}',
	label text DEFAULT NULL,
	by_value boolean DEFAULT false,
	OUT scope jsonb,
	OUT id external_id,
	OUT keys text[])
RETURNS SETOF record
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100;

COMMENT ON FUNCTION external_ids_duplicates(regclass, text, name[], text, boolean)
IS 'the external IDs that several rows hold, before a unique_members index is built';

-- A procedure, for it commits after each batch.

CREATE PROCEDURE external_ids_backfill(
	"table" regclass,
	ids text,
	label text DEFAULT NULL,
	"column" name DEFAULT NULL,
	after text DEFAULT NULL,
	upto text DEFAULT NULL,
	batch int DEFAULT 1000,
	wait interval DEFAULT '0',
	progress bigint DEFAULT NULL,
	on_conflict text DEFAULT 'stop')
AS 'MODULE_PATHNAME'
LANGUAGE C;

COMMENT ON PROCEDURE external_ids_backfill(regclass, text, text, name, text, text, int, interval, bigint, text)
IS 'fill a set column from columns or an expression, a range of keys and a transaction at a time';

-- What a mirror's triggers do, they do with the rights of the tables' owner.

CREATE FUNCTION external_ids_mirror(
	"table" regclass,
	side regclass,
	key name[],
	value name,
	label_column name DEFAULT NULL,
	label text DEFAULT NULL,
	scope jsonb DEFAULT NULL,
	"column" name DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION external_ids_mirror(regclass, regclass, name[], name, name, text, jsonb, name)
IS 'keep a set column and a side table in step while both are written';

CREATE FUNCTION external_ids_unmirror("table" regclass, side regclass)
RETURNS void
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE;

COMMENT ON FUNCTION external_ids_unmirror(regclass, regclass)
IS 'remove what external_ids_mirror made';

CREATE FUNCTION external_ids_mirror_table() RETURNS trigger
AS 'MODULE_PATHNAME'
LANGUAGE C;

COMMENT ON FUNCTION external_ids_mirror_table()
IS 'trigger function of external_ids_mirror, on the table with the set column';

CREATE FUNCTION external_ids_mirror_side() RETURNS trigger
AS 'MODULE_PATHNAME'
LANGUAGE C;

COMMENT ON FUNCTION external_ids_mirror_side()
IS 'trigger function of external_ids_mirror, on the side table';

-- END OF MIGRATION
