/*
 * merge.c
 *		external_ids_merge: all IDs of one row go to another, in one step.
 *
 * The step is the transaction: whoever reads with one snapshot sees the rows as
 * they were before or as they are after. Within it the writes have an order:
 *
 * 1. Lock both rows, the one whose key comes first in the primary key's btree
 *    first, so that merges of one pair in both directions wait for each other
 *    at the first row, not crosswise. Row "from" is locked FOR UPDATE if it is
 *    to be deleted or its children re-pointed, so that no new child's foreign
 *    key check passes until we are done (merge_children.c).
 * 2. Count the children.
 * 3. Empty row "from"'s set, so that the IDs are free, then add them to row
 *    "into"'s.
 * 4. Re-point the children: now, for a link's triggers that look an ID up find
 *    row "into".
 * 5. Delete row "from": last, for then nothing points at it any more.
 *
 * What was written is looked at after triggers had their say: an ID must not
 * be lost.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/nbtree.h"
#include "funcapi.h"
#include "rows/merge.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(external_ids_merge);

/* Arguments of external_ids_merge. */
enum
{
	ARG_TABLE,
	ARG_FROM,
	ARG_INTO,
	ARG_REPOINT,
	ARG_DRY_RUN,
	ARG_DELETE_FROM,
	ARG_SCOPE,
	ARG_INDEX
};

/*
 * Raise 22004 if an argument is null that must not be.
 */
static void
check_arguments(FunctionCallInfo fcinfo)
{
	static const char *const names[] = {"table",   "from",	  "into",
										"repoint", "dry_run", "delete_from"};

	for (size_t i = 0; i < lengthof(names); i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("%s must not be null", names[i])));
}

/*
 * The key that an argument names. Errors: 22004 if a part of it is null; those
 * of its conversion.
 */
static Datum *
key_argument(FunctionCallInfo fcinfo, int arg, TableFacts *facts,
			 const char *name)
{
	Datum *key = rows_key_from_datum(facts, PG_GETARG_DATUM(arg),
									 get_fn_expr_argtype(fcinfo->flinfo, arg));

	if (key == NULL)
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("%s must not be null", name),
						errdetail("A column of the key is null.")));
	return key;
}

/*
 * Compare two keys by the primary key's index.
 */
static int
compare_keys(const TableFacts *facts, const Datum *a, const Datum *b)
{
	Relation index = index_open(facts->pkeyid, AccessShareLock);
	int result = 0;

	for (int i = 0; i < facts->nkeys && result == 0; i++)
		result = DatumGetInt32(
			FunctionCall2Coll(index_getprocinfo(index, i + 1, BTORDER_PROC),
							  index->rd_indcollation[i], a[i], b[i]));
	index_close(index, AccessShareLock);
	return result;
}

/*
 * Raise P0002: no row has the key.
 */
static void
missing_error(const MergeCall *call, const MergeRow *row)
{
	const TableFacts *facts = call->facts;

	ereport(
		ERROR,
		(errcode(ERRCODE_NO_DATA_FOUND),
		 errmsg("row \"%s\" is not in table \"%s\"", row->argument,
				facts->table_name),
		 errdetail("There is no row with key %s%s%s.",
				   rows_key_to_text(facts, row->key),
				   call->scope ? " in the scope given" : "",
				   facts->predicate
					   ? psprintf(" that meets the condition of index \"%s\"",
								  get_rel_name(facts->indexid))
					   : "")));
}

/*
 * The plan for: SELECT set [, tableoid], scope columns ... WHERE key [AND
 * scope] AND predicate, with the locking clause given. It goes when SPI does.
 */
static SPIPlanPtr
plan_read(const MergeCall *call, const char *locking)
{
	const TableFacts *facts = call->facts;
	QueryText text;

	query_begin(&text, facts);
	appendStringInfoString(&text.sql, "SELECT ");
	query_add_column(&text, facts->set_name);
	for (int i = 0; i < facts->nscope; i++)
	{
		appendStringInfoString(&text.sql, ", ");
		query_add_column(&text, facts->scope[i].name);
	}
	if (!facts->only)
	{
		appendStringInfoString(&text.sql, ", ");
		query_add_column(&text, "tableoid");
	}
	appendStringInfoString(&text.sql, " FROM ");
	query_add_table(&text);
	appendStringInfoString(&text.sql, " WHERE ");
	query_add_equalities(&text, facts->keys, facts->nkeys);
	if (call->scope)
		query_add_scope(&text);
	query_add_predicate(&text);
	appendStringInfoString(&text.sql, locking);

	return query_prepare(&text, 0, false);
}

/*
 * Take down what a row holds, in the call's memory context, and lock it unless
 * it is a dry run. Errors: P0002 if there is none.
 */
static void
read_row(MergeCall *call, MergeRow *row)
{
	TableFacts *facts = call->facts;
	bool children = call->repoint || call->delete_from;
	const char *locking = query_row_lock(facts);
	RowParams params = {0};
	MemoryContext oldcontext;
	HeapTuple tuple;
	TupleDesc desc;
	Datum value;
	bool isnull;

	if (call->dry_run)
		locking = "";
	else if (row == &call->from && children)
		locking = " FOR UPDATE";
	rows_add_params(&params, row->key, facts->nkeys);
	if (call->scope)
		rows_add_params(&params, call->scope, facts->nscope);
	rows_check_result(SPI_execute_plan(plan_read(call, locking), params.values,
									   params.nulls, call->dry_run, 0),
					  SPI_OK_SELECT, facts->table_name);
	if (SPI_processed == 0)
		missing_error(call, row);

	tuple = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	oldcontext = MemoryContextSwitchTo(call->context);
	value = SPI_getbinval(tuple, desc, 1, &isnull);
	row->ids = isnull ? NULL : (ExternalIdSet *) PG_DETOAST_DATUM_COPY(value);
	for (int i = 0; i < facts->nscope; i++)
	{
		int16 len;
		bool byval;

		value = SPI_getbinval(tuple, desc, i + 2, &row->scope_nulls[i]);
		get_typlenbyval(facts->scope[i].type, &len, &byval);
		if (!row->scope_nulls[i])
			row->scope[i] = datumCopy(value, byval, len);
	}
	row->relid = facts->relid;
	if (!facts->only)
		row->relid = DatumGetObjectId(
			SPI_getbinval(tuple, desc, facts->nscope + 2, &isnull));
	MemoryContextSwitchTo(oldcontext);
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Raise 22023 unless both rows are in one scope. Null is a scope as any other
 * here: both rows' IDs are without uniqueness there.
 */
static void
check_scopes(const MergeCall *call)
{
	const TableFacts *facts = call->facts;
	const MergeRow *from = &call->from;
	const MergeRow *into = &call->into;
	Relation index = index_open(facts->indexid, AccessShareLock);
	bool same = true;

	for (int i = 0; i < facts->nscope && same; i++)
	{
		same = from->scope_nulls[i] == into->scope_nulls[i];
		if (same && !from->scope_nulls[i])
			same = DatumGetBool(
				OidFunctionCall2Coll(get_opcode(facts->scope[i].equality),
									 index->rd_indcollation[i + 1],
									 from->scope[i], into->scope[i]));
	}
	index_close(index, AccessShareLock);
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rows of two scopes cannot be merged"),
				 errdetail("Row \"from\" is in %s, row \"into\" in %s.",
						   rows_columns_to_text(facts->scope, facts->nscope,
												from->scope,
												from->scope_nulls),
						   rows_columns_to_text(facts->scope, facts->nscope,
												into->scope,
												into->scope_nulls))));
}

/*
 * Raise 27000: a trigger, or a row security policy, undid a part of the merge.
 */
static void
undone_error(const MergeCall *call, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
			 errmsg("merge of two rows of table \"%s\" was not carried out",
					call->facts->table_name),
			 errdetail_internal("%s", what)));
}

/*
 * Write a row's set and return what the row has then, NULL if it was not
 * written. In the call's memory context.
 */
static ExternalIdSet *
write_row(MergeCall *call, const MergeRow *row, const ExternalIdSet *ids)
{
	RowParams params = {0};
	MemoryContext oldcontext;
	ExternalIdSet *written;
	Datum set;
	bool isnull;

	rows_add_param(&params, PointerGetDatum(ids));
	rows_add_params(&params, row->key, call->facts->nkeys);
	rows_execute(call->facts, QUERY_WRITE, &params, false, 0);
	if (SPI_processed == 0)
		return NULL;
	set = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
						&isnull);
	oldcontext = MemoryContextSwitchTo(call->context);
	if (isnull)
		written = external_id_set_minus_internal(ids, ids);
	else
		written = (ExternalIdSet *) PG_DETOAST_DATUM_COPY(set);
	MemoryContextSwitchTo(oldcontext);
	SPI_freetuptable(SPI_tuptable);
	return written;
}

/*
 * True if "set" has all members of "ids".
 */
static bool
holds_all(const ExternalIdSet *set, const ExternalIdSet *ids)
{
	return external_id_set_cardinality_internal(
			   external_id_set_minus_internal(ids, set)) == 0;
}

/*
 * Move the IDs: first out of row "from", then into row "into".
 */
static void
move_ids(MergeCall *call)
{
	ExternalIdSet *ids = call->from.ids;
	ExternalIdSet *rest;
	ExternalIdSet *result = ids;

	if (ids == NULL || external_id_set_cardinality_internal(ids) == 0)
		return;
	rest = write_row(call, &call->from,
					 external_id_set_minus_internal(ids, ids));
	if (rest == NULL || external_id_set_cardinality_internal(
							external_id_set_intersect_internal(rest, ids)) > 0)
		undone_error(
			call,
			"A trigger or policy kept row \"from\" from giving its external IDs up.");

	if (call->into.ids)
		result = external_id_set_union_internal(call->into.ids, ids);
	rest = write_row(call, &call->into, result);
	if (rest == NULL || !holds_all(rest, ids))
		undone_error(
			call,
			"A trigger or policy kept row \"into\" from taking the external IDs.");
}

/*
 * Run a statement "<begin> table WHERE key"; its result is in SPI_tuptable.
 */
static void
execute_on_row(const MergeCall *call, const MergeRow *row, const char *begin,
			   int expected)
{
	const TableFacts *facts = call->facts;
	QueryText text;
	RowParams params = {0};
	SPIPlanPtr plan;

	query_begin(&text, facts);
	appendStringInfoString(&text.sql, begin);
	query_add_table(&text);
	appendStringInfoString(&text.sql, " WHERE ");
	query_add_equalities(&text, facts->keys, facts->nkeys);
	plan = query_prepare(&text, 0, false);
	rows_add_params(&params, row->key, facts->nkeys);
	rows_check_result(SPI_execute_plan(plan, params.values, params.nulls,
									   false, 0),
					  expected, facts->table_name);
	SPI_freeplan(plan);
}

/*
 * Delete row "from". A foreign key's ON DELETE CASCADE may have taken row
 * "into" with it, and with that the IDs: look whether it is still there.
 */
static void
delete_row(MergeCall *call)
{
	execute_on_row(call, &call->from, "DELETE FROM ", SPI_OK_DELETE);
	if (SPI_processed == 0)
		undone_error(
			call, "A trigger or policy kept row \"from\" from being deleted.");
	execute_on_row(call, &call->into, "SELECT FROM ", SPI_OK_SELECT);
	if (SPI_processed == 0)
		undone_error(
			call,
			"Row \"into\" was deleted with row \"from\", which it points at.");
}

/*
 * Do what is asked for. Call within SPI_connect.
 */
static void
merge_rows(MergeCall *call)
{
	bool ascending = compare_keys(call->facts, call->from.key,
								  call->into.key) < 0;

	read_row(call, ascending ? &call->from : &call->into);
	read_row(call, ascending ? &call->into : &call->from);
	check_scopes(call);

	/* A dry run sees all of it as its caller's statement does. */
	call->snapshot = RegisterSnapshot(
		call->dry_run ? GetActiveSnapshot() : GetTransactionSnapshot());
	merge_read_refs(call);
	merge_count_children(call);
	UnregisterSnapshot(call->snapshot);
	if (call->dry_run)
		return;
	move_ids(call);
	if (call->repoint)
		merge_repoint_children(call);
	if (call->delete_from)
		delete_row(call);
}

/*
 * Put a row for each foreign key into the result.
 */
static void
put_refs(const MergeCall *call, ReturnSetInfo *rsinfo)
{
	ListCell *cell;

	foreach(cell, call->refs)
	{
		const MergeRef *ref = lfirst(cell);
		Datum columns[INDEX_MAX_KEYS];
		Datum values[4];
		bool nulls[4] = {false, false, false, false};

		for (int i = 0; i < ref->n; i++)
			columns[i] = DirectFunctionCall1(namein,
											 CStringGetDatum(
												 ref->columns[i].name));
		values[0] = ObjectIdGetDatum(ref->child);
		values[1] = DirectFunctionCall1(namein, CStringGetDatum(ref->name));
		values[2] = PointerGetDatum(construct_array(columns, ref->n, NAMEOID,
													NAMEDATALEN, false,
													TYPALIGN_CHAR));
		values[3] = Int64GetDatum((int64) ref->count);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values,
							 nulls);
	}
}

/*
 * external_ids_merge(table, from, into, repoint, dry_run, delete_from, scope,
 * index): (child, reference, columns, count), a row for each foreign key, or
 * link without one, that points at the table. Materialized.
 */
Datum
external_ids_merge(PG_FUNCTION_ARGS)
{
	MergeCall call = {0};
	TableFacts *facts;
	Oid indexid;

	check_arguments(fcinfo);
	call.context = CurrentMemoryContext;
	call.repoint = PG_GETARG_BOOL(ARG_REPOINT);
	call.dry_run = PG_GETARG_BOOL(ARG_DRY_RUN);
	call.delete_from = PG_GETARG_BOOL(ARG_DELETE_FROM);
	indexid = PG_ARGISNULL(ARG_INDEX) ? InvalidOid : PG_GETARG_OID(ARG_INDEX);
	facts = rows_facts(PG_GETARG_OID(ARG_TABLE), indexid,
					   get_func_namespace(fcinfo->flinfo->fn_oid),
					   call.dry_run ? AccessShareLock : RowExclusiveLock);
	rows_require_key(facts);
	call.facts = facts;
	if (!PG_ARGISNULL(ARG_SCOPE))
		call.scope = rows_scope(facts, PG_GETARG_JSONB_P(ARG_SCOPE));
	call.from.argument = "from";
	call.from.key = key_argument(fcinfo, ARG_FROM, facts, "from");
	call.into.argument = "into";
	call.into.key = key_argument(fcinfo, ARG_INTO, facts, "into");
	if (compare_keys(facts, call.from.key, call.into.key) == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a row cannot be merged with itself"),
						errdetail("Both keys are %s.",
								  rows_key_to_text(facts, call.from.key))));

	InitMaterializedSRF(fcinfo, 0);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	merge_rows(&call);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	put_refs(&call, (ReturnSetInfo *) fcinfo->resultinfo);
	return (Datum) 0;
}
