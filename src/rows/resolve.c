/*
 * resolve.c
 *		external_ids_resolve, external_ids_resolve_value, external_ids_find.
 *
 * Each returns the one row that is meant or none; where several are meant, an
 * error tells their keys. They read with the snapshot of the calling query.
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "rows/rows.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"
#include "utils/typcache.h"

PG_FUNCTION_INFO_V1(external_ids_resolve);
PG_FUNCTION_INFO_V1(external_ids_resolve_value);
PG_FUNCTION_INFO_V1(external_ids_find);

typedef struct Rows
{
	int n; /* MAX_CANDIDATES + 1: and more */
	Datum rows[MAX_CANDIDATES + 1];
} Rows;

/* The set that a function returns: one row of the table or none. */
typedef struct RowResult
{
	const TableFacts *facts;
	ReturnSetInfo *rsinfo;
	bool filled;
} RowResult;

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
 * Begin the result, in the memory of the query. Without a descriptor, which the
 * executor would compare with its own: check_row_type does it for less.
 */
static void
begin_result(FunctionCallInfo fcinfo, const TableFacts *facts,
			 RowResult *result)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext oldcontext;

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo) ||
		rsinfo->expectedDesc == NULL)
		ereport(
			ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg(
				 "set-valued function called in context that cannot accept a set")));
	if (!(rsinfo->allowedModes & SFRM_Materialize))
		ereport(
			ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg(
				 "materialize mode required, but it is not allowed in this context")));
	oldcontext = MemoryContextSwitchTo(
		rsinfo->econtext->ecxt_per_query_memory);
	rsinfo->returnMode = SFRM_Materialize;
	rsinfo->setResult = tuplestore_begin_heap((rsinfo->allowedModes &
											   SFRM_Materialize_Random) != 0,
											  false, work_mem);
	MemoryContextSwitchTo(oldcontext);
	result->facts = facts;
	result->rsinfo = rsinfo;
	result->filled = false;
}

/*
 * Raise 42804 unless rows of the table are still what the executor makes of
 * them: it asked before the table was locked, and the lock may have been waited
 * for. The executor's own check does not expect a column that was dropped.
 */
static void
check_row_type(const RowResult *result, TupleDesc desc)
{
	TupleDesc expected = result->rsinfo->expectedDesc;
	bool same = expected->natts == desc->natts;

	for (int i = 0; i < desc->natts && same; i++)
		same = TupleDescAttr(expected, i)->atttypid ==
			   TupleDescAttr(desc, i)->atttypid;
	if (!same)
		ereport(
			ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("table \"%s\" was altered before the statement locked it",
					result->facts->table_name),
			 errhint("The transaction might succeed if retried.")));
}

/*
 * True if the row's tuple is all there is to know of it: no column that the
 * table has got since, no value kept elsewhere, which TRUNCATE would take away.
 */
static bool
is_whole(TupleTableSlot *slot)
{
	TupleConstr *constr = slot->tts_tupleDescriptor->constr;

	return TTS_IS_BUFFERTUPLE(slot) && !(constr && constr->missing) &&
		   !HeapTupleHasExternal(ExecFetchSlotHeapTuple(slot, false, NULL));
}

/*
 * RowTaker: put the row in the slot into the result. A second one is left to
 * the error that it leads to.
 */
static void
put_slot(void *arg, TupleTableSlot *slot)
{
	RowResult *result = arg;
	Tuplestorestate *store = result->rsinfo->setResult;

	if (result->filled)
		return;
	check_row_type(result, slot->tts_tupleDescriptor);
	if (is_whole(slot))
		tuplestore_puttupleslot(store, slot);
	else
		tuplestore_puttuple(store, rows_slot_tuple(slot));
	result->filled = true;
}

/*
 * Put a value of the table's row type into the result.
 */
static void
put_row(RowResult *result, Datum row)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(row);
	TupleDesc desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header),
											HeapTupleHeaderGetTypMod(header));
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(header),
						   .t_data = header};

	check_row_type(result, desc);
	ReleaseTupleDesc(desc);
	tuplestore_puttuple(result->rsinfo->setResult, &tuple);
}

/*
 * Return the row that holds argument 1, an ID or a bare value as "query" and
 * "probe" have it.
 */
static Datum
resolve_by(FunctionCallInfo fcinfo, RowQuery query, RowProbe probe)
{
	TableFacts *facts = rows_facts_of_call(fcinfo, 3);
	Datum *scope = scope_argument(fcinfo, facts, 2);
	Datum id = PG_GETARG_DATUM(1);
	RowResult result;
	Rows found;
	Oid output;
	bool isvarlena;
	int n;

	begin_result(fcinfo, facts, &result);
	if (PG_ARGISNULL(1))
		return (Datum) 0;
	/* Two are enough to know that it is not one. */
	n = rows_probe_each(facts, probe, id, scope, GetActiveSnapshot(), 2,
						put_slot, &result);
	if (n == 0 || n == 1)
		return (Datum) 0;

	/* The statement has to be asked: for the row, or for all there are. */
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	fetch_by_id(facts, query, id, scope, &found);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	if (found.n > 1)
	{
		getTypeOutputInfo(get_fn_expr_argtype(fcinfo->flinfo, 1), &output,
						  &isvarlena);
		check_one(facts, OidOutputFunctionCall(output, id), &found);
	}
	if (result.filled)
		elog(ERROR, "probe of table %u found %d rows, statement %d",
			 facts->relid, n, found.n);
	if (found.n == 1)
		put_row(&result, found.rows[0]);
	return (Datum) 0;
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
static const Datum *
pick_row(const TableFacts *facts, const char *id, char prefer,
		 const Rows *by_key, const Rows *by_value)
{
	bool agree;

	if (by_key->n > 0 && prefer == 'k')
		return &by_key->rows[0];
	if (by_key->n == 0 || (prefer == 'e' && by_value->n > 0))
	{
		check_one(facts, id, by_value);
		return by_value->n > 0 ? &by_value->rows[0] : NULL;
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
	return &by_key->rows[0];
}

/*
 * external_ids_find(table, id, scope, prefer, index): the row whose key or
 * external ID's value the text is.
 */
Datum
external_ids_find(PG_FUNCTION_ARGS)
{
	char prefer = find_preference(fcinfo, 3);
	TableFacts *facts = rows_facts_of_call(fcinfo, 4);
	Datum *scope = scope_argument(fcinfo, facts, 2);
	RowResult result;
	Rows by_key = {0};
	Rows by_value;
	const Datum *row;
	Datum *key;
	char *id;

	begin_result(fcinfo, facts, &result);
	rows_require_key(facts);
	if (PG_ARGISNULL(1))
		return (Datum) 0;
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
	row = pick_row(facts, id, prefer, &by_key, &by_value);
	if (row)
		put_row(&result, *row);
	return (Datum) 0;
}

/*
 * external_ids_resolve(table, id, scope, index): the row that holds the ID,
 * label and value.
 */
Datum
external_ids_resolve(PG_FUNCTION_ARGS)
{
	return resolve_by(fcinfo, QUERY_BY_ID, PROBE_BY_ID);
}

/*
 * external_ids_resolve_value(table, value, scope, index): the row that holds
 * the value under any label.
 */
Datum
external_ids_resolve_value(PG_FUNCTION_ARGS)
{
	return resolve_by(fcinfo, QUERY_BY_VALUE, PROBE_BY_VALUE);
}
