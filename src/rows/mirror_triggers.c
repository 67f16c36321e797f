/*
 * mirror_triggers.c
 *		The trigger functions of a mirror.
 *
 * A row of the side table locks its row of the table in a BEFORE trigger, before
 * it is in any index, so that both sides take their locks in one order. Where a
 * row of the side table is updated or deleted, the server has locked it before
 * any trigger runs: whoever takes the same ID away on the other side at that
 * moment waits in the other order, and the server cancels one of them.
 */
#include "postgres.h"

#include "rows/mirror.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(external_ids_mirror_side);
PG_FUNCTION_INFO_V1(external_ids_mirror_table);

/* Whose external IDs a row of either table says that it has, and which. */
typedef struct MirrorRow
{
	bool has_key;
	Datum key[INDEX_MAX_KEYS];
	ExternalIdSet *ids; /* or NULL */
	MirrorScope scope;	/* a row of the table */
} MirrorRow;

/*
 * What the trigger manager says. Errors: 39P01 unless called by it, with a
 * mirror's arguments.
 */
static TriggerData *
trigger_data(FunctionCallInfo fcinfo)
{
	TriggerData *data = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("function was not called by trigger manager")));
	if (data->tg_trigger->tgnargs < MIRROR_NARGS ||
		(!TRIGGER_FIRED_FOR_ROW(data->tg_event) &&
		 !TRIGGER_FIRED_BY_TRUNCATE(data->tg_event)))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" was not made by external_ids_mirror",
						data->tg_trigger->tgname)));
	return data;
}

/*
 * What a trigger returns: in a BEFORE trigger the row as it is.
 */
static Datum
trigger_result(const TriggerData *data)
{
	if (!TRIGGER_FIRED_BEFORE(data->tg_event))
		return PointerGetDatum(NULL);
	return PointerGetDatum(TRIGGER_FIRED_BY_UPDATE(data->tg_event)
							   ? data->tg_newtuple
							   : data->tg_trigtuple);
}

/*
 * The rows before and after; NULL where there is none.
 */
static void
trigger_slots(const TriggerData *data, TupleTableSlot **old,
			  TupleTableSlot **new)
{
	*old = TRIGGER_FIRED_BY_INSERT(data->tg_event) ? NULL : data->tg_trigslot;
	*new = data->tg_trigslot;
	if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		*new = data->tg_newslot;
	else if (TRIGGER_FIRED_BY_DELETE(data->tg_event))
		*new = NULL;
}

/*
 * True if two rows have the same bytes in a column.
 */
static bool
same_attribute(TupleTableSlot *a, TupleTableSlot *b, AttrNumber attnum)
{
	Form_pg_attribute att = TupleDescAttr(a->tts_tupleDescriptor, attnum - 1);
	bool a_null;
	bool b_null;
	Datum a_value = slot_getattr(a, attnum, &a_null);
	Datum b_value = slot_getattr(b, attnum, &b_null);

	if (a_null || b_null)
		return a_null == b_null;
	return datum_image_eq(a_value, b_value, att->attbyval, att->attlen);
}

/*
 * Read the key of a row of the side table, as the table's types. False if a part
 * of it is null.
 */
static bool
read_side_key(const Mirror *mirror, TupleTableSlot *slot, Datum *key)
{
	for (int i = 0; i < mirror->table->nkeys; i++)
	{
		const MirrorColumn *column = &mirror->keys[i];
		ColumnFacts *wanted = &mirror->table->keys[i];
		bool isnull;
		Oid output;
		bool varlena;

		key[i] = slot_getattr(slot, column->attnum, &isnull);
		if (isnull)
			return false;
		if (column->type == wanted->type)
			continue;
		getTypeOutputInfo(column->type, &output, &varlena);
		key[i] = InputFunctionCall(&wanted->input,
								   OidOutputFunctionCall(output, key[i]),
								   wanted->ioparam, -1);
	}
	return true;
}

/* What read_id is called with. */
typedef struct ReadId
{
	Mirror *mirror;
	RowParams params; /* label, if the side table has one, and value */
} ReadId;

/*
 * Make the external ID of a row of the side table.
 */
static void
read_id(void *arg)
{
	ReadId *read = arg;

	mirror_execute(read->mirror, MIRROR_READ_ID, &read->params, SPI_OK_SELECT);
}

/*
 * Read a row of the side table. One that is "gone" may say what is no external
 * ID: it was there before the mirror, and no set has it. Errors: those of
 * external_id.
 */
static void
read_side_row(Mirror *mirror, TupleTableSlot *slot, bool gone, MirrorRow *row)
{
	ReadId read = {0};
	RowParams *params = &read.params;
	ErrorData *error = NULL;
	bool isnull;

	memset(row, 0, sizeof(*row));
	if (slot == NULL)
		return;
	read.mirror = mirror;
	row->has_key = read_side_key(mirror, slot, row->key);
	if (mirror->form == MIRROR_LABEL_COLUMN)
	{
		rows_add_param(params, slot_getattr(slot, mirror->label_column.attnum,
											&isnull));
		params->nulls[0] = isnull ? 'n' : ' ';
	}
	rows_add_param(params, slot_getattr(slot, mirror->value.attnum, &isnull));
	if (isnull || !row->has_key)
		return;
	if (gone)
		error = rows_try(read_id, &read);
	else
		read_id(&read);
	if (error &&
		ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION)
		ReThrowError(error);
	if (error)
		return;
	row->ids = DatumGetExternalIdSetP(SPI_getbinval(SPI_tuptable->vals[0],
													SPI_tuptable->tupdesc, 1,
													&isnull));
}

/*
 * Read a row of the table.
 */
static void
read_table_row(const Mirror *mirror, TupleTableSlot *slot, MirrorRow *row)
{
	const TableFacts *table = mirror->table;
	bool isnull;
	Datum set;

	memset(row, 0, sizeof(*row));
	if (slot == NULL)
		return;
	row->has_key = true;
	for (int i = 0; i < table->nkeys; i++)
		row->key[i] = slot_getattr(slot, table->keys[i].attnum, &isnull);
	set = slot_getattr(slot, table->set_attnum, &isnull);
	row->ids = mirror_covered(mirror, set, isnull);
	for (int i = 0; i < mirror->nscope; i++)
		row->scope.values[i] = slot_getattr(slot, mirror->scope[i].attnum,
											&row->scope.nulls[i]);
}

/*
 * True if two rows have the same key.
 */
static bool
same_key(const Mirror *mirror, const MirrorRow *a, const MirrorRow *b)
{
	if (!a->has_key || !b->has_key)
		return false;
	for (int i = 0; i < mirror->table->nkeys; i++)
	{
		int16 len;
		bool byval;

		get_typlenbyval(mirror->table->keys[i].type, &len, &byval);
		if (!datum_image_eq(a->key[i], b->key[i], byval, len))
			return false;
	}
	return true;
}

/*
 * Carry over what changed from one row to the other.
 */
static void
apply_change(Mirror *mirror, const MirrorRow *old, const MirrorRow *new)
{
	if (same_key(mirror, old, new))
	{
		mirror_apply(mirror, new->key, mirror_minus(old->ids, new->ids),
					 mirror_minus(new->ids, old->ids), &new->scope);
		return;
	}
	if (old->has_key)
		mirror_apply(mirror, old->key, old->ids, NULL, &old->scope);
	if (new->has_key)
		mirror_apply(mirror, new->key, NULL, new->ids, &new->scope);
}

/*
 * True if a changed row of the side table says the same as before.
 */
static bool
same_side_row(const Mirror *mirror, TupleTableSlot *old, TupleTableSlot *new)
{
	if (old == NULL || new == NULL)
		return false;
	for (int i = 0; i < mirror->table->nkeys; i++)
		if (!same_attribute(old, new, mirror->keys[i].attnum))
			return false;
	if (mirror->form == MIRROR_LABEL_COLUMN &&
		!same_attribute(old, new, mirror->label_column.attnum))
		return false;
	return same_attribute(old, new, mirror->value.attnum);
}

/*
 * Lock the rows of the table that a row of the side table had to do with, or
 * will have.
 */
static void
lock_rows(Mirror *mirror, TupleTableSlot *old, TupleTableSlot *new)
{
	Datum key[INDEX_MAX_KEYS];
	bool found;

	if (old && read_side_key(mirror, old, key))
		(void) mirror_read_row(mirror, key, &found);
	if (read_side_key(mirror, new, key))
		(void) mirror_read_row(mirror, key, &found);
}

/*
 * Carry over what changed in a row of the side table.
 */
static void
apply_side_change(Mirror *mirror, TupleTableSlot *old, TupleTableSlot *new)
{
	MirrorRow old_row;
	MirrorRow new_row;

	read_side_row(mirror, old, true, &old_row);
	read_side_row(mirror, new, false, &new_row);
	apply_change(mirror, &old_row, &new_row);
}

/*
 * Trigger on the side table.
 */
Datum
external_ids_mirror_side(PG_FUNCTION_ARGS)
{
	TriggerData *data = trigger_data(fcinfo);
	bool truncate = TRIGGER_FIRED_BY_TRUNCATE(data->tg_event);
	Mirror *mirror = mirror_facts(data->tg_relation,
								  data->tg_trigger->tgargs[MIRROR_ARG_NAME],
								  fcinfo->flinfo->fn_oid, true, true);
	TupleTableSlot *old;
	TupleTableSlot *new;

	trigger_slots(data, &old, &new);
	if (mirror == NULL || (!truncate && same_side_row(mirror, old, new)))
		return trigger_result(data);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (truncate)
		mirror_empty(mirror);
	else if (TRIGGER_FIRED_BEFORE(data->tg_event))
		lock_rows(mirror, old, new);
	else
		apply_side_change(mirror, old, new);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	return trigger_result(data);
}

/*
 * True if a row of the table has another scope than before.
 */
static bool
scope_changed(const Mirror *mirror, TupleTableSlot *old, TupleTableSlot *new)
{
	for (int i = 0; old && new &&i < mirror->nscope; i++)
		if (!same_attribute(old, new, mirror->scope[i].attnum))
			return true;
	return false;
}

/*
 * True if a changed row of the table says the same as before.
 */
static bool
same_table_row(const Mirror *mirror, TupleTableSlot *old, TupleTableSlot *new)
{
	if (old == NULL || new == NULL || scope_changed(mirror, old, new))
		return false;
	for (int i = 0; i < mirror->table->nkeys; i++)
		if (!same_attribute(old, new, mirror->table->keys[i].attnum))
			return false;
	return same_attribute(old, new, mirror->table->set_attnum);
}

/*
 * Carry over what changed in a row of the table.
 */
static void
apply_table_change(Mirror *mirror, TupleTableSlot *old, TupleTableSlot *new)
{
	MirrorRow old_row;
	MirrorRow new_row;

	read_table_row(mirror, old, &old_row);
	read_table_row(mirror, new, &new_row);
	/* a new key's rows may be there, left by the row that had it before */
	if (scope_changed(mirror, old, new) ||
		(mirror->nscope > 0 && old && new &&
		 !same_key(mirror, &old_row, &new_row)))
	{
		RowParams params = {0};

		rows_add_params(&params, new_row.key, mirror->table->nkeys);
		mirror_add_scope(mirror, &params, &new_row.scope);
		mirror_execute(mirror, MIRROR_MOVE_SCOPE, &params, SPI_OK_UPDATE);
	}
	apply_change(mirror, &old_row, &new_row);
}

/*
 * Trigger on the table. An UPDATE of other columns has nothing to do with the
 * side table, and must not wait for who locks that.
 */
Datum
external_ids_mirror_table(PG_FUNCTION_ARGS)
{
	TriggerData *data = trigger_data(fcinfo);
	Oid function = fcinfo->flinfo->fn_oid;
	const char *name = data->tg_trigger->tgargs[MIRROR_ARG_NAME];
	bool truncate = TRIGGER_FIRED_BY_TRUNCATE(data->tg_event);
	Mirror *mirror = mirror_facts(data->tg_relation, name, function, false,
								  false);
	TupleTableSlot *old;
	TupleTableSlot *new;

	trigger_slots(data, &old, &new);
	if (mirror && !truncate && same_table_row(mirror, old, new))
		return trigger_result(data);
	mirror = mirror_facts(data->tg_relation, name, function, false, true);
	if (mirror == NULL)
		return trigger_result(data);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (truncate)
		mirror_empty(mirror);
	else
		apply_table_change(mirror, old, new);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	return trigger_result(data);
}
