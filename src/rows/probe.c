/*
 * probe.c
 *		Look-ups by a scan of the index alone, without a plan.
 *
 * For one row the executor takes longer to start and end a kept plan than the
 * index takes to find it. So where the scan cannot but give the rows that the
 * statement of plans.c would, it is made directly, as the server does for
 * foreign keys. Everything else is the statement's: row security, privileges on
 * columns, partitions, a snapshot too old for the index.
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
 * Hand the rows that the keys name to "take": at most "max" of them. How many
 * there were.
 */
static int
scan_index(Relation heap, Relation index, ScanKey keys, int nkeys,
		   AttrNumber set, Snapshot snapshot, int max, RowTaker take,
		   void *arg)
{
	TupleTableSlot *slot = table_slot_create(heap, NULL);
	IndexScanDesc scan = begin_index_scan(heap, index, snapshot, nkeys);
	int n = 0;

	index_rescan(scan, keys, nkeys, NULL, 0);
	while (n < max && index_getnext_slot(scan, ForwardScanDirection, slot))
	{
		if (scan->xs_recheck)
		{
			bool isnull;
			Datum value = slot_getattr(slot, set, &isnull);

			if (isnull ||
				!DatumGetBool(FunctionCall2Coll(&keys[0].sk_func,
												keys[0].sk_collation, value,
												keys[0].sk_argument)))
				continue;
		}
		take(arg, slot);
		n++;
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	return n;
}

/*
 * Probe an index of the table; -1 if the statement has to be asked.
 */
static int
probe_index(const TableFacts *facts, Oid indexid, ScanKey keys, int nkeys,
			Snapshot snapshot, int max, RowTaker take, void *arg)
{
	Relation heap = table_open(facts->relid, NoLock);
	Relation index = index_open(indexid, AccessShareLock);
	int n = -1;

	if (may_probe(heap, index))
		n = scan_index(heap, index, keys, nkeys, facts->set_attnum, snapshot,
					   max, take, arg);
	index_close(index, NoLock);
	table_close(heap, NoLock);
	return n;
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
 * Add the row in the slot to an array, as a value of the table's row type.
 */
static void
take_row(void *arg, TupleTableSlot *slot)
{
	Taken *taken = arg;
	HeapTuple tuple;

	slot_getallattrs(slot);
	tuple = toast_build_flattened_tuple(slot->tts_tupleDescriptor,
										slot->tts_values, slot->tts_isnull);
	*taken->next++ = PointerGetDatum(tuple->t_data);

	/* Other access methods' rows need not have one. */
	if (taken->xmin && TTS_IS_BUFFERTUPLE(slot))
	{
		bool isnull;

		*taken->xmin = DatumGetTransactionId(
			slot_getsysattr(slot, MinTransactionIdAttributeNumber, &isnull));
	}
}

/*
 * The rows that "probe" finds for "query", a set or a value, in the scope: by
 * the snapshot, at most "max" of them, in the current memory context. Their
 * number, or -1 if the statement has to be asked. *xmin, if not NULL, becomes
 * the xmin of the last row's version, where it has one.
 */
int
rows_probe(const TableFacts *facts, RowProbe probe, Datum query,
		   const Datum *scope, Snapshot snapshot, int max, Datum *rows,
		   TransactionId *xmin)
{
	ScanKeyData keys[INDEX_MAX_KEYS];
	Taken taken = {rows, xmin};

	if (facts->probes[probe].sk_strategy == InvalidStrategy)
		return -1;
	fill_key(&keys[0], &facts->probes[probe], query);
	for (int i = 0; i < facts->nscope; i++)
		fill_key(&keys[i + 1], &facts->probe_scope[i], scope[i]);
	return probe_index(facts, facts->indexid, keys, facts->nscope + 1,
					   snapshot, max, take_row, &taken);
}

/*
 * Hand the row with the key to "take", if there is one by the snapshot: 1, else
 * 0; -1 if the statement has to be asked.
 */
int
rows_probe_key(const TableFacts *facts, const Datum *key, Snapshot snapshot,
			   RowTaker take, void *arg)
{
	ScanKeyData keys[INDEX_MAX_KEYS];

	if (facts->probe_key == NULL)
		return -1;
	for (int i = 0; i < facts->nkeys; i++)
		fill_key(&keys[i], &facts->probe_key[i], key[i]);
	return probe_index(facts, facts->pkeyid, keys, facts->nkeys, snapshot, 1,
					   take, arg);
}
