/*
 * upsert_row.c
 *		Brings one element of an upsert to its row.
 *
 * An attempt looks for the row with the latest snapshot that the isolation
 * level allows. None: it inserts. One that has all it should have: nothing is
 * written. One: it updates that version of it, or else locks the row, under
 * the same conditions again, and updates.
 * Nothing keeps others from claiming the same IDs meanwhile, but the index keeps
 * both from succeeding. So each attempt is a subtransaction: on a conflict it is
 * rolled back, and the next one sees who was faster.
 *
 * A conflict whose cause an attempt after another does not see is with a row
 * that the caller may not see, or of a trigger's making: it is an error. A
 * transaction that keeps its first snapshot cannot look again; it gets a
 * serialization failure, and only if the latest snapshot does show more.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "rows/upsert.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/typcache.h"

/* Attempts that may come to nothing, if all rows can be seen, and if not. */
#define MAX_ATTEMPTS 20
#define MAX_BLIND_ATTEMPTS 5

/* Deadlocks in which our part is undone, and tried again. */
#define MAX_DEADLOCKS 5

/* What an attempt knew when it failed. */
typedef struct Attempt
{
	UpsertElement *element;
	UpsertFound found;
	bool writing; /* it had begun to write */
} Attempt;

/*
 * Take down an element's outcome.
 */
static void
set_result(UpsertElement *element, const char *result, Datum row)
{
	element->result = result;
	element->row = row;
	element->has_row = DatumGetPointer(row) != NULL;
}

/*
 * Raise 21000: the rows are several.
 */
static void
several_error(const UpsertElement *element, const UpsertFound *found)
{
	const TableFacts *facts = element->call->facts;

	ereport(ERROR,
			(errcode(ERRCODE_CARDINALITY_VIOLATION),
			 errmsg("external IDs name more than one row of table \"%s\"",
					facts->table_name),
			 errdetail("Rows that hold any of %s have the keys: %s.",
					   rows_ids_text(facts, element->ids),
					   rows_keys_text(facts, found->rows, found->n)),
			 errhint("external_ids_merge makes one row of two."),
			 err_generic_string(PG_DIAG_SCHEMA_NAME, facts->schema_name),
			 err_generic_string(PG_DIAG_TABLE_NAME, facts->table_name),
			 err_generic_string(PG_DIAG_COLUMN_NAME, facts->set_name)));
}

/*
 * The set of a row that was found by it.
 */
static ExternalIdSet *
set_of_row(const UpsertElement *element, Datum row)
{
	bool isnull;
	Datum set = GetAttributeByNum(DatumGetHeapTupleHeader(row),
								  element->call->facts->set_attnum, &isnull);

	Assert(!isnull);
	return DatumGetExternalIdSetP(set);
}

/*
 * Raise 23505: the row is not to be created, it is there.
 */
static void
exists_error(const UpsertElement *element, Datum row)
{
	const TableFacts *facts = element->call->facts;
	const char *key = rows_key_to_text(facts, rows_key_of_row(facts, row));
	ExternalIdSet *held;
	const char *detail;

	held = external_id_set_intersect_internal(element->ids,
											  set_of_row(element, row));
	switch (external_id_set_cardinality_internal(held))
	{
		case 0: /* the same value under another label */
			held = element->ids;
			detail =
				"One of the external IDs %s is held by the row with key %s.";
			break;
		case 1:
			detail = "External ID %s is held by the row with key %s.";
			break;
		default:
			detail = "External IDs %s are held by the row with key %s.";
			break;
	}
	rows_conflict_error(facts, NULL,
						psprintf(detail, rows_ids_text(facts, held), key));
}

/*
 * The columns in which a row is to change, and their values: of the element's
 * columns those that differ, by their bytes. NULL if none does. In the current
 * memory context.
 */
static ColumnSet *
changes(UpsertElement *element, Datum row, Datum **values, char **nulls)
{
	TableFacts *facts = element->call->facts;
	ColumnSet *columns = element->columns;
	HeapTupleHeader header = DatumGetHeapTupleHeader(row);
	TupleDesc desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header),
											HeapTupleHeaderGetTypMod(header));
	Datum *old_values = palloc(sizeof(Datum) * desc->natts);
	bool *old_nulls = palloc(sizeof(bool) * desc->natts);
	AttrNumber *attnums = palloc(sizeof(AttrNumber) * columns->n);
	HeapTupleData tuple;
	int n = 0;

	column_set_read(element);
	tuple.t_data = header;
	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	heap_deform_tuple(&tuple, desc, old_values, old_nulls);

	/* Room for the key and an xmin, which follow the values. */
	*values = palloc(sizeof(Datum) * (columns->n + facts->nkeys + 1));
	*nulls = palloc(columns->n + facts->nkeys + 1);
	for (int i = 0; i < columns->n; i++)
	{
		AttrNumber attnum = columns->attnums[i];
		Form_pg_attribute att = TupleDescAttr(desc, attnum - 1);
		Datum value = element->values[i];
		bool isnull = element->nulls[i];
		bool was_null = old_nulls[attnum - 1];

		if (attnum == facts->set_attnum && !element->call->replace &&
			!was_null)
			value = PointerGetDatum(
				external_id_set_union_internal(DatumGetExternalIdSetP(
												   old_values[attnum - 1]),
											   element->ids));
		if (isnull == was_null &&
			(isnull || datum_image_eq(value, old_values[attnum - 1],
									  att->attbyval, att->attlen)))
			continue;
		attnums[n] = attnum;
		(*values)[n] = value;
		(*nulls)[n] = isnull ? 'n' : ' ';
		n++;
	}
	ReleaseTupleDesc(desc);
	return n > 0 ? column_set(facts, attnums, n) : NULL;
}

/*
 * Update a row in these columns; with an xmin, only if it is still that version
 * of the row. False, and no result, if no row was updated.
 */
static bool
update_row(UpsertElement *element, Datum row, ColumnSet *columns,
		   Datum *values, char *nulls, TransactionId xmin)
{
	TableFacts *facts = element->call->facts;
	bool seen = TransactionIdIsValid(xmin);
	Datum *key = rows_key_of_row(facts, row);
	int n = columns->n;
	bool updated;

	for (int i = 0; i < facts->nkeys; i++)
		values[n++] = key[i];
	if (seen)
		values[n++] = TransactionIdGetDatum(xmin);
	memset(nulls + columns->n, ' ', n - columns->n);
	upsert_execute(facts,
				   column_set_plan(facts, columns,
								   seen ? COLUMNS_UPDATE_SEEN
										: COLUMNS_UPDATE),
				   values, nulls, SPI_OK_UPDATE_RETURNING);
	updated = SPI_processed > 0;
	if (updated)
		set_result(element, "updated",
				   upsert_copy_row(SPI_tuptable->vals[0],
								   SPI_tuptable->tupdesc));
	SPI_freetuptable(SPI_tuptable);
	return updated;
}

/*
 * Bring the row that was found to what the element wants. No result if it is
 * not the element's any more.
 *
 * Where the row's version is known by its xmin, which a version after it would
 * have of a later transaction, the UPDATE itself finds out whether the row was
 * changed meanwhile. Else, or if it was, or if a trigger would fire for an
 * UPDATE that comes to nothing, the row is locked and looked at again.
 */
void
upsert_found(UpsertElement *element, Datum row, TransactionId xmin)
{
	Datum *values;
	char *nulls;
	ColumnSet *columns = changes(element, row, &values, &nulls);

	if (columns && TransactionIdIsValid(xmin) &&
		element->call->facts->silent_update &&
		update_row(element, row, columns, values, nulls, xmin))
		return;
	if (columns)
	{
		if (!upsert_lock_row(element, &row))
			return;
		columns = changes(element, row, &values, &nulls);
	}
	if (columns == NULL)
		set_result(element, "unchanged", row);
	else if (!update_row(element, row, columns, values, nulls,
						 InvalidTransactionId))
		set_result(element, "skipped", (Datum) 0);
}

/*
 * Take down a row as an INSERT returned it. Errors: 44000 if it is not in the
 * index, for no later call would find it.
 */
void
upsert_take_inserted(UpsertElement *element, HeapTuple tuple, TupleDesc desc)
{
	const TableFacts *facts = element->call->facts;
	bool isnull;

	if (!DatumGetBool(SPI_getbinval(tuple, desc, 2, &isnull)))
		ereport(
			ERROR,
			(errcode(ERRCODE_WITH_CHECK_OPTION_VIOLATION),
			 errmsg("new row for table \"%s\" is not in the index \"%s\"",
					facts->table_name, get_rel_name(facts->indexid)),
			 errdetail("The index's predicate is: %s.", facts->predicate),
			 errhint(
				 "The next call would not find the row, and create another.")));
	set_result(element, "created", upsert_copy_row(tuple, desc));
}

/*
 * True if the row holds all of the element's IDs.
 */
bool
upsert_holds_ids(UpsertElement *element, Datum row)
{
	ExternalIdSet *lacking;

	lacking = external_id_set_minus_internal(element->ids,
											 set_of_row(element, row));
	return external_id_set_cardinality_internal(lacking) == 0;
}

/*
 * Insert the element's row.
 */
static void
insert_row(UpsertElement *element)
{
	TableFacts *facts = element->call->facts;
	ColumnSet *columns = element->columns;
	char *nulls = palloc(columns->n);

	column_set_read(element);
	for (int i = 0; i < columns->n; i++)
		nulls[i] = element->nulls[i] ? 'n' : ' ';
	upsert_execute(facts, column_set_plan(facts, columns, COLUMNS_INSERT),
				   element->values, nulls, SPI_OK_INSERT_RETURNING);
	if (SPI_processed == 0)
		set_result(element, "skipped", (Datum) 0);
	else
		upsert_take_inserted(element, SPI_tuptable->vals[0],
							 SPI_tuptable->tupdesc);
	SPI_freetuptable(SPI_tuptable);
}

/*
 * One attempt: look, then write. The element has its result afterwards, or
 * none if the row got away between.
 */
static void
attempt(void *arg)
{
	Attempt *state = arg;
	UpsertElement *element = state->element;
	UpsertFound *found = &state->found;

	upsert_find(element, false, found);
	if (found->n > 1)
		several_error(element, found);
	if (found->n == 0)
	{
		if (element->call->mode == UPSERT_UPDATE)
		{
			set_result(element, "missing", (Datum) 0);
			return;
		}
		state->writing = true;
		insert_row(element);
		return;
	}
	if (element->call->mode == UPSERT_CREATE)
		exists_error(element, found->rows[0]);
	state->writing = true;
	upsert_found(element, found->rows[0], found->xmin);
}

/*
 * One attempt without a subtransaction; false if the row got away.
 */
bool
upsert_attempt(UpsertElement *element)
{
	Attempt state = {0};

	state.element = element;
	attempt(&state);
	return element->result != NULL;
}

/*
 * Raise 40001.
 */
static void
serialization_error(void)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
		 errmsg("could not serialize access due to concurrent update"),
		 errdetail(
			 "Another transaction gave one of the external IDs to a row that this one's snapshot does not show."),
		 errhint("The transaction might succeed if retried.")));
}

/*
 * The last word on an attempt that came to nothing too often: raise the
 * conflict, or say that the row cannot be locked.
 */
static void
give_up(const Attempt *state, ErrorData *error)
{
	UpsertElement *element = state->element;
	TableFacts *facts = element->call->facts;
	bool nulls[INDEX_MAX_KEYS] = {false};
	Datum row;

	if (error && state->found.n == 0)
		rows_report_conflict(facts, error, element->ids, NULL, element->scope,
							 nulls);
	row = state->found.rows[0];
	if (error)
		rows_report_conflict(facts, error,
							 external_id_set_minus_internal(element->ids,
															set_of_row(element,
																	   row)),
							 rows_key_of_row(facts, row), element->scope,
							 nulls);
	ereport(
		ERROR,
		(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
		 errmsg("row of table \"%s\" cannot be updated", facts->table_name),
		 errdetail(
			 "The row with key %s holds one of the external IDs %s, and row security keeps it from being locked.",
			 rows_key_to_text(facts, rows_key_of_row(facts, row)),
			 rows_ids_text(facts, element->ids))));
}

/*
 * Whether a failed attempt is followed by another; raises its error if not.
 */
static void
look_into(Attempt *state, ErrorData *error, int *deadlocks)
{
	TableFacts *facts = state->element->call->facts;
	UpsertFound latest;

	/* What we did is undone, so whoever waited for us goes on. */
	if (error->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED)
	{
		if (++*deadlocks > MAX_DEADLOCKS)
			ReThrowError(error);
		return;
	}
	if (!state->writing || !rows_is_conflict(facts, error))
		ReThrowError(error);
	if (!IsolationUsesXactSnapshot())
		return;
	upsert_find(state->element, true, &latest);
	if (latest.n > state->found.n)
		serialization_error();
}

/*
 * Bring the element to its row, whatever others do at the same time. Call
 * within SPI_connect, in the element's memory context.
 */
void
upsert_element(UpsertElement *element)
{
	Oid relid = element->call->facts->relid;
	int deadlocks = 0;
	int patience = 0;

	for (int i = 1; element->result == NULL; i++)
	{
		Attempt state = {0};
		ErrorData *error;

		CHECK_FOR_INTERRUPTS();
		state.element = element;
		error = rows_try(attempt, &state);
		if (error)
		{
			element->result = NULL;
			look_into(&state, error, &deadlocks);
		}
		if (element->result)
			return;
		if (patience == 0)
			patience = check_enable_rls(relid, InvalidOid, true) == RLS_ENABLED
						   ? MAX_BLIND_ATTEMPTS
						   : MAX_ATTEMPTS;
		if (i >= patience)
			give_up(&state, error);
	}
}
