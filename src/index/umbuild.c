/*
 * umbuild.c
 *		Build of a unique_members index: btree's own build, over a view of the
 *		heap that hands each row on once per member.
 *
 * A row with an empty set gets one placeholder: an entry whose first column is
 * NULL. No NULL set has an entry, so the placeholder is unambiguous, and btree
 * checks no entry with a NULL for uniqueness, neither in its sort nor in its
 * inserts.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "index/unique_members.h"

/* the state of one build */
typedef struct UmBuild
{
	FmgrInfo *entries; /* the operator class's */
	Oid collation;
	MemoryContext row_context;	 /* emptied before a row */
	IndexBuildCallback callback; /* btree's */
	void *callback_state;
} UmBuild;

/*
 * What the heap scan calls per row: call btree's callback once per member.
 */
static void
um_build_callback(Relation index, ItemPointer tid, Datum *values, bool *isnull,
				  bool tupleIsAlive, void *state)
{
	UmBuild *build = state;
	Datum set = values[0];
	MemoryContext old;
	Datum *entries;
	int nentries;

	if (isnull[0])
		return;

	um_reset_if_grown(build->row_context);
	old = MemoryContextSwitchTo(build->row_context);
	entries = um_entries(build->entries, build->collation, set, &nentries);
	MemoryContextSwitchTo(old);

	for (int i = 0; i < nentries; i++)
	{
		CHECK_FOR_INTERRUPTS();
		values[0] = entries[i];
		build->callback(index, tid, values, isnull, tupleIsAlive,
						build->callback_state);
	}
	if (nentries == 0)
	{
		isnull[0] = true; /* the placeholder */
		build->callback(index, tid, values, isnull, tupleIsAlive,
						build->callback_state);
		isnull[0] = false;
	}
	values[0] = set;
}

/*
 * Callback of the heap view: the real heap's scan, with our callback before
 * btree's.
 */
double
um_build_range_scan(Relation table_rel, Relation index_rel,
					IndexInfo *index_info, bool allow_sync, bool anyvisible,
					bool progress, BlockNumber start_blockno,
					BlockNumber numblocks, IndexBuildCallback callback,
					void *callback_state, TableScanDesc scan)
{
	UmView *view = (UmView *) table_rel;
	UmBuild *build = view->build;

	build->callback = callback;
	build->callback_state = callback_state;
	return view->heap->rd_tableam
		->index_build_range_scan(view->heap, index_rel, index_info, allow_sync,
								 anyvisible, progress, start_blockno,
								 numblocks, um_build_callback, build, scan);
}

/*
 * An EXCLUDE constraint is enforced by the executor, with the operator it was
 * declared with. One that is weaker than what the index promises is refused.
 */
static void
um_check_exclusion(Relation index, IndexInfo *info)
{
	if (info->ii_ExclusionOps == NULL || info->ii_ExclusionStrats[0] == UM_ANY)
		return;
	ereport(
		ERROR,
		(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
		 errmsg(
			 "exclusion constraint \"%s\" would not keep the members of the set unique",
			 RelationGetRelationName(index)),
		 errdetail(
			 "Its operator on column \"%s\" is not the one that finds a common member.",
			 NameStr(TupleDescAttr(RelationGetDescr(index), 0)->attname)),
		 errhint(
			 "Use && with external_id_set_ops, or &= with external_id_set_value_ops.")));
}

/*
 * ambuild: as the access method's interface has it. Errors: what
 * um_check_index() refuses, and btree's 23505 for duplicates, which an EXCLUDE
 * constraint leaves to the executor's own check after the build.
 */
IndexBuildResult *
umbuild(Relation heap, Relation index, IndexInfo *indexInfo)
{
	IndexBuildResult *volatile result = NULL;
	IndexInfo info = *indexInfo;
	UmBuild build = {0};
	UmView view;

	um_check_index(heap, index);
	um_check_exclusion(index, indexInfo);

	build.entries = index_getprocinfo(index, 1, UM_ENTRIES_PROC);
	build.collation = index->rd_indcollation[0];
	build.row_context = AllocSetContextCreate(CurrentMemoryContext,
											  "unique_members build row",
											  ALLOCSET_DEFAULT_SIZES);
	info.ii_Unique = !index->rd_index->indisexclusion;
	info.ii_ParallelWorkers = 0;

	um_view_begin(&view, heap, index);
	view.build = &build;
	PG_TRY();
	{
		result = um_btree()->ambuild(&view.rel, index, &info);
	}
	PG_FINALLY();
	{
		um_view_end(&view);
	}
	PG_END_TRY();

	indexInfo->ii_BrokenHotChain = info.ii_BrokenHotChain;
	MemoryContextDelete(build.row_context);
	return result;
}
