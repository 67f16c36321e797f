/*
 * resolve_many.c
 *		external_ids_resolve_many: one row per ID of an array, in its order.
 *
 * One statement probes the index once per ID. Its rows are fetched by the
 * thousand, so that the memory needed does not grow with the array.
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "rows/rows.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(external_ids_resolve_many);

#define FETCH_ROWS 1000

/*
 * Put what is in SPI_tuptable into the result.
 */
static void
put_rows(ReturnSetInfo *rsinfo)
{
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Datum values[3];
		bool nulls[3];

		heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, values,
						  nulls);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values,
							 nulls);
	}
}

/*
 * external_ids_resolve_many(table, ids, scope, index): (ordinality, id, match),
 * match NULL for a miss. Materialized. A NULL array gives no rows.
 */
Datum
external_ids_resolve_many(PG_FUNCTION_ARGS)
{
	TableFacts *facts = rows_facts_of_call(fcinfo, 3);
	RowParams params = {0};
	Portal portal;
	Datum *scope;

	scope = rows_scope(facts, PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2));
	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(1))
		return (Datum) 0;
	rows_add_param(&params, PG_GETARG_DATUM(1));
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
		put_rows((ReturnSetInfo *) fcinfo->resultinfo);
		SPI_freetuptable(SPI_tuptable);
		CHECK_FOR_INTERRUPTS();
	}
	SPI_cursor_close(portal);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	return (Datum) 0;
}
