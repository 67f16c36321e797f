/*
 * columns.c
 *		Sets of columns that JSON objects name, and the statements that write
 *		them.
 *
 * A statement names only the columns that it writes, so the others get their
 * defaults, and the caller needs privileges on no others. There is a plan for
 * each set of columns, kept with the table's facts; as long as they hold, the
 * last used MAX_COLUMN_SETS sets are.
 *
 * JSON values are read by the server's jsonb_populate_record, into a record of
 * the named columns alone: a domain that does not allow nulls must not see the
 * others.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "nodes/makefuncs.h"
#include "rows/query.h"
#include "rows/upsert.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* jsonb_populate_record, as one call uses it for one set of columns. */
typedef struct Reader
{
	ColumnSet *columns;
	FmgrInfo function;
} Reader;

static const char *const query_names[NUM_COLUMN_QUERIES] = {
	"insert",
	"insert many",
	"update columns",
	"update columns if as seen",
};

/*
 * True if the plans for sets of columns are still valid.
 */
bool
rows_column_plans_hold(const TableFacts *facts)
{
	for (int i = 0; i < facts->ncolumnsets; i++)
		for (int j = 0; j < NUM_COLUMN_QUERIES; j++)
		{
			SPIPlanPtr plan = facts->columnsets[i]->plans[j];

			if (plan && !SPI_plan_is_valid(plan))
				return false;
		}
	return true;
}

/*
 * Free the plans when the memory of a set of columns goes.
 */
static void
free_plans(void *arg)
{
	ColumnSet *columns = arg;

	for (int i = 0; i < NUM_COLUMN_QUERIES; i++)
	{
		SPIPlanPtr plan = columns->plans[i];

		columns->plans[i] = NULL;
		if (plan)
			SPI_freeplan(plan);
	}
}

/*
 * Describe a record of the columns, and make one that is all null.
 */
static void
describe(ColumnSet *columns, Oid relid)
{
	Relation rel = table_open(relid, NoLock);
	TupleDesc desc = CreateTemplateTupleDesc(columns->n);
	Datum *values = palloc0(sizeof(Datum) * columns->n);
	bool *nulls = palloc(sizeof(bool) * columns->n);

	for (int i = 0; i < columns->n; i++)
	{
		Form_pg_attribute att;

		att = TupleDescAttr(RelationGetDescr(rel), columns->attnums[i] - 1);
		TupleDescInitEntry(desc, i + 1, NameStr(att->attname), att->atttypid,
						   att->atttypmod, att->attndims);
		TupleDescInitEntryCollation(desc, i + 1, att->attcollation);
		nulls[i] = true;
	}
	table_close(rel, NoLock);
	columns->desc = BlessTupleDesc(desc);
	columns->base = HeapTupleGetDatum(
		heap_form_tuple(columns->desc, values, nulls));
}

/*
 * Make a set of columns in a memory context of its own below the facts'.
 */
static ColumnSet *
make_column_set(TableFacts *facts, const AttrNumber *attnums, int n)
{
	MemoryContext context;
	MemoryContext oldcontext;
	ColumnSet *columns;

	context = AllocSetContextCreate(CurrentMemoryContext,
									"external_ids columns",
									ALLOCSET_SMALL_SIZES);
	oldcontext = MemoryContextSwitchTo(context);
	columns = palloc0(sizeof(ColumnSet));
	columns->context = context;
	columns->n = n;
	columns->attnums = palloc(sizeof(AttrNumber) * n);
	memcpy(columns->attnums, attnums, sizeof(AttrNumber) * n);
	describe(columns, facts->relid);
	columns->cleanup.func = free_plans;
	columns->cleanup.arg = columns;
	MemoryContextRegisterResetCallback(context, &columns->cleanup);
	MemoryContextSwitchTo(oldcontext);
	MemoryContextSetParent(context, facts->context);
	return columns;
}

/*
 * qsort order of column numbers.
 */
static int
compare_attnums(const void *a, const void *b)
{
	return *(const AttrNumber *) a - *(const AttrNumber *) b;
}

/*
 * The kept set of these columns, without duplicates, which become sorted. The
 * set that was not used for longest gives way, but stays in memory until the
 * transaction ends, for an outer call may be busy with it.
 */
ColumnSet *
column_set(TableFacts *facts, AttrNumber *attnums, int n)
{
	ColumnSet *columns = NULL;
	int place;

	qsort(attnums, n, sizeof(AttrNumber), compare_attnums);
	for (place = 0; place < facts->ncolumnsets; place++)
	{
		ColumnSet *candidate = facts->columnsets[place];

		if (candidate->n == n &&
			memcmp(candidate->attnums, attnums, sizeof(AttrNumber) * n) == 0)
		{
			columns = candidate;
			break;
		}
	}
	if (columns == NULL)
	{
		columns = make_column_set(facts, attnums, n);
		if (facts->ncolumnsets < MAX_COLUMN_SETS)
			facts->ncolumnsets++;
		else
			MemoryContextSetParent(facts->columnsets[MAX_COLUMN_SETS - 1]
									   ->context,
								   TopTransactionContext);
		place = facts->ncolumnsets - 1;
	}
	memmove(&facts->columnsets[1], &facts->columnsets[0],
			sizeof(ColumnSet *) * place);
	facts->columnsets[0] = columns;
	return columns;
}

/*
 * The columns that the keys of "data" name, and the external_id_set column,
 * which the data must name or not, as "set_in_data" has it. Errors: 22023 for
 * anything but an object, and for a key that is no column.
 */
ColumnSet *
column_set_of_data(TableFacts *facts, Jsonb *data, bool set_in_data)
{
	JsonbIterator *it;
	JsonbValue value;
	JsonbIteratorToken token;
	AttrNumber *attnums;
	int n = 0;
	bool has_set = false;

	if (!JB_ROOT_IS_OBJECT(data))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("data for table \"%s\" is not a JSON object",
							   facts->table_name)));
	attnums = palloc(sizeof(AttrNumber) * (JB_ROOT_COUNT(data) + 1));
	it = JsonbIteratorInit(&data->root);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		char *name;
		AttrNumber attnum;

		if (token != WJB_KEY)
			continue;
		name = pnstrdup(value.val.string.val, value.val.string.len);
		attnum = get_attnum(facts->relid, name);
		if (attnum <= 0)
			ereport(
				ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid data for table \"%s\"", facts->table_name),
				 errdetail("\"%s\" is not a column of the table.", name),
				 errhint(
					 "The keys of the JSON object are columns of the table.")));
		if (attnum == facts->set_attnum)
			has_set = true;
		attnums[n++] = attnum;
	}
	if (has_set && !set_in_data)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid data for table \"%s\"", facts->table_name),
				 errdetail("It names the column \"%s\".", facts->set_name),
				 errhint("The external IDs are an argument of their own.")));
	if (!has_set && set_in_data)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid data for table \"%s\"", facts->table_name),
			 errdetail("The column \"%s\" is missing.", facts->set_name),
			 errhint(
				 "The external IDs of an element stand under the name of their column.")));
	if (!has_set)
		attnums[n++] = facts->set_attnum;
	return column_set(facts, attnums, n);
}

/*
 * Append the columns' names, each after the prefix.
 */
static void
add_columns(QueryText *text, const ColumnSet *columns, const char *prefix)
{
	for (int i = 0; i < columns->n; i++)
		appendStringInfo(&text->sql, "%s%s%s", i > 0 ? ", " : "", prefix,
						 quote_identifier(NameStr(
							 TupleDescAttr(columns->desc, i)->attname)));
}

/*
 * Append the parameter that gives a column its value. A set is none of a
 * domain yet.
 */
static void
add_value(QueryText *text, const ColumnSet *columns, int i)
{
	query_add_param(text, columns->attnums[i] == text->facts->set_attnum
							  ? text->facts->settype
							  : TupleDescAttr(columns->desc, i)->atttypid);
}

/*
 * Append RETURNING whole row.
 */
static void
add_returning(QueryText *text)
{
	appendStringInfo(&text->sql, " RETURNING (%s.*)::%s", text->alias,
					 quote_qualified_identifier(text->facts->schema_name,
												text->facts->table_name));
}

/*
 * INSERT INTO table (columns) VALUES ($1, ...) or, of many, SELECT from the
 * array of jsonb $1, in its order; RETURNING whole row, whether it is in the index.
 */
static void
write_insert(QueryText *text, const ColumnSet *columns, bool many)
{
	const TableFacts *facts = text->facts;

	appendStringInfo(&text->sql, "INSERT INTO %s AS %s (",
					 quote_qualified_identifier(facts->schema_name,
												facts->table_name),
					 text->alias);
	add_columns(text, columns, "");
	if (many)
	{
		appendStringInfoString(&text->sql, ") SELECT ");
		add_columns(text, columns, "element.");
		appendStringInfoString(&text->sql, " FROM pg_catalog.unnest(");
		query_add_param(text, get_array_type(JSONBOID));
		appendStringInfoString(
			&text->sql,
			") AS elements(data) CROSS JOIN LATERAL pg_catalog.jsonb_to_record(elements.data) AS element(");
	}
	else
		appendStringInfoString(&text->sql, ") VALUES (");
	for (int i = 0; i < columns->n; i++)
	{
		Form_pg_attribute att = TupleDescAttr(columns->desc, i);

		if (i > 0)
			appendStringInfoString(&text->sql, ", ");
		if (!many)
		{
			add_value(text, columns, i);
			continue;
		}
		appendStringInfo(&text->sql, "%s ",
						 quote_identifier(NameStr(att->attname)));
		query_add_type(text, att->atttypid, att->atttypmod);
	}
	appendStringInfoString(&text->sql, ")");
	add_returning(text);
	if (facts->predicate)
		appendStringInfo(&text->sql, ", (%s) IS TRUE", facts->predicate);
	else
		appendStringInfoString(&text->sql, ", true");
}

/*
 * UPDATE table SET column = $1, ... WHERE key RETURNING whole row; with "seen",
 * only if the row's version is still that with the xmin in the last parameter.
 */
static void
write_update(QueryText *text, const ColumnSet *columns, bool seen)
{
	const TableFacts *facts = text->facts;

	appendStringInfoString(&text->sql, "UPDATE ");
	query_add_table(text);
	appendStringInfoString(&text->sql, " SET ");
	for (int i = 0; i < columns->n; i++)
	{
		Form_pg_attribute att = TupleDescAttr(columns->desc, i);

		appendStringInfo(&text->sql, "%s%s = ", i > 0 ? ", " : "",
						 quote_identifier(NameStr(att->attname)));
		add_value(text, columns, i);
	}
	appendStringInfoString(&text->sql, " WHERE ");
	query_add_equalities(text, facts->keys, facts->nkeys);
	if (seen)
	{
		appendStringInfo(&text->sql, " AND %s.xmin OPERATOR(pg_catalog.=) ",
						 text->alias);
		query_add_param(text, XIDOID);
	}
	add_returning(text);
}

/*
 * The kept plan that writes the columns; made on first use, with a DEBUG1
 * message. Call within SPI_connect. Lives as long as the set of columns.
 */
SPIPlanPtr
column_set_plan(TableFacts *facts, ColumnSet *columns, ColumnQuery query)
{
	QueryText text;
	SPIPlanPtr plan = columns->plans[query];

	if (plan)
		return plan;
	query_begin(&text, facts);
	if (query == COLUMNS_UPDATE || query == COLUMNS_UPDATE_SEEN)
		write_update(&text, columns, query == COLUMNS_UPDATE_SEEN);
	else
		write_insert(&text, columns, query == COLUMNS_INSERT_MANY);
	plan = query_prepare(&text, 0, true);
	columns->plans[query] = plan;
	ereport(DEBUG1,
			(errmsg_internal("external_ids: planned %s for table \"%s\"",
							 query_names[query], facts->table_name)));
	return plan;
}

/*
 * The call's reader for a set of columns. What it learns about types lives as
 * long as the call.
 */
static Reader *
find_reader(UpsertCall *call, ColumnSet *columns)
{
	MemoryContext oldcontext;
	ListCell *cell;
	Reader *reader;
	List *args;

	foreach(cell, call->readers)
	{
		reader = lfirst(cell);
		if (reader->columns == columns)
			return reader;
	}
	oldcontext = MemoryContextSwitchTo(call->context);
	reader = palloc0(sizeof(Reader));
	reader->columns = columns;
	fmgr_info(F_JSONB_POPULATE_RECORD, &reader->function);
	args = list_make2(makeNullConst(RECORDOID, -1, InvalidOid),
					  makeNullConst(JSONBOID, -1, InvalidOid));
	fmgr_info_set_expr((Node *) makeFuncExpr(F_JSONB_POPULATE_RECORD,
											 RECORDOID, args, InvalidOid,
											 InvalidOid, COERCE_EXPLICIT_CALL),
					   &reader->function);
	call->readers = lcons(reader, call->readers);
	MemoryContextSwitchTo(oldcontext);
	return reader;
}

/*
 * Read the element's columns from its data; its IDs are known already. Errors:
 * those of the conversion.
 */
void
column_set_read(UpsertElement *element)
{
	ColumnSet *columns = element->columns;
	Reader *reader;
	MemoryContext oldcontext;
	HeapTupleData tuple;
	Datum record;

	if (element->values)
		return;
	reader = find_reader(element->call, columns);
	oldcontext = MemoryContextSwitchTo(element->context);
	record = FunctionCall2(&reader->function, columns->base,
						   JsonbPGetDatum(element->data));
	tuple.t_data = DatumGetHeapTupleHeader(record);
	tuple.t_len = HeapTupleHeaderGetDatumLength(tuple.t_data);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	element->nulls = palloc(sizeof(bool) * columns->n);
	element->values = palloc(sizeof(Datum) * columns->n);
	heap_deform_tuple(&tuple, columns->desc, element->values, element->nulls);
	for (int i = 0; i < columns->n; i++)
		if (columns->attnums[i] == element->call->facts->set_attnum)
		{
			element->values[i] = PointerGetDatum(element->ids);
			element->nulls[i] = false;
		}
	MemoryContextSwitchTo(oldcontext);
}
