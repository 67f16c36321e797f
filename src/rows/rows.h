/*
 * rows.h
 *		Functions on the rows of account tables: what the files of this folder
 *		share.
 *
 * A call runs in three steps. facts.c finds out what the table looks like (or
 * takes it from its cache), key.c and scope.c turn the caller's arguments into
 * Datums of the table's own column types, and plans.c hands out the kept plan
 * that answers the question through SPI, with the caller's rights.
 */
#ifndef EXTERNAL_IDS_ROWS_H
#define EXTERNAL_IDS_ROWS_H

#include "postgres.h"

#include "compat.h"
#include "access/skey.h"
#include "catalog/namespace.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "types/types.h"
#include "utils/jsonb.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"

/* The statements that the functions run; one kept plan of each per table. */
typedef enum RowQuery
{
	QUERY_LOCK,		   /* lock a row by its key */
	QUERY_LOCK_SCOPED, /* ... within a scope */
	QUERY_WRITE,	   /* write a locked row's set */
	QUERY_WRITE_SEEN,  /* ... a row's that still has the set that was seen */
	QUERY_WRITE_SEEN_SCOPED, /* ... within a scope */
	QUERY_HOLDER,			 /* which other row holds one of some IDs */
	QUERY_BY_KEY,			 /* whole row by key, within a scope */
	QUERY_BY_ID,			 /* whole row by label and value */
	QUERY_BY_VALUE,			 /* whole rows by value under any label */
	QUERY_MANY,				 /* whole rows by an array of IDs */
	QUERY_ANY,				 /* whole rows that hold any of some IDs */
	QUERY_LOCK_ANY,			 /* lock such a row by its key */
	QUERY_ANY_MANY			 /* whole rows by an array of sets and scopes */
} RowQuery;

#define NUM_ROW_QUERIES (QUERY_ANY_MANY + 1)

/* Those of them that a scan of the index may answer too. */
typedef enum RowProbe
{
	PROBE_BY_ID,
	PROBE_BY_VALUE,
	PROBE_ANY
} RowProbe;

#define NUM_ROW_PROBES (PROBE_ANY + 1)

/* As many candidates as an error lists. */
#define MAX_CANDIDATES 5

/* As many sets of columns of one table as have their plans kept. */
#define MAX_COLUMN_SETS 32

/* A column of the primary key or of the scope. */
typedef struct ColumnFacts
{
	AttrNumber attnum;
	char *name;
	Oid declared;	/* the column's type */
	Oid type;		/* its base type, if that is a domain */
	Oid equality;	/* the operator that its index goes by */
	FmgrInfo input; /* the type's input function ... */
	Oid ioparam;	/* ... and its parameter */
} ColumnFacts;

/* What the catalogs say about one table as seen through one of its indexes. */
typedef struct TableFacts
{
	MemoryContext context;		   /* holds all of this */
	MemoryContextCallback cleanup; /* frees the plans with the context */
	bool valid;					   /* no invalidation came since it was read */
	Oid relid;
	Oid indexid;		   /* the unique_members index in use */
	Oid pkeyid;			   /* primary key's index, or InvalidOid */
	Oid extschema;		   /* schema of the extension */
	Oid settype;		   /* external_id_set */
	Oid idtype;			   /* external_id */
	Oid conflict_operator; /* what the index keeps from happening */
	bool only;			   /* no partitioned table: FROM ONLY */
	bool unique;	 /* a UNIQUE index has the set: a claim updates a key */
	bool deferrable; /* index may be checked as late as at commit */
	bool exclusion;	 /* index is an EXCLUDE constraint's */
	char *schema_name;
	char *table_name;
	char *set_name;			 /* the external_id_set column */
	AttrNumber set_attnum;	 /* ... and its number */
	FmgrInfo entries;		 /* gives a set's entries in the index */
	Oid set_declared;		 /* its type, or a domain over it */
	char *predicate;		 /* the index's, as SQL, or NULL */
	SearchPathMatcher *path; /* under which predicate was written, or NULL */
	int nkeys;
	ColumnFacts *keys; /* primary key */
	int nscope;
	ColumnFacts *scope;					/* index columns after the set */
	ScanKeyData probes[NUM_ROW_PROBES]; /* no strategy: not to be had */
	ScanKey probe_scope;				/* ... with these */
	ScanKey probe_key;	   /* of the primary key's index, or NULL */
	bool silent_update;	   /* no trigger fires where it finds no row */
	TupleDesc change_desc; /* set.c's result, or NULL */
	SPIPlanPtr plans[NUM_ROW_QUERIES];
	int ncolumnsets;
	struct ColumnSet *columnsets[MAX_COLUMN_SETS]; /* last used first */
} TableFacts;

/* Parameters of one execution, in the order in which plans.c numbers them. */
typedef struct RowParams
{
	int n;
	Datum values[2 * INDEX_MAX_KEYS + 2];
	char nulls[2 * INDEX_MAX_KEYS + 2];
} RowParams;

/* Look-ups of many, see probe.c. */
typedef struct RowScan RowScan;

/* What is done with a row that a probe finds. */
typedef void (*RowTaker)(void *arg, TupleTableSlot *slot);

/* facts.c */
extern void rows_lock_table(Oid relid, LOCKMODE lockmode);
extern TableFacts *rows_facts(Oid relid, Oid indexid, Oid extschema,
							  LOCKMODE lockmode);
extern TableFacts *rows_facts_unchecked(Oid relid, Oid indexid, Oid extschema,
										LOCKMODE lockmode);
extern void rows_require_key(const TableFacts *facts);
extern TableFacts *rows_facts_of_call(FunctionCallInfo fcinfo, int indexarg);
extern TableFacts *rows_facts_to_write(FunctionCallInfo fcinfo, int indexarg);

/* facts_read.c */
extern TableFacts *rows_read_facts(Relation rel, Oid indexid, Oid extschema);
extern TableFacts *rows_read_table(Relation rel, bool wants_set,
								   const char *column, Oid extschema);

/* plans.c */
extern int rows_begin_predicate(void);
extern SPIPlanPtr rows_plan(TableFacts *facts, RowQuery query);
extern void rows_check_result(int result, int expected, const char *table);
extern void rows_add_param(RowParams *params, Datum value);
extern void rows_add_params(RowParams *params, const Datum *values, int n);
extern void rows_execute(TableFacts *facts, RowQuery query,
						 const RowParams *params, bool read_only, long limit);

/* probe.c */
extern void rows_read_probes(TableFacts *facts, Relation rel, Relation index);
extern void rows_read_key_probe(TableFacts *facts, Relation rel,
								Relation index);
extern int rows_probe_key(const TableFacts *facts, const Datum *key,
						  Snapshot snapshot, RowTaker take, void *arg);
extern HeapTuple rows_slot_tuple(TupleTableSlot *slot);
extern int rows_probe_each(const TableFacts *facts, RowProbe probe,
						   Datum query, const Datum *scope, Snapshot snapshot,
						   int max, RowTaker take, void *arg);
extern int rows_probe(const TableFacts *facts, RowProbe probe, Datum query,
					  const Datum *scope, Snapshot snapshot, int max,
					  Datum *rows, TransactionId *xmin);
extern RowScan *rows_probe_begin(const TableFacts *facts, RowProbe probe,
								 const Datum *scope, Snapshot snapshot);
extern bool rows_probe_next(RowScan *scan, Datum query, Datum *row);
extern void rows_probe_end(RowScan *scan);

/* scope.c */
extern Datum *rows_scope(const TableFacts *facts, Jsonb *scope);
extern Datum *rows_scope_of_data(const TableFacts *facts, Jsonb *data);

/* key.c */
extern Datum *rows_key_from_datum(TableFacts *facts, Datum key, Oid type);
extern Datum *rows_key_if_legal(TableFacts *facts, char *text);
extern char *rows_columns_to_text(const ColumnFacts *columns, int n,
								  const Datum *values, const bool *nulls);
extern char *rows_key_to_text(const TableFacts *facts, const Datum *key);
extern Datum *rows_key_of_row(const TableFacts *facts, Datum row);
extern char *rows_keys_text(const TableFacts *facts, const Datum *rows,
							int nrows);

/* subxact.c */
extern ErrorData *rows_try(void (*work)(void *), void *arg);

/* columns.c */
extern bool rows_column_plans_hold(const TableFacts *facts);

/* conflict.c */
extern char *rows_ids_text(const TableFacts *facts, const ExternalIdSet *ids);
extern char *rows_conflict_detail(TableFacts *facts,
								  const ExternalIdSet *added, const Datum *key,
								  const Datum *scope);
extern bool rows_is_conflict(const TableFacts *facts, const ErrorData *edata);
pg_noreturn extern void
rows_report_conflict(TableFacts *facts, const ErrorData *edata,
					 const ExternalIdSet *added, const Datum *key,
					 const Datum *scope, const bool *scope_nulls);
pg_noreturn extern void rows_conflict_error(const TableFacts *facts,
											const ErrorData *edata,
											const char *detail);

#endif /* EXTERNAL_IDS_ROWS_H */
