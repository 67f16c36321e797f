/*
 * umverify.h
 *		The checker of a unique_members index, between its two files.
 */
#ifndef EXTERNAL_IDS_UMVERIFY_H
#define EXTERNAL_IDS_UMVERIFY_H

#include "funcapi.h"
#include "lib/bloomfilter.h"

#include "index/unique_members.h"

/* The kinds of fault, as external_ids_check() names them. */
#define UM_FAULT_MISSING "missing entry"
#define UM_FAULT_UNEXPECTED "unexpected entry"
#define UM_FAULT_DUPLICATE "duplicate"
#define UM_FAULT_ORDER "wrong order"

/* One check. Everything in it lives as long as the call. */
typedef struct UmVerify
{
	Relation heap;
	Relation index;
	int nkeys;
	IndexInfo *info; /* for the first pass; the second's scan uses one up */
	Snapshot snapshot;
	ReturnSetInfo *rsinfo;
	int64 progress; /* rows or entries between two notices, or 0 */
	int64 done;

	/* a row that an entry points at */
	IndexFetchTableData *fetch;
	EState *estate;
	TupleTableSlot *slot;
	ExprState *predicate;

	FmgrInfo *entries;			/* set to entries */
	FmgrInfo *order;			/* an array: each key column's */
	IndexScanDesc probe;		/* btree's, for one entry */
	bloom_filter *with_null;	/* entries that have a NULL */
	MemoryContext item_context; /* reset per entry, and per row */
	MemoryContext wide_context; /* of um_wide_entries() */
	HTAB *wide;
} UmVerify;

/* umverify.c */
extern void um_report_fault(UmVerify *verify, const char *fault,
							ItemPointer row, Datum *key, bool *isnull,
							const char *reason);
extern void um_report_progress(UmVerify *verify, const char *what);
extern IndexInfo *um_verify_info(Relation index);
extern void um_verify_prepare(UmVerify *verify, IndexScanDesc scan);

/* umverify_scan.c */
extern void um_verify_entries(UmVerify *verify);
extern void um_verify_rows(UmVerify *verify);

#endif /* EXTERNAL_IDS_UMVERIFY_H */
