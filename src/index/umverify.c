/*
 * umverify.c
 *		external_ids_check: compares a unique_members index with its table.
 *
 * Two passes under one snapshot, as amcheck's heapallindexed makes them. The
 * first reads all entries in order: each must stand in its order, the row that
 * it points at, if the snapshot sees one, must hold it, and no two such rows the
 * same one. The second reads all rows that the snapshot sees and looks each of
 * their entries up from the root, as a query would. The snapshot keeps VACUUM
 * from what it sees, so both hold beside any writes, under AccessShareLock.
 *
 * An entry with a NULL can be that of any number of rows (the empty set's is),
 * so it is not looked up: the first pass notes it in a Bloom filter, of
 * maintenance_work_mem at most, where the second asks for it. That may miss a
 * fault, and never invents one.
 *
 * What the snapshot does not show is not judged: entries of dead rows are
 * VACUUM's affair. Nor are the pages above the leaves, but for the way to each
 * entry; the pages are btree's, which amcheck knows (docs/operations.md).
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/index.h"
#include "catalog/pg_class.h"
#include "common/pg_prng.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "index/umverify.h"

PG_FUNCTION_INFO_V1(external_ids_check);

/*
 * A fault, as a row of the result: its kind, the entry's member as text (NULL
 * for the empty set's placeholder), the row, and what is wrong. "reason" is a
 * sentence's end, behind the key. May reset nothing that "key" points into.
 */
void
um_report_fault(UmVerify *verify, const char *fault, ItemPointer row,
				Datum *key, bool *isnull, const char *reason)
{
	char *description = BuildIndexValueDescription(verify->index, key, isnull);
	Datum values[4];
	bool nulls[4] = {false, false, false, false};
	Oid output;
	bool varlena;

	values[0] = CStringGetTextDatum(fault);
	nulls[1] = isnull[0];
	if (!isnull[0])
	{
		getTypeOutputInfo(TupleDescAttr(RelationGetDescr(verify->index), 0)
							  ->atttypid,
						  &output, &varlena);
		values[1] = CStringGetTextDatum(OidOutputFunctionCall(output, key[0]));
	}
	values[2] = PointerGetDatum(row);
	values[3] = CStringGetTextDatum(
		psprintf(description == NULL ? "The key %s%s" : "Key %s %s",
				 description == NULL ? "" : description, reason));
	tuplestore_putvalues(verify->rsinfo->setResult, verify->rsinfo->setDesc,
						 values, nulls);
}

/*
 * Count one more of "what", and tell of it when it is due.
 */
void
um_report_progress(UmVerify *verify, const char *what)
{
	CHECK_FOR_INTERRUPTS();
	verify->done++;
	if (verify->progress > 0 && verify->done % verify->progress == 0)
		ereport(NOTICE, (errmsg("index \"%s\": " INT64_FORMAT " %s checked",
								RelationGetRelationName(verify->index),
								verify->done, what)));
}

/*
 * Refuse what is no index of ours, or none that can be looked at here and now.
 */
static void
um_check_checkable(Relation heap, Relation index)
{
	if (index->rd_rel->relkind == RELKIND_PARTITIONED_INDEX)
		ereport(
			ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("index \"%s\" is partitioned and has no entries itself",
					RelationGetRelationName(index)),
			 errhint(
				 "Check the index of each partition: SELECT relid, c.* FROM pg_partition_tree('%s'), external_ids_check(relid) AS c WHERE isleaf.",
				 RelationGetRelationName(index))));
	if (index->rd_indam->ambuild != umbuild)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a unique_members index",
						RelationGetRelationName(index)),
				 errhint("amcheck checks indexes of PostgreSQL's own.")));
	if (RELATION_IS_OTHER_TEMP(index))
		ereport(
			ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg(
				 "cannot check an index on another session's temporary table")));
	if (RecoveryInProgress() &&
		index->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("cannot check index \"%s\" during recovery",
							   RelationGetRelationName(index)),
						errdetail("Its table \"%s\" is unlogged.",
								  RelationGetRelationName(heap))));
	if (!index->rd_index->indisvalid)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("index \"%s\" is not valid",
							   RelationGetRelationName(index)),
						errhint("REINDEX it, or drop it.")));
}

/*
 * A snapshot that the index can answer: as amcheck asks, not one of before a
 * broken HOT chain. Registered.
 */
static Snapshot
um_checkable_snapshot(Relation index)
{
	Snapshot snapshot = RegisterSnapshot(GetTransactionSnapshot());

	if (IsolationUsesXactSnapshot() && index->rd_index->indcheckxmin &&
		!TransactionIdPrecedes(HeapTupleHeaderGetXmin(
								   index->rd_indextuple->t_data),
							   snapshot->xmin))
		ereport(
			ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("index \"%s\" is younger than the transaction's snapshot",
					RelationGetRelationName(index)),
			 errhint("Check it in a new transaction.")));
	return snapshot;
}

/*
 * What is to be known of the index to look at rows of a snapshot, as CREATE INDEX
 * CONCURRENTLY does: nothing is enforced.
 */
IndexInfo *
um_verify_info(Relation index)
{
	IndexInfo *info = BuildIndexInfo(index);

	info->ii_Concurrent = true;
	info->ii_Unique = false;
	info->ii_ExclusionOps = NULL;
	return info;
}

/*
 * Everything that both passes use.
 */
static void
um_verify_begin(UmVerify *verify)
{
	Relation index = verify->index;
	int nkeys = IndexRelationGetNumberOfKeyAttributes(index);
	int64 elements = Max((int64) RelationGetNumberOfBlocks(index) *
							 (MaxTIDsPerBTreePage / 3),
						 (int64) verify->heap->rd_rel->reltuples);

	verify->snapshot = um_checkable_snapshot(index);
	verify->item_context = AllocSetContextCreate(CurrentMemoryContext,
												 "unique_members check",
												 ALLOCSET_DEFAULT_SIZES);
	verify->wide_context = AllocSetContextCreate(CurrentMemoryContext,
												 "unique_members wide sets",
												 ALLOCSET_DEFAULT_SIZES);
	verify->nkeys = nkeys;
	verify->entries = index_getprocinfo(index, 1, UM_ENTRIES_PROC);
	verify->order = palloc(nkeys * sizeof(FmgrInfo));
	for (int i = 0; i < nkeys; i++)
		fmgr_info_copy(&verify->order[i],
					   index_getprocinfo(index, i + 1, BTORDER_PROC),
					   CurrentMemoryContext);

	verify->info = um_verify_info(index);
	verify->estate = CreateExecutorState();
	verify->slot = table_slot_create(verify->heap, NULL);
	GetPerTupleExprContext(verify->estate)->ecxt_scantuple = verify->slot;
	verify->predicate = ExecPrepareQual(verify->info->ii_Predicate,
										verify->estate);
	verify->fetch = begin_index_fetch(verify->heap);
	verify->with_null = bloom_create(elements, maintenance_work_mem,
									 pg_prng_uint64(&pg_global_prng_state));
	verify->probe = um_btree()->ambeginscan(index, nkeys, 0);
}

/*
 * What index_beginscan() would set in a scan of btree's, which is begun without it.
 */
void
um_verify_prepare(UmVerify *verify, IndexScanDesc scan)
{
	scan->parallel_scan = NULL;
	scan->xs_temp_snap = false;
	scan->xs_snapshot = verify->snapshot;
	scan->heapRelation = verify->heap;
	SINCE_18(scan->instrument = NULL);
}

/*
 * Give back what the transaction would not take back by itself.
 */
static void
um_verify_end(UmVerify *verify)
{
	um_btree()->amendscan(verify->probe);
	IndexScanEnd(verify->probe);
	bloom_free(verify->with_null);
	table_index_fetch_end(verify->fetch);
	ExecDropSingleTupleTableSlot(verify->slot);
	FreeExecutorState(verify->estate);
	MemoryContextDelete(verify->item_context);
	MemoryContextDelete(verify->wide_context);
	UnregisterSnapshot(verify->snapshot);
}

/*
 * Both passes, as the table's owner: expressions and predicates of the index are
 * the owner's code, as in CREATE INDEX.
 */
static void
um_verify(UmVerify *verify)
{
	Oid user;
	int context;
	int nest_level = NewGUCNestLevel();

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(verify->heap->rd_rel->relowner,
						   context | SECURITY_RESTRICTED_OPERATION);
	SINCE_17(RestrictSearchPath());

	um_verify_begin(verify);
	um_verify_entries(verify);
	verify->done = 0;
	um_verify_rows(verify);
	um_verify_end(verify);

	AtEOXact_GUC(false, nest_level);
	SetUserIdAndSecContext(user, context);
}

/*
 * external_ids_check(index, progress): a row for each fault, none if there is
 * none. The caller owns the table.
 */
Datum
external_ids_check(PG_FUNCTION_ARGS)
{
	UmVerify verify = {0};
	Oid indexid;
	Oid heapid;

	InitMaterializedSRF(fcinfo, 0);
	verify.rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("index must not be null")));
	if (!PG_ARGISNULL(1))
	{
		verify.progress = PG_GETARG_INT32(1);
		if (verify.progress <= 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("progress must be greater than zero")));
	}

	/* the table before its index, as everywhere */
	indexid = PG_GETARG_OID(0);
	heapid = IndexGetRelation(indexid, true);
	if (!OidIsValid(heapid))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not an index", get_rel_name(indexid))));
	if (!owns_relation(heapid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(heapid));
	verify.heap = table_open(heapid, AccessShareLock);
	verify.index = index_open(indexid, AccessShareLock);
	um_check_checkable(verify.heap, verify.index);
	um_verify(&verify);
	index_close(verify.index, AccessShareLock);
	table_close(verify.heap, AccessShareLock);
	PG_RETURN_NULL();
}
