/*
 * backfill_rows.c
 *		One batch of external_ids_backfill: finds the next rows, writes those
 *		that differ, and tells conflicts.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "rows/backfill.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

/* The rows of a batch that differ, and the part of them that is at work. */
typedef struct Batch
{
	BackfillCall *call;
	TableFacts *facts;
	char *source;				 /* SQL of the set, never NULL */
	Datum *keys[INDEX_MAX_KEYS]; /* by key column, then row */
	int n;
	int first;
	int count;
	const ErrorData *error; /* the conflict of one row */
	char *detail;			/* ... and what is known of it */
} Batch;

/*
 * Append the key's columns, with commas between.
 */
static void
add_key(QueryText *text, const TableFacts *facts)
{
	for (int i = 0; i < facts->nkeys; i++)
	{
		if (i > 0)
			appendStringInfoString(&text->sql, ", ");
		query_add_column(text, facts->keys[i].name);
	}
}

/*
 * Append "the row's set is not what it should be".
 */
static void
add_differs(QueryText *text, const Batch *batch)
{
	appendStringInfoChar(&text->sql, '(');
	query_add_column(text, batch->facts->set_name);
	query_add_cast(text, batch->facts->settype, batch->facts->set_declared);
	query_add_own_operator(text, "=");
	appendStringInfo(&text->sql, "%s) IS NOT TRUE", batch->source);
}

/*
 * An operator's name, with its schema's.
 */
static char *
operator_name(Oid operator)
{
	HeapTuple tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	Form_pg_operator form;
	char *name;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", operator);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	name = psprintf("%u.%s", form->oprnamespace, NameStr(form->oprname));
	ReleaseSysCache(tuple);
	return name;
}

/*
 * The operator that compares the whole key, by the order of its index. Errors:
 * 0A000 if the columns' operators are not of one name, for which SQL has no
 * words.
 */
static Oid
key_operator(const TableFacts *facts, StrategyNumber strategy)
{
	Oid first = InvalidOid;

	for (int i = 0; i < facts->nkeys; i++)
	{
		TypeCacheEntry *entry = lookup_type_cache(facts->keys[i].type,
												  TYPECACHE_BTREE_OPFAMILY);
		Oid operator= get_opfamily_member(entry->btree_opf,
										  entry->btree_opintype,
										  entry->btree_opintype, strategy);

		if (i == 0)
			first = operator;
		else if (strcmp(operator_name(operator), operator_name(first)) != 0)
			ereport(
				ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg(
					 "the columns of the primary key of table \"%s\" are not compared by operators of one name",
					 facts->table_name)));
	}
	return first;
}

/*
 * Append such a comparison, with new parameters.
 */
static void
add_key_bound(QueryText *text, const TableFacts *facts, Oid operator)
{
	const char *row = facts->nkeys > 1 ? "ROW" : "";

	appendStringInfo(&text->sql, " AND %s(", row);
	add_key(text, facts);
	appendStringInfoChar(&text->sql, ')');
	query_add_operator(text, operator);
	appendStringInfo(&text->sql, "%s(", row);
	for (int i = 0; i < facts->nkeys; i++)
	{
		if (i > 0)
			appendStringInfoString(&text->sql, ", ");
		query_add_param(text, facts->keys[i].type);
	}
	appendStringInfoChar(&text->sql, ')');
}

/*
 * The key that a text names, as parameters.
 */
static void
add_key_params(RowParams *params, TableFacts *facts, const char *text)
{
	Datum *key = rows_key_from_datum(facts, CStringGetTextDatum(text),
									 TEXTOID);

	if (key == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("key \"%s\" has a null", text)));
	rows_add_params(params, key, facts->nkeys);
}

/*
 * SELECT key as text, whether the row differs, key columns: the next rows.
 */
static void
write_next(QueryText *text, const Batch *batch)
{
	const BackfillCall *call = batch->call;
	const TableFacts *facts = batch->facts;
	Oid after = key_operator(facts, BTGreaterStrategyNumber);
	Oid upto = key_operator(facts, BTLessEqualStrategyNumber);

	query_begin(text, facts);
	appendStringInfoString(&text->sql,
						   facts->nkeys > 1 ? "SELECT ROW(" : "SELECT (");
	add_key(text, facts);
	appendStringInfoString(&text->sql, ")::pg_catalog.text, ");
	add_differs(text, batch);
	appendStringInfoString(&text->sql, ", ");
	add_key(text, facts);
	appendStringInfoString(&text->sql, " FROM ");
	query_add_table(text);
	appendStringInfoString(&text->sql, " WHERE true");
	if (call->last)
		add_key_bound(text, facts, after);
	if (call->upto)
		add_key_bound(text, facts, upto);
	appendStringInfoString(&text->sql, " ORDER BY ");
	add_key(text, facts);
	appendStringInfo(&text->sql, " LIMIT %d", call->batch);
}

/*
 * Look at the next rows and take down the keys of those that differ. Returns how
 * many there were.
 */
static int
find_rows(Batch *batch)
{
	BackfillCall *call = batch->call;
	TableFacts *facts = batch->facts;
	RowParams params = {0};
	QueryText text;
	SPITupleTable *found;
	int n;

	write_next(&text, batch);
	if (call->last)
		add_key_params(&params, facts, call->last);
	if (call->upto)
		add_key_params(&params, facts, call->upto);
	rows_check_result(SPI_execute_plan(query_prepare(&text, 0, false),
									   params.values, params.nulls, false, 0),
					  SPI_OK_SELECT, facts->table_name);
	found = SPI_tuptable;
	n = (int) SPI_processed;
	for (int i = 0; i < facts->nkeys; i++)
		batch->keys[i] = palloc(sizeof(Datum) * Max(n, 1));
	for (int row = 0; row < n; row++)
	{
		HeapTuple tuple = found->vals[row];
		bool isnull;

		if (!DatumGetBool(SPI_getbinval(tuple, found->tupdesc, 2, &isnull)))
			continue;
		for (int i = 0; i < facts->nkeys; i++)
			batch->keys[i][batch->n] = SPI_getbinval(tuple, found->tupdesc,
													 i + 3, &isnull);
		batch->n++;
	}
	if (n > 0)
	{
		if (call->last)
			pfree(call->last);
		call->last = MemoryContextStrdup(call->context,
										 SPI_getvalue(found->vals[n - 1],
													  found->tupdesc, 1));
	}
	return n;
}

/*
 * Append "the row is one of those at work", with an array of each key column.
 * In a query level of its own, where the caller's expression is not.
 */
static void
add_chosen(QueryText *text, const TableFacts *facts)
{
	appendStringInfoString(
		&text->sql, "EXISTS (SELECT FROM ROWS FROM (pg_catalog.unnest(");
	for (int i = 0; i < facts->nkeys; i++)
	{
		if (i > 0)
			appendStringInfoString(&text->sql, "), pg_catalog.unnest(");
		query_add_param(text, get_array_type(facts->keys[i].type));
	}
	appendStringInfo(&text->sql, ")) AS %s(", text->members);
	for (int i = 0; i < facts->nkeys; i++)
		appendStringInfo(&text->sql, "%sk%d", i > 0 ? ", " : "", i);
	appendStringInfoString(&text->sql, ") WHERE ");
	for (int i = 0; i < facts->nkeys; i++)
	{
		const ColumnFacts *column = &facts->keys[i];
		Oid left;
		Oid right;

		op_input_types(column->equality, &left, &right);
		if (i > 0)
			appendStringInfoString(&text->sql, " AND ");
		query_add_column(text, column->name);
		query_add_cast(text, left, column->declared);
		query_add_operator(text, column->equality);
		appendStringInfo(&text->sql, "%s.k%d", text->members, i);
		query_add_cast(text, right, column->type);
	}
	appendStringInfoChar(&text->sql, ')');
}

/*
 * Run a statement about the rows at work; returns how many it met.
 */
static uint64
execute_chosen(QueryText *text, const Batch *batch, int expected)
{
	const TableFacts *facts = batch->facts;
	RowParams params = {0};

	for (int i = 0; i < facts->nkeys; i++)
	{
		int16 len;
		bool byval;
		char align;

		get_typlenbyvalalign(facts->keys[i].type, &len, &byval, &align);
		rows_add_param(&params,
					   PointerGetDatum(
						   construct_array(&batch->keys[i][batch->first],
										   batch->count, facts->keys[i].type,
										   len, byval, align)));
	}
	rows_check_result(SPI_execute_plan(query_prepare(text, 0, false),
									   params.values, params.nulls, false, 0),
					  expected, facts->table_name);
	return SPI_processed;
}

/*
 * Lock the rows at work in the order of their keys, then write those that still
 * differ.
 */
static void
lock_and_write(void *arg)
{
	Batch *batch = arg;
	const TableFacts *facts = batch->facts;
	QueryText text;

	query_begin(&text, facts);
	appendStringInfoString(&text.sql, "SELECT FROM ");
	query_add_table(&text);
	appendStringInfoString(&text.sql, " WHERE ");
	add_chosen(&text, facts);
	appendStringInfoString(&text.sql, " ORDER BY ");
	add_key(&text, facts);
	/* the lock that the UPDATE will take: nobody gets in between */
	appendStringInfoString(&text.sql, query_row_lock(facts));
	(void) execute_chosen(&text, batch, SPI_OK_SELECT);

	query_begin(&text, facts);
	appendStringInfoString(&text.sql, "UPDATE ");
	query_add_table(&text);
	appendStringInfo(&text.sql, " SET %s = %s WHERE ",
					 quote_identifier(facts->set_name), batch->source);
	add_chosen(&text, facts);
	appendStringInfoString(&text.sql, " AND ");
	add_differs(&text, batch);
	batch->call->written += execute_chosen(&text, batch, SPI_OK_UPDATE);
}

/*
 * Find out which row holds what the row at work was to get. Fails, or leaves
 * batch->detail NULL, where the index cannot be asked.
 */
static void
look_up_holder(void *arg)
{
	Batch *batch = arg;
	TableFacts *facts = rows_facts_unchecked(batch->call->relid, InvalidOid,
											 batch->call->extschema,
											 RowExclusiveLock);
	Datum scope[INDEX_MAX_KEYS];
	Datum key[INDEX_MAX_KEYS];
	QueryText text;
	bool isnull;

	if (!rows_is_conflict(facts, batch->error))
		return;
	query_begin(&text, facts);
	appendStringInfo(&text.sql, "SELECT %s", batch->source);
	for (int i = 0; i < facts->nscope; i++)
	{
		appendStringInfoString(&text.sql, ", ");
		query_add_column(&text, facts->scope[i].name);
	}
	appendStringInfoString(&text.sql, " FROM ");
	query_add_table(&text);
	appendStringInfoString(&text.sql, " WHERE ");
	add_chosen(&text, facts);
	if (execute_chosen(&text, batch, SPI_OK_SELECT) != 1)
		return;
	for (int i = 0; i < facts->nscope; i++)
		scope[i] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
								 i + 2, &isnull);
	for (int i = 0; i < facts->nkeys; i++)
		key[i] = batch->keys[i][batch->first];
	batch->detail =
		rows_conflict_detail(facts,
							 DatumGetExternalIdSetP(
								 SPI_getbinval(SPI_tuptable->vals[0],
											   SPI_tuptable->tupdesc, 1,
											   &isnull)),
							 key, scope);
}

/*
 * Tell the conflict of the one row at work: as an error, or as a warning where
 * the caller wants the others.
 */
static void
tell_conflict(Batch *batch, ErrorData *error)
{
	TableFacts *facts = batch->facts;
	BackfillCall *call = batch->call;
	ErrorData *failure;
	Datum key[INDEX_MAX_KEYS];

	for (int i = 0; i < facts->nkeys; i++)
		key[i] = batch->keys[i][batch->first];
	batch->error = error;
	batch->detail = NULL;
	failure = rows_try(look_up_holder, batch);
	/* no valid index, or several */
	if (failure && failure->sqlerrcode != ERRCODE_UNDEFINED_OBJECT &&
		failure->sqlerrcode != ERRCODE_INVALID_PARAMETER_VALUE)
		ReThrowError(failure);
	call->conflicts++;
	ereport(
		call->report ? WARNING : ERROR,
		(errcode(ERRCODE_UNIQUE_VIOLATION),
		 errmsg("row with key %s of table \"%s\" cannot get its external IDs",
				rows_key_to_text(facts, key), facts->table_name),
		 errdetail_internal("%s", batch->detail	  ? batch->detail
								  : error->detail ? error->detail
												  : error->message),
		 call->report
			 ? 0
			 : errhint(
				   "on_conflict => 'report' goes on with the other rows; external_ids_duplicates lists all."),
		 err_generic_string(PG_DIAG_SCHEMA_NAME, facts->schema_name),
		 err_generic_string(PG_DIAG_TABLE_NAME, facts->table_name),
		 err_generic_string(PG_DIAG_COLUMN_NAME, facts->set_name),
		 error->constraint_name ? err_generic_string(PG_DIAG_CONSTRAINT_NAME,
													 error->constraint_name)
								: 0));
}

/*
 * Write the rows at work; where one of them conflicts, halve them until it is
 * found.
 */
static void
write_rows(Batch *batch, int first, int count)
{
	int64 written = batch->call->written;
	ErrorData *error;

	batch->first = first;
	batch->count = count;
	error = rows_try(lock_and_write, batch);
	if (error == NULL)
		return;
	batch->call->written = written;
	if (error->sqlerrcode != ERRCODE_UNIQUE_VIOLATION &&
		error->sqlerrcode != ERRCODE_EXCLUSION_VIOLATION)
		ReThrowError(error);
	if (count == 1)
	{
		tell_conflict(batch, error);
		return;
	}
	write_rows(batch, first, count / 2);
	write_rows(batch, first + count / 2, count - count / 2);
}

/*
 * Look at the next rows and write those that differ. Returns false if there are
 * no more. Call within SPI_connect. Errors: 23505 a conflict.
 */
bool
backfill_rows(BackfillCall *call, TableFacts *facts)
{
	Batch batch = {.call = call, .facts = facts};
	int n;

	batch.source =
		psprintf("COALESCE(%s, '{}'::%s.external_id_set)",
				 source_set_expression(facts, call->source, call->label),
				 quote_identifier(get_namespace_name(facts->extschema)));
	n = find_rows(&batch);
	if (batch.n > 0)
		write_rows(&batch, 0, batch.n);
	call->looked_at += n;
	return n == call->batch;
}
