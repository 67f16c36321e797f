/*
 * umscan.c
 *		Scans of a unique_members index: an inner btree scan per probe.
 *
 * One condition on the set is probed, the cheapest; conditions on scope
 * columns go down as btree scan keys; any other condition on the set is left to
 * the executor's recheck. The conditions that btree gets on its first column
 * compare an entry to an entry with the operator class's own order, so they
 * may position the scan; the coarser comparison of a value look-up (UM_RANGE)
 * only stops it. See README, "A coarser comparison never positions a scan".
 */
#include "postgres.h"

#include "access/relscan.h"
#include "access/table.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "nodes/tidbitmap.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "index/unique_members.h"

#define SH_PREFIX um_tidset
#define SH_ELEMENT_TYPE UmTid
#define SH_KEY_TYPE ItemPointerData
#define SH_KEY tid
#define SH_HASH_KEY(table, key) \
	hash_bytes((const unsigned char *) &(key), sizeof(ItemPointerData))
#define SH_EQUAL(table, a, b) ItemPointerEquals(&(a), &(b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
typedef struct UmTid
{
	ItemPointerData tid;
	char status;
} UmTid;
#include "lib/simplehash.h"

/* What the probes of a scan look for. */
typedef enum UmProbeKind
{
	UM_PROBE_ENTRY,		  /* rows that have the entry */
	UM_PROBE_RANGE,		  /* from the entry to the last equal one */
	UM_PROBE_PLACEHOLDER, /* rows with the empty set */
	UM_PROBE_ALL,		  /* every row */
	UM_PROBE_SETLESS	  /* rows with no set, which have no entry */
} UmProbeKind;

/* A condition on the set, as probes. */
typedef struct UmCondition
{
	UmProbeKind kind;
	Datum *entries;
	int nprobes;
	bool recheck;
	ScanKey key;
} UmCondition;

/* The scan's own state, scan->opaque. */
typedef struct UmScan
{
	IndexScanDesc inner;
	UmCondition condition; /* the probed one */
	int next_probe;
	bool active;		  /* the inner scan runs */
	UmProbeKind prepared; /* what the inner scan's first keys are made for */

	/* TIDs handed out, where one could come twice */
	bool distinct;
	bool have_first;
	ItemPointerData first;
	um_tidset_hash *seen; /* from the second on */

	UmSetless *setless; /* the rows of UM_PROBE_SETLESS, once asked for */

	FmgrInfo *order;		/* entry to entry, from the relcache */
	FmgrInfo *entries;		/* set to entries, from the relcache */
	Oid query_type;			/* whose functions these two are: */
	FmgrInfo query_order;	/* entry to query */
	FmgrInfo query_entries; /* query to entries */

	MemoryContext scan_context;	 /* lives as long as the scan */
	MemoryContext query_context; /* reset by rescans */
} UmScan;

/*
 * ambeginscan. The inner scan is btree's on the same index; the fields that
 * index_beginscan() would set are set here and in um_start_probe().
 */
IndexScanDesc
umbeginscan(Relation index, int nkeys, int norderbys)
{
	IndexScanDesc scan = RelationGetIndexScan(index, nkeys, norderbys);
	UmScan *um = palloc0(sizeof(UmScan));

	um_check_columns(index);

	um->scan_context = CurrentMemoryContext;
	um->query_context = AllocSetContextCreate(CurrentMemoryContext,
											  "unique_members query",
											  ALLOCSET_SMALL_SIZES);
	um->order = index_getprocinfo(index, 1, BTORDER_PROC);
	um->entries = index_getprocinfo(index, 1, UM_ENTRIES_PROC);

	/* every condition on a scope column, and two on the set */
	um->inner = um_btree()->ambeginscan(index, nkeys + 2, 0);
	um->inner->parallel_scan = NULL;
	um->inner->xs_temp_snap = false;
	um->prepared = UM_PROBE_ALL; /* no keys on the set */

	scan->opaque = um;
	return scan;
}

/*
 * Load the functions for queries of another type than the column's, if they
 * are not there from the last rescan.
 */
static void
um_load_query_type(IndexScanDesc scan, Oid type, bool need_order)
{
	UmScan *um = scan->opaque;
	Relation index = scan->indexRelation;
	Oid procs[2];

	if (um->query_type == type)
		return;
	procs[0] = get_opfamily_proc(index->rd_opfamily[0], index->rd_opcintype[0],
								 type, UM_ENTRIES_PROC);
	procs[1] = get_opfamily_proc(index->rd_opfamily[0], index->rd_opcintype[0],
								 type, BTORDER_PROC);
	if (!OidIsValid(procs[0]) || (need_order && !OidIsValid(procs[1])))
		elog(ERROR,
			 "missing support function for type %u in operator family %u",
			 type, index->rd_opfamily[0]);
	fmgr_info_cxt(procs[0], &um->query_entries, um->scan_context);
	if (OidIsValid(procs[1]))
		fmgr_info_cxt(procs[1], &um->query_order, um->scan_context);
	um->query_type = type;
}

/*
 * What is to be probed for one condition on the set. Entries live in the query
 * context. nprobes 0 means that no row can satisfy it.
 */
static void
um_read_condition(IndexScanDesc scan, ScanKey key, UmCondition *condition)
{
	UmScan *um = scan->opaque;
	Relation index = scan->indexRelation;
	FmgrInfo *proc = um->entries;
	MemoryContext old;

	memset(condition, 0, sizeof(*condition));
	condition->kind = UM_PROBE_ENTRY;
	condition->key = key;
	if (key->sk_flags & SK_ISNULL)
	{
		/* the operators are strict; see umreplica.c on who searches NULL */
		if (key->sk_flags & SK_SEARCHNULL)
			condition->kind = UM_PROBE_SETLESS;
		return;
	}

	if (OidIsValid(key->sk_subtype) &&
		key->sk_subtype != index->rd_opcintype[0])
	{
		um_load_query_type(scan, key->sk_subtype,
						   key->sk_strategy == UM_RANGE);
		proc = &um->query_entries;
	}
	old = MemoryContextSwitchTo(um->query_context);
	condition->entries = um_entries(proc, index->rd_indcollation[0],
									key->sk_argument, &condition->nprobes);
	MemoryContextSwitchTo(old);

	switch (key->sk_strategy)
	{
		case UM_ANY:
			if (condition->nprobes > 0 || !um_is_replica_lookup(scan, key))
				return;
			condition->kind = UM_PROBE_PLACEHOLDER;
			condition->recheck = true;
			break;
		case UM_ANY_RECHECK:
			condition->recheck = true;
			return;
		case UM_ALL:
		case UM_ALL_RECHECK:
			condition->recheck = key->sk_strategy == UM_ALL_RECHECK ||
								 condition->nprobes > 1;
			if (condition->nprobes == 0)
			{
				condition->kind = UM_PROBE_ALL;
				condition->recheck = false;
			}
			break;
		case UM_EQUAL:
			condition->recheck = condition->nprobes > 0;
			if (condition->nprobes == 0)
				condition->kind = UM_PROBE_PLACEHOLDER;
			break;
		case UM_RANGE:
			condition->kind = UM_PROBE_RANGE;
			if (condition->nprobes == 0)
				return;
			break;
		default:
			elog(
				ERROR,
				"unrecognized strategy number %d on the set column of index \"%s\"",
				key->sk_strategy, RelationGetRelationName(index));
	}
	condition->nprobes = 1; /* one of them finds the rows */
}

/*
 * Is "a" cheaper to probe than "b"? A single entry, then a single value, then
 * several entries, then the rows with the empty set, then all rows.
 */
static bool
um_is_cheaper(const UmCondition *a, const UmCondition *b)
{
	if (a->nprobes == 0 || b->nprobes == 0)
		return a->nprobes == 0;
	if ((a->kind == UM_PROBE_ENTRY) && (b->kind == UM_PROBE_ENTRY))
		return a->nprobes < b->nprobes;
	if ((a->kind == UM_PROBE_ENTRY) && (b->kind == UM_PROBE_RANGE))
		return a->nprobes == 1;
	if ((a->kind == UM_PROBE_RANGE) && (b->kind == UM_PROBE_ENTRY))
		return b->nprobes > 1;
	return a->kind < b->kind;
}

/*
 * Make the inner scan's keys on the set, but for the entry, which each probe
 * puts in. Those of the last rescan serve again, unless they are of another
 * kind. Returns the place of the next key.
 */
static ScanKey
um_prepare_set_keys(IndexScanDesc scan)
{
	UmScan *um = scan->opaque;
	UmCondition *condition = &um->condition;
	ScanKey keys = um->inner->keyData;
	bool made = um->prepared == condition->kind;

	um->prepared = condition->kind;
	switch (condition->kind)
	{
		case UM_PROBE_ENTRY:
			if (!made)
				um_set_key(scan, um->scan_context, &keys[0],
						   BTEqualStrategyNumber, um_key_equal, um->order,
						   InvalidOid, (Datum) 0);
			return &keys[1];
		case UM_PROBE_RANGE:
			um_set_key(scan, um->scan_context, &keys[0],
					   BTGreaterEqualStrategyNumber, um_key_at_least,
					   um->order, InvalidOid, (Datum) 0);
			um_set_key(scan, um->scan_context, &keys[1],
					   BTLessEqualStrategyNumber, um_key_at_most,
					   &um->query_order, condition->key->sk_subtype,
					   condition->key->sk_argument);
			return &keys[2];
		case UM_PROBE_PLACEHOLDER:
			ScanKeyEntryInitialize(&keys[0], SK_ISNULL | SK_SEARCHNULL, 1,
								   InvalidStrategy, InvalidOid, InvalidOid,
								   InvalidOid, (Datum) 0);
			return &keys[1];
		case UM_PROBE_ALL:
		case UM_PROBE_SETLESS: /* has no probes */
			break;
	}
	return &keys[0];
}

/*
 * amrescan. The query's arguments must live until the next rescan, as btree's
 * must. An error if there is no condition on the set: the planner is told that
 * one is needed.
 */
void
umrescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys,
		 int norderbys)
{
	UmScan *um = scan->opaque;
	ScanKey inner_key;
	int nconditions = 0;

	(void) orderbys;
	(void) norderbys;

	if (keys != NULL && nkeys > 0)
		memmove(scan->keyData, keys, nkeys * sizeof(ScanKeyData));
	um_reset_if_grown(um->query_context);
	um->active = false;
	um->next_probe = 0;
	um->have_first = false;
	um->seen = NULL;
	um->setless = NULL;

	for (int i = 0; i < scan->numberOfKeys; i++)
	{
		ScanKey key = &scan->keyData[i];
		UmCondition other;

		if (key->sk_attno != 1)
			continue;
		if (nconditions++ == 0)
			um_read_condition(scan, key, &um->condition);
		else
		{
			um_read_condition(scan, key, &other);
			if (um_is_cheaper(&other, &um->condition))
				um->condition = other;
		}
	}
	if (nconditions == 0)
		elog(ERROR, "scan of index \"%s\" without a condition on the set",
			 RelationGetRelationName(scan->indexRelation));
	if (nconditions > 1)
		um->condition.recheck = true;
	um->distinct = um->condition.nprobes > 1 ||
				   um->condition.kind == UM_PROBE_RANGE ||
				   um->condition.kind == UM_PROBE_ALL;

	inner_key = um_prepare_set_keys(scan);
	for (int i = 0; i < scan->numberOfKeys; i++)
		if (scan->keyData[i].sk_attno != 1)
			*inner_key++ = scan->keyData[i];
	um->inner->numberOfKeys = inner_key - um->inner->keyData;
}

/*
 * Start the inner scan for the next probe; false if there is none. "heap" is
 * NULL for btree's amgetbitmap, and only for it: from 18 on btree goes by that.
 */
static bool
um_start_probe(IndexScanDesc scan, Relation heap)
{
	UmScan *um = scan->opaque;
	UmCondition *condition = &um->condition;
	IndexScanDesc inner = um->inner;

	if (um->next_probe >= condition->nprobes)
		return false;
	CHECK_FOR_INTERRUPTS();

	if (condition->entries != NULL)
		inner->keyData[0].sk_argument = condition->entries[um->next_probe];
	um->next_probe++;

	inner->xs_snapshot = scan->xs_snapshot;
	SINCE_18(inner->instrument = scan->instrument);
	inner->heapRelation = heap;
	inner->kill_prior_tuple = false;
	um_btree()->amrescan(inner, NULL, 0, NULL, 0);
	um->active = true;
	return true;
}

/*
 * Note that a TID is handed out; false if it was before.
 */
static bool
um_remember(UmScan *um, ItemPointer tid)
{
	bool found;

	if (!um->have_first)
	{
		um->have_first = true;
		um->first = *tid;
		return true;
	}
	if (ItemPointerEquals(&um->first, tid))
		return false;
	if (um->seen == NULL)
		um->seen = um_tidset_create(um->query_context, 64, NULL);
	um_tidset_insert(um->seen, *tid, &found);
	return !found;
}

/*
 * amgettuple. kill_prior_tuple is about the entry last handed out, so it is
 * passed on once: a duplicate that is skipped here must not be killed.
 */
bool
umgettuple(IndexScanDesc scan, ScanDirection direction)
{
	UmScan *um = scan->opaque;
	IndexScanDesc inner = um->inner;
	const IndexAmRoutine *btree = um_btree();

	if (um->condition.kind == UM_PROBE_SETLESS)
		return um_next_setless(&um->setless, um->query_context, scan);
	if (um->active)
		inner->kill_prior_tuple = UM_KILLS_ENTRIES && scan->kill_prior_tuple;

	while (um->active || um_start_probe(scan, scan->heapRelation))
	{
		bool found = btree->amgettuple(inner, direction);

		inner->kill_prior_tuple = false;
		if (!found)
		{
			um->active = false;
			continue;
		}
		if (um->distinct && !um_remember(um, &inner->xs_heaptid))
			continue;
		scan->xs_heaptid = inner->xs_heaptid;
		scan->xs_recheck = um->condition.recheck;
		return true;
	}
	return false;
}

/*
 * amgetbitmap. btree adds TIDs without recheck, so where one is needed they
 * are added here. A bitmap holds a TID once by itself.
 */
int64
umgetbitmap(IndexScanDesc scan, TIDBitmap *tbm)
{
	UmScan *um = scan->opaque;
	IndexScanDesc inner = um->inner;
	const IndexAmRoutine *btree = um_btree();
	Relation heap = NULL;
	int64 ntids = 0;

	/* the executor has it open, but does not tell which it is */
	if (um->condition.recheck)
		heap = table_open(scan->indexRelation->rd_index->indrelid, NoLock);

	while (um_start_probe(scan, heap))
	{
		if (!um->condition.recheck)
		{
			ntids += btree->amgetbitmap(inner, tbm);
			continue;
		}
		while (btree->amgettuple(inner, ForwardScanDirection))
		{
			CHECK_FOR_INTERRUPTS();
			tbm_add_tuples(tbm, &inner->xs_heaptid, 1, true);
			ntids++;
		}
	}
	um->active = false;
	if (heap != NULL)
		table_close(heap, NoLock);
	return ntids;
}

/*
 * amendscan.
 */
void
umendscan(IndexScanDesc scan)
{
	UmScan *um = scan->opaque;

	um_btree()->amendscan(um->inner);
	IndexScanEnd(um->inner);
	MemoryContextDelete(um->query_context);
	pfree(um);
	scan->opaque = NULL;
}
