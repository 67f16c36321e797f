/*
 * key.c
 *		The caller's key as Datums of the primary key's column types.
 *
 * A key comes as text, read by the column's input function (a composite key as
 * a record: "(7,abc)"), or typed. A value of another type than the column's
 * takes the way over its text, so that 17 of any integer type finds a bigint
 * key. A key that is null or has a null part names no row: the functions return
 * NULL for it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "rows/rows.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

/*
 * Convert one part of a key to the column's type.
 */
static Datum
convert_part(ColumnFacts *column, Datum value, Oid type)
{
	Oid output;
	bool isvarlena;

	if (getBaseType(type) == column->type)
		return value;
	getTypeOutputInfo(type, &output, &isvarlena);
	return InputFunctionCall(&column->input,
							 OidOutputFunctionCall(output, value),
							 column->ioparam, -1);
}

/*
 * Take a record apart into the key's columns. Errors: 22023 if it has not as
 * many columns.
 */
static Datum *
key_from_record(TableFacts *facts, Datum record)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(record);
	TupleDesc desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header),
											HeapTupleHeaderGetTypMod(header));
	HeapTupleData tuple;
	Datum *values = palloc(sizeof(Datum) * Max(desc->natts, facts->nkeys));
	bool *nulls = palloc(sizeof(bool) * Max(desc->natts, 1));
	int n = 0;
	bool has_null = false;

	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;
	heap_deform_tuple(&tuple, desc, values, nulls);

	for (int i = 0; i < desc->natts; i++)
		if (!TupleDescAttr(desc, i)->attisdropped)
			n++;
	if (n != facts->nkeys)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("key for table \"%s\" has %d columns",
							   facts->table_name, n),
						errdetail("The primary key has %d.", facts->nkeys)));

	n = 0;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped)
			continue;
		if (nulls[i])
			has_null = true;
		else
			values[n] = convert_part(&facts->keys[n], values[i],
									 att->atttypid);
		n++;
	}
	ReleaseTupleDesc(desc);
	return has_null ? NULL : values;
}

/*
 * The input function that reads a key's text, with its parameters.
 */
static void
key_input(TableFacts *facts, FmgrInfo *input, Oid *ioparam, int32 *typmod)
{
	TupleDesc desc;

	if (facts->nkeys == 1)
	{
		fmgr_info_copy(input, &facts->keys[0].input, CurrentMemoryContext);
		*ioparam = facts->keys[0].ioparam;
		*typmod = -1;
		return;
	}
	desc = CreateTemplateTupleDesc(facts->nkeys);
	for (int i = 0; i < facts->nkeys; i++)
		TupleDescInitEntry(desc, i + 1, facts->keys[i].name,
						   facts->keys[i].type, -1, 0);
	desc = BlessTupleDesc(desc);
	fmgr_info(F_RECORD_IN, input);
	*ioparam = RECORDOID;
	*typmod = desc->tdtypmod;
}

/*
 * What the input function returned, as the key's columns.
 */
static Datum *
key_from_input(TableFacts *facts, Datum value)
{
	Datum *key;

	if (facts->nkeys > 1)
		return key_from_record(facts, value);
	key = palloc(sizeof(Datum));
	key[0] = value;
	return key;
}

/*
 * The key that a text names. Errors: the input function's.
 */
static Datum *
rows_key_from_text(TableFacts *facts, const char *text)
{
	FmgrInfo input;
	Oid ioparam;
	int32 typmod;

	key_input(facts, &input, &ioparam, &typmod);
	return key_from_input(facts, InputFunctionCall(&input, pstrdup(text),
												   ioparam, typmod));
}

/*
 * The key that a value of any type names: a record for a key of several
 * columns. Errors: 22023 if the number of columns is another; those of the
 * conversion.
 */
Datum *
rows_key_from_datum(TableFacts *facts, Datum key, Oid type)
{
	Datum *values;

	if (type == TEXTOID)
		return rows_key_from_text(facts, TextDatumGetCString(key));

	/* A key of one column may itself be of a composite type. */
	if (type_is_rowtype(type) &&
		!(facts->nkeys == 1 && getBaseType(type) == facts->keys[0].type))
		return key_from_record(facts, key);
	if (facts->nkeys != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("key for table \"%s\" has one column",
						facts->table_name),
				 errdetail("The primary key has %d.", facts->nkeys),
				 errhint("Write it as ROW(...) or as the text of a record.")));
	values = palloc(sizeof(Datum));
	values[0] = convert_part(&facts->keys[0], key, type);
	return values;
}

/* What read_input reads, and what comes of it. */
typedef struct InputCall
{
	FmgrInfo *input;
	char *text;
	Oid ioparam;
	int32 typmod;
	bool legal;
	Datum result;
} InputCall;

/*
 * Read the text by the input function.
 */
static void
read_input(void *arg)
{
	InputCall *call = arg;

	call->legal = call_input(call->input, call->text, call->ioparam,
							 call->typmod, &call->result);
}

/*
 * Read "text" by the input function; false if it is not legal for the type. On
 * a server without soft errors a subtransaction catches those about data.
 */
static bool
read_if_legal(FmgrInfo *input, char *text, Oid ioparam, int32 typmod,
			  Datum *result)
{
	InputCall call = {input, text, ioparam, typmod, false, (Datum) 0};

	if (INPUT_ERRORS_ARE_SOFT)
		read_input(&call);
	else
	{
		ErrorData *error = rows_try(read_input, &call);

		if (error &&
			ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION)
			ReThrowError(error);
	}
	*result = call.result;
	return call.legal;
}

/*
 * The key that a text names, or NULL if the key's type knows no such text.
 */
Datum *
rows_key_if_legal(TableFacts *facts, char *text)
{
	FmgrInfo input;
	Oid ioparam;
	int32 typmod;
	Datum value;

	key_input(facts, &input, &ioparam, &typmod);
	if (!read_if_legal(&input, text, ioparam, typmod, &value))
		return NULL;
	return key_from_input(facts, value);
}

/*
 * Columns' values in the server's own style: (id)=(17). "nulls" may be NULL.
 */
char *
rows_columns_to_text(const ColumnFacts *columns, int n, const Datum *values,
					 const bool *nulls)
{
	StringInfoData names;
	StringInfoData texts;

	initStringInfo(&names);
	initStringInfo(&texts);
	for (int i = 0; i < n; i++)
	{
		const char *separator = i > 0 ? ", " : "";
		char *text = "null";
		Oid output;
		bool isvarlena;

		if (nulls == NULL || !nulls[i])
		{
			getTypeOutputInfo(columns[i].type, &output, &isvarlena);
			text = OidOutputFunctionCall(output, values[i]);
		}
		appendStringInfo(&names, "%s%s", separator, columns[i].name);
		appendStringInfo(&texts, "%s%s", separator, text);
	}
	return psprintf("(%s)=(%s)", names.data, texts.data);
}

/*
 * The key in the server's own style.
 */
char *
rows_key_to_text(const TableFacts *facts, const Datum *key)
{
	return rows_columns_to_text(facts->keys, facts->nkeys, key, NULL);
}

/*
 * The key columns of a row of the table.
 */
Datum *
rows_key_of_row(const TableFacts *facts, Datum row)
{
	Datum *key = palloc(sizeof(Datum) * Max(facts->nkeys, 1));

	for (int i = 0; i < facts->nkeys; i++)
	{
		bool isnull;

		key[i] = GetAttributeByNum(DatumGetHeapTupleHeader(row),
								   facts->keys[i].attnum, &isnull);
		if (isnull)
			elog(ERROR, "null in primary key of table \"%s\"",
				 facts->table_name);
	}
	return key;
}

/*
 * qsort order of C strings.
 */
static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/*
 * Keys of rows for a DETAIL: (id)=(1), (id)=(2); of more than MAX_CANDIDATES
 * the first ones, and dots. Sorted, so that the plan does not show.
 */
char *
rows_keys_text(const TableFacts *facts, const Datum *rows, int nrows)
{
	int n = Min(nrows, MAX_CANDIDATES);
	char *keys[MAX_CANDIDATES];
	StringInfoData text;

	for (int i = 0; i < n; i++)
		keys[i] = rows_key_to_text(facts, rows_key_of_row(facts, rows[i]));
	qsort(keys, n, sizeof(char *), compare_texts);
	initStringInfo(&text);
	for (int i = 0; i < n; i++)
		appendStringInfo(&text, "%s%s", i > 0 ? ", " : "", keys[i]);
	if (nrows > n)
		appendStringInfoString(&text, ", ...");
	return text.data;
}
