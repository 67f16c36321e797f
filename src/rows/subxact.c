/*
 * subxact.c
 *		Work in an internal subtransaction, for errors that can be looked into.
 */
#include "postgres.h"

#include "access/xact.h"
#include "rows/rows.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

/*
 * Call work(arg) in a subtransaction. NULL if it succeeded; else the
 * subtransaction was rolled back, and the result is a copy of the error in the
 * caller's memory context, for the caller to deal with or ReThrowError. What
 * the work wrote to memory stays as the error found it.
 */
ErrorData *
rows_try(void (*work)(void *), void *arg)
{
	MemoryContext oldcontext = CurrentMemoryContext;
	ResourceOwner oldowner = CurrentResourceOwner;
	ErrorData *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(oldcontext);
	PG_TRY();
	{
		work(arg);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(oldcontext);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(oldcontext);
	CurrentResourceOwner = oldowner;
	return error;
}
