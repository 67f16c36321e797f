/*
 * resolve.c
 *		external_ids_resolve, external_ids_resolve_value, external_ids_find.
 *
 * Each returns the one row that is meant or none; where several are meant, an
 * error tells their keys. They read with the snapshot of the calling query.
 */
#include "postgres.h"

#include "funcapi.h"
#include "rows/rows.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(external_ids_resolve);
PG_FUNCTION_INFO_V1(external_ids_resolve_value);
PG_FUNCTION_INFO_V1(external_ids_find);

typedef struct Rows
{
	int n; /* MAX_CANDIDATES + 1: and more */
	Datum rows[MAX_CANDIDATES + 1];
} Rows;

/*
 * Run a query and copy the rows that it finds to the memory context that was
 * current before SPI_connect.
 */
static void
fetch_rows(TableFacts *facts, RowQuery query, const RowParams *params,
		   Rows *result)
{
	rows_execute(facts, query, params, true, MAX_CANDIDATES + 1);
	result->n = (int) SPI_processed;
	for (int i = 0; i < result->n; i++)
	{
		bool isnull;
		Datum row = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
								  1, &isnull);

		result->rows[i] = SPI_datumTransfer(row, false, -1);
	}
	SPI_freetuptable(SPI_tuptable);
}

/*
 * The rows that a value of the ID's type or a bare value names, by the
 * statement.
 */
static void
fetch_by_id(TableFacts *facts, RowQuery query, Datum id, const Datum *scope,
			Rows *result)
{
	RowParams params = {0};

	rows_add_param(&params, id);
	rows_add_params(&params, scope, facts->nscope);
	fetch_rows(facts, query, &params, result);
}

/*
 * Raise 21000 if more than one row was found.
 */
static void
check_one(const TableFacts *facts, const char *id, const Rows *found)
{
	if (found->n > 1)
		ereport(
			ERROR,
			(errcode(ERRCODE_CARDINALITY_VIOLATION),
			 errmsg(
				 "external ID \"%s\" names more than one row of table \"%s\"",
				 id, facts->table_name),
			 facts->nkeys > 0
				 ? errdetail("Rows that hold it have the keys: %s.",
							 rows_keys_text(facts, found->rows, found->n))
				 : 0,
			 errhint("external_ids_resolve takes the label too.")));
}

/*
 * The scope argument's values.
 */
static Datum *
scope_argument(FunctionCallInfo fcinfo, const TableFacts *facts, int arg)
{
	return rows_scope(facts,
					  PG_ARGISNULL(arg) ? NULL : PG_GETARG_JSONB_P(arg));
}

/*
 * The result of a look-up in the memory of the current context: a pointer to
 * the row, or NULL.
 */
static Datum *
row_result(Datum row)
{
	Datum *result = palloc(sizeof(Datum));

	*result = row;
	return result;
}

/*
 * The row that holds argument 1, an ID or a bare value as "query" has it.
 */
static Datum *
resolve_internal(FunctionCallInfo fcinfo, RowQuery query)
{
	TableFacts *facts = rows_facts_of_call(fcinfo, 3);
	Datum *scope = scope_argument(fcinfo, facts, 2);
	Datum id = PG_GETARG_DATUM(1);
	Rows found;
	Oid output;
	bool isvarlena;

	if (PG_ARGISNULL(1))
		return NULL;
	found.n = rows_probe(facts,
						 query == QUERY_BY_ID ? PROBE_BY_ID : PROBE_BY_VALUE,
						 id, scope, GetActiveSnapshot(), lengthof(found.rows),
						 found.rows, NULL);
	if (found.n < 0)
	{
		if (SPI_connect() != SPI_OK_CONNECT)
			elog(ERROR, "SPI_connect failed");
		fetch_by_id(facts, query, id, scope, &found);
		if (SPI_finish() != SPI_OK_FINISH)
			elog(ERROR, "SPI_finish failed");
	}
	if (found.n > 1)
	{
		getTypeOutputInfo(get_fn_expr_argtype(fcinfo->flinfo, 1), &output,
						  &isvarlena);
		check_one(facts, OidOutputFunctionCall(output, id), &found);
	}
	return found.n == 1 ? row_result(found.rows[0]) : NULL;
}

/*
 * external_ids_resolve's row.
 */
static Datum *
resolve_id(FunctionCallInfo fcinfo)
{
	return resolve_internal(fcinfo, QUERY_BY_ID);
}

/*
 * external_ids_resolve_value's row.
 */
static Datum *
resolve_value(FunctionCallInfo fcinfo)
{
	return resolve_internal(fcinfo, QUERY_BY_VALUE);
}

/*
 * True if both rows have the same key.
 */
static bool
same_row(const TableFacts *facts, Datum a, Datum b)
{
	Datum *key_a = rows_key_of_row(facts, a);
	Datum *key_b = rows_key_of_row(facts, b);

	for (int i = 0; i < facts->nkeys; i++)
	{
		int16 len;
		bool byval;

		get_typlenbyval(facts->keys[i].type, &len, &byval);
		if (!datum_image_eq(key_a[i], key_b[i], byval, len))
			return false;
	}
	return true;
}

/*
 * Which reading wins: 'k'ey, 'e'xternal ID or 0 for neither. Errors: 22023.
 */
static char
find_preference(FunctionCallInfo fcinfo, int arg)
{
	char *prefer;

	if (PG_ARGISNULL(arg))
		return 0;
	prefer = text_to_cstring(PG_GETARG_TEXT_PP(arg));
	if (strcmp(prefer, "key") == 0)
		return 'k';
	if (strcmp(prefer, "external_id") == 0)
		return 'e';
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("invalid value for prefer: \"%s\"", prefer),
					errhint("prefer is 'key' or 'external_id'.")));
}

/*
 * Pick the row that is meant from those by either reading: NULL for none.
 * Errors: 21000 if "prefer" does not settle it.
 */
static Datum *
pick_row(const TableFacts *facts, const char *id, char prefer,
		 const Rows *by_key, const Rows *by_value)
{
	bool agree;

	if (by_key->n > 0 && prefer == 'k')
		return row_result(by_key->rows[0]);
	if (by_key->n == 0 || (prefer == 'e' && by_value->n > 0))
	{
		check_one(facts, id, by_value);
		return by_value->n > 0 ? row_result(by_value->rows[0]) : NULL;
	}
	agree = by_value->n == 0 ||
			(by_value->n == 1 &&
			 same_row(facts, by_key->rows[0], by_value->rows[0]));
	if (!agree)
		ereport(
			ERROR,
			(errcode(ERRCODE_CARDINALITY_VIOLATION),
			 errmsg("\"%s\" names more than one row of table \"%s\"", id,
					facts->table_name),
			 errdetail("It is the key of %s and an external ID of %s.",
					   rows_keys_text(facts, by_key->rows, by_key->n),
					   rows_keys_text(facts, by_value->rows, by_value->n)),
			 by_value->n == 1
				 ? errhint(
					   "prefer => 'key' or prefer => 'external_id' settles it.")
				 : errhint("prefer => 'key' settles it.")));
	return row_result(by_key->rows[0]);
}

/*
 * external_ids_find's row.
 */
static Datum *
find_row(FunctionCallInfo fcinfo)
{
	char prefer = find_preference(fcinfo, 3);
	TableFacts *facts = rows_facts_of_call(fcinfo, 4);
	Datum *scope = scope_argument(fcinfo, facts, 2);
	Rows by_key = {0};
	Rows by_value;
	Datum *key;
	char *id;

	rows_require_key(facts);
	if (PG_ARGISNULL(1))
		return NULL;
	id = text_to_cstring(PG_GETARG_TEXT_PP(1));
	key = rows_key_if_legal(facts, id);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (key)
	{
		RowParams params = {0};

		rows_add_params(&params, key, facts->nkeys);
		rows_add_params(&params, scope, facts->nscope);
		fetch_rows(facts, QUERY_BY_KEY, &params, &by_key);
	}
	fetch_by_id(facts, QUERY_BY_VALUE, PG_GETARG_DATUM(1), scope, &by_value);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	return pick_row(facts, id, prefer, &by_key, &by_value);
}

/*
 * Do the look-up first, then hand out its row, if any, then end.
 */
static Datum
return_row(FunctionCallInfo fcinfo, Datum *(*look_up)(FunctionCallInfo))
{
	FuncCallContext *funcctx;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext oldcontext;

		funcctx = SRF_FIRSTCALL_INIT();
		oldcontext = MemoryContextSwitchTo(funcctx->multi_call_memory_ctx);
		funcctx->user_fctx = look_up(fcinfo);
		MemoryContextSwitchTo(oldcontext);
	}
	funcctx = SRF_PERCALL_SETUP();
	if (funcctx->call_cntr == 0 && funcctx->user_fctx != NULL)
		SRF_RETURN_NEXT(funcctx, *(Datum *) funcctx->user_fctx);
	SRF_RETURN_DONE(funcctx);
}

/*
 * external_ids_resolve(table, id, scope, index): the row that holds the ID,
 * label and value.
 */
Datum
external_ids_resolve(PG_FUNCTION_ARGS)
{
	return return_row(fcinfo, resolve_id);
}

/*
 * external_ids_resolve_value(table, value, scope, index): the row that holds
 * the value under any label.
 */
Datum
external_ids_resolve_value(PG_FUNCTION_ARGS)
{
	return return_row(fcinfo, resolve_value);
}

/*
 * external_ids_find(table, id, scope, prefer, index): the row whose key or
 * external ID's value the text is.
 */
Datum
external_ids_find(PG_FUNCTION_ARGS)
{
	return return_row(fcinfo, find_row);
}
