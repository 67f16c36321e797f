/*
 * upsert.h
 *		What the files of external_ids_upsert and external_ids_upsert_many share.
 *
 * columns.c knows the sets of columns that JSON objects name, and the plans
 * that write them; upsert_row.c brings one element to its row, upsert_batch.c
 * many at once; upsert.c and upsert_many.c are the SQL functions.
 */
#ifndef EXTERNAL_IDS_UPSERT_H
#define EXTERNAL_IDS_UPSERT_H

#include "access/tupdesc.h"
#include "nodes/pg_list.h"
#include "rows/rows.h"

/* The statements that write a set of columns. */
typedef enum ColumnQuery
{
	COLUMNS_INSERT,		 /* a row from parameters */
	COLUMNS_INSERT_MANY, /* rows from an array of jsonb */
	COLUMNS_UPDATE,		 /* the row with a key */
	COLUMNS_UPDATE_SEEN	 /* ... if it is still the version with an xmin */
} ColumnQuery;

#define NUM_COLUMN_QUERIES (COLUMNS_UPDATE_SEEN + 1)

/* Some columns of a table. */
typedef struct ColumnSet
{
	MemoryContext context;		   /* holds all of this */
	MemoryContextCallback cleanup; /* frees the plans with the context */
	int n;
	AttrNumber *attnums; /* ascending */
	TupleDesc desc;		 /* a record of them */
	Datum base;			 /* such a record, all null */
	SPIPlanPtr plans[NUM_COLUMN_QUERIES];
} ColumnSet;

typedef enum UpsertMode
{
	UPSERT_ANY,
	UPSERT_CREATE,
	UPSERT_UPDATE
} UpsertMode;

/* One call: what holds for all of its elements. */
typedef struct UpsertCall
{
	TableFacts *facts;
	UpsertMode mode;
	bool replace;		   /* the row's IDs, rather than add to them */
	MemoryContext context; /* of the call */
	List *readers;		   /* of JSON, one for each set of columns */
} UpsertCall;

/* One row to be, and what came of it. */
typedef struct UpsertElement
{
	UpsertCall *call;
	MemoryContext context; /* of all that is read and returned */
	Jsonb *data;
	ExternalIdSet *ids;
	Datum *scope;
	ColumnSet *columns; /* the data's, and the set */
	Datum *values;		/* of these columns; NULL until they are read */
	bool *nulls;
	const char *result; /* NULL: none yet */
	Datum row;			/* where there is one */
	bool has_row;
	ErrorData *error; /* instead of a result */
} UpsertElement;

/* The rows that hold any of an element's IDs. */
typedef struct UpsertFound
{
	int n; /* MAX_CANDIDATES + 1: and more */
	Datum rows[MAX_CANDIDATES + 1];
	TransactionId xmin; /* of the version, if it is one row's and known */
} UpsertFound;

/* columns.c */
extern ColumnSet *column_set(TableFacts *facts, AttrNumber *attnums, int n);
extern ColumnSet *column_set_of_data(TableFacts *facts, Jsonb *data,
									 bool set_in_data);
extern SPIPlanPtr column_set_plan(TableFacts *facts, ColumnSet *columns,
								  ColumnQuery query);
extern void column_set_read(UpsertElement *element);

/* upsert_find.c */
extern void upsert_execute(TableFacts *facts, SPIPlanPtr plan, Datum *values,
						   const char *nulls, int expected);
extern Datum upsert_copy_row(HeapTuple tuple, TupleDesc desc);
extern void upsert_find(UpsertElement *element, bool latest,
						UpsertFound *found);
extern bool upsert_lock_row(UpsertElement *element, Datum *row);

/* upsert_row.c */
extern void upsert_element(UpsertElement *element);
extern bool upsert_attempt(UpsertElement *element);
extern void upsert_found(UpsertElement *element, Datum row,
						 TransactionId xmin);
extern bool upsert_holds_ids(UpsertElement *element, Datum row);
extern void upsert_take_inserted(UpsertElement *element, HeapTuple tuple,
								 TupleDesc desc);

/* upsert_lock.c */
extern void upsert_lock_ids(TableFacts *facts, const ExternalIdSet *ids);
extern void upsert_lock_all(TableFacts *facts);

/* upsert.c */
extern void upsert_begin_call(UpsertCall *call, FunctionCallInfo fcinfo,
							  int modearg, int indexarg);
extern int upsert_choice(FunctionCallInfo fcinfo, int arg, const char *name,
						 const char *const *choices);
extern void upsert_check_ids(const ExternalIdSet *ids);

/* upsert_many.c */
extern void upsert_prepare(UpsertElement *element);

/* upsert_batch.c */
extern bool upsert_batch(UpsertElement *elements, int n);

#endif /* EXTERNAL_IDS_UPSERT_H */
