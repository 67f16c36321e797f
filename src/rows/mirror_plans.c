/*
 * mirror_plans.c
 *		The statements that the triggers of a mirror run, and how they run.
 *
 * As a foreign key's actions do, they run as the owner of the tables and without
 * row security, name everything in full, and at REPEATABLE READ and up look with
 * the latest snapshot: what they would write over that the transaction's own
 * does not show is a serialization failure.
 *
 * The parameters of each are a key of the table's type, then what the statement
 * is about.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "rows/mirror.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/snapmgr.h"
#include "utils/typcache.h"

/*
 * Append schema.name( for a function of the extension.
 */
static void
add_own_function(QueryText *text, const char *name)
{
	appendStringInfo(&text->sql, "%s.%s(",
					 quote_identifier(
						 get_namespace_name(text->facts->extschema)),
					 name);
}

/*
 * Append a cast to the column's type, where it is not "type". Without a length:
 * what is too long must be an error, as in an assignment, not cut.
 */
static void
add_cast_to(QueryText *text, const MirrorColumn *column, Oid type)
{
	if (column->type == type)
		return;
	appendStringInfoString(&text->sql, "::");
	query_add_type(text, column->type, -1);
}

/*
 * Append [ONLY] schema.side AS side.
 */
static void
add_side(QueryText *text, const Mirror *mirror)
{
	appendStringInfo(&text->sql, "ONLY %s AS side",
					 quote_qualified_identifier(mirror->side_schema,
												mirror->side_name));
}

/*
 * Append "side.column = $n", parameters of the table's key, for each key column.
 */
static void
add_side_key(QueryText *text, const Mirror *mirror)
{
	for (int i = 0; i < mirror->table->nkeys; i++)
	{
		const MirrorColumn *column = &mirror->keys[i];
		Oid equality =
			lookup_type_cache(column->type, TYPECACHE_EQ_OPR)->eq_opr;
		Oid left;
		Oid right;

		op_input_types(equality, &left, &right);
		appendStringInfo(&text->sql, "%sside.%s", i > 0 ? " AND " : "",
						 quote_identifier(column->name));
		query_add_cast(text, left, column->declared);
		query_add_operator(text, equality);
		query_add_param(text, mirror->table->keys[i].type);
		add_cast_to(text, column, mirror->table->keys[i].type);
		query_add_cast(text, right, column->type);
	}
}

/*
 * Append the external ID that "label" and "value", SQL, are in this side table.
 */
static void
add_id(QueryText *text, const Mirror *mirror, const char *label,
	   const char *value)
{
	if (mirror->form == MIRROR_TEXT)
	{
		appendStringInfo(&text->sql, "%s%s::", value,
						 mirror->value.type == mirror->table->idtype
							 ? ""
							 : "::pg_catalog.text");
		query_add_type(text, mirror->table->idtype, -1);
		return;
	}
	add_own_function(text, "external_id");
	if (mirror->form == MIRROR_LABEL)
		label = quote_literal_cstr(mirror->label);
	appendStringInfo(&text->sql, "%s::pg_catalog.text, %s::pg_catalog.text)",
					 label, value);
}

/*
 * Append the external ID of a row of the side table.
 */
static void
add_side_id(QueryText *text, const Mirror *mirror)
{
	char *label = "";

	if (mirror->form == MIRROR_LABEL_COLUMN)
		label = psprintf("side.%s",
						 quote_identifier(mirror->label_column.name));
	add_id(text, mirror, label,
		   psprintf("side.%s", quote_identifier(mirror->value.name)));
}

/*
 * Append " AND side.value IS NOT NULL": without a value it is no external ID.
 */
static void
add_has_value(QueryText *text, const Mirror *mirror)
{
	appendStringInfo(&text->sql, " AND side.%s IS NOT NULL",
					 quote_identifier(mirror->value.name));
}

/*
 * SELECT ID of $1, $2.
 */
static void
write_read_id(QueryText *text, const Mirror *mirror)
{
	char *label = "";

	appendStringInfoString(&text->sql, "SELECT ");
	if (mirror->form == MIRROR_LABEL_COLUMN)
	{
		label = "$1";
		text->argtypes[text->nargs++] = mirror->label_column.declared;
	}
	text->argtypes[text->nargs++] = mirror->value.declared;
	add_id(text, mirror, label, psprintf("$%d", text->nargs));
}

/*
 * Read the set of the row with a key, or write it. From the side table's triggers
 * the row is locked.
 */
static void
write_row(QueryText *text, const Mirror *mirror, bool write)
{
	const TableFacts *table = mirror->table;

	appendStringInfoString(&text->sql, write ? "UPDATE " : "SELECT ");
	if (!write)
	{
		query_add_column(text, table->set_name);
		appendStringInfoString(&text->sql, " FROM ");
	}
	query_add_table(text);
	if (write)
		/* the number that comes after the key's */
		appendStringInfo(&text->sql, " SET %s = $%d",
						 quote_identifier(table->set_name), table->nkeys + 1);
	appendStringInfoString(&text->sql, " WHERE ");
	query_add_equalities(text, table->keys, table->nkeys);
	if (write)
	{
		text->argtypes[text->nargs++] = table->settype;
		appendStringInfoString(&text->sql, " RETURNING ");
		query_add_column(text, table->set_name);
	}
	else if (mirror->of_side)
		/* the lock that writing will take: nobody gets in between */
		appendStringInfoString(&text->sql, query_row_lock(table));
}

/*
 * What the side table has for a key, or delete from that what a set holds.
 */
static void
write_side(QueryText *text, const Mirror *mirror, bool delete)
{
	if (delete)
		appendStringInfoString(&text->sql, "DELETE FROM ");
	else
	{
		appendStringInfoString(&text->sql, "SELECT ");
		add_own_function(text, "external_ids_agg");
		add_side_id(text, mirror);
		appendStringInfoString(&text->sql, ") FROM ");
	}
	add_side(text, mirror);
	appendStringInfoString(&text->sql, " WHERE ");
	add_side_key(text, mirror);
	add_has_value(text, mirror);
	if (!delete)
		return;
	appendStringInfoString(&text->sql, " AND ");
	query_add_param(text, mirror->table->settype);
	query_add_own_operator(text, "@>");
	add_side_id(text, mirror);
}

/*
 * Append what a member's label and value are, or its text, in the side table.
 */
static void
add_member(QueryText *text, const Mirror *mirror)
{
	if (mirror->form == MIRROR_TEXT)
	{
		appendStringInfoString(&text->sql, ", id");
		if (mirror->value.type == mirror->table->idtype)
			return;
		appendStringInfoString(&text->sql, "::pg_catalog.text");
		add_cast_to(text, &mirror->value, TEXTOID);
		return;
	}
	if (mirror->form == MIRROR_LABEL_COLUMN)
	{
		/* no label is NULL or, where that is not allowed, empty */
		appendStringInfoString(&text->sql, mirror->label_column.notnull
											   ? ", COALESCE("
											   : ", (");
		add_own_function(text, "external_id_label");
		appendStringInfoString(&text->sql, mirror->label_column.notnull
											   ? "id), '')"
											   : "id))");
		add_cast_to(text, &mirror->label_column, TEXTOID);
	}
	appendStringInfoString(&text->sql, ", ");
	add_own_function(text, "external_id_value");
	appendStringInfoString(&text->sql, "id)");
	add_cast_to(text, &mirror->value, TEXTOID);
}

/*
 * INSERT a row for each member of a set, with key and scope.
 */
static void
write_insert(QueryText *text, const Mirror *mirror)
{
	const TableFacts *table = mirror->table;

	appendStringInfo(&text->sql, "INSERT INTO %s (",
					 quote_qualified_identifier(mirror->side_schema,
												mirror->side_name));
	for (int i = 0; i < table->nkeys; i++)
		appendStringInfo(&text->sql, "%s, ",
						 quote_identifier(mirror->keys[i].name));
	for (int i = 0; i < mirror->nscope; i++)
		appendStringInfo(&text->sql, "%s, ",
						 quote_identifier(mirror->side_scope[i].name));
	if (mirror->form == MIRROR_LABEL_COLUMN)
		appendStringInfo(&text->sql, "%s, ",
						 quote_identifier(mirror->label_column.name));
	appendStringInfo(&text->sql, "%s) SELECT ",
					 quote_identifier(mirror->value.name));
	for (int i = 0; i < table->nkeys; i++)
	{
		appendStringInfoString(&text->sql, i > 0 ? ", " : "");
		query_add_param(text, table->keys[i].type);
		add_cast_to(text, &mirror->keys[i], table->keys[i].type);
	}
	for (int i = 0; i < mirror->nscope; i++)
	{
		appendStringInfoString(&text->sql, ", ");
		query_add_param(text, mirror->scope[i].type);
		add_cast_to(text, &mirror->side_scope[i], mirror->scope[i].type);
	}
	add_member(text, mirror);
	appendStringInfoString(&text->sql, " FROM ");
	add_own_function(text, "unnest");
	query_add_param(text, table->settype);
	appendStringInfoString(&text->sql, ") AS member(id)");
}

/*
 * UPDATE the scope of a key's rows.
 */
static void
write_move_scope(QueryText *text, const Mirror *mirror)
{
	QueryText key = *text;

	appendStringInfoString(&text->sql, "UPDATE ");
	add_side(text, mirror);
	appendStringInfoString(&text->sql, " SET ");
	/* the scope's numbers come after the key's */
	initStringInfo(&key.sql);
	add_side_key(&key, mirror);
	text->nargs = key.nargs;
	for (int i = 0; i < mirror->nscope; i++)
	{
		appendStringInfo(&text->sql, "%s%s = ", i > 0 ? ", " : "",
						 quote_identifier(mirror->side_scope[i].name));
		query_add_param(text, mirror->scope[i].type);
		add_cast_to(text, &mirror->side_scope[i], mirror->scope[i].type);
	}
	appendStringInfo(&text->sql, " WHERE %s", key.sql.data);
	add_has_value(text, mirror);
}

/*
 * Take out of every set what is in this side table; or delete all that is. With
 * "left" only look for a row where that is to be done.
 */
static void
write_empty(QueryText *text, const Mirror *mirror, bool side, bool left)
{
	const char *set = quote_identifier(mirror->table->set_name);
	QueryText members;

	if (left)
		appendStringInfoString(&text->sql, "SELECT WHERE EXISTS (");
	if (side)
	{
		appendStringInfoString(&text->sql,
							   left ? "SELECT FROM " : "DELETE FROM ");
		add_side(text, mirror);
		appendStringInfoString(&text->sql, " WHERE true");
		for (int i = 0; i < mirror->table->nkeys; i++)
			appendStringInfo(&text->sql, " AND side.%s IS NOT NULL",
							 quote_identifier(mirror->keys[i].name));
		add_has_value(text, mirror);
		appendStringInfoString(&text->sql, left ? ")" : "");
		return;
	}
	query_begin(&members, mirror->table);
	if (mirror->form == MIRROR_LABEL)
		add_own_function(&members, "external_ids_under");
	query_add_column(&members, mirror->table->set_name);
	if (mirror->form == MIRROR_LABEL)
		appendStringInfo(&members.sql, ", %s::pg_catalog.text)",
						 quote_literal_cstr(mirror->label));
	appendStringInfoString(&text->sql, left ? "SELECT FROM " : "UPDATE ");
	query_add_table(text);
	if (!left)
	{
		appendStringInfo(&text->sql, " SET %s = ", set);
		query_add_column(text, mirror->table->set_name);
		query_add_own_operator(text, "-");
		appendStringInfoString(&text->sql, members.sql.data);
	}
	appendStringInfoString(&text->sql, " WHERE ");
	add_own_function(text, "cardinality");
	appendStringInfo(&text->sql, "%s) OPERATOR(pg_catalog.>) 0%s",
					 members.sql.data, left ? ")" : "");
}

/*
 * Write a statement.
 */
static void
write_query(QueryText *text, const Mirror *mirror, MirrorQuery query)
{
	query_begin(text, mirror->table);
	switch (query)
	{
		case MIRROR_READ_ID:
			write_read_id(text, mirror);
			break;
		case MIRROR_READ_ROW:
		case MIRROR_WRITE_SET:
			write_row(text, mirror, query == MIRROR_WRITE_SET);
			break;
		case MIRROR_READ_SIDE:
		case MIRROR_DELETE:
			write_side(text, mirror, query == MIRROR_DELETE);
			break;
		case MIRROR_INSERT:
			write_insert(text, mirror);
			break;
		case MIRROR_MOVE_SCOPE:
			write_move_scope(text, mirror);
			break;
		case MIRROR_EMPTY_SETS:
		case MIRROR_EMPTY_SIDE:
			write_empty(text, mirror, query == MIRROR_EMPTY_SIDE, false);
			break;
		case MIRROR_LEFT_IN_SETS:
		case MIRROR_LEFT_IN_SIDE:
			write_empty(text, mirror, query == MIRROR_LEFT_IN_SIDE, true);
			break;
	}
}

/*
 * The kept plan of a statement. It is made, and made again, with sequential scans
 * off: one that was made while a table was small must not stay. Call within
 * SPI_connect and as the owner.
 */
static SPIPlanPtr
mirror_plan(Mirror *mirror, MirrorQuery query)
{
	SPIPlanPtr *plan = &mirror->plans[query];
	int nestlevel = NewGUCNestLevel();
	CachedPlan *cached;

	(void) set_config_option("enable_seqscan", "off", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	if (*plan == NULL)
	{
		QueryText text;

		write_query(&text, mirror, query);
		*plan = query_prepare(&text, CURSOR_OPT_GENERIC_PLAN, true);
	}
	cached = SPI_plan_get_cached_plan(*plan);
	if (cached)
		ReleaseCachedPlan(cached, CurrentResourceOwner);
	AtEOXact_GUC(true, nestlevel);
	return *plan;
}


/*
 * Run a statement of the mirror. Call within SPI_connect. Errors: 40001 at
 * REPEATABLE READ and up.
 */
void
mirror_execute(Mirror *mirror, MirrorQuery query, RowParams *params,
			   int expected)
{
	RowParams none = {0};
	Snapshot latest = InvalidSnapshot;
	Snapshot crosscheck = InvalidSnapshot;
	Oid user;
	int security;
	int result;

	if (params == NULL)
		params = &none;
	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(mirror->owner, security |
											  SECURITY_LOCAL_USERID_CHANGE |
											  SECURITY_NOFORCE_RLS);
	if (IsolationUsesXactSnapshot())
	{
		CommandCounterIncrement();
		latest = GetLatestSnapshot();
		crosscheck = GetTransactionSnapshot();
	}
	result = SPI_execute_snapshot(mirror_plan(mirror, query), params->values,
								  params->nulls, latest, crosscheck, false,
								  true, 0);
	SetUserIdAndSecContext(user, security);
	rows_check_result(result, expected, mirror->side_name);
}
