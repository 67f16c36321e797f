/*
 * source.c
 *		The external IDs that a row has in some other form, as SQL of type
 *		external_id_set.
 *
 * The caller names a column or writes an expression over the table's row, in his
 * own search path and with his own rights, as in a query of his. By its type it
 * is read as a set, as one ID, or as an array of either.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "rows/source.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

/*
 * Error context: where a syntax error is, in our statement.
 */
static void
syntax_context(void *arg)
{
	int position = geterrposition();

	if (position <= 0)
		return;
	errposition(0);
	internalerrposition(position);
	internalerrquery(arg);
}

/*
 * Raise an error unless the text is one expression: it goes into a larger
 * statement, which it must not end or change. Errors: 42601.
 */
static void
check_expression(const char *text)
{
	/* the line feed ends a comment */
	char *statement = psprintf("SELECT (%s\n)", text);
	ErrorContextCallback context = {
		.previous = error_context_stack,
		.callback = syntax_context,
		.arg = statement,
	};
	List *parsed;
	SelectStmt *select = NULL;
	SelectStmt *plain = makeNode(SelectStmt);

	error_context_stack = &context;
	parsed = raw_parser(statement, RAW_PARSE_DEFAULT);
	error_context_stack = context.previous;
	if (list_length(parsed) == 1)
		select = (SelectStmt *) linitial_node(RawStmt, parsed)->stmt;
	if (select && IsA(select, SelectStmt) &&
		list_length(select->targetList) == 1)
	{
		ResTarget *target = linitial_node(ResTarget, select->targetList);

		plain->targetList = select->targetList;
		plain->limitOption = select->limitOption;
		if (target->name == NULL && equal(plain, select))
			return;
	}
	ereport(
		ERROR,
		(errcode(ERRCODE_SYNTAX_ERROR),
		 errmsg("\"%s\" is not an expression", text),
		 errhint(
			 "External IDs come from a column of the table, or from an expression over its columns.")));
}

/*
 * The type of an expression over the table's row. Call within SPI_connect.
 */
static Oid
expression_type(const TableFacts *facts, const char *expression)
{
	QueryText text;
	Oid type;

	query_begin(&text, facts);
	appendStringInfo(&text.sql, "SELECT %s FROM ", expression);
	query_add_table(&text);
	appendStringInfoString(&text.sql, " LIMIT 0");
	rows_check_result(SPI_execute(text.sql.data, true, 0), SPI_OK_SELECT,
					  facts->table_name);
	type = getBaseType(SPI_gettypeid(SPI_tuptable->tupdesc, 1));
	SPI_freetuptable(SPI_tuptable);
	return type;
}

/*
 * What makes one external ID of the text "value": under the label or, without
 * one, as the text says.
 */
static char *
member(const char *schema, const char *label, const char *value)
{
	if (label == NULL)
		return psprintf("%s::%s.external_id", value, schema);
	return psprintf("%s.external_id(%s::pg_catalog.text, %s)", schema,
					quote_literal_cstr(label), value);
}

/*
 * The union of "member" over the elements e of "from"; NULL where there are none.
 */
static char *
members(const char *schema, const char *member, const char *from)
{
	return psprintf(
		"(SELECT %s.external_ids_agg(%s) FROM pg_catalog.%s AS element(e))",
		schema, member, from);
}

/*
 * The members of a JSON array, or of what stands for its one element. An object
 * says its label itself.
 */
static char *
json_members(const char *schema, const char *label, const char *expression)
{
	const char *from =
		psprintf("jsonb_path_query(%s::pg_catalog.jsonb, 'lax $[*]')",
				 expression);
	const char *text = "(e OPERATOR(pg_catalog.#>>) '{}'::pg_catalog.text[])";
	char *one = member(schema, label, text);

	if (label)
		one = psprintf(
			"CASE WHEN pg_catalog.jsonb_typeof(e) OPERATOR(pg_catalog.=) 'object' THEN %s ELSE %s END",
			member(schema, NULL, text), one);
	return members(schema, one, from);
}

/*
 * SQL of type external_id_set for what the row has in "source", a column or else
 * an expression: a set; an ID or its text; an array of these; a JSON array, or
 * one element of it. With a label, what is no external ID yet is a value under
 * it, taken literally. NULL, and in arrays nulls, are no IDs. Call within
 * SPI_connect. Errors: 42601 not an expression; 22023 a label for what has labels;
 * those of the expression.
 */
char *
source_set_expression(const TableFacts *facts, const char *source,
					  const char *label)
{
	const char *schema = quote_identifier(
		get_namespace_name(facts->extschema));
	char *expression;
	Oid type;
	Oid element;

	if (get_attnum(facts->relid, source) > 0)
		expression = psprintf("%s.%s", quote_identifier(facts->table_name),
							  quote_identifier(source));
	else
	{
		check_expression(source);
		expression = psprintf("(%s\n)", source);
	}
	type = expression_type(facts, expression);
	element = get_base_element_type(type);

	if (label && (type == facts->settype || type == facts->idtype ||
				  element == facts->idtype))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a label is for values that have none"),
						errdetail("\"%s\" is of type %s.", source,
								  format_type_be(type))));
	if (type == facts->settype || type == facts->idtype)
		;
	else if (type == JSONBOID || type == JSONOID)
		expression = json_members(schema, label, expression);
	else if (OidIsValid(element))
		expression = members(schema,
							 member(schema, label, "e::pg_catalog.text"),
							 psprintf("unnest(%s)", expression));
	else
		expression = member(schema, label,
							psprintf("%s::pg_catalog.text", expression));
	return psprintf("%s::%s.external_id_set", expression, schema);
}

/*
 * Begin a stretch in which row security that would hide rows is an error: an
 * answer about some of the rows is none. The caller ends it by
 * AtEOXact_GUC(true, result).
 */
int
source_begin_reading(void)
{
	int nestlevel = NewGUCNestLevel();

	(void) set_config_option("row_security", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	return nestlevel;
}
