/*
 * set.c
 *		external_ids_set, external_ids_add, external_ids_remove.
 *
 * The row's set is read, the new one worked out and, if it is another, written.
 * As a rule the row is not locked first: the UPDATE asks that the set is still
 * the one that was read, and only if it is not is the row locked and read again.
 * Where IDs may be added, all of it stands in one subtransaction, so that a
 * conflict can be looked into; the lock with the write, for a lock of the outer
 * transaction and a write of the inner one would cost a multixact.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "rows/rows.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

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
 * Take down a row's set and scope.
 */
static void
take_down(ChangeCall *call, const Datum *values, const bool *nulls)
{
	const TableFacts *facts = call->facts;
	MemoryContext oldcontext = MemoryContextSwitchTo(call->context);

	if (nulls[0])
		call->old = external_id_set_minus_internal(call->ids, call->ids);
	else
		call->old = copy_set(call, values[0]);
	for (int i = 0; i < facts->nscope; i++)
	{
		int16 len;
		bool byval;

		call->row_scope_nulls[i] = nulls[i + 1];
		if (nulls[i + 1])
			continue;
		get_typlenbyval(facts->scope[i].type, &len, &byval);
		call->row_scope[i] = datumCopy(values[i + 1], byval, len);
	}
	MemoryContextSwitchTo(oldcontext);
}

/*
 * Lock the row and take down its set and scope; false if there is no such row.
 */
static bool
lock_row(ChangeCall *call)
{
	TableFacts *facts = call->facts;
	RowParams params = {0};
	Datum values[INDEX_MAX_KEYS];
	bool nulls[INDEX_MAX_KEYS];

	rows_add_params(&params, call->key, facts->nkeys);
	if (call->scope)
		rows_add_params(&params, call->scope, facts->nscope);
	rows_execute(facts, call->scope ? QUERY_LOCK_SCOPED : QUERY_LOCK, &params,
				 false, 0);
	if (SPI_processed == 0)
		return false;
	heap_deform_tuple(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, values,
					  nulls);
	take_down(call, values, nulls);
	SPI_freetuptable(SPI_tuptable);
	return true;
}

/*
 * RowTaker: take down the row in the slot, unless its set is null.
 */
static void
take_seen(void *arg, TupleTableSlot *slot)
{
	ChangeCall *call = arg;
	const TableFacts *facts = call->facts;
	Datum values[INDEX_MAX_KEYS];
	bool nulls[INDEX_MAX_KEYS];

	values[0] = slot_getattr(slot, facts->set_attnum, &nulls[0]);
	for (int i = 0; i < facts->nscope; i++)
		values[i + 1] = slot_getattr(slot, facts->scope[i].attnum,
									 &nulls[i + 1]);
	if (!nulls[0])
		take_down(call, values, nulls);
}

/*
 * Take down the row's set and scope without a lock; false if that cannot be
 * done, or an UPDATE that finds the row changed would be noticed by triggers.
 */
static bool
see_row(ChangeCall *call)
{
	TableFacts *facts = call->facts;
	Snapshot snapshot;

	if (!facts->silent_update)
		return false;
	call->old = NULL;
	CommandCounterIncrement();
	snapshot = RegisterSnapshot(GetTransactionSnapshot());
	(void) rows_probe_key(facts, call->key, snapshot, take_seen, call);
	UnregisterSnapshot(snapshot);
	return call->old != NULL;
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
 * Work out the row's new set; false if it has that already.
 */
static bool
work_out(ChangeCall *call)
{
	MemoryContext oldcontext = MemoryContextSwitchTo(call->context);

	call->current = new_set(call);
	call->added = external_id_set_minus_internal(call->current, call->old);
	MemoryContextSwitchTo(oldcontext);
	return !external_id_set_equal_internal(call->current, call->old);
}

/*
 * Write the row's new set, of a row that was only seen if it still has the old
 * one; false if no row was written. What RETURNING says counts: a trigger may
 * have had its own mind.
 */
static bool
write_row(ChangeCall *call, bool seen)
{
	TableFacts *facts = call->facts;
	RowQuery query = QUERY_WRITE;
	RowParams params = {0};
	MemoryContext oldcontext;
	Datum set;
	bool isnull;

	rows_add_param(&params, PointerGetDatum(call->current));
	rows_add_params(&params, call->key, facts->nkeys);
	if (seen)
	{
		query = call->scope ? QUERY_WRITE_SEEN_SCOPED : QUERY_WRITE_SEEN;
		if (call->scope)
			rows_add_params(&params, call->scope, facts->nscope);
		rows_add_param(&params, PointerGetDatum(call->old));
	}
	rows_execute(facts, query, &params, false, 0);
	if (SPI_processed == 0)
		return false;
	set = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
						&isnull);
	oldcontext = MemoryContextSwitchTo(call->context);
	if (isnull)
		call->current = external_id_set_minus_internal(call->ids, call->ids);
	else
		call->current = copy_set(call, set);
	MemoryContextSwitchTo(oldcontext);
	SPI_freetuptable(SPI_tuptable);
	return true;
}

/*
 * Write the row's new set, unless that is what it has. If the row can be seen
 * first and stays as it was seen, the UPDATE is all it takes. Else, and where
 * nothing is to be written, the row is locked.
 */
static void
change_row(void *arg)
{
	ChangeCall *call = arg;

	if (see_row(call) && work_out(call) && write_row(call, true))
		call->found = true;
	else if (lock_row(call))
		call->found = !work_out(call) || write_row(call, false);
}

/*
 * change_row in a subtransaction, to turn a violation of the index into an
 * error that names the holder.
 */
static void
claim(ChangeCall *call)
{
	ErrorData *error = rows_try(change_row, call);

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
 * What the three functions return: (ids, added, removed). Kept with the facts,
 * for it takes long to find out.
 */
static TupleDesc
result_desc(TableFacts *facts, FunctionCallInfo fcinfo)
{
	if (facts->change_desc == NULL)
	{
		TupleDesc desc;
		MemoryContext oldcontext;

		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		desc = BlessTupleDesc(desc);
		oldcontext = MemoryContextSwitchTo(facts->context);
		facts->change_desc = CreateTupleDescCopy(desc);
		MemoryContextSwitchTo(oldcontext);
	}
	return facts->change_desc;
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
	Datum values[3];
	bool nulls[3] = {false, false, false};

	check_arguments(fcinfo);
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
		claim(&call);
	else
		change_row(&call);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	if (!call.found)
		return NULL;

	values[0] = PointerGetDatum(call.current);
	values[1] = PointerGetDatum(
		external_id_set_minus_internal(call.current, call.old));
	values[2] = PointerGetDatum(
		external_id_set_minus_internal(call.old, call.current));
	return heap_form_tuple(result_desc(call.facts, fcinfo), values, nulls);
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
