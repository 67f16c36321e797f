/*
 * uminsert.c
 *		Insert into a unique_members index: one btree insert per member.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "index/unique_members.h"

/* What one statement keeps in its IndexInfo's ii_AmCache. */
typedef struct UmInsert
{
	FmgrInfo *entries;		   /* the operator class's */
	MemoryContext row_context; /* emptied after a row */
} UmInsert;

/*
 * The statement's state, made and checked at its first insert.
 */
static pg_noinline UmInsert *
um_insert_state(Relation heap, Relation index, IndexInfo *indexInfo)
{
	UmInsert *state = indexInfo->ii_AmCache;

	if (unlikely(state == NULL))
	{
		um_check_index(heap, index);
		state = MemoryContextAlloc(indexInfo->ii_Context, sizeof(UmInsert));
		state->entries = index_getprocinfo(index, 1, UM_ENTRIES_PROC);
		state->row_context = AllocSetContextCreate(indexInfo->ii_Context,
												   "unique_members insert row",
												   ALLOCSET_DEFAULT_SIZES);
		indexInfo->ii_AmCache = state;
	}
	return state;
}

/*
 * Which check btree is to make. Without being asked, uniqueness is checked,
 * for that is what the index is for. What core asks for by itself, which it
 * does where the index is UNIQUE, is passed on. An EXCLUDE constraint is
 * checked by the executor afterwards.
 */
static IndexUniqueCheck
um_unique_check(Relation index, IndexUniqueCheck asked)
{
	if (index->rd_index->indisexclusion)
		return UNIQUE_CHECK_NO;
	return asked == UNIQUE_CHECK_NO ? UNIQUE_CHECK_YES : asked;
}

/*
 * Is any scope column NULL? Such a row conflicts with none.
 */
static bool
um_has_null_scope(Relation index, const bool *isnull)
{
	for (int i = 1; i < IndexRelationGetNumberOfKeyAttributes(index); i++)
		if (isnull[i])
			return true;
	return false;
}

/*
 * Insert the entries in the order given, all of them even after a conflict
 * that was only reported: the row may stay after all. True if none conflicts;
 * so does a row without members, which conflicts with nothing. (ON CONFLICT
 * would try for ever to insert a row that it is told conflicts.)
 */
static bool
um_insert_entries(Relation index, Relation heap, Datum *entries, int nentries,
				  Datum *values, bool *isnull, ItemPointer heap_tid,
				  IndexUniqueCheck check, bool unchanged, IndexInfo *indexInfo)
{
	aminsert_function insert = um_btree()->aminsert;
	bool unique = true;

	for (int i = 0; i < nentries; i++)
	{
		CHECK_FOR_INTERRUPTS();
		values[0] = entries[i];
		if (!insert(index, values, isnull, heap_tid, heap, check, unchanged,
					indexInfo))
			unique = false;
	}
	if (nentries == 0 && check != UNIQUE_CHECK_EXISTING)
	{
		isnull[0] = true; /* the placeholder, see umbuild.c */
		insert(index, values, isnull, heap_tid, heap, UNIQUE_CHECK_NO,
			   unchanged, indexInfo);
		if (index->rd_index->indisexclusion &&
			!um_has_null_scope(index, isnull))
			um_expect_check(index);
	}
	return unique;
}

/*
 * aminsert. Members go in canonical order, so two transactions that claim
 * overlapping sets take their waits in one order. Error 23505 for a member that
 * another row holds, with btree's message. True if there was no conflict, as
 * for a row that has no members.
 */
bool
uminsert(Relation index, Datum *values, bool *isnull, ItemPointer heap_tid,
		 Relation heap, IndexUniqueCheck checkUnique, bool indexUnchanged,
		 IndexInfo *indexInfo)
{
	UmInsert *state;
	Datum key[INDEX_MAX_KEYS];
	bool key_isnull[INDEX_MAX_KEYS];
	int natts = IndexRelationGetNumberOfAttributes(index);
	volatile bool unique = true;
	MemoryContext old;
	UmView view;

	state = um_insert_state(heap, index, indexInfo);
	if (isnull[0])
		return true;
	memcpy(key, values, natts * sizeof(Datum));
	memcpy(key_isnull, isnull, natts * sizeof(bool));

	old = MemoryContextSwitchTo(state->row_context);
	um_view_begin(&view, heap, index);
	PG_TRY();
	{
		Datum *entries;
		int nentries;

		entries = um_entries(state->entries, index->rd_indcollation[0],
							 values[0], &nentries);
		unique = um_insert_entries(index, &view.rel, entries, nentries, key,
								   key_isnull, heap_tid,
								   um_unique_check(index, checkUnique),
								   indexUnchanged, indexInfo);
	}
	PG_FINALLY();
	{
		um_view_end(&view);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	um_reset_if_grown(state->row_context);
	return unique;
}
