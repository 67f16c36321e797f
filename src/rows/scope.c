/*
 * scope.c
 *		The caller's scope, a JSON object by column name, as typed Datums.
 *
 * Each value goes through the column type's own input function, so '7' and 7
 * are the same scope. Type modifiers are left out: a text that is too long for
 * the column is in no row, and must not be cut or rounded to one that is.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "rows/rows.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

/*
 * The scope's column names for a HINT, quoted and with commas.
 */
static char *
scope_names(const TableFacts *facts)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < facts->nscope; i++)
		appendStringInfo(&names, "%s\"%s\"", i > 0 ? ", " : "",
						 facts->scope[i].name);
	return names.data;
}

/*
 * Raise 22023 with the DETAIL given (a format for one name) and a HINT that
 * names the columns. The scope is an argument, or part of a row's data.
 */
pg_noreturn static void
scope_error(const TableFacts *facts, bool in_data, const char *detail,
			const char *name)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		 errmsg("invalid scope for table \"%s\"", facts->table_name),
		 errdetail_internal(detail, name),
		 facts->nscope > 0
			 ? (in_data
					? errhint("The data name the scope's columns: %s.",
							  scope_names(facts))
					: errhint(
						  "The scope is a JSON object with exactly the keys %s.",
						  scope_names(facts)))
			 : errhint(
				   "The index \"%s\" has no scope columns: leave the scope out.",
				   get_rel_name(facts->indexid))));
}

/*
 * Raise an error for the first key of "scope" that is no scope column.
 */
static void
unknown_key_error(const TableFacts *facts, Jsonb *scope)
{
	JsonbIterator *it = JsonbIteratorInit(&scope->root);
	JsonbValue value;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		bool known = false;
		char *name;

		if (token != WJB_KEY)
			continue;
		name = pnstrdup(value.val.string.val, value.val.string.len);
		for (int i = 0; i < facts->nscope && !known; i++)
			known = strcmp(name, facts->scope[i].name) == 0;
		if (!known)
			scope_error(facts, false,
						"\"%s\" is not a scope column of its index.", name);
	}
	elog(ERROR, "no unknown key in scope");
}

/*
 * A JSON scalar as text for the column's input function.
 */
static char *
scalar_text(const TableFacts *facts, bool in_data, const ColumnFacts *column,
			const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvString:
			return pnstrdup(value->val.string.val, value->val.string.len);
		case jbvNumeric:
			return DatumGetCString(
				DirectFunctionCall1(numeric_out,
									NumericGetDatum(value->val.numeric)));
		case jbvBool:
			return pstrdup(value->val.boolean ? "true" : "false");
		case jbvNull:
			scope_error(facts, in_data, "The value for \"%s\" is null.",
						column->name);
		default:
			scope_error(
				facts, in_data,
				"The value for \"%s\" is neither a string, a number nor a boolean.",
				column->name);
	}
}

/*
 * The scope's values in the order of the index's columns, from an object. Result
 * in the current memory context. Errors: 22023 if a column is missing or null;
 * the input functions' own.
 */
static Datum *
read_scope(const TableFacts *facts, bool in_data, Jsonb *data)
{
	Datum *values = palloc0(sizeof(Datum) * Max(facts->nscope, 1));

	for (int i = 0; i < facts->nscope; i++)
	{
		ColumnFacts *column = &facts->scope[i];
		JsonbValue value;

		if (getKeyJsonValueFromContainer(&data->root, column->name,
										 strlen(column->name), &value) == NULL)
			scope_error(facts, in_data, "The column \"%s\" is missing.",
						column->name);
		values[i] = InputFunctionCall(&column->input,
									  scalar_text(facts, in_data, column,
												  &value),
									  column->ioparam, -1);
	}
	return values;
}

/*
 * The scope's values from a row's data, which may have other keys too.
 */
Datum *
rows_scope_of_data(const TableFacts *facts, Jsonb *data)
{
	return read_scope(facts, true, data);
}

/*
 * The scope's values in the order of the index's columns. A NULL scope is good
 * for an index without scope columns only. Result in the current memory
 * context. Errors: 22023 where the object does not name exactly the scope's
 * columns; the input functions' own.
 */
Datum *
rows_scope(const TableFacts *facts, Jsonb *scope)
{
	Datum *values;

	if (scope == NULL)
	{
		if (facts->nscope > 0)
			scope_error(facts, false, "The column \"%s\" is missing.",
						facts->scope[0].name);
		return palloc0(sizeof(Datum));
	}
	if (!JB_ROOT_IS_OBJECT(scope))
		scope_error(facts, false, "It is not a JSON object.%s", "");
	values = read_scope(facts, false, scope);
	if (JB_ROOT_COUNT(scope) != (uint32) facts->nscope)
		unknown_key_error(facts, scope);
	return values;
}
