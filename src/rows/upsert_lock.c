/*
 * upsert_lock.c
 *		Keeps upserts of one ID from deadlocks where the index belongs to an
 *		EXCLUDE constraint.
 *
 * Such an index takes a new row in first and looks for conflicts then, so two who
 * insert the same ID at once wait for each other. A plain or UNIQUE index looks
 * first: nothing of this is needed there, and nothing here is what keeps an ID
 * from being given twice.
 *
 * The locks are page locks on the index, which nothing else takes on it: an
 * upsert takes one for each of its IDs, in order, from so few that a long
 * transaction does not fill the lock table. A batch takes the one that they all
 * share, alone.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "rows/upsert.h"
#include "storage/lock.h"

#define NUM_STRIPES 1024

/*
 * Take a page's lock until the transaction ends.
 */
static void
lock_page(const TableFacts *facts, BlockNumber page, LOCKMODE mode)
{
	LOCKTAG tag;

	SET_LOCKTAG_PAGE(tag, MyDatabaseId, facts->indexid, page);
	(void) LockAcquire(&tag, mode, false, false);
}

/*
 * qsort order of page numbers.
 */
static int
compare_pages(const void *a, const void *b)
{
	BlockNumber x = *(const BlockNumber *) a;
	BlockNumber y = *(const BlockNumber *) b;

	return x < y ? -1 : x > y;
}

/*
 * Wait for other upserts of any of these IDs, if the index needs it.
 */
void
upsert_lock_ids(TableFacts *facts, const ExternalIdSet *ids)
{
	int32 n = 0;
	Datum *entries;
	BlockNumber *pages;

	if (!facts->exclusion)
		return;
	lock_page(facts, NUM_STRIPES, RowShareLock);
	entries = (Datum *) DatumGetPointer(FunctionCall2(&facts->entries,
													  PointerGetDatum(ids),
													  PointerGetDatum(&n)));
	pages = palloc(sizeof(BlockNumber) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		struct varlena *entry = PG_DETOAST_DATUM_PACKED(entries[i]);

		pages[i] = DatumGetUInt32(
					   hash_any((const unsigned char *) VARDATA_ANY(entry),
								VARSIZE_ANY_EXHDR(entry))) %
				   NUM_STRIPES;
	}
	qsort(pages, n, sizeof(BlockNumber), compare_pages);
	for (int i = 0; i < n; i++)
		lock_page(facts, pages[i], ExclusiveLock);
	pfree(pages);
}

/*
 * Wait for all other upserts through the index, if it needs it.
 */
void
upsert_lock_all(TableFacts *facts)
{
	if (facts->exclusion)
		lock_page(facts, NUM_STRIPES, ExclusiveLock);
}
