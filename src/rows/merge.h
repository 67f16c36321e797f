/*
 * merge.h
 *		What the files of external_ids_merge share.
 */
#ifndef EXTERNAL_IDS_MERGE_H
#define EXTERNAL_IDS_MERGE_H

#include "nodes/pg_list.h"
#include "rows/query.h"
#include "rows/rows.h"
#include "utils/snapshot.h"

/* One of the two rows, as it was before the merge. */
typedef struct MergeRow
{
	const char *argument; /* "from" or "into" */
	Datum *key;
	Oid relid;			/* the table or partition that it is in */
	ExternalIdSet *ids; /* NULL if the column is null */
	Datum scope[INDEX_MAX_KEYS];
	bool scope_nulls[INDEX_MAX_KEYS];
} MergeRow;

/* One call. */
typedef struct MergeCall
{
	TableFacts *facts;
	MemoryContext context; /* of all that outlives a statement */
	bool repoint;
	bool dry_run;
	bool delete_from;
	Datum *scope; /* the argument, or NULL */
	MergeRow from;
	MergeRow into;
	Snapshot snapshot; /* under which children are counted */
	List *refs;		   /* of MergeRef, sorted by name */
} MergeCall;

/* A column by which a child points at the table. */
typedef struct MergeColumn
{
	char *name;
	Oid declared;	  /* its type */
	char *referenced; /* the column of the table that it points at */
	Oid type;		  /* that one's base type */
	Oid equality;	  /* referenced column = child's column */
	Oid collation;	  /* to compare under, or InvalidOid for the child's own */
	Datum from;		  /* value in row "from" */
	Datum into;		  /* value in row "into" */
	bool from_null;
	bool into_null;
	bool same; /* the very same value in both: left alone */
} MergeColumn;

/* A foreign key, or a link without one, that points at the table. */
typedef struct MergeRef
{
	Oid child;
	char *schema;
	char *table;
	char *name; /* the constraint's or the link's */
	bool only;	/* child is no partitioned table: ONLY */
	bool hides; /* row security applies to the caller */
	int n;
	MergeColumn columns[INDEX_MAX_KEYS];
	bool same;	  /* so in all columns: who points at one points at both */
	uint64 count; /* rows that point at "from" */
} MergeRef;

/* merge_refs.c */
extern void merge_read_refs(MergeCall *call);

/* merge_children.c */
extern void merge_count_children(MergeCall *call);
extern void merge_repoint_children(MergeCall *call);

#endif /* EXTERNAL_IDS_MERGE_H */
