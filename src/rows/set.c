/*
 * set.c
 *		external_ids_set, external_ids_add, external_ids_remove.
 *
 * The row is locked, its set read, the new one worked out and, if it is
 * another, written. Where IDs may be added, lock and write stand in one
 * subtransaction, so that a conflict can be looked into; the lock with the
 * write, for a lock of the outer transaction and a write of the inner one would
 * cost a multixact.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "rows/rows.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(external_ids_set);
PG_FUNCTION_INFO_V1(external_ids_add);
PG_FUNCTION_INFO_V1(external_ids_remove);

typedef enum Change
{
	CHANGE_SET,
	CHANGE_ADD,
	CHANGE_REMOVE
} Change;

/* One call: what is asked for, and what came of it. */
typedef struct ChangeCall
{
	Change change;
	TableFacts *facts;
	MemoryContext context; /* of the results */
	ExternalIdSet *ids;	   /* the argument */
	text *label;		   /* the argument, or NULL */
	Datum *key;
	Datum *scope; /* the argument, or NULL */
	bool found;
	Datum row_scope[INDEX_MAX_KEYS]; /* the row's own */
	bool row_scope_nulls[INDEX_MAX_KEYS];
	ExternalIdSet *old;
	ExternalIdSet *current; /* the row's set afterwards */
	ExternalIdSet *added;	/* what the write adds */
} ChangeCall;

/*
 * A detoasted copy of a set in the call's memory.
 */
static ExternalIdSet *
copy_set(const ChangeCall *call, Datum set)
{
	MemoryContext oldcontext = MemoryContextSwitchTo(call->context);
	ExternalIdSet *copy = (ExternalIdSet *) PG_DETOAST_DATUM_COPY(set);

	MemoryContextSwitchTo(oldcontext);
	return copy;
}

/*
 * Lock the row and take down its set and scope; false if there is no such row.
 */
static bool
lock_row(ChangeCall *call)
{
	TableFacts *facts = call->facts;
	RowParams params = {0};
	HeapTuple tuple;
	TupleDesc desc;
	MemoryContext oldcontext;
	Datum set;
	bool isnull;

	rows_add_params(&params, call->key, facts->nkeys);
	if (call->scope)
		rows_add_params(&params, call->scope, facts->nscope);
	rows_execute(facts, call->scope ? QUERY_LOCK_SCOPED : QUERY_LOCK, &params,
				 false, 0);
	if (SPI_processed == 0)
		return false;

	tuple = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	set = SPI_getbinval(tuple, desc, 1, &isnull);
	oldcontext = MemoryContextSwitchTo(call->context);
	if (isnull)
		call->old = external_id_set_minus_internal(call->ids, call->ids);
	else
		call->old = copy_set(call, set);
	for (int i = 0; i < facts->nscope; i++)
	{
		Datum value = SPI_getbinval(tuple, desc, i + 2,
									&call->row_scope_nulls[i]);
		int16 len;
		bool byval;

		if (call->row_scope_nulls[i])
			continue;
		get_typlenbyval(facts->scope[i].type, &len, &byval);
		call->row_scope[i] = datumCopy(value, byval, len);
	}
	MemoryContextSwitchTo(oldcontext);
	SPI_freetuptable(SPI_tuptable);
	return true;
}

/*
 * The set that the row shall have. In the current memory context.
 */
static ExternalIdSet *
new_set(const ChangeCall *call)
{
	ExternalIdSet *rest;

	switch (call->change)
	{
		case CHANGE_ADD:
			return external_id_set_union_internal(call->old, call->ids);
		case CHANGE_REMOVE:
			return external_id_set_minus_internal(call->old, call->ids);
		case CHANGE_SET:
			break;
	}
	if (call->label == NULL)
		return call->ids;
	rest = external_id_set_under_internal(call->old, VARDATA_ANY(call->label),
										  VARSIZE_ANY_EXHDR(call->label));
	rest = external_id_set_minus_internal(call->old, rest);
	return external_id_set_union_internal(rest, call->ids);
}

/*
 * Lock the row and write its new set, unless that is what it has. What
 * RETURNING says counts: a trigger may have had its own mind.
 */
static void
lock_and_write(void *arg)
{
	ChangeCall *call = arg;
	TableFacts *facts = call->facts;
	RowParams params = {0};
	MemoryContext oldcontext;
	Datum set;
	bool isnull;

	if (!lock_row(call))
		return;
	oldcontext = MemoryContextSwitchTo(call->context);
	call->current = new_set(call);
	call->added = external_id_set_minus_internal(call->current, call->old);
	MemoryContextSwitchTo(oldcontext);
	if (external_id_set_equal_internal(call->current, call->old))
	{
		call->found = true;
		return;
	}

	rows_add_param(&params, PointerGetDatum(call->current));
	rows_add_params(&params, call->key, facts->nkeys);
	rows_execute(facts, QUERY_WRITE, &params, false, 0);
	if (SPI_processed == 0)
		return; /* a trigger kept the row from being written */
	call->found = true;
	set = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
						&isnull);
	oldcontext = MemoryContextSwitchTo(call->context);
	if (isnull)
		call->current = external_id_set_minus_internal(call->ids, call->ids);
	else
		call->current = copy_set(call, set);
	MemoryContextSwitchTo(oldcontext);
	SPI_freetuptable(SPI_tuptable);
}

/*
 * lock_and_write in a subtransaction, to turn a violation of the index into an
 * error that names the holder.
 */
static void
lock_and_claim(ChangeCall *call)
{
	ErrorData *error = rows_try(lock_and_write, call);

	if (error == NULL)
		return;
	if (call->added == NULL || !rows_is_conflict(call->facts, error))
		ReThrowError(error);
	rows_report_conflict(call->facts, error, call->added, call->key,
						 call->row_scope, call->row_scope_nulls);
}

/*
 * Raise 22023 unless all the IDs are under the label.
 */
static void
check_label(const ChangeCall *call)
{
	const char *label = VARDATA_ANY(call->label);
	int len = VARSIZE_ANY_EXHDR(call->label);
	ExternalIdSet *under;
	ExternalIdSet *others;

	under = external_id_set_under_internal(call->ids, label, len);
	others = external_id_set_minus_internal(call->ids, under);
	if (external_id_set_cardinality_internal(others) > 0)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 len > 0
				 ? errmsg("external IDs are not all under the label \"%.*s\"",
						  len, label)
				 : errmsg("external IDs are not all without a label"),
			 errdetail("These are not: %s.",
					   external_id_set_to_cstring(others)),
			 errhint(
				 "With label => only the IDs under that label are replaced.")));
}

/*
 * Raise 22004 if the table or the IDs are null.
 */
static void
check_arguments(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("table must not be null")));
	if (PG_ARGISNULL(2))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("external IDs must not be null"),
						errhint("The empty set is '{}'.")));
}

/*
 * The row (ids, added, removed) that a call returns, or NULL if the key names
 * no row. In the current memory context.
 */
static HeapTuple
change_internal(FunctionCallInfo fcinfo, Change change)
{
	int next = change == CHANGE_SET ? 4 : 3; /* after the label */
	ChangeCall call = {0};
	Oid indexid;
	TupleDesc desc;
	Datum values[3];
	bool nulls[3] = {false, false, false};

	check_arguments(fcinfo);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	desc = BlessTupleDesc(desc);
	call.change = change;
	call.context = CurrentMemoryContext;
	call.ids = PG_GETARG_EXTERNAL_ID_SET_P(2);
	if (change == CHANGE_SET && !PG_ARGISNULL(3))
	{
		call.label = PG_GETARG_TEXT_PP(3);
		check_label(&call);
	}
	indexid = PG_ARGISNULL(next + 1) ? InvalidOid : PG_GETARG_OID(next + 1);
	call.facts = rows_facts(PG_GETARG_OID(0), indexid,
							get_func_namespace(fcinfo->flinfo->fn_oid),
							RowExclusiveLock);
	rows_require_key(call.facts);
	if (!PG_ARGISNULL(next))
		call.scope = rows_scope(call.facts, PG_GETARG_JSONB_P(next));
	if (PG_ARGISNULL(1))
		return NULL;
	call.key = rows_key_from_datum(call.facts, PG_GETARG_DATUM(1),
								   get_fn_expr_argtype(fcinfo->flinfo, 1));
	if (call.key == NULL)
		return NULL;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (change != CHANGE_REMOVE &&
		external_id_set_cardinality_internal(call.ids) > 0)
		lock_and_claim(&call);
	else
		lock_and_write(&call);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	if (!call.found)
		return NULL;

	values[0] = PointerGetDatum(call.current);
	values[1] = PointerGetDatum(
		external_id_set_minus_internal(call.current, call.old));
	values[2] = PointerGetDatum(
		external_id_set_minus_internal(call.old, call.current));
	return heap_form_tuple(desc, values, nulls);
}

/*
 * Run the call first, then hand out its row, if any, then end.
 */
static Datum
change_rows(FunctionCallInfo fcinfo, Change change)
{
	FuncCallContext *funcctx;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext oldcontext;

		funcctx = SRF_FIRSTCALL_INIT();
		oldcontext = MemoryContextSwitchTo(funcctx->multi_call_memory_ctx);
		funcctx->user_fctx = change_internal(fcinfo, change);
		MemoryContextSwitchTo(oldcontext);
	}
	funcctx = SRF_PERCALL_SETUP();
	if (funcctx->call_cntr == 0 && funcctx->user_fctx != NULL)
		SRF_RETURN_NEXT(funcctx,
						HeapTupleGetDatum((HeapTuple) funcctx->user_fctx));
	SRF_RETURN_DONE(funcctx);
}

/*
 * external_ids_set(table, key, ids, label, scope, index): replace the row's
 * set, or what it has under one label.
 */
Datum
external_ids_set(PG_FUNCTION_ARGS)
{
	return change_rows(fcinfo, CHANGE_SET);
}

/*
 * external_ids_add(table, key, ids, scope, index): add IDs to the row's set.
 */
Datum
external_ids_add(PG_FUNCTION_ARGS)
{
	return change_rows(fcinfo, CHANGE_ADD);
}

/*
 * external_ids_remove(table, key, ids, scope, index): take IDs away from the
 * row's set.
 */
Datum
external_ids_remove(PG_FUNCTION_ARGS)
{
	return change_rows(fcinfo, CHANGE_REMOVE);
}
