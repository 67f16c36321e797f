/*
 * umview.c
 *		The heap view, and the presentation of the index as a btree.
 *
 * btree is handed a copy of the heap's RelationData whose table access method
 * has three callbacks of ours:
 *
 *	index_build_range_scan	hands each row on once per member (umbuild.c)
 *	index_delete_tuples		is promised distinct TIDs by the table AM's
 *							contract; one page of ours can hold several
 *							entries of one row
 *	index_fetch_begin		hands back the real heap
 *
 * and the index's relam says btree for the duration, which nbtree asserts and
 * tuplesort demands. The view is looked at, never opened: on 15 and 16 an
 * SMgrRelation remembers the address of its owner.
 *
 * A relcache invalidation may arrive at any catalog look-up in between; it
 * writes the real relam back and frees what the copy points at. The server then
 * calls our relcache callback, which copies afresh. For that the active views
 * are kept in a list, innermost first; they live on the stack of the callers,
 * which end them also on error.
 */
#include "postgres.h"

#include "catalog/pg_am_d.h"
#include "utils/inval.h"

#include "index/unique_members.h"

static UmView *active_views = NULL;

static TransactionId um_view_index_delete_tuples(Relation rel,
												 TM_IndexDeleteOp *op);
static IndexFetchTableData *
	um_view_index_fetch_begin(INDEX_FETCH_BEGIN_PARAMETERS);

/*
 * Copy the heap's relation as it is now and present the index as a btree. It is
 * asked by its relam and, from 18 on, by its routine's amcanorder.
 */
static void
um_view_refresh(UmView *view)
{
	if (view->index->rd_indam != &view->ordered)
	{
		view->indam = view->index->rd_indam;
		view->ordered = *view->indam;
		view->ordered.amcanorder = true;
		view->index->rd_indam = &view->ordered;
	}
	view->rel = *view->heap;
	view->rel.rd_tableam = &view->table_am;
	view->index->rd_rel->relam = BTREE_AM_OID;
}

/*
 * Relcache callback: relid is InvalidOid when everything was invalidated.
 */
static void
um_relcache_callback(Datum arg, Oid relid)
{
	(void) arg;

	for (UmView *view = active_views; view != NULL; view = view->outer)
		if (relid == InvalidOid || relid == RelationGetRelid(view->heap) ||
			relid == RelationGetRelid(view->index))
			um_view_refresh(view);
}

/*
 * Make "view", memory of the caller's, a view of the heap, and present the
 * index. The caller must have um_view_end() called on success and on error.
 */
void
um_view_begin(UmView *view, Relation heap, Relation index)
{
	static bool registered = false;

	if (unlikely(!registered))
	{
		CacheRegisterRelcacheCallback(um_relcache_callback, (Datum) 0);
		registered = true;
	}

	view->table_am = *heap->rd_tableam;
	view->table_am.index_build_range_scan = um_build_range_scan;
	view->table_am.index_delete_tuples = um_view_index_delete_tuples;
	view->table_am.index_fetch_begin = um_view_index_fetch_begin;
	view->heap = heap;
	view->index = index;
	view->relam = index->rd_rel->relam;
	view->build = NULL;
	view->outer = active_views;
	active_views = view;
	um_view_refresh(view);
}

/*
 * Undo um_view_begin(): the index is what it was.
 */
void
um_view_end(UmView *view)
{
	Assert(active_views == view);
	view->index->rd_rel->relam = view->relam;
	view->index->rd_indam = unconstify(IndexAmRoutine *, view->indam);
	active_views = view->outer;
}

/*
 * Callback of the view: fetches go to the real heap.
 */
static IndexFetchTableData *
um_view_index_fetch_begin(INDEX_FETCH_BEGIN_PARAMETERS)
{
	Relation heap = ((UmView *) rel)->heap;

	return heap->rd_tableam->index_fetch_begin(
		INDEX_FETCH_BEGIN_ARGUMENTS(heap));
}

/*
 * Order of the TIDs, for qsort. Ties need no order.
 */
static int
um_delete_cmp(const void *a, const void *b)
{
	ItemPointerData left = ((const TM_IndexDelete *) a)->tid;
	ItemPointerData right = ((const TM_IndexDelete *) b)->tid;

	return ItemPointerCompare(&left, &right);
}

/*
 * Keep one entry per TID of the sorted "all" in "kept": it stands for the
 * others, is promising if any of them is, and frees what all of them free.
 * first[id of the kept entry] is its group's place in "all". Returns how many
 * were kept.
 */
static int
um_delete_merge(TM_IndexDelete *all, int n, TM_IndexStatus *status,
				TM_IndexDelete *kept, int *first)
{
	int nkept = 0;

	for (int i = 0; i < n; i++)
	{
		TM_IndexStatus *to;
		TM_IndexStatus *from = &status[all[i].id];

		if (i == 0 || !ItemPointerEquals(&all[i].tid, &all[i - 1].tid))
		{
			first[all[i].id] = i;
			kept[nkept++] = all[i];
			continue;
		}
		to = &status[kept[nkept - 1].id];
		to->knowndeletable |= from->knowndeletable;
		to->promising |= from->promising;
		to->freespace = Min((int) to->freespace + from->freespace,
							PG_INT16_MAX);
	}
	return nkept;
}

/*
 * Callback of the view: which entries of a page are of dead rows. The real
 * heap gets each TID once, and its verdict goes to all entries of the TID. A
 * bottom-up call may come back with fewer TIDs, in another order. Runs under a
 * buffer lock, so it sorts once and walks; memory is freed by the caller's
 * context, small things of one page.
 */
static TransactionId
um_view_index_delete_tuples(Relation rel, TM_IndexDeleteOp *op)
{
	Relation heap = ((UmView *) rel)->heap;
	int n = op->ndeltids;
	TM_IndexDelete *all = palloc(n * sizeof(TM_IndexDelete));
	TM_IndexDelete *kept = palloc(n * sizeof(TM_IndexDelete));
	int *first = palloc(n * sizeof(int));
	TM_IndexDeleteOp once = *op;
	TransactionId horizon;

	memcpy(all, op->deltids, n * sizeof(TM_IndexDelete));
	qsort(all, n, sizeof(TM_IndexDelete), um_delete_cmp);
	once.deltids = kept;
	once.ndeltids = um_delete_merge(all, n, op->status, kept, first);

	horizon = heap->rd_tableam->index_delete_tuples(heap, &once);

	op->ndeltids = 0;
	for (int i = 0; i < once.ndeltids; i++)
	{
		bool deletable = op->status[kept[i].id].knowndeletable;
		int k = first[kept[i].id];

		do
		{
			op->status[all[k].id].knowndeletable = deletable;
			op->deltids[op->ndeltids++] = all[k++];
		} while (k < n && ItemPointerEquals(&all[k].tid, &kept[i].tid));
	}

	pfree(all);
	pfree(kept);
	pfree(first);
	return horizon;
}
