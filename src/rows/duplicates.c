/*
 * duplicates.c
 *		external_ids_duplicates: which IDs a unique_members index would find
 *		with several rows, before there is one.
 *
 * One statement: members with their rows' keys, sorted once by scope and ID, so
 * that the holders of an ID stand together; nothing is looked up.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "rows/source.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/portal.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(external_ids_duplicates);

#define FETCH_ROWS 1000
#define NUM_RESULTS 3

/* One call. */
typedef struct DuplicatesCall
{
	TableFacts *facts;
	char **scope; /* column names */
	int nscope;
	bool by_value;
} DuplicatesCall;

/*
 * The scope columns' names, of an array without nulls. Errors: 42703 no such
 * column; 22004 a null.
 */
static void
read_scope(DuplicatesCall *call, ArrayType *array)
{
	Datum *names;
	bool *nulls;

	deconstruct_array(array, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR,
					  &names, &nulls, &call->nscope);
	call->scope = palloc(sizeof(char *) * Max(call->nscope, 1));
	for (int i = 0; i < call->nscope; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("scope column must not be null")));
		call->scope[i] = NameStr(*DatumGetName(names[i]));
		if (get_attnum(call->facts->relid, call->scope[i]) <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" of table \"%s\" does not exist",
							call->scope[i], call->facts->table_name)));
	}
}

/*
 * Append prefix0, prefix1, ... for n columns, each after the separator.
 */
static void
add_list(StringInfo sql, const char *separator, const char *prefix, int n)
{
	for (int i = 0; i < n; i++)
		appendStringInfo(sql, "%s%s%d", separator, prefix, i);
}

/*
 * Append SELECT id, scope, key FROM table and its members, where the scope is
 * not null: with one conflicts nothing. Text is compared bytewise, as the index
 * does it. A table without primary key has the rows' addresses for keys.
 */
static void
add_members(QueryText *text, const DuplicatesCall *call, const char *source,
			const char *schema)
{
	const TableFacts *facts = call->facts;

	appendStringInfoString(&text->sql, "SELECT held.id");
	for (int i = 0; i < call->nscope; i++)
	{
		Oid type = get_atttype(facts->relid,
							   get_attnum(facts->relid, call->scope[i]));

		appendStringInfoString(&text->sql, ", ");
		query_add_column(text, call->scope[i]);
		if (OidIsValid(get_typcollation(type)))
			appendStringInfoString(&text->sql, " COLLATE pg_catalog.\"C\"");
		appendStringInfo(&text->sql, " AS s%d", i);
	}
	for (int i = 0; i < facts->nkeys; i++)
	{
		appendStringInfoString(&text->sql, ", ");
		query_add_column(text, facts->keys[i].name);
		appendStringInfo(&text->sql, " AS k%d", i);
	}
	if (facts->nkeys == 0)
		appendStringInfo(&text->sql, ", %s.tableoid AS k0, %s.ctid AS k1",
						 text->alias, text->alias);
	appendStringInfoString(&text->sql, " FROM ");
	query_add_table(text);
	if (call->by_value)
		appendStringInfo(
			&text->sql,
			" CROSS JOIN LATERAL (SELECT DISTINCT %s.external_id(NULL::pg_catalog.text, each.value) FROM %s.external_ids_each(%s) AS each) AS held(id) WHERE true",
			schema, schema, source);
	else
		appendStringInfo(
			&text->sql,
			" CROSS JOIN LATERAL %s.unnest(%s) AS held(id) WHERE true", schema,
			source);
	for (int i = 0; i < call->nscope; i++)
	{
		appendStringInfoString(&text->sql, " AND ");
		query_add_column(text, call->scope[i]);
		appendStringInfoString(&text->sql, " IS NOT NULL");
	}
}

/*
 * Append the array of the holders' keys, as text that the row functions take.
 */
static void
add_keys(QueryText *text, const DuplicatesCall *call)
{
	const TableFacts *facts = call->facts;

	appendStringInfoString(&text->sql, "pg_catalog.array_agg(");
	if (facts->nkeys == 0 && facts->only)
		appendStringInfoString(&text->sql, "k1::pg_catalog.text");
	else if (facts->nkeys == 0)
		appendStringInfoString(
			&text->sql,
			"pg_catalog.concat(k0::pg_catalog.regclass, k1::pg_catalog.text)");
	else if (facts->nkeys == 1)
		appendStringInfoString(&text->sql, "k0::pg_catalog.text");
	else
	{
		appendStringInfoString(&text->sql, "ROW(k0");
		for (int i = 1; i < facts->nkeys; i++)
			appendStringInfo(&text->sql, ", k%d", i);
		appendStringInfoString(&text->sql, ")::pg_catalog.text");
	}
	appendStringInfoString(&text->sql, " ORDER BY k0");
	for (int i = 1; i < (facts->nkeys == 0 ? 2 : facts->nkeys); i++)
		appendStringInfo(&text->sql, ", k%d", i);
	appendStringInfoString(&text->sql, ")");
}

/*
 * SELECT scope, id, keys FROM members of which there are several.
 */
static void
write_query(QueryText *text, const DuplicatesCall *call, const char *source)
{
	const char *schema = quote_identifier(
		get_namespace_name(call->facts->extschema));

	appendStringInfoString(&text->sql,
						   "SELECT pg_catalog.jsonb_build_object(");
	for (int i = 0; i < call->nscope; i++)
		appendStringInfo(&text->sql, "%s%s::pg_catalog.text, s%d",
						 i > 0 ? ", " : "", quote_literal_cstr(call->scope[i]),
						 i);
	appendStringInfoString(&text->sql, "), id, ");
	add_keys(text, call);
	appendStringInfoString(
		&text->sql,
		" FROM (SELECT member.*, pg_catalog.count(*) OVER (PARTITION BY id");
	add_list(&text->sql, ", ", "s", call->nscope);
	appendStringInfoString(&text->sql, ") AS n FROM (");
	add_members(text, call, source, schema);
	appendStringInfoString(
		&text->sql,
		") AS member) AS counted WHERE n OPERATOR(pg_catalog.>) 1 GROUP BY id");
	add_list(&text->sql, ", ", "s", call->nscope);
	appendStringInfoString(&text->sql, " ORDER BY id");
	add_list(&text->sql, ", ", "s", call->nscope);
}

/*
 * Run the query and put its rows into the result.
 */
static void
fetch(SPIPlanPtr plan, ReturnSetInfo *rsinfo)
{
	Portal portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);

	for (;;)
	{
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			Datum values[NUM_RESULTS];
			bool nulls[NUM_RESULTS];

			heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
							  values, nulls);
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values,
								 nulls);
		}
		SPI_freetuptable(SPI_tuptable);
		CHECK_FOR_INTERRUPTS();
	}
	SPI_cursor_close(portal);
}

/*
 * external_ids_duplicates(table, ids, scope, label, by_value): (scope, id, keys)
 * for each ID that several rows hold. Materialized. Errors: 42501 where row
 * security would hide rows.
 */
Datum
external_ids_duplicates(PG_FUNCTION_ARGS)
{
	Oid extschema = get_func_namespace(fcinfo->flinfo->fn_oid);
	DuplicatesCall call = {0};
	QueryText query;
	Relation rel;
	char *source;
	int nestlevel;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(2) || PG_ARGISNULL(4))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("%s must not be null", PG_ARGISNULL(0) ? "table"
													  : PG_ARGISNULL(2)
														  ? "scope"
														  : "by_value")));
	InitMaterializedSRF(fcinfo, 0);
	rows_lock_table(PG_GETARG_OID(0), AccessShareLock);
	rel = relation_open(PG_GETARG_OID(0), NoLock);
	call.facts = rows_read_table(rel, PG_ARGISNULL(1), NULL, extschema);
	relation_close(rel, NoLock);
	read_scope(&call, PG_GETARG_ARRAYTYPE_P(2));
	call.by_value = PG_GETARG_BOOL(4);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	nestlevel = source_begin_reading();
	source = source_set_expression(call.facts,
								   PG_ARGISNULL(1)
									   ? call.facts->set_name
									   : text_to_cstring(PG_GETARG_TEXT_PP(1)),
								   PG_ARGISNULL(3)
									   ? NULL
									   : text_to_cstring(
											 PG_GETARG_TEXT_PP(3)));
	query_begin(&query, call.facts);
	write_query(&query, &call, source);
	fetch(query_prepare(&query, CURSOR_OPT_NO_SCROLL, false),
		  (ReturnSetInfo *) fcinfo->resultinfo);
	AtEOXact_GUC(true, nestlevel);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	return (Datum) 0;
}
