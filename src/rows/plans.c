/*
 * plans.c
 *		The statements that the row functions run, and their plans.
 *
 * What the statements are made of is query.c's. The parameters of every
 * statement come in the order: IDs or value, key, scope.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "rows/query.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

static const char *const query_names[NUM_ROW_QUERIES] = {
	"lock by key",
	"lock by key within scope",
	"write",
	"write if as seen",
	"write if as seen within scope",
	"find holder",
	"resolve by key",
	"resolve by external ID",
	"resolve by value",
	"resolve many",
	"find any",
	"lock any",
	"find any of many",
};

/*
 * SELECT set, scope columns ... WHERE key [AND scope] FOR UPDATE. The lock is
 * the one that the UPDATE will take.
 */
static void
write_lock(QueryText *text, bool scoped)
{
	const TableFacts *facts = text->facts;

	appendStringInfoString(&text->sql, "SELECT ");
	query_add_column(text, facts->set_name);
	for (int i = 0; i < facts->nscope; i++)
	{
		appendStringInfoString(&text->sql, ", ");
		query_add_column(text, facts->scope[i].name);
	}
	appendStringInfoString(&text->sql, " FROM ");
	query_add_table(text);
	appendStringInfoString(&text->sql, " WHERE ");
	query_add_equalities(text, facts->keys, facts->nkeys);
	if (scoped)
		query_add_scope(text);
	query_add_predicate(text);
	appendStringInfoString(&text->sql, query_row_lock(facts));
}

/*
 * UPDATE table SET set = $1 WHERE key [AND scope] RETURNING set; with "seen",
 * only if the set is still the one in the last parameter. IS TRUE keeps that
 * from being looked up in the index.
 */
static void
write_update(QueryText *text, bool seen, bool scoped)
{
	const TableFacts *facts = text->facts;

	appendStringInfoString(&text->sql, "UPDATE ");
	query_add_table(text);
	appendStringInfo(&text->sql,
					 " SET %s = ", quote_identifier(facts->set_name));
	query_add_param(text, facts->settype);
	appendStringInfoString(&text->sql, " WHERE ");
	query_add_equalities(text, facts->keys, facts->nkeys);
	if (scoped)
		query_add_scope(text);
	if (seen)
	{
		appendStringInfoString(&text->sql, " AND (");
		query_add_column(text, facts->set_name);
		query_add_cast(text, facts->settype, facts->set_declared);
		query_add_own_operator(text, "=");
		query_add_param(text, facts->settype);
		appendStringInfoString(&text->sql, ") IS TRUE");
	}
	query_add_predicate(text);
	appendStringInfoString(&text->sql, " RETURNING ");
	query_add_column(text, facts->set_name);
}

/*
 * For each of the IDs in $1 the key of the row other than the one with this key
 * that holds it in this scope: (id, key columns ...).
 */
static void
write_holder(QueryText *text)
{
	const TableFacts *facts = text->facts;

	appendStringInfo(&text->sql, "SELECT %s.id, holder.* FROM %s.unnest(",
					 text->members,
					 quote_identifier(get_namespace_name(facts->extschema)));
	query_add_param(text, facts->settype);
	appendStringInfo(&text->sql, ") AS %s(id) CROSS JOIN LATERAL (SELECT ",
					 text->members);
	for (int i = 0; i < facts->nkeys; i++)
	{
		if (i > 0)
			appendStringInfoString(&text->sql, ", ");
		query_add_column(text, facts->keys[i].name);
	}
	appendStringInfoString(&text->sql, " FROM ");
	query_add_table(text);
	appendStringInfoString(&text->sql, " WHERE NOT (");
	query_add_equalities(text, facts->keys, facts->nkeys);
	appendStringInfoString(&text->sql, ") AND ");
	query_add_column(text, facts->set_name);
	query_add_cast(text, facts->settype, facts->set_declared);
	query_add_operator(text, facts->conflict_operator);
	appendStringInfo(&text->sql, "%s.id", text->members);
	query_add_cast(text, facts->settype, facts->idtype);
	query_add_scope(text);
	query_add_predicate(text);
	appendStringInfoString(&text->sql, ") AS holder");
}

/*
 * SELECT row WHERE set <operator> $1 AND scope.
 */
static void
write_resolve(QueryText *text, const char *operator, Oid type)
{
	query_add_select_row(text);
	query_add_column(text, text->facts->set_name);
	query_add_cast(text, text->facts->settype, text->facts->set_declared);
	query_add_own_operator(text, operator);
	query_add_param(text, type);
	query_add_scope(text);
	query_add_predicate(text);
}

/*
 * SELECT ordinality, id, row FROM the array $1, each ID probed on its own.
 */
static void
write_many(QueryText *text)
{
	const TableFacts *facts = text->facts;

	appendStringInfo(
		&text->sql,
		"SELECT %s.ordinality, %s.id, matched.found FROM pg_catalog.unnest(",
		text->members, text->members);
	query_add_param(text, get_array_type(facts->idtype));
	appendStringInfo(
		&text->sql,
		") WITH ORDINALITY AS %s(id, ordinality) LEFT JOIN LATERAL (",
		text->members);
	query_add_select_row(text);
	query_add_column(text, facts->set_name);
	query_add_cast(text, facts->settype, facts->set_declared);
	query_add_own_operator(text, "@>");
	appendStringInfo(&text->sql, "%s.id", text->members);
	query_add_cast(text, facts->settype, facts->idtype);
	query_add_scope(text);
	query_add_predicate(text);
	appendStringInfo(&text->sql,
					 " LIMIT 1) AS matched ON true ORDER BY %s.ordinality",
					 text->members);
}

/*
 * SELECT row WHERE [key AND] the index would not let it and another row with
 * the IDs $1 be, and scope. With the key the row is locked as for write_lock.
 */
static void
write_any(QueryText *text, bool lock)
{
	const TableFacts *facts = text->facts;

	query_add_select_row(text);
	query_add_column(text, facts->set_name);
	query_add_cast(text, facts->settype, facts->set_declared);
	query_add_operator(text, facts->conflict_operator);
	query_add_param(text, facts->settype);
	if (lock)
	{
		appendStringInfoString(&text->sql, " AND ");
		query_add_equalities(text, facts->keys, facts->nkeys);
	}
	query_add_scope(text);
	query_add_predicate(text);
	if (lock)
		appendStringInfoString(&text->sql, query_row_lock(facts));
}

/*
 * SELECT ordinality, row for each of the sets in the array $1, with the scope
 * columns' values in the arrays $2 ..., as write_any finds it.
 */
static void
write_any_many(QueryText *text)
{
	const TableFacts *facts = text->facts;

	appendStringInfo(
		&text->sql,
		"SELECT %s.ordinality, matched.found FROM ROWS FROM (pg_catalog.unnest(",
		text->members);
	query_add_param(text, get_array_type(facts->settype));
	for (int i = 0; i < facts->nscope; i++)
	{
		appendStringInfoString(&text->sql, "), pg_catalog.unnest(");
		query_add_param(text, get_array_type(facts->scope[i].type));
	}
	appendStringInfo(&text->sql, ")) WITH ORDINALITY AS %s(ids",
					 text->members);
	for (int i = 0; i < facts->nscope; i++)
		appendStringInfo(&text->sql, ", scope%d", i);
	appendStringInfoString(&text->sql, ", ordinality) CROSS JOIN LATERAL (");
	query_add_select_row(text);
	query_add_column(text, facts->set_name);
	query_add_cast(text, facts->settype, facts->set_declared);
	query_add_operator(text, facts->conflict_operator);
	appendStringInfo(&text->sql, "%s.ids", text->members);
	for (int i = 0; i < facts->nscope; i++)
	{
		const ColumnFacts *column = &facts->scope[i];
		Oid left;
		Oid right;

		op_input_types(column->equality, &left, &right);
		appendStringInfoString(&text->sql, " AND ");
		query_add_column(text, column->name);
		query_add_cast(text, left, column->declared);
		query_add_operator(text, column->equality);
		appendStringInfo(&text->sql, "%s.scope%d", text->members, i);
		query_add_cast(text, right, column->type);
	}
	query_add_predicate(text);
	/* two are as good as many; the limit keeps it one probe per set */
	appendStringInfoString(&text->sql, " LIMIT 2) AS matched");
}

/*
 * The text of a query and its parameters' types.
 */
static void
write_query(QueryText *text, RowQuery query)
{
	const TableFacts *facts = text->facts;

	switch (query)
	{
		case QUERY_LOCK:
			write_lock(text, false);
			break;
		case QUERY_LOCK_SCOPED:
			write_lock(text, true);
			break;
		case QUERY_WRITE:
			write_update(text, false, false);
			break;
		case QUERY_WRITE_SEEN:
			write_update(text, true, false);
			break;
		case QUERY_WRITE_SEEN_SCOPED:
			write_update(text, true, true);
			break;
		case QUERY_HOLDER:
			write_holder(text);
			break;
		case QUERY_BY_KEY:
			query_add_select_row(text);
			query_add_equalities(text, facts->keys, facts->nkeys);
			query_add_scope(text);
			query_add_predicate(text);
			break;
		case QUERY_BY_ID:
			/* an external_id is a set of one: the operator's own type */
			write_resolve(text, "@>", facts->settype);
			break;
		case QUERY_BY_VALUE:
			write_resolve(text, "@=", TEXTOID);
			break;
		case QUERY_MANY:
			write_many(text);
			break;
		case QUERY_ANY:
			write_any(text, false);
			break;
		case QUERY_LOCK_ANY:
			write_any(text, true);
			break;
		case QUERY_ANY_MANY:
			write_any_many(text);
			break;
	}
}

/*
 * Begin a stretch in which the predicate's text is written or read: with
 * settings under which a constant is written so that it means the same under
 * any others, for its text is kept and the server may analyze it again later.
 * The caller ends it by AtEOXact_GUC(true, result).
 */
int
rows_begin_predicate(void)
{
	static const char *const settings[][2] = {
		{"datestyle", "ISO"},
		{"intervalstyle", "iso_8601"},
		{"extra_float_digits", "3"},
		{"standard_conforming_strings", "on"},
	};
	int nestlevel = NewGUCNestLevel();

	for (size_t i = 0; i < lengthof(settings); i++)
		(void) set_config_option(settings[i][0], settings[i][1], PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
								 false);
	return nestlevel;
}

/*
 * The kept plan for a query on the table; made on first use, with a DEBUG1
 * message. Call within SPI_connect. Lives as long as the facts.
 */
SPIPlanPtr
rows_plan(TableFacts *facts, RowQuery query)
{
	QueryText text;
	SPIPlanPtr plan = facts->plans[query];

	if (plan)
		return plan;
	query_begin(&text, facts);
	write_query(&text, query);

	/* How many a long array names, and how they are best found, varies. */
	plan = query_prepare(&text,
						 query == QUERY_ANY_MANY ? CURSOR_OPT_CUSTOM_PLAN : 0,
						 true);
	facts->plans[query] = plan;
	ereport(DEBUG1,
			(errmsg_internal("external_ids: planned %s for table \"%s\"",
							 query_names[query], facts->table_name)));
	return plan;
}

/*
 * Add one parameter, not null.
 */
void
rows_add_param(RowParams *params, Datum value)
{
	params->values[params->n] = value;
	params->nulls[params->n] = ' ';
	params->n++;
}

/*
 * Add the parameters for a key or a scope.
 */
void
rows_add_params(RowParams *params, const Datum *values, int n)
{
	for (int i = 0; i < n; i++)
		rows_add_param(params, values[i]);
}

/*
 * Raise an error unless SPI's answer is the one expected of a statement on
 * "table". Errors: 0A000 if a rule made another statement of it.
 */
void
rows_check_result(int result, int expected, const char *table)
{
	if (result < 0)
		elog(ERROR, "SPI_execute_plan failed: %s",
			 SPI_result_code_string(result));
	if (result != expected)
		ereport(
			ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg(
				 "a rule on table \"%s\" changed what a statement of external_ids does",
				 table)));
}

/*
 * What SPI has to say about a query.
 */
static int
expected_result(RowQuery query)
{
	switch (query)
	{
		case QUERY_WRITE:
		case QUERY_WRITE_SEEN:
		case QUERY_WRITE_SEEN_SCOPED:
			return SPI_OK_UPDATE_RETURNING;
		default:
			return SPI_OK_SELECT;
	}
}

/*
 * Run a query, with the caller's rights; the result is in SPI_tuptable. Reads
 * with the caller's snapshot if "read_only", else with the latest one that its
 * isolation level allows.
 */
void
rows_execute(TableFacts *facts, RowQuery query, const RowParams *params,
			 bool read_only, long limit)
{
	int result = SPI_execute_plan(rows_plan(facts, query),
								  (Datum *) params->values, params->nulls,
								  read_only, limit);

	rows_check_result(result, expected_result(query), facts->table_name);
}
