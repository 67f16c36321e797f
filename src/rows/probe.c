/*
 * probe.c
 *		Look-ups by a scan of the index alone, without a plan.
 *
 * For one row the executor takes longer to start and end a kept plan than the
 * index takes to find it, and for each of many nearly as long. So where the
 * scan cannot but give the rows that the statement of plans.c would, it is made
 * directly, as the server does for foreign keys. Everything else is the
 * statement's: row security, privileges on columns, partitions, a snapshot too
 * old for the index.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heaptoast.h"
#include "access/relscan.h"
#include "access/stratnum.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "rows/rows.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* A scan of one index of the table, for one key after the other. */
struct RowScan
{
	Relation heap;
	Relation index;
	TupleTableSlot *slot;
	IndexScanDesc inner;
	AttrNumber set;			   /* the column that a recheck looks at */
	MemoryContext row_context; /* for what is done with a row */
	int nkeys;
	ScanKeyData keys[INDEX_MAX_KEYS];
};

/*
 * Make the scan key "column operator ..." for column i of the index. It stays
 * without a strategy, and is of no use, where the index does not know the
 * operator.
 */
static void
make_key(ScanKey key, Relation index, int i, Oid operator, Oid subtype)
{
	StrategyNumber strategy = InvalidStrategy;

	if (OidIsValid(operator))
		strategy = get_op_opfamily_strategy(operator, index->rd_opfamily[i]);
	if (strategy != InvalidStrategy)
		ScanKeyEntryInitialize(key, 0, i + 1, strategy, subtype,
							   index->rd_indcollation[i], get_opcode(operator),
							   (Datum) 0);
}

/*
 * The OID of one of the extension's operators on a set, or InvalidOid.
 */
static Oid
own_operator(const TableFacts *facts, const char *name, Oid right)
{
	char *schema = get_namespace_name(facts->extschema);

	return OpernameGetOprid(list_make2(makeString(schema),
									   makeString(pstrdup(name))),
							facts->settype, right);
}

/*
 * True if the statement would compare the index's columns as the index does: by
 * the collations of the table's.
 */
static bool
collations_fit(Relation rel, Relation index)
{
	for (int i = 0; i < index->rd_index->indnkeyatts; i++)
	{
		AttrNumber attnum = index->rd_index->indkey.values[i];

		if (TupleDescAttr(RelationGetDescr(rel), attnum - 1)->attcollation !=
			index->rd_indcollation[i])
			return false;
	}
	return true;
}

/*
 * True if a row as the heap has it is all there is to know about it.
 */
static bool
rows_are_stored(Relation rel)
{
	TupleConstr *constr = RelationGetDescr(rel)->constr;

	(void) constr;
	return rel->rd_rel->relkind ==
		   RELKIND_RELATION SINCE_18(
			   &&!(constr && constr->has_generated_virtual));
}

/*
 * Take down the scan keys by which "index", the one in use, can be probed; none
 * where its scan would not do. In the facts' memory.
 */
void
rows_read_probes(TableFacts *facts, Relation rel, Relation index)
{
	if (!rows_are_stored(rel) || !collations_fit(rel, index))
		return;
	make_key(&facts->probes[PROBE_BY_ID], index, 0,
			 own_operator(facts, "@>", facts->settype), InvalidOid);
	make_key(&facts->probes[PROBE_BY_VALUE], index, 0,
			 own_operator(facts, "@=", TEXTOID), TEXTOID);
	make_key(&facts->probes[PROBE_ANY], index, 0, facts->conflict_operator,
			 InvalidOid);
	facts->probe_scope = palloc0(sizeof(ScanKeyData) * Max(facts->nscope, 1));
	for (int i = 0; i < facts->nscope; i++)
		make_key(&facts->probe_scope[i], index, i + 1,
				 facts->scope[i].equality, InvalidOid);
}

/*
 * The same for the primary key's index.
 */
void
rows_read_key_probe(TableFacts *facts, Relation rel, Relation index)
{
	if (!rows_are_stored(rel) || !collations_fit(rel, index))
		return;
	facts->probe_key = palloc0(sizeof(ScanKeyData) * facts->nkeys);
	for (int i = 0; i < facts->nkeys; i++)
		make_key(&facts->probe_key[i], index, i, facts->keys[i].equality,
				 InvalidOid);
}

/*
 * May the caller's statement be left out? It would check nothing more.
 */
static bool
may_probe(Relation heap, Relation index)
{
	if (heap->rd_rel->relrowsecurity || ExecutorCheckPerms_hook != NULL)
		return false;
	if (pg_class_aclcheck(RelationGetRelid(heap), GetUserId(), ACL_SELECT) !=
		ACLCHECK_OK)
		return false;

	/* A snapshot may be too old for the index; the planner asks the same. */
	return !index->rd_index->indcheckxmin ||
		   TransactionIdPrecedes(HeapTupleHeaderGetXmin(
									 index->rd_indextuple->t_data),
								 TransactionXmin);
}

/*
 * Open what a probe of an index of the table takes; false if the statement has
 * to be asked. The caller fills the keys.
 */
static bool
begin_scan(RowScan *scan, const TableFacts *facts, Oid indexid, int nkeys,
		   Snapshot snapshot)
{
	scan->heap = table_open(facts->relid, NoLock);
	scan->index = index_open(indexid, AccessShareLock);
	if (!may_probe(scan->heap, scan->index))
	{
		index_close(scan->index, NoLock);
		table_close(scan->heap, NoLock);
		return false;
	}
	scan->set = facts->set_attnum;
	scan->row_context = CurrentMemoryContext;
	scan->nkeys = nkeys;
	scan->slot = table_slot_create(scan->heap, NULL);
	scan->inner = begin_index_scan(scan->heap, scan->index, snapshot, nkeys);
	return true;
}

/*
 * Look at the row itself: has its set what is looked for?
 */
static bool
row_fits(RowScan *scan)
{
	ScanKey key = &scan->keys[0];
	bool isnull;
	Datum set = slot_getattr(scan->slot, scan->set, &isnull);

	return !isnull &&
		   DatumGetBool(FunctionCall2Coll(&key->sk_func, key->sk_collation,
										  set, key->sk_argument));
}

/*
 * Hand the rows that the keys name to "take": at most "max" of them. How many
 * there were.
 */
static int
run_scan(RowScan *scan, int max, RowTaker take, void *arg)
{
	IndexScanDesc inner = scan->inner;
	int n = 0;

	index_rescan(inner, scan->keys, scan->nkeys, NULL, 0);
	while (n < max &&
		   index_getnext_slot(inner, ForwardScanDirection, scan->slot))
	{
		/* The scan itself keeps memory of its context from row to row. */
		MemoryContext oldcontext = MemoryContextSwitchTo(scan->row_context);

		if (!inner->xs_recheck || row_fits(scan))
		{
			take(arg, scan->slot);
			n++;
		}
		MemoryContextSwitchTo(oldcontext);
	}
	return n;
}

/*
 * Close it. The locks are kept until the transaction ends.
 */
void
rows_probe_end(RowScan *scan)
{
	index_endscan(scan->inner);
	ExecDropSingleTupleTableSlot(scan->slot);
	index_close(scan->index, NoLock);
	table_close(scan->heap, NoLock);
}

/*
 * Make a key of the kept one for this call, with its memory.
 */
static void
fill_key(ScanKey key, const ScanKeyData *kept, Datum value)
{
	*key = *kept;
	key->sk_func.fn_mcxt = CurrentMemoryContext;
	key->sk_argument = value;
}

/* Where take_row puts its rows. */
typedef struct Taken
{
	Datum *next;
	TransactionId *xmin; /* of the last row, or NULL */
} Taken;

/*
 * The row in the slot as a tuple that stands by itself: with the columns that
 * the table has got since, and without values kept elsewhere. In the current
 * memory context.
 */
HeapTuple
rows_slot_tuple(TupleTableSlot *slot)
{
	slot_getallattrs(slot);
	return toast_build_flattened_tuple(slot->tts_tupleDescriptor,
									   slot->tts_values, slot->tts_isnull);
}

/*
 * Add the row in the slot to an array, as a value of the table's row type.
 */
static void
take_row(void *arg, TupleTableSlot *slot)
{
	Taken *taken = arg;

	*taken->next++ = PointerGetDatum(rows_slot_tuple(slot)->t_data);

	/* Other access methods' rows need not have one. */
	if (taken->xmin && TTS_IS_BUFFERTUPLE(slot))
	{
		bool isnull;

		*taken->xmin = DatumGetTransactionId(
			slot_getsysattr(slot, MinTransactionIdAttributeNumber, &isnull));
	}
}

/*
 * Begin a probe of the index in use, its keys filled but for what is looked
 * for; false if the statement has to be asked.
 */
static bool
begin_probe(RowScan *scan, const TableFacts *facts, RowProbe probe,
			const Datum *scope, Snapshot snapshot)
{
	if (facts->probes[probe].sk_strategy == InvalidStrategy ||
		!begin_scan(scan, facts, facts->indexid, facts->nscope + 1, snapshot))
		return false;
	fill_key(&scan->keys[0], &facts->probes[probe], (Datum) 0);
	for (int i = 0; i < facts->nscope; i++)
		fill_key(&scan->keys[i + 1], &facts->probe_scope[i], scope[i]);
	return true;
}

/*
 * Hand the rows that "probe" finds for "query", a set or a value, in the scope
 * to "take": by the snapshot, at most "max" of them. Their number, or -1 if the
 * statement has to be asked.
 */
int
rows_probe_each(const TableFacts *facts, RowProbe probe, Datum query,
				const Datum *scope, Snapshot snapshot, int max, RowTaker take,
				void *arg)
{
	RowScan scan;
	int n;

	if (!begin_probe(&scan, facts, probe, scope, snapshot))
		return -1;
	scan.keys[0].sk_argument = query;
	n = run_scan(&scan, max, take, arg);
	rows_probe_end(&scan);
	return n;
}

/*
 * The same rows as values of the table's row type, in the current memory
 * context. *xmin becomes the xmin of the last row's version, where it has one.
 */
int
rows_probe(const TableFacts *facts, RowProbe probe, Datum query,
		   const Datum *scope, Snapshot snapshot, int max, Datum *rows,
		   TransactionId *xmin)
{
	Taken taken = {rows, xmin};

	return rows_probe_each(facts, probe, query, scope, snapshot, max, take_row,
						   &taken);
}

/*
 * Begin to look many things up by "probe", by the snapshot, in one scope. In the
 * current memory context. NULL if the statement has to be asked.
 */
RowScan *
rows_probe_begin(const TableFacts *facts, RowProbe probe, const Datum *scope,
				 Snapshot snapshot)
{
	RowScan *scan = palloc(sizeof(RowScan));

	if (!begin_probe(scan, facts, probe, scope, snapshot))
		return NULL;
	scan->row_context = AllocSetContextCreate(CurrentMemoryContext,
											  "external_ids row",
											  ALLOCSET_DEFAULT_SIZES);
	return scan;
}

/*
 * One of them: false, or true and a row that "query" names, which lives until
 * the next is looked up.
 */
bool
rows_probe_next(RowScan *scan, Datum query, Datum *row)
{
	Taken taken = {row, NULL};

	MemoryContextReset(scan->row_context);
	scan->keys[0].sk_argument = query;
	return run_scan(scan, 1, take_row, &taken) > 0;
}

/*
 * Hand the row with the key to "take", if there is one by the snapshot: 1, else
 * 0; -1 if the statement has to be asked.
 */
int
rows_probe_key(const TableFacts *facts, const Datum *key, Snapshot snapshot,
			   RowTaker take, void *arg)
{
	RowScan scan;
	int n;

	if (facts->probe_key == NULL ||
		!begin_scan(&scan, facts, facts->pkeyid, facts->nkeys, snapshot))
		return -1;
	for (int i = 0; i < facts->nkeys; i++)
		fill_key(&scan.keys[i], &facts->probe_key[i], key[i]);
	n = run_scan(&scan, 1, take, arg);
	rows_probe_end(&scan);
	return n;
}
