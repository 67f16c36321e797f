/*
 * upsert_find.c
 *		Finds and locks the row of an element of an upsert.
 */
#include "postgres.h"

#include "access/xact.h"
#include "rows/upsert.h"
#include "utils/snapmgr.h"

/*
 * Run a plan; the result is in SPI_tuptable. The memory context stays. Errors:
 * 0A000 if a rule made another statement of it.
 */
void
upsert_execute(TableFacts *facts, SPIPlanPtr plan, Datum *values,
			   const char *nulls, int expected)
{
	MemoryContext oldcontext = CurrentMemoryContext;
	int result = SPI_execute_plan(plan, values, nulls, false, 0);

	MemoryContextSwitchTo(oldcontext);
	rows_check_result(result, expected, facts->table_name);
}

/*
 * A copy of a row in the first column of a tuple, in the current memory
 * context.
 */
Datum
upsert_copy_row(HeapTuple tuple, TupleDesc desc)
{
	bool isnull;
	Datum row = SPI_getbinval(tuple, desc, 1, &isnull);

	return PointerGetDatum(PG_DETOAST_DATUM_COPY(row));
}

/*
 * The rows that hold any of the element's IDs in its scope: as the transaction
 * sees them, or by the latest snapshot of all.
 */
void
upsert_find(UpsertElement *element, bool latest, UpsertFound *found)
{
	TableFacts *facts = element->call->facts;
	MemoryContext oldcontext = CurrentMemoryContext;
	RowParams params = {0};
	Snapshot snapshot;

	CommandCounterIncrement();
	snapshot = RegisterSnapshot(latest ? GetLatestSnapshot()
									   : GetTransactionSnapshot());
	found->xmin = InvalidTransactionId;
	found->n = rows_probe(facts, PROBE_ANY, PointerGetDatum(element->ids),
						  element->scope, snapshot, lengthof(found->rows),
						  found->rows, &found->xmin);
	UnregisterSnapshot(snapshot);
	if (found->n >= 0)
		return;

	rows_add_param(&params, PointerGetDatum(element->ids));
	rows_add_params(&params, element->scope, facts->nscope);
	if (latest)
	{
		int result;

		result = SPI_execute_snapshot(rows_plan(facts, QUERY_ANY),
									  params.values, params.nulls,
									  GetLatestSnapshot(), InvalidSnapshot,
									  true, false, MAX_CANDIDATES + 1);
		rows_check_result(result, SPI_OK_SELECT, facts->table_name);
	}
	else
		rows_execute(facts, QUERY_ANY, &params, false, MAX_CANDIDATES + 1);

	MemoryContextSwitchTo(oldcontext);
	found->n = (int) SPI_processed;
	for (int i = 0; i < found->n; i++)
		found->rows[i] = upsert_copy_row(SPI_tuptable->vals[i],
										 SPI_tuptable->tupdesc);
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Lock a row that was found, if it still holds one of the element's IDs in its
 * scope and is in the index. False if not; else *row is what it is now.
 */
bool
upsert_lock_row(UpsertElement *element, Datum *row)
{
	TableFacts *facts = element->call->facts;
	MemoryContext oldcontext = CurrentMemoryContext;
	RowParams params = {0};
	bool found;

	rows_add_param(&params, PointerGetDatum(element->ids));
	rows_add_params(&params, rows_key_of_row(facts, *row), facts->nkeys);
	rows_add_params(&params, element->scope, facts->nscope);
	rows_execute(facts, QUERY_LOCK_ANY, &params, false, 0);
	MemoryContextSwitchTo(oldcontext);
	found = SPI_processed > 0;
	if (found)
		*row = upsert_copy_row(SPI_tuptable->vals[0], SPI_tuptable->tupdesc);
	SPI_freetuptable(SPI_tuptable);
	return found;
}
