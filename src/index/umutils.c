/*
 * umutils.c
 *		What the parts of unique_members share: btree's routine, the entries of
 *		a set, and the memory for them.
 */
#include "postgres.h"

#include "catalog/pg_am_d.h"
#include "utils/memutils.h"

#include "index/unique_members.h"

/*
 * The built-in btree's routine. It lives as long as the backend.
 */
const IndexAmRoutine *
um_btree(void)
{
	static const IndexAmRoutine *btree = NULL;

	if (unlikely(btree == NULL))
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		btree = GetIndexAmRoutineByAmId(BTREE_AM_OID, false);
		MemoryContextSwitchTo(old);
	}
	return btree;
}

/*
 * The entries of a set or a query, by the operator class's support function.
 * Array and copies are palloc'd in the current context; an entry may point
 * into the query, which must live as long.
 */
Datum *
um_entries(FmgrInfo *proc, Oid collation, Datum query, int *nentries)
{
	int32 n = 0;
	Datum *entries;

	entries = (Datum *) DatumGetPointer(
		FunctionCall2Coll(proc, collation, query, PointerGetDatum(&n)));
	*nentries = entries == NULL ? 0 : n;
	return entries;
}

/*
 * Reset "context", whose contents are no longer needed, if it has grown: what a
 * small set leaves there costs less than a reset per set.
 */
void
um_reset_if_grown(MemoryContext context)
{
	if (MemoryContextMemAllocated(context, false) > ALLOCSET_DEFAULT_INITSIZE)
		MemoryContextReset(context);
}
