/*
 * upsert.c
 *		external_ids_upsert: find or create the row that holds any of some
 *		external IDs.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "rows/upsert.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(external_ids_upsert);

/*
 * Which of the choices, up to a NULL, the text argument is: its number. Errors:
 * 22023.
 */
int
upsert_choice(FunctionCallInfo fcinfo, int arg, const char *name,
			  const char *const *choices)
{
	char *value = PG_ARGISNULL(arg) ? NULL
									: text_to_cstring(PG_GETARG_TEXT_PP(arg));
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; choices[i]; i++)
	{
		if (value && strcmp(value, choices[i]) == 0)
			return i;
		appendStringInfo(&names, "%s'%s'",
						 i == 0					  ? ""
						 : choices[i + 1] == NULL ? " or "
												  : ", ",
						 choices[i]);
	}
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					value ? errmsg("invalid value for %s: \"%s\"", name, value)
						  : errmsg("%s must not be null", name),
					errhint("%s is %s.", name, names.data)));
}

/*
 * Raise 22023 for an empty set, which names no row.
 */
void
upsert_check_ids(const ExternalIdSet *ids)
{
	if (external_id_set_cardinality_internal(ids) == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("external IDs must not be empty"),
						errdetail("No row can be found by the empty set.")));
}

/*
 * Set up a call from its arguments: table, mode, ids_mode, index. Errors: 22023
 * for a mode that is none; 55000 for a table whose rows have no key, or an index
 * that is not checked at once.
 */
void
upsert_begin_call(UpsertCall *call, FunctionCallInfo fcinfo, int modearg,
				  int indexarg)
{
	static const char *const modes[] = {"upsert", "create", "update", NULL};
	static const char *const ids_modes[] = {"add", "replace", NULL};
	TableFacts *facts;

	call->mode = (UpsertMode) upsert_choice(fcinfo, modearg, "mode", modes);
	call->replace = upsert_choice(fcinfo, modearg + 1, "ids_mode",
								  ids_modes) == 1;
	call->context = CurrentMemoryContext;
	call->facts = facts = rows_facts_to_write(fcinfo, indexarg);
	rows_require_key(facts);
	if (facts->deferrable)
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("index \"%s\" belongs to a deferrable constraint",
					get_rel_name(facts->indexid)),
			 errdetail(
				 "Its conflicts may come as late as at commit, when no other row can be taken."),
			 errhint(
				 "Use a plain unique_members index, or a constraint that is NOT DEFERRABLE.")));
}

/*
 * The tuple (result, row) that a call returns, or NULL for none. In the current
 * memory context.
 */
static HeapTuple
upsert_internal(FunctionCallInfo fcinfo)
{
	UpsertCall call = {0};
	UpsertElement element = {0};
	TupleDesc desc;
	Datum values[2];
	bool nulls[2] = {false, false};

	if (PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("external IDs must not be null")));
	if (PG_ARGISNULL(2))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("data must not be null")));
	upsert_begin_call(&call, fcinfo, 3, 5);
	element.call = &call;
	element.context = call.context;
	element.ids = PG_GETARG_EXTERNAL_ID_SET_P(1);
	upsert_check_ids(element.ids);
	element.data = PG_GETARG_JSONB_P(2);
	element.columns = column_set_of_data(call.facts, element.data, false);
	element.scope = rows_scope_of_data(call.facts, element.data);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	MemoryContextSwitchTo(call.context);
	upsert_lock_ids(call.facts, element.ids);
	upsert_element(&element);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	if (!element.has_row)
		return NULL;
	values[0] = CStringGetTextDatum(element.result);
	values[1] = element.row;

	/* The executor knows it; to find it out again takes long. */
	desc = BlessTupleDesc(CreateTupleDescCopy(
		((ReturnSetInfo *) fcinfo->resultinfo)->expectedDesc));
	return heap_form_tuple(desc, values, nulls);
}

/*
 * external_ids_upsert(table, ids, data, mode, ids_mode, index): (result, row),
 * or nothing where no row was found that could be updated, or a trigger kept
 * the row from being written.
 */
Datum
external_ids_upsert(PG_FUNCTION_ARGS)
{
	FuncCallContext *funcctx;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext oldcontext;

		funcctx = SRF_FIRSTCALL_INIT();
		oldcontext = MemoryContextSwitchTo(funcctx->multi_call_memory_ctx);
		funcctx->user_fctx = upsert_internal(fcinfo);
		MemoryContextSwitchTo(oldcontext);
	}
	funcctx = SRF_PERCALL_SETUP();
	if (funcctx->call_cntr == 0 && funcctx->user_fctx != NULL)
		SRF_RETURN_NEXT(funcctx,
						HeapTupleGetDatum((HeapTuple) funcctx->user_fctx));
	SRF_RETURN_DONE(funcctx);
}
