/*
 * mirror_apply.c
 *		What changed in one table of a mirror is done in the other.
 *
 * Not contents are carried over but changes: the IDs that a row lost or gained
 * are looked up in both tables as they now are, and where these differ the
 * table that was written has the say. So neither table has to be complete while
 * it is filled from the other, and what the other table's triggers carry back
 * finds no difference.
 *
 * All this happens with the row of the table locked: its own change has locked
 * it; a row of the side table locks it first (mirror_triggers.c), then looks at
 * what there is. Who comes second waits for the first to commit and sees what
 * he did.
 */
#include "postgres.h"

#include "rows/mirror.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* Some IDs of one row in both tables; NULL is no IDs. */
typedef struct MirrorState
{
	bool found;			/* the table has the row */
	ExternalIdSet *ids; /* the row's whole set */
	ExternalIdSet *in_table;
	ExternalIdSet *in_side;
} MirrorState;

/*
 * The set, or NULL if it is empty.
 */
static ExternalIdSet *
null_if_empty(ExternalIdSet *set)
{
	return set && external_id_set_cardinality_internal(set) > 0 ? set : NULL;
}

/*
 * The members of a or b or both.
 */
ExternalIdSet *
mirror_union(ExternalIdSet *a, ExternalIdSet *b)
{
	if (a == NULL || b == NULL)
		return a ? a : b;
	return external_id_set_union_internal(a, b);
}

/*
 * The members of a that b does not have.
 */
ExternalIdSet *
mirror_minus(ExternalIdSet *a, ExternalIdSet *b)
{
	if (a == NULL || b == NULL)
		return a;
	return null_if_empty(external_id_set_minus_internal(a, b));
}

/*
 * The members that both have.
 */
static ExternalIdSet *
common(ExternalIdSet *a, ExternalIdSet *b)
{
	if (a == NULL || b == NULL)
		return NULL;
	return null_if_empty(external_id_set_intersect_internal(a, b));
}

/*
 * A set as it stands in a column, as far as the mirror covers it.
 */
ExternalIdSet *
mirror_covered(const Mirror *mirror, Datum set, bool isnull)
{
	ExternalIdSet *ids = isnull ? NULL : DatumGetExternalIdSetP(set);

	if (ids && mirror->form == MIRROR_LABEL)
		ids = external_id_set_under_internal(ids, mirror->label,
											 strlen(mirror->label));
	return null_if_empty(ids);
}

/*
 * The first column of the first row that a statement gave.
 */
static ExternalIdSet *
result_set(bool *found)
{
	bool isnull;
	Datum set;

	*found = SPI_processed > 0;
	if (!*found)
		return NULL;
	set = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
						&isnull);
	return isnull ? NULL : null_if_empty(DatumGetExternalIdSetP(set));
}

/*
 * What the side table has for a key, of some IDs.
 */
static ExternalIdSet *
read_side(Mirror *mirror, const Datum *key, ExternalIdSet *ids)
{
	RowParams params = {0};
	bool found;

	rows_add_params(&params, key, mirror->table->nkeys);
	mirror_execute(mirror, MIRROR_READ_SIDE, &params, SPI_OK_SELECT);
	return common(result_set(&found), ids);
}

/*
 * The set of the row with a key; *found says whether there is one. A trigger of
 * the side table locks the row until the transaction ends; the row's own does
 * not have to.
 */
ExternalIdSet *
mirror_read_row(Mirror *mirror, const Datum *key, bool *found)
{
	RowParams params = {0};

	rows_add_params(&params, key, mirror->table->nkeys);
	mirror_execute(mirror, MIRROR_READ_ROW, &params, SPI_OK_SELECT);
	return result_set(found);
}

/*
 * Raise 27000: something that we know nothing of had another mind.
 */
pg_noreturn static void
unexpected_result(const Mirror *mirror, const char *table, const Datum *key)
{
	ereport(ERROR,
			(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
			 errmsg("external IDs of the row with key %s could not be kept in "
					"step in table \"%s\"",
					rows_key_to_text(mirror->table, key), table),
			 errhint(
				 "This is most likely due to a rule or trigger on the table "
				 "that writes something else, or to a column's type that "
				 "does.")));
}

/*
 * Give the row of the table what the side table has.
 */
static void
write_table(Mirror *mirror, const Datum *key, const MirrorState *state)
{
	const TableFacts *table = mirror->table;
	ExternalIdSet *lost = mirror_minus(state->in_table, state->in_side);
	ExternalIdSet *wanted = mirror_union(mirror_minus(state->ids, lost),
										 state->in_side);
	ExternalIdSet *now;
	RowParams params = {0};
	bool found;

	if (!state->found)
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("row of table \"%s\" has external IDs of a row that "
						"does not exist",
						mirror->side_name),
				 errdetail("There is no row with key %s in table \"%s\".",
						   rows_key_to_text(table, key), table->table_name),
				 err_generic_string(PG_DIAG_SCHEMA_NAME, mirror->side_schema),
				 err_generic_string(PG_DIAG_TABLE_NAME, mirror->side_name)));
	/* no members: what a set has beyond itself */
	if (wanted == NULL)
		wanted = external_id_set_minus_internal(state->ids, state->ids);
	rows_add_params(&params, key, table->nkeys);
	rows_add_param(&params, PointerGetDatum(wanted));
	mirror_execute(mirror, MIRROR_WRITE_SET, &params, SPI_OK_UPDATE_RETURNING);
	now = result_set(&found);
	if (!found || mirror_minus(null_if_empty(wanted), now) ||
		common(lost, now))
		unexpected_result(mirror, table->table_name, key);
}

/*
 * Give the side table what the row of the table has.
 */
static void
write_side(Mirror *mirror, const Datum *key, const MirrorScope *scope,
		   const MirrorState *state)
{
	int nkeys = mirror->table->nkeys;
	ExternalIdSet *lost = mirror_minus(state->in_side, state->in_table);
	ExternalIdSet *gained = mirror_minus(state->in_table, state->in_side);
	ExternalIdSet *all = mirror_union(state->in_side, state->in_table);
	ExternalIdSet *now;
	RowParams params = {0};

	rows_add_params(&params, key, nkeys);
	if (lost)
	{
		rows_add_param(&params, PointerGetDatum(lost));
		mirror_execute(mirror, MIRROR_DELETE, &params, SPI_OK_DELETE);
		params.n = nkeys;
	}
	if (gained)
	{
		mirror_add_scope(mirror, &params, scope);
		rows_add_param(&params, PointerGetDatum(gained));
		mirror_execute(mirror, MIRROR_INSERT, &params, SPI_OK_INSERT);
	}
	now = read_side(mirror, key, all);
	if (mirror_minus(now, state->in_table) ||
		mirror_minus(state->in_table, now))
		unexpected_result(mirror, mirror->side_name, key);
}

/*
 * Add the parameters for a scope.
 */
void
mirror_add_scope(const Mirror *mirror, RowParams *params,
				 const MirrorScope *scope)
{
	for (int i = 0; i < mirror->nscope; i++)
	{
		rows_add_param(params, scope->values[i]);
		if (scope->nulls[i])
			params->nulls[params->n - 1] = 'n';
	}
}

/*
 * Make the other table agree with the one whose trigger this is, about the IDs
 * that the row with a key lost and gained there; the side table gets "scope". Call
 * within SPI_connect. Errors: 23505 of the tables' own indexes; 23503 the side
 * table has IDs of a row that is not there; 27000 the other table does not take
 * them; 40001.
 */
void
mirror_apply(Mirror *mirror, const Datum *key, ExternalIdSet *lost,
			 ExternalIdSet *gained, const MirrorScope *scope)
{
	MirrorState state;
	ExternalIdSet *ids;

	if (lost == NULL && gained == NULL)
		return;
	state.ids = mirror_read_row(mirror, key, &state.found);
	/* what a new row of the side table brings is there, most often */
	if (mirror->of_side)
		gained = mirror_minus(gained, state.ids);
	ids = mirror_union(lost, gained);
	if (ids == NULL)
		return;
	state.in_table = common(state.ids, ids);
	state.in_side = read_side(mirror, key, ids);
	if (!mirror_minus(state.in_table, state.in_side) &&
		!mirror_minus(state.in_side, state.in_table))
		return;
	if (mirror->of_side)
		write_table(mirror, key, &state);
	else
		write_side(mirror, key, scope, &state);
}

/*
 * After a TRUNCATE: what was in the table whose trigger this is goes from the
 * other one. Call within SPI_connect. Errors: 27000 not from all rows.
 */
void
mirror_empty(Mirror *mirror)
{
	if (mirror->of_side)
		mirror_execute(mirror, MIRROR_EMPTY_SETS, NULL, SPI_OK_UPDATE);
	else
		mirror_execute(mirror, MIRROR_EMPTY_SIDE, NULL, SPI_OK_DELETE);
	mirror_execute(mirror,
				   mirror->of_side ? MIRROR_LEFT_IN_SETS : MIRROR_LEFT_IN_SIDE,
				   NULL, SPI_OK_SELECT);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
				 errmsg("external IDs could not be removed from table \"%s\"",
						mirror->of_side ? mirror->table->table_name
										: mirror->side_name),
				 errhint("This is most likely due to a rule or trigger on the "
						 "table that writes something else.")));
}
