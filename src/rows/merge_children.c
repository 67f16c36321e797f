/*
 * merge_children.c
 *		Counting and re-pointing the rows that point at row "from".
 *
 * A row points at it if it has, in all columns of the foreign key, the values
 * that the referenced columns have there; a null in any of them points nowhere,
 * whatever the key's MATCH. The comparison is the foreign key's own: its
 * operators, on exactly their types.
 *
 * That all are re-pointed is looked at afterwards, as the server looks at a
 * foreign key: with the latest snapshot, and as the child's owner where row
 * security hides rows from the caller. No child can slip in behind that: its
 * foreign key's check needs a KEY SHARE lock on row "from", which waits for our
 * FOR UPDATE; and a child whose check was made before ours was committed before
 * we got the lock, for we waited for it. Only a deferred check comes later, and
 * then finds row "from" as the merge left it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "rows/merge.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

/*
 * Begin a statement about a child.
 */
static void
begin_child(QueryText *text, const MergeCall *call)
{
	query_begin(text, call->facts);
	text->alias = "child";
}

/*
 * Append [ONLY] schema.child AS child.
 */
static void
add_child(QueryText *text, const MergeRef *ref)
{
	appendStringInfo(&text->sql, "%s%s AS child", ref->only ? "ONLY " : "",
					 quote_qualified_identifier(ref->schema, ref->table));
}

/*
 * Append the condition that a child points at a row: "$n = column" for each
 * column, as the foreign keys' own queries have it.
 */
static void
add_match(QueryText *text, const MergeRef *ref)
{
	for (int i = 0; i < ref->n; i++)
	{
		const MergeColumn *column = &ref->columns[i];
		Oid left;
		Oid right;

		op_input_types(column->equality, &left, &right);
		appendStringInfoString(&text->sql, i > 0 ? " AND " : " WHERE ");
		query_add_param(text, column->type);
		query_add_cast(text, left, column->type);
		query_add_operator(text, column->equality);
		query_add_column(text, column->name);
		query_add_cast(text, right, column->declared);
		if (OidIsValid(column->collation))
			query_add_collation(text, column->collation);
	}
}

/*
 * Fetch the values of the referenced columns in a row, which is locked unless
 * it is a dry run, and copy them to the call's memory context.
 */
static void
fetch_referenced(const MergeCall *call, MergeRef *ref, const MergeRow *row)
{
	QueryText text;
	RowParams params = {0};
	MemoryContext oldcontext;
	SPIPlanPtr plan;

	query_begin(&text, call->facts);
	for (int i = 0; i < ref->n; i++)
	{
		appendStringInfoString(&text.sql, i > 0 ? ", " : "SELECT ");
		query_add_column(&text, ref->columns[i].referenced);
	}
	appendStringInfoString(&text.sql, " FROM ");
	query_add_table(&text);
	appendStringInfoString(&text.sql, " WHERE ");
	query_add_equalities(&text, call->facts->keys, call->facts->nkeys);

	rows_add_params(&params, row->key, call->facts->nkeys);
	plan = query_prepare(&text, 0, false);
	rows_check_result(SPI_execute_snapshot(plan, params.values, params.nulls,
										   call->snapshot, InvalidSnapshot,
										   true, false, 0),
					  SPI_OK_SELECT, call->facts->table_name);
	if (SPI_processed != 1)
		elog(ERROR, "row \"%s\" is gone", row->argument);

	oldcontext = MemoryContextSwitchTo(call->context);
	for (int i = 0; i < ref->n; i++)
	{
		MergeColumn *column = &ref->columns[i];
		bool isnull;
		Datum value = SPI_getbinval(SPI_tuptable->vals[0],
									SPI_tuptable->tupdesc, i + 1, &isnull);
		int16 len;
		bool byval;

		get_typlenbyval(column->type, &len, &byval);
		if (!isnull)
			value = datumCopy(value, byval, len);
		if (row == &call->from)
		{
			column->from = value;
			column->from_null = isnull;
		}
		else
		{
			column->into = value;
			column->into_null = isnull;
		}
	}
	MemoryContextSwitchTo(oldcontext);
	SPI_freetuptable(SPI_tuptable);
	SPI_freeplan(plan);
}

/*
 * Mark the columns in which both rows have the same value, such as a composite
 * key's tenant: who may re-point need not be allowed to write those.
 */
static void
mark_same(MergeRef *ref)
{
	ref->same = true;
	for (int i = 0; i < ref->n; i++)
	{
		MergeColumn *column = &ref->columns[i];
		int16 len;
		bool byval;

		get_typlenbyval(column->type, &len, &byval);
		column->same = !column->from_null && !column->into_null &&
					   datum_image_eq(column->from, column->into, byval, len);
		ref->same &= column->same;
	}
}

/*
 * True if row "from" has a null where it would be pointed at: no child does.
 */
static bool
from_has_null(const MergeRef *ref)
{
	for (int i = 0; i < ref->n; i++)
		if (ref->columns[i].from_null)
			return true;
	return false;
}

/*
 * How many rows of the child point at row "from", under the snapshot given.
 */
static uint64
count_rows(const MergeCall *call, const MergeRef *ref, Snapshot snapshot)
{
	QueryText text;
	RowParams params = {0};
	SPIPlanPtr plan;
	bool isnull;
	uint64 count;

	begin_child(&text, call);
	appendStringInfoString(&text.sql, "SELECT pg_catalog.count(*) FROM ");
	add_child(&text, ref);
	add_match(&text, ref);

	for (int i = 0; i < ref->n; i++)
		rows_add_param(&params, ref->columns[i].from);
	plan = query_prepare(&text, 0, false);
	rows_check_result(SPI_execute_snapshot(plan, params.values, params.nulls,
										   snapshot, InvalidSnapshot, true,
										   false, 0),
					  SPI_OK_SELECT, ref->table);
	count = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
										SPI_tuptable->tupdesc, 1, &isnull));
	SPI_freetuptable(SPI_tuptable);
	SPI_freeplan(plan);
	return count;
}

/*
 * The owner of a table.
 */
static Oid
owner_of(Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/*
 * The same, with the rows that row security hides from the caller: as the
 * child's owner, whom it does not concern, as foreign keys' checks are made.
 * Should it fail, the transaction's end resets the user.
 */
static uint64
count_all_rows(const MergeCall *call, const MergeRef *ref, Snapshot snapshot)
{
	Oid user;
	int security;
	uint64 count;

	if (!ref->hides)
		return count_rows(call, ref, snapshot);
	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(owner_of(ref->child),
						   security | SECURITY_LOCAL_USERID_CHANGE |
							   SECURITY_NOFORCE_RLS);
	count = count_rows(call, ref, snapshot);
	SetUserIdAndSecContext(user, security);
	return count;
}

/*
 * The fields for drivers that name a child and its constraint.
 */
static int
error_fields(const MergeRef *ref)
{
	err_generic_string(PG_DIAG_SCHEMA_NAME, ref->schema);
	err_generic_string(PG_DIAG_TABLE_NAME, ref->table);
	return err_generic_string(PG_DIAG_CONSTRAINT_NAME, ref->name);
}

/*
 * Raise 42501 if there are rows that point at row "from" that the caller does
 * not see. Neither could they be re-pointed nor would the count be true.
 */
static void
check_hidden(const MergeCall *call, const MergeRef *ref)
{
	if (ref->hides && count_all_rows(call, ref, call->snapshot) != ref->count)
		ereport(
			ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg(
				 "row security hides rows of table \"%s\" that point at row \"from\"",
				 ref->table),
			 errdetail("They do so through \"%s\".", ref->name),
			 errhint("Merge as a role that sees all rows of the table."),
			 error_fields(ref)));
}

/*
 * Raise 23503 if children are to be re-pointed by a column that row "into" has
 * no value in.
 */
static void
check_target(const MergeCall *call, const MergeRef *ref)
{
	if (!call->repoint || ref->count == 0)
		return;
	for (int i = 0; i < ref->n; i++)
		if (ref->columns[i].into_null)
			ereport(
				ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("rows of table \"%s\" cannot be re-pointed by \"%s\"",
						ref->table, ref->name),
				 errdetail(
					 "Column \"%s\" of table \"%s\" is null in row \"into\".",
					 ref->columns[i].referenced, call->facts->table_name),
				 errhint("Give row \"into\" a value there first."),
				 error_fields(ref)));
}

/*
 * Count the rows of each child that point at row "from", and see to it that
 * all of them can be re-pointed. Call within SPI_connect. Errors: 42501, 23503.
 */
void
merge_count_children(MergeCall *call)
{
	ListCell *cell;

	foreach(cell, call->refs)
	{
		MergeRef *ref = lfirst(cell);

		fetch_referenced(call, ref, &call->from);
		fetch_referenced(call, ref, &call->into);
		mark_same(ref);
		if (from_has_null(ref))
			continue;
		ref->count = count_rows(call, ref, call->snapshot);
		check_hidden(call, ref);
		check_target(call, ref);
	}
}

/*
 * Throw the server's error on a unique or exclusion constraint again, as one
 * that says what we were about.
 */
static void
rethrow_conflict(const MergeRef *ref, ErrorData *edata)
{
	edata->message = psprintf(
		"re-pointing rows of table \"%s\" by \"%s\" violates constraint \"%s\"",
		ref->table, ref->name, edata->constraint_name);
	if (edata->detail == NULL)
		edata->detail = pstrdup(
			"Rows \"from\" and \"into\" both have a row with the same key there.");
	edata->hint =
		psprintf("Merge or delete one of the two rows of \"%s\" first.",
				 ref->table);
	ReThrowError(edata);
}

/*
 * Re-point the rows of one child. The new values are coerced as in any
 * assignment. Errors: 23505 on a unique key of the child.
 */
static void
repoint_rows(const MergeCall *call, const MergeRef *ref)
{
	QueryText text;
	RowParams params = {0};
	SPIPlanPtr plan;

	begin_child(&text, call);
	appendStringInfoString(&text.sql, "UPDATE ");
	add_child(&text, ref);
	for (int i = 0; i < ref->n; i++)
	{
		const MergeColumn *column = &ref->columns[i];

		if (column->same)
			continue;
		appendStringInfo(&text.sql, "%s%s = ", params.n > 0 ? ", " : " SET ",
						 quote_identifier(column->name));
		query_add_param(&text, column->type);
		rows_add_param(&params, column->into);
		if (column->into_null)
			params.nulls[params.n - 1] = 'n';
	}
	add_match(&text, ref);
	for (int i = 0; i < ref->n; i++)
		rows_add_param(&params, ref->columns[i].from);

	plan = query_prepare(&text, 0, false);
	PG_TRY();
	{
		rows_check_result(SPI_execute_plan(plan, params.values, params.nulls,
										   false, 0),
						  SPI_OK_UPDATE, ref->table);
	}
	PG_CATCH();
	{
		ErrorData *edata;

		MemoryContextSwitchTo(call->context);
		edata = CopyErrorData();
		if ((edata->sqlerrcode != ERRCODE_UNIQUE_VIOLATION &&
			 edata->sqlerrcode != ERRCODE_EXCLUSION_VIOLATION) ||
			edata->constraint_name == NULL)
			PG_RE_THROW();
		FlushErrorState();
		rethrow_conflict(ref, edata);
	}
	PG_END_TRY();
	SPI_freeplan(plan);
}

/*
 * Raise an error if rows of the child still point at row "from". Errors: 40001
 * if the transaction's snapshot is too old to see them, else 42501 where row
 * security applies, or 27000.
 */
static void
check_repointed(const MergeCall *call, const MergeRef *ref)
{
	if (count_all_rows(call, ref, GetLatestSnapshot()) == 0)
		return;
	if (IsolationUsesXactSnapshot() &&
		count_all_rows(call, ref, GetTransactionSnapshot()) == 0)
		ereport(
			ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access due to concurrent update"),
			 errdetail(
				 "Rows of table \"%s\" came to point at row \"from\" by \"%s\" in the meantime.",
				 ref->table, ref->name),
			 errhint("The transaction might succeed if retried."),
			 error_fields(ref)));
	ereport(ERROR,
			(errcode(ref->hides ? ERRCODE_INSUFFICIENT_PRIVILEGE
								: ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
			 errmsg("rows of table \"%s\" still point at row \"from\"",
					ref->table),
			 errdetail("%s kept them from being re-pointed by \"%s\".",
					   ref->hides ? "Row security, or a trigger,"
								  : "A trigger",
					   ref->name),
			 error_fields(ref)));
}

/*
 * True unless no row can point at row "from", or those that do point at row
 * "into" as well.
 */
static bool
can_point(const MergeRef *ref)
{
	return !ref->same && !from_has_null(ref);
}

/*
 * Re-point all children, as counted before. Call within SPI_connect. Errors:
 * 23505 on a unique key of a child; 40001; 42501; 27000; the server's own.
 */
void
merge_repoint_children(MergeCall *call)
{
	ListCell *cell;

	foreach(cell, call->refs)
		if (can_point(lfirst(cell)))
			repoint_rows(call, lfirst(cell));

	/* A trigger on one child may have written another. */
	foreach(cell, call->refs)
		if (can_point(lfirst(cell)))
			check_repointed(call, lfirst(cell));
}
