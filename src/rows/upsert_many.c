/*
 * upsert_many.c
 *		external_ids_upsert_many: an array of rows to be, each with its IDs.
 *
 * Elements are taken by the thousand. The whole lot is tried at once, in one
 * subtransaction (upsert_batch.c). If that fails, for whatever reason, it is
 * halved, and so on down to a few elements, which are then taken one by one as
 * external_ids_upsert takes them: that is what the result is, and the fast way
 * must come to the same. So one bad element in a long array costs little.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "rows/upsert.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(external_ids_upsert_many);

/* Elements that are taken at once, and so few that they are taken one by one. */
#define MAX_BATCH 1000
#define MIN_BATCH 4

#define NUM_RESULTS 6

/* One call. */
typedef struct ManyCall
{
	UpsertCall call;
	bool report;	/* errors are results */
	int64 progress; /* elements between two notices, or 0 */
	int64 total;
	int64 position; /* of the element at work, from 1; 0: a batch is */
	ReturnSetInfo *rsinfo;
} ManyCall;

/* A batch to be tried. */
typedef struct Batch
{
	UpsertElement *elements;
	int n;
	bool done;
} Batch;

/*
 * Error context: which element it is.
 */
static void
element_context(void *arg)
{
	const ManyCall *many = arg;

	if (many->position > 0)
		errcontext("element " INT64_FORMAT " of external_ids_upsert_many",
				   many->position);
}

/*
 * The external IDs of an element.
 */
static ExternalIdSet *
ids_of_data(UpsertElement *element)
{
	const TableFacts *facts = element->call->facts;
	JsonbValue value;
	ExternalIdSet *ids;
	char *text;
	Oid input;
	Oid ioparam;

	getKeyJsonValueFromContainer(&element->data->root, facts->set_name,
								 strlen(facts->set_name), &value);
	switch (value.type)
	{
		case jbvNull:
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("external IDs must not be null")));
			break;
		case jbvString:
			text = pnstrdup(value.val.string.val, value.val.string.len);
			break;
		case jbvBinary:
			text = JsonbToCString(NULL, value.val.binary.data,
								  value.val.binary.len);
			break;
		default:
			ereport(
				ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("wrong type of JSON value for external IDs"),
				 errhint(
					 "External IDs are a JSON array, or a string as text input takes it.")));
	}
	getTypeInputInfo(facts->settype, &input, &ioparam);
	ids = DatumGetExternalIdSetP(
		OidInputFunctionCall(input, text, ioparam, -1));
	upsert_check_ids(ids);
	return ids;
}

/*
 * Find out what an element's data name. In the element's memory context.
 */
void
upsert_prepare(UpsertElement *element)
{
	TableFacts *facts = element->call->facts;

	if (element->scope)
		return;
	element->columns = column_set_of_data(facts, element->data, true);
	element->ids = ids_of_data(element);
	element->scope = rows_scope_of_data(facts, element->data);
}

/*
 * upsert_batch as rows_try calls it.
 */
static void
try_batch(void *arg)
{
	Batch *batch = arg;

	batch->done = upsert_batch(batch->elements, batch->n);

	/* What it did so far must go. */
	if (!batch->done)
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg_internal("batch was not done")));
}

/*
 * Bring one element to its row.
 */
static void
take_one(void *arg)
{
	UpsertElement *element = arg;

	upsert_prepare(element);
	upsert_element(element);
}

/*
 * Whether an error is one that is not about an element's data: the transaction
 * cannot go on, somebody wants it to end, or the server is in trouble.
 */
static bool
is_fatal(const ErrorData *error)
{
	switch (ERRCODE_TO_CATEGORY(error->sqlerrcode))
	{
		case MAKE_SQLSTATE('4', '0', '0', '0', '0'): /* rollback */
		case MAKE_SQLSTATE('5', '3', '0', '0', '0'): /* resources */
		case MAKE_SQLSTATE('5', '7', '0', '0', '0'): /* intervention */
		case MAKE_SQLSTATE('5', '8', '0', '0', '0'): /* system */
		case MAKE_SQLSTATE('X', 'X', '0', '0', '0'): /* internal */
			return true;
		default:
			return false;
	}
}

/*
 * Take elements one by one.
 */
static void
take_each(ManyCall *many, UpsertElement *elements, int n, int64 position)
{
	for (int i = 0; i < n; i++)
	{
		UpsertElement *element = &elements[i];

		many->position = position + i;
		if (many->report)
		{
			ErrorData *error = rows_try(take_one, element);

			if (error && is_fatal(error))
				ReThrowError(error);
			element->error = error;
		}
		else
			take_one(element);
	}
	many->position = 0;
}

/*
 * Take elements, the first of which has the position: at once if possible, else
 * in smaller batches.
 */
static void
take_elements(ManyCall *many, UpsertElement *elements, int n, int64 position)
{
	Batch batch = {elements, n, false};
	ErrorData *error;

	CHECK_FOR_INTERRUPTS();
	if (n < MIN_BATCH)
	{
		take_each(many, elements, n, position);
		return;
	}
	error = rows_try(try_batch, &batch);
	if (error == NULL)
		return;

	/* A transaction that failed may have failed the batch only. */
	if (is_fatal(error) &&
		ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_TRANSACTION_ROLLBACK)
		ReThrowError(error);
	FreeErrorData(error);
	for (int i = 0; i < n; i++)
		elements[i].result = NULL;
	take_elements(many, elements, n / 2, position);
	take_elements(many, elements + n / 2, n - n / 2, position + n / 2);
}

/*
 * Put an element's outcome into the result.
 */
static void
put_result(ManyCall *many, const UpsertElement *element, int64 position)
{
	const ErrorData *error = element->error;
	Datum values[NUM_RESULTS] = {0};
	bool nulls[NUM_RESULTS] = {false, false, true, true, true, true};

	values[0] = Int64GetDatum(position);
	if (error)
	{
		values[1] = CStringGetTextDatum("error");
		values[3] = CStringGetTextDatum(unpack_sql_state(error->sqlerrcode));
		values[4] = CStringGetTextDatum(error->message);
		nulls[3] = nulls[4] = false;
		if (error->detail)
		{
			values[5] = CStringGetTextDatum(error->detail);
			nulls[5] = false;
		}
	}
	else
	{
		values[1] = CStringGetTextDatum(element->result);
		values[2] = element->row;
		nulls[2] = !element->has_row;
	}
	tuplestore_putvalues(many->rsinfo->setResult, many->rsinfo->setDesc,
						 values, nulls);
}

/*
 * Take down the next elements of the array, as many as a batch has. In the
 * current memory context.
 */
static int
next_elements(ManyCall *many, JsonbIterator **it, UpsertElement *elements,
			  int max)
{
	JsonbValue value;
	int n = 0;

	while (n < max && JsonbIteratorNext(it, &value, true) == WJB_ELEM)
	{
		UpsertElement *element = &elements[n++];

		memset(element, 0, sizeof(UpsertElement));
		element->call = &many->call;
		element->context = CurrentMemoryContext;
		element->data = JsonbValueToJsonb(&value);
	}
	return n;
}

/*
 * Take all elements, batch by batch, and put out what came of them.
 */
static void
take_all(ManyCall *many, Jsonb *array)
{
	int max = many->progress > 0 ? (int) Min(many->progress, MAX_BATCH)
								 : MAX_BATCH;
	UpsertElement *elements = palloc(sizeof(UpsertElement) * max);
	JsonbIterator *it = JsonbIteratorInit(&array->root);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "external_ids batch",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext oldcontext = MemoryContextSwitchTo(context);
	int64 done = 0;
	JsonbValue value;

	(void) JsonbIteratorNext(&it, &value, true); /* the array begins */
	while (done < many->total)
	{
		int64 marks = many->progress > 0 ? done / many->progress : 0;
		int n = next_elements(many, &it, elements, max);

		take_elements(many, elements, n, done + 1);
		for (int i = 0; i < n; i++)
			put_result(many, &elements[i], done + 1 + i);
		done += n;
		if (many->progress > 0 && done / many->progress > marks)
			ereport(NOTICE, (errmsg("external_ids_upsert_many: " INT64_FORMAT
									" of " INT64_FORMAT " elements done",
									done, many->total)));
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(oldcontext);
	MemoryContextDelete(context);
}

/*
 * Set up the call from its arguments; the array, or an error: 22004, 22023.
 */
static Jsonb *
begin_many(ManyCall *many, FunctionCallInfo fcinfo)
{
	static const char *const choices[] = {"stop", "report", NULL};
	Jsonb *array;

	if (PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("elements must not be null")));
	array = PG_GETARG_JSONB_P(1);
	if (!JB_ROOT_IS_ARRAY(array) || JB_ROOT_IS_SCALAR(array))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("elements are not a JSON array")));
	many->total = JB_ROOT_COUNT(array);
	many->report = upsert_choice(fcinfo, 4, "on_error", choices) == 1;
	if (!PG_ARGISNULL(5))
	{
		many->progress = PG_GETARG_INT32(5);
		if (many->progress <= 0)
			ereport(
				ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("progress must be greater than zero"),
				 errhint(
					 "It is the number of elements between two notices.")));
	}
	upsert_begin_call(&many->call, fcinfo, 2, 6);
	return array;
}

/*
 * external_ids_upsert_many(table, elements, mode, ids_mode, on_error, progress,
 * index): (ordinality, result, row, sqlstate, message, detail), one for each
 * element. Materialized.
 */
Datum
external_ids_upsert_many(PG_FUNCTION_ARGS)
{
	ManyCall many = {0};
	ErrorContextCallback callback;
	Jsonb *array = begin_many(&many, fcinfo);
	MemoryContext oldcontext = CurrentMemoryContext;

	InitMaterializedSRF(fcinfo, 0);
	many.rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	callback.callback = element_context;
	callback.arg = &many;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	MemoryContextSwitchTo(oldcontext);
	upsert_lock_all(many.call.facts);
	take_all(&many, array);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	error_context_stack = callback.previous;
	return (Datum) 0;
}
