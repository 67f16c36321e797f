/*
 * conflict.c
 *		The error for a claim on an ID that another row holds.
 *
 * The index's own error says which entry was there already, if the caller may
 * read the columns and no row security stands in the way, and never which row
 * has it. Whoever wrote the claim has to know that row. It is looked up after
 * the failed statement was rolled back, with the caller's rights and the latest
 * snapshot, so a row that was committed while we waited is found too.
 */
#include "postgres.h"

#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "rows/rows.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/*
 * True if the error is a violation of the index in use, or of a partition's
 * part of it.
 */
bool
rows_is_conflict(const TableFacts *facts, const ErrorData *edata)
{
	Oid schema;
	Oid index;

	if (edata->sqlerrcode != ERRCODE_UNIQUE_VIOLATION &&
		edata->sqlerrcode != ERRCODE_EXCLUSION_VIOLATION)
		return false;
	if (edata->schema_name == NULL || edata->constraint_name == NULL)
		return false;

	/* An index is in its table's schema and has its constraint's name. */
	schema = get_namespace_oid(edata->schema_name, true);
	if (!OidIsValid(schema))
		return false;
	index = get_relname_relid(edata->constraint_name, schema);
	if (index == facts->indexid)
		return true;
	return OidIsValid(index) && get_rel_relispartition(index) &&
		   list_member_oid(get_partition_ancestors(index), facts->indexid);
}

/*
 * One ID as text.
 */
static char *
id_text(const TableFacts *facts, Datum id)
{
	Oid output;
	bool isvarlena;

	getTypeOutputInfo(facts->idtype, &output, &isvarlena);
	return OidOutputFunctionCall(output, id);
}

/*
 * IDs for a message: one as it is, several as a set.
 */
char *
rows_ids_text(const TableFacts *facts, const ExternalIdSet *ids)
{
	if (external_id_set_cardinality_internal(ids) == 1)
		return id_text(facts, PointerGetDatum(ids));
	return external_id_set_to_cstring(ids);
}

/*
 * The DETAIL: which of the IDs in "added" is held, and by which row if the
 * caller can see it. "key" and "scope" are those of the row that was to get
 * them; a NULL key is that of a new row whose holder the caller has looked for in
 * vain. Result in the current memory context.
 */
char *
rows_conflict_detail(TableFacts *facts, const ExternalIdSet *added,
					 const Datum *key, const Datum *scope)
{
	MemoryContext oldcontext = CurrentMemoryContext;
	RowParams params = {0};
	Datum set = PointerGetDatum(added);
	char *detail;

	if (key)
	{
		rows_add_param(&params, set);
		rows_add_params(&params, key, facts->nkeys);
		rows_add_params(&params, scope, facts->nscope);
		rows_execute(facts, QUERY_HOLDER, &params, false, 1);
	}

	MemoryContextSwitchTo(oldcontext);
	if (key && SPI_processed > 0)
	{
		HeapTuple tuple = SPI_tuptable->vals[0];
		TupleDesc desc = SPI_tuptable->tupdesc;
		Datum holder[INDEX_MAX_KEYS];
		Datum id;
		bool isnull;

		id = SPI_getbinval(tuple, desc, 1, &isnull);
		for (int i = 0; i < facts->nkeys; i++)
			holder[i] = SPI_getbinval(tuple, desc, i + 2, &isnull);
		detail = psprintf("External ID %s is held by the row with key %s.",
						  id_text(facts, id), rows_key_to_text(facts, holder));
	}
	else
		detail = psprintf(
			external_id_set_cardinality_internal(added) == 1
				? "External ID %s is held by another row."
				: "One of the external IDs %s is held by another row.",
			rows_ids_text(facts, added));
	return detail;
}

/*
 * Raise 23505 with the DETAIL: a violation of the index in use, or the one that
 * "edata" is about, if that is not NULL.
 */
void
rows_conflict_error(const TableFacts *facts, const ErrorData *edata,
					const char *detail)
{
	const char *schema = facts->schema_name;
	const char *table = facts->table_name;
	const char *index;

	/* the error may be a partition's */
	if (edata)
	{
		schema = edata->schema_name;
		if (edata->table_name)
			table = edata->table_name;
		index = edata->constraint_name;
	}
	else
		index = get_rel_name(facts->indexid);
	ereport(ERROR,
			(errcode(ERRCODE_UNIQUE_VIOLATION),
			 errmsg("duplicate key value violates unique constraint \"%s\"",
					index),
			 errdetail_internal("%s", detail),
			 err_generic_string(PG_DIAG_SCHEMA_NAME, schema),
			 err_generic_string(PG_DIAG_TABLE_NAME, table),
			 err_generic_string(PG_DIAG_COLUMN_NAME, facts->set_name),
			 err_generic_string(PG_DIAG_CONSTRAINT_NAME, index)));
	pg_unreachable();
}

/*
 * Raise 23505 in place of "edata", the index's own error (the DETAIL is
 * better, and an EXCLUDE constraint's 23P01 becomes the same error). Call within
 * SPI_connect, after the failed statement was rolled back.
 */
void
rows_report_conflict(TableFacts *facts, const ErrorData *edata,
					 const ExternalIdSet *added, const Datum *key,
					 const Datum *scope, const bool *scope_nulls)
{
	/* Nothing conflicts with a row whose scope is null. */
	for (int i = 0; i < facts->nscope; i++)
		if (scope_nulls[i])
			ReThrowError((ErrorData *) edata);
	rows_conflict_error(facts, edata,
						rows_conflict_detail(facts, added, key, scope));
}
