/*
 * resolve_many.c
 *		external_ids_resolve_many: one row per ID of an array, in its order.
 *
 * The index is probed once per ID: directly where that may be, see probe.c, or
 * by one statement, whose rows are fetched by the thousand. The memory needed
 * does not grow with the array.
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "rows/rows.h"
#include "utils/array.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(external_ids_resolve_many);

#define FETCH_ROWS 1000

/*
 * Put what each ID of the array names into the result, by a probe for each.
 * False, and nothing, if the statement has to be asked.
 */
static bool
probe_ids(ReturnSetInfo *rsinfo, const TableFacts *facts, ArrayType *ids,
		  const Datum *scope)
{
	RowScan *scan = rows_probe_begin(facts, PROBE_BY_ID, scope,
									 GetActiveSnapshot());
	ArrayIterator iterator;
	Datum values[3];
	bool nulls[3] = {false};

	if (scan == NULL)
		return false;
	iterator = array_create_iterator(ids, 0, NULL);
	for (int64 n = 1; array_iterate(iterator, &values[1], &nulls[1]); n++)
	{
		CHECK_FOR_INTERRUPTS();
		values[0] = Int64GetDatum(n);
		nulls[2] = nulls[1] || !rows_probe_next(scan, values[1], &values[2]);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values,
							 nulls);
	}
	array_free_iterator(iterator);
	rows_probe_end(scan);
	return true;
}

/*
 * Put what is in SPI_tuptable into the result.
 */
static void
put_rows(ReturnSetInfo *rsinfo)
{
	for (uint64 i = 0; i < SPI_processed; i++)
		tuplestore_puttuple(rsinfo->setResult, SPI_tuptable->vals[i]);
}

/*
 * The same by the statement.
 */
static void
query_ids(ReturnSetInfo *rsinfo, TableFacts *facts, Datum ids,
		  const Datum *scope)
{
	RowParams params = {0};
	Portal portal;

	rows_add_param(&params, ids);
	rows_add_params(&params, scope, facts->nscope);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	portal = SPI_cursor_open(NULL, rows_plan(facts, QUERY_MANY), params.values,
							 params.nulls, true);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		put_rows(rsinfo);
		SPI_freetuptable(SPI_tuptable);
		CHECK_FOR_INTERRUPTS();
	}
	SPI_cursor_close(portal);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
}

/*
 * external_ids_resolve_many(table, ids, scope, index): (ordinality, id, match),
 * match NULL for a miss. Materialized. A NULL array gives no rows.
 */
Datum
external_ids_resolve_many(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	TableFacts *facts = rows_facts_of_call(fcinfo, 3);
	Datum *scope;

	scope = rows_scope(facts, PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2));
	InitMaterializedSRF(fcinfo, 0);
	if (!PG_ARGISNULL(1) &&
		!probe_ids(rsinfo, facts, PG_GETARG_ARRAYTYPE_P(1), scope))
		query_ids(rsinfo, facts, PG_GETARG_DATUM(1), scope);
	return (Datum) 0;
}
