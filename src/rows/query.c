/*
 * query.c
 *		The pieces that the row functions' statements are made of.
 *
 * The text names everything in full, operators too, so that no object in the
 * caller's search path can take a name's place. The one exception is the index's
 * predicate, which the server writes for the search path of the moment;
 * facts.c drops the plan when that changes. The predicate names columns bare,
 * so it always stands in a query level with this table alone, under its own
 * name.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_operator.h"
#include "rows/query.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/*
 * Begin a statement about a table that goes by "alias" in it, quoted.
 */
void
query_begin_other(QueryText *text, const char *alias)
{
	memset(text, 0, sizeof(*text));
	initStringInfo(&text->sql);
	text->maxargs = 16;
	text->argtypes = palloc(sizeof(Oid) * text->maxargs);
	text->alias = alias;
}

/*
 * Begin a statement about the account table.
 */
void
query_begin(QueryText *text, const TableFacts *facts)
{
	query_begin_other(text, quote_identifier(facts->table_name));
	text->facts = facts;

	/* Must not be hidden by the table's name in an inner query. */
	text->members = strcmp(facts->table_name, "member") == 0 ? "member_"
															 : "member";
}

/*
 * Append a new parameter of the type: $n.
 */
void
query_add_param(QueryText *text, Oid type)
{
	if (text->nargs == text->maxargs)
	{
		text->maxargs *= 2;
		text->argtypes = repalloc(text->argtypes, sizeof(Oid) * text->maxargs);
	}
	text->argtypes[text->nargs++] = type;
	appendStringInfo(&text->sql, "$%d", text->nargs);
}

/*
 * Append a type's name in full.
 */
void
query_add_type(QueryText *text, Oid type, int32 typmod)
{
	appendStringInfoString(
		&text->sql, format_type_extended(type, typmod,
										 FORMAT_TYPE_TYPEMOD_GIVEN |
											 FORMAT_TYPE_FORCE_QUALIFY));
}

/*
 * Append alias.column.
 */
void
query_add_column(QueryText *text, const char *column)
{
	appendStringInfo(&text->sql, "%s.%s", text->alias,
					 quote_identifier(column));
}

/*
 * Append OPERATOR(schema.name) for the operator with the given OID.
 */
void
query_add_operator(QueryText *text, Oid operator)
{
	HeapTuple tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	Form_pg_operator form;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", operator);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	appendStringInfo(&text->sql, " OPERATOR(%s.%s) ",
					 quote_identifier(get_namespace_name(form->oprnamespace)),
					 NameStr(form->oprname));
	ReleaseSysCache(tuple);
}

/*
 * Append OPERATOR(extension's schema.name).
 */
void
query_add_own_operator(QueryText *text, const char *name)
{
	char *schema = get_namespace_name(text->facts->extschema);

	appendStringInfo(&text->sql, " OPERATOR(%s.%s) ", quote_identifier(schema),
					 name);
}

/*
 * Append a cast to "wanted" where it is not what the expression before has.
 * With the operator's own types no overload of its name, which somebody else
 * may have put into its schema, can be a better match. Polymorphic operators
 * are left alone, as foreign keys' queries do.
 */
void
query_add_cast(QueryText *text, Oid wanted, Oid type)
{
	if (wanted != type && !IsPolymorphicType(wanted))
		appendStringInfo(&text->sql, "::%s", format_type_be_qualified(wanted));
}

/*
 * Append COLLATE schema.name.
 */
void
query_add_collation(QueryText *text, Oid collation)
{
	HeapTuple tuple = SearchSysCache1(COLLOID, ObjectIdGetDatum(collation));
	Form_pg_collation form;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for collation %u", collation);
	form = (Form_pg_collation) GETSTRUCT(tuple);
	appendStringInfo(&text->sql, " COLLATE %s",
					 quote_qualified_identifier(get_namespace_name(
													form->collnamespace),
												NameStr(form->collname)));
	ReleaseSysCache(tuple);
}

/*
 * Append "column = $n" for each of the columns, with AND between.
 */
void
query_add_equalities(QueryText *text, const ColumnFacts *columns, int n)
{
	for (int i = 0; i < n; i++)
	{
		Oid left;
		Oid right;

		op_input_types(columns[i].equality, &left, &right);
		if (i > 0)
			appendStringInfoString(&text->sql, " AND ");
		query_add_column(text, columns[i].name);
		query_add_cast(text, left, columns[i].declared);
		query_add_operator(text, columns[i].equality);
		query_add_param(text, columns[i].type);
		query_add_cast(text, right, columns[i].type);
	}
}

/*
 * Append the condition on the scope's columns, if there are any.
 */
void
query_add_scope(QueryText *text)
{
	if (text->facts->nscope == 0)
		return;
	appendStringInfoString(&text->sql, " AND ");
	query_add_equalities(text, text->facts->scope, text->facts->nscope);
}

/*
 * Append the index's predicate, if it has one.
 */
void
query_add_predicate(QueryText *text)
{
	if (text->facts->predicate)
		appendStringInfo(&text->sql, " AND (%s)", text->facts->predicate);
}

/*
 * The clause that locks a row as the UPDATE of its set will: a UNIQUE index makes
 * the set part of a key.
 */
const char *
query_row_lock(const TableFacts *facts)
{
	return facts->unique ? " FOR UPDATE" : " FOR NO KEY UPDATE";
}

/*
 * Append [ONLY] schema.table AS table.
 */
void
query_add_table(QueryText *text)
{
	const TableFacts *facts = text->facts;

	appendStringInfo(&text->sql, "%s%s AS %s", facts->only ? "ONLY " : "",
					 quote_qualified_identifier(facts->schema_name,
												facts->table_name),
					 text->alias);
}

/*
 * Append SELECT whole row FROM table WHERE. The cast keeps the row one column.
 */
void
query_add_select_row(QueryText *text)
{
	const TableFacts *facts = text->facts;

	appendStringInfo(&text->sql, "SELECT (%s.*)::%s AS found FROM ",
					 text->alias,
					 quote_qualified_identifier(facts->schema_name,
												facts->table_name));
	query_add_table(text);
	appendStringInfoString(&text->sql, " WHERE ");
}

/*
 * The plan for the statement; kept until it is freed, or else until SPI_finish.
 * Call within SPI_connect. The memory context stays, which SPI would change.
 */
SPIPlanPtr
query_prepare(QueryText *text, int cursor_options, bool keep)
{
	MemoryContext oldcontext = CurrentMemoryContext;
	int nestlevel = rows_begin_predicate();
	SPIPlanPtr plan = SPI_prepare_cursor(text->sql.data, text->nargs,
										 text->argtypes, cursor_options);

	AtEOXact_GUC(true, nestlevel);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s",
			 SPI_result_code_string(SPI_result));
	if (keep && SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI_keepplan failed");
	MemoryContextSwitchTo(oldcontext);
	return plan;
}
