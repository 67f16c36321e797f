/*
 * link_probe.c
 *		The two look-ups of a link: who holds an ID, and does a row wait for it.
 *
 * Both are scans of an index, without a plan: no text of a query can then mean
 * something else under another search path, and what the invoking role may
 * read does not matter, as it does not for a foreign key.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relscan.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/primnodes.h"
#include "rows/link.h"
#include "storage/lmgr.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

/* What the scans of one look-up for a holder have found. */
typedef struct Holders
{
	int n;
	bool lost; /* the row changed before it was locked */
	Datum key;
	ItemPointerData tid;
} Holders;

/* One table whose rows may wait, with its waiting index. */
typedef struct WaitingTable
{
	Relation heap;
	Relation index;
	TupleTableSlot *slot;
	IndexScanDesc scan;
	FmgrInfo equal[INDEX_MAX_KEYS];
} WaitingTable;

struct WaitingProbe
{
	const LinkFacts *facts;
	Snapshot snapshot;
	bool complete; /* every table has the index */
	int ntables;
	WaitingTable *tables;
};

/*
 * Set a scan key: column = value by the operator family's own equality, or by
 * the operator that is given.
 */
static void
init_key(ScanKey key, Relation index, int column, Oid operator, Oid subtype,
		 FmgrInfo *function, Datum value)
{
	int strategy = get_op_opfamily_strategy(operator,
											index->rd_opfamily[column]);

	if (strategy == 0)
		elog(ERROR, "operator %u is not in operator family %u", operator,
			 index->rd_opfamily[column]);
	ScanKeyEntryInitializeWithInfo(key, 0, column + 1, strategy, subtype,
								   index->rd_indcollation[column], function,
								   value);
}

/*
 * Look at a leaf's rows that hold the ID, by "snapshot". With "lock", the one
 * row is locked FOR KEY SHARE. More than one key is not worth counting.
 */
static void
scan_leaf(const LinkFacts *facts, const LinkLeaf *leaf, Datum id,
		  const Datum *scope, Snapshot snapshot, Holders *found)
{
	Relation heap = table_open(leaf->relid, RowShareLock);
	Relation index = index_open(leaf->indexid, AccessShareLock);
	TupleTableSlot *slot = table_slot_create(heap, NULL);
	int nscope = facts->parent->nscope;
	ScanKeyData keys[INDEX_MAX_KEYS];
	FmgrInfo functions[INDEX_MAX_KEYS];
	IndexScanDesc scan;

	init_key(&keys[0], index, 0, facts->holds,
			 facts->by_value ? TEXTOID : InvalidOid,
			 unconstify(FmgrInfo *, &facts->holds_fn), id);
	for (int i = 0; i < nscope; i++)
	{
		Oid equality = facts->parent->scope[i].equality;

		fmgr_info(get_opcode(equality), &functions[i]);
		init_key(&keys[i + 1], index, i + 1, equality, InvalidOid,
				 &functions[i], scope[i]);
	}
	scan = begin_index_scan(heap, index, snapshot, nscope + 1);
	index_rescan(scan, keys, nscope + 1, NULL, 0);
	while (found->n < 2 &&
		   index_getnext_slot(scan, ForwardScanDirection, slot))
	{
		bool isnull;
		Datum set = slot_getattr(slot, leaf->set, &isnull);
		Datum key;

		if (isnull ||
			(scan->xs_recheck &&
			 !DatumGetBool(
				 FunctionCall2(unconstify(FmgrInfo *, &facts->holds_fn), set,
							   id))))
			continue;
		key = slot_getattr(slot, leaf->key, &isnull);
		found->n++;
		found->key = datumCopy(key, facts->key_byval, facts->key_len);
		found->tid = slot->tts_tid;
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, NoLock);
	table_close(heap, NoLock);
}

/*
 * Lock the row that was found FOR KEY SHARE. False if it changed since the
 * snapshot: the caller has to look again. Errors: 40001 in a transaction with
 * one snapshot for all.
 */
static bool
lock_holder(Oid relid, ItemPointer tid, Snapshot snapshot)
{
	Relation heap = table_open(relid, RowShareLock);
	TupleTableSlot *slot = table_slot_create(heap, NULL);
	TM_FailureData failure;
	TM_Result result;

	result = table_tuple_lock(heap, tid, snapshot, slot,
							  GetCurrentCommandId(false), LockTupleKeyShare,
							  LockWaitBlock,
							  TUPLE_LOCK_FLAG_LOCK_UPDATE_IN_PROGRESS,
							  &failure);
	ExecDropSingleTupleTableSlot(slot);
	table_close(heap, NoLock);
	switch (result)
	{
		case TM_Ok:
		case TM_SelfModified: /* by this very command, and not its key */
			return true;
		case TM_Updated:
		case TM_Deleted:
			if (IsolationUsesXactSnapshot())
				ereport(
					ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg(
						 "could not serialize access due to concurrent update")));
			return false;
		default:
			elog(ERROR, "unexpected result of locking a row: %d", result);
	}
	return false; /* not reached */
}

/*
 * Who holds the ID in the scope: 0 for nobody, 1 with the key of the one row,
 * 2 for several. Sees what the transaction itself has written and, with
 * "latest", what others have committed up to now, whatever the isolation level.
 * With "lock", the one row is locked FOR KEY SHARE. *key is in the current
 * memory context.
 */
int
link_holders(const LinkFacts *facts, Datum id, const Datum *scope, bool latest,
			 bool lock, Datum *key)
{
	for (;;)
	{
		Holders found = {0};
		Oid relid = InvalidOid;
		Snapshot snapshot;
		bool locked = true;

		CHECK_FOR_INTERRUPTS();
		CommandCounterIncrement();
		snapshot = RegisterSnapshot(latest ? GetLatestSnapshot()
										   : GetTransactionSnapshot());
		for (int i = 0; i < facts->nleaves && found.n < 2; i++)
		{
			int before = found.n;

			if (!link_leaf_accepts(facts, &facts->leaves[i], scope))
				continue;
			scan_leaf(facts, &facts->leaves[i], id, scope, snapshot, &found);
			if (found.n > before)
				relid = facts->leaves[i].relid;
		}
		if (lock && found.n == 1)
			locked = lock_holder(relid, &found.tid, snapshot);
		UnregisterSnapshot(snapshot);
		if (locked)
		{
			*key = found.key;
			return found.n;
		}
	}
}

/*
 * True if the predicate leaves out no row that waits: its conditions are among
 * those of a waiting row. Columns are those of the index's own table.
 */
static bool
predicate_fits(const LinkFacts *facts, Relation heap, Relation index)
{
	Oid relid = RelationGetRelid(heap);
	ListCell *cell;

	foreach(cell, RelationGetIndexPredicate(index))
	{
		Node *node = lfirst(cell);
		const char *column = NULL;

		if (IsA(node, NullTest) && IsA(((NullTest *) node)->arg, Var))
		{
			NullTest *test = (NullTest *) node;

			if (test->nulltesttype == IS_NOT_NULL)
				column = facts->id_name;
			else if (!facts->follow)
				column = facts->fk_name;
			node = (Node *) test->arg;
		}
		else if (IsA(node, Var) && !facts->follow)
			column = facts->verified_name;
		if (column == NULL ||
			((Var *) node)->varattno != get_attnum(relid, column))
			return false;
	}
	return true;
}

/*
 * True if the index can be probed for rows that wait.
 */
static bool
index_fits(const LinkFacts *facts, Relation heap, Relation index)
{
	Oid relid = RelationGetRelid(heap);
	int nscope = facts->parent->nscope;
	Form_pg_index form = index->rd_index;

	if (!form->indisvalid || form->indnkeyatts != nscope + 1 ||
		index->rd_rel->relam != BTREE_AM_OID)
		return false;
	for (int i = 0; i <= nscope; i++)
	{
		const char *column = i < nscope ? facts->scope_names[i]
										: facts->id_name;
		Oid collation = index->rd_indcollation[i];

		if (form->indkey.values[i] != get_attnum(relid, column) ||
			(OidIsValid(collation) && collation != C_COLLATION_OID))
			return false;
	}
	return predicate_fits(facts, heap, index);
}

/*
 * Open a table whose rows may wait, and the waiting index; false if that is
 * not there.
 */
static bool
open_waiting_table(WaitingProbe *probe, Oid relid, Oid rootindex)
{
	const LinkFacts *facts = probe->facts;
	int nkeys = facts->parent->nscope + 1;
	WaitingTable *table = &probe->tables[probe->ntables];
	Oid indexid;

	table->heap = table_open(relid, RowExclusiveLock);
	if (table->heap->rd_rel->relkind != RELKIND_RELATION)
	{
		table_close(table->heap, NoLock);
		return true;
	}
	indexid = link_leaf_index(table->heap, rootindex);
	if (!OidIsValid(indexid))
	{
		table_close(table->heap, NoLock);
		return false;
	}
	table->index = index_open(indexid, AccessShareLock);
	if (!index_fits(facts, table->heap, table->index))
	{
		index_close(table->index, NoLock);
		table_close(table->heap, NoLock);
		return false;
	}
	for (int i = 0; i < nkeys; i++)
	{
		Oid type = table->index->rd_opcintype[i];

		fmgr_info(get_opcode(get_opfamily_member(table->index->rd_opfamily[i],
												 type, type,
												 BTEqualStrategyNumber)),
				  &table->equal[i]);
	}
	table->slot = table_slot_create(table->heap, NULL);
	table->scan = begin_index_scan(table->heap, table->index, probe->snapshot,
								   nkeys);
	probe->ntables++;
	return true;
}

/*
 * Begin to ask whether rows wait, as of now. In the current memory context.
 */
WaitingProbe *
link_probe_begin(const LinkFacts *facts)
{
	WaitingProbe *probe = palloc0(sizeof(WaitingProbe));
	Oid rootindex = get_relname_relid(facts->waiting_index,
									  get_rel_namespace(facts->childid));
	List *relids = list_make1_oid(facts->childid);
	ListCell *cell;

	probe->facts = facts;
	probe->complete = OidIsValid(rootindex);
	CommandCounterIncrement();
	probe->snapshot = RegisterSnapshot(GetLatestSnapshot());
	if (get_rel_relkind(facts->childid) == RELKIND_PARTITIONED_TABLE)
		relids = find_all_inheritors(facts->childid, RowExclusiveLock, NULL);
	probe->tables = palloc0(sizeof(WaitingTable) * list_length(relids));
	foreach(cell, relids)
		if (probe->complete)
			probe->complete = open_waiting_table(probe, lfirst_oid(cell),
												 rootindex);
	return probe;
}

/*
 * True if a row may wait for the item's ID. Without its index nobody knows, so
 * every ID may be waited for.
 */
bool
link_probe(WaitingProbe *probe, const LinkItem *item)
{
	int nscope = probe->facts->parent->nscope;

	if (!probe->complete)
		return true;
	for (int i = 0; i < probe->ntables; i++)
	{
		WaitingTable *table = &probe->tables[i];
		ScanKeyData keys[INDEX_MAX_KEYS];
		bool waits;

		for (int j = 0; j <= nscope; j++)
			ScanKeyEntryInitializeWithInfo(&keys[j], 0, j + 1,
										   BTEqualStrategyNumber, InvalidOid,
										   table->index->rd_indcollation[j],
										   &table->equal[j],
										   j < nscope ? item->scope[j]
													  : item->id);
		index_rescan(table->scan, keys, nscope + 1, NULL, 0);
		waits = index_getnext_slot(table->scan, ForwardScanDirection,
								   table->slot);
		ExecClearTuple(table->slot);
		if (waits)
			return true;
	}
	return false;
}

/*
 * End it. Locks on the tables are kept until the transaction ends.
 */
void
link_probe_end(WaitingProbe *probe)
{
	for (int i = 0; i < probe->ntables; i++)
	{
		WaitingTable *table = &probe->tables[i];

		index_endscan(table->scan);
		ExecDropSingleTupleTableSlot(table->slot);
		index_close(table->index, NoLock);
		table_close(table->heap, NoLock);
	}
	UnregisterSnapshot(probe->snapshot);
	pfree(probe);
}
