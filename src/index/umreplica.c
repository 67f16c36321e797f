/*
 * umreplica.c
 *		Look-ups of whole rows, as the apply of logical replication makes them.
 *
 * From 18 on, for a publication's table with REPLICA IDENTITY FULL and a
 * subscriber's table without primary key, the apply worker looks a row up by
 * the first index, UNIQUE or not, whose access method names an equality. For
 * ours that is "has a common member": it finds the row by its old set, and the
 * worker compares the rest. But a row with an empty set has no member in
 * common with itself, and one with a NULL set has no entry at all: the worker
 * would take such a row for missing, and the change would be lost. Here such
 * look-ups get their rows all the same.
 */
#include "postgres.h"

#include "access/relscan.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "replication/logicalrelation.h"
#include "replication/logicalworker.h"

#include "index/unique_members.h"

/* The rows of a table that have no set, by TID. */
struct UmSetless
{
	ItemPointerData *tids;
	int ntids;
	int room;
	int next; /* the next to hand out */
};

/*
 * The index behind an EXCLUDE constraint into which the transaction has just
 * put a row with an empty set: the next scan of it is the constraint's check.
 */
static Oid check_due = InvalidOid;
static TransactionId check_due_in = InvalidTransactionId;

/*
 * Note that a row with an empty set, and with no NULL beside it, which would
 * spare the check, went into the index behind an EXCLUDE constraint.
 */
void
um_expect_check(Relation index)
{
	if (!IsLogicalWorker())
		return;
	check_due = RelationGetRelid(index);
	check_due_in = GetCurrentTransactionIdIfAny();
}

/*
 * Is the condition, on the set, one of a whole row's look-up? The executor's
 * conditions name the type of their right-hand side. What is left is the check
 * of a constraint, which a worker makes as well. That of an EXCLUDE constraint
 * follows on the insert and is told by that; any other rechecks, so more rows
 * do not harm it.
 */
bool
um_is_replica_lookup(IndexScanDesc scan, ScanKey key)
{
	if (OidIsValid(key->sk_subtype) || scan->heapRelation == NULL ||
		!REPLICA_LOOKUP_BY_ANY_INDEX(scan->heapRelation))
		return false;
	if (check_due == RelationGetRelid(scan->indexRelation) &&
		check_due_in == GetCurrentTransactionIdIfAny())
	{
		check_due = InvalidOid;
		return false;
	}
	return true;
}

/*
 * Callback of the table's scan: note a row that has no set.
 */
static void
um_note_setless(Relation index, ItemPointer tid, Datum *values, bool *isnull,
				bool tupleIsAlive, void *state)
{
	UmSetless *rows = state;

	(void) index;
	(void) values;
	(void) tupleIsAlive;
	if (!isnull[0])
		return;
	if (rows->ntids == rows->room)
	{
		rows->room *= 2;
		rows->tids = repalloc_huge(rows->tids,
								   rows->room * sizeof(ItemPointerData));
	}
	rows->tids[rows->ntids++] = *tid;
}

/*
 * The rows that have no set, and so no entry: all that a snapshot might see,
 * by a scan of the whole table, as the worker would make it without an index.
 * Palloc'd in the current context.
 */
static UmSetless *
um_find_setless(Relation heap, Relation index)
{
	UmSetless *rows = palloc0(sizeof(UmSetless));
	IndexInfo *info = BuildIndexInfo(index);

	rows->room = 64;
	rows->tids = palloc(rows->room * sizeof(ItemPointerData));

	/* nothing is built: no row conflicts with another, none is waited for */
	info->ii_Unique = false;
	info->ii_ExclusionOps = NULL;
	table_index_build_range_scan(heap, index, info, false, true, false, 0,
								 InvalidBlockNumber, um_note_setless, rows,
								 NULL);
	return rows;
}

/*
 * amgettuple of such a look-up: the next row to the scan, false if there is
 * none. *rows is made, in "context", when it is NULL.
 */
bool
um_next_setless(UmSetless **rows, MemoryContext context, IndexScanDesc scan)
{
	if (*rows == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		*rows = um_find_setless(scan->heapRelation, scan->indexRelation);
		MemoryContextSwitchTo(old);
	}
	if ((*rows)->next >= (*rows)->ntids)
		return false;
	scan->xs_heaptid = (*rows)->tids[(*rows)->next++];
	scan->xs_recheck = true;
	return true;
}
