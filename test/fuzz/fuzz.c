/*
 * fuzz.c
 *		Coverage-guided fuzzing of the types, within a server.
 *
 * Built with the real files of src/types into one library (test/t/fuzz.pl), so
 * that they are tried with the server's own memory, errors and JSON. The SQL
 * function below hands control to libFuzzer, in a server in single-user mode,
 * whose process libFuzzer ends. A fault aborts: libFuzzer then writes the input
 * down as crash-....
 *
 * An input's first byte chooses what the rest is: see fuzz_one(). Whatever is
 * accepted must be canonical and come back the same by each way out and in; and
 * an error must be one that users are meant to see.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "fuzz.h"

extern int LLVMFuzzerRunDriver(int *argc, char ***argv,
							   int (*one)(const uint8_t *data, size_t size));
extern int fuzz_input(const uint8_t *data, size_t size);

PG_MODULE_MAGIC;
PG_FUNCTION_INFO_V1(external_ids_fuzz);

static MemoryContext input_context;

/* The type's functions, of which there are two sets. */
typedef struct FuzzType
{
	PGFunction in;
	PGFunction out;
	PGFunction recv;
	PGFunction send;
	PGFunction from_json;
	PGFunction to_json;
	PGFunction from_jsonb;
	PGFunction to_jsonb;
} FuzzType;

static const FuzzType fuzz_id = {external_id_in,		 external_id_out,
								 external_id_recv,		 external_id_send,
								 external_id_from_json,	 external_id_to_json,
								 external_id_from_jsonb, external_id_to_jsonb};
static const FuzzType fuzz_set = {external_id_set_in,
								  external_id_set_out,
								  external_id_set_recv,
								  external_id_set_send,
								  external_id_set_from_json,
								  external_id_set_to_json,
								  external_id_set_from_jsonb,
								  external_id_set_to_jsonb};

/* Call a function of one argument; false if it gave NULL. */
static bool
call(PGFunction function, Datum arg, Datum *result)
{
	LOCAL_FCINFO(fcinfo, 1);

	InitFunctionCallInfoData(*fcinfo, NULL, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = arg;
	fcinfo->args[0].isnull = false;
	*result = function(fcinfo);
	return !fcinfo->isnull;
}

/* The same, of a function that must not give NULL. */
Datum
fuzz_call(PGFunction function, Datum arg)
{
	Datum result;

	FUZZ_CHECK(call(function, arg, &result));
	return result;
}

/* Read "text" as the type; false if it gave NULL. */
static bool
read_wire(const FuzzType *type, const char *data, int len, Datum *result)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, data, len);
	return call(type->recv, PointerGetDatum(&buf), result);
}

/* Members stand in canonical order, each once, and are within the limits. */
static void
check_canonical(const FuzzType *type, Datum datum)
{
	ExternalIdSet **members;
	int n = external_id_set_members_internal((ExternalIdSet *) DatumGetPointer(
												 datum),
											 &members);
	char *last_label = NULL;
	char *last_value = NULL;

	FUZZ_CHECK(type == &fuzz_set || n == 1);
	for (int i = 0; i < n; i++)
	{
		Datum id = PointerGetDatum(members[i]);
		char *value = text_to_cstring(
			DatumGetTextPP(fuzz_call(external_id_value, id)));
		Datum label_datum;
		char *label = call(external_id_label, id, &label_datum)
						  ? text_to_cstring(DatumGetTextPP(label_datum))
						  : pstrdup("");

		FUZZ_CHECK(strlen(value) >= 1 && strlen(value) <= 1024 &&
				   strlen(label) <= 63);
		for (const char *p = value; *p; p++)
			FUZZ_CHECK((unsigned char) *p >= 0x20 && *p != 0x7f);
		FUZZ_CHECK(value[0] != ' ' && value[strlen(value) - 1] != ' ');
		if (i > 0)
		{
			int cmp = strcmp(last_label, label);

			FUZZ_CHECK(cmp < 0 || (cmp == 0 && strcmp(last_value, value) < 0));
		}
		last_label = label;
		last_value = value;
	}
}

/* The two are one value. */
static void
check_same(Datum a, Datum b)
{
	FUZZ_CHECK(
		external_id_set_equal_internal((ExternalIdSet *) DatumGetPointer(a),
									   (ExternalIdSet *) DatumGetPointer(b)));
}

/* What was accepted is canonical, and comes back by each way out and in. */
static void
check_accepted(const FuzzType *type, Datum datum)
{
	Datum out = fuzz_call(type->out, datum);
	Datum again;
	bytea *wire = DatumGetByteaPP(fuzz_call(type->send, datum));

	check_canonical(type, datum);
	check_same(datum, fuzz_call(type->in, out));
	FUZZ_CHECK(
		read_wire(type, VARDATA_ANY(wire), VARSIZE_ANY_EXHDR(wire), &again));
	check_same(datum, again);
	check_same(datum,
			   fuzz_call(type->from_json, fuzz_call(type->to_json, datum)));
	check_same(datum,
			   fuzz_call(type->from_jsonb, fuzz_call(type->to_jsonb, datum)));
}

/* JSON, by way of json and jsonb: what both accept is the same. */
static void
try_json(const FuzzType *type, char *text)
{
	Datum by_json;
	Datum by_jsonb;
	bool json_ok = call(type->from_json,
						fuzz_call(json_in, CStringGetDatum(text)), &by_json);
	bool jsonb_ok;

	if (json_ok)
		check_accepted(type, by_json);
	jsonb_ok = call(type->from_jsonb,
					fuzz_call(jsonb_in, CStringGetDatum(text)), &by_jsonb);
	FUZZ_CHECK(json_ok == jsonb_ok);
	if (json_ok)
		check_same(by_json, by_jsonb);
}

/* One input, in input_context. Throws what the functions throw. */
static void
fuzz_one(const char *data, int len)
{
	char what = data[0];
	const FuzzType *type = islower((unsigned char) what) ? &fuzz_id
														 : &fuzz_set;
	char *text;
	Datum datum;

	data++;
	len--;
	if (what == 'A')
	{
		fuzz_algebra((const uint8 *) data, len);
		return;
	}
	if (tolower((unsigned char) what) == 'b')
	{
		if (read_wire(type, data, len, &datum))
			check_accepted(type, datum);
		return;
	}

	/* as the server reads what a client sends: text is valid before it comes here */
	text = pnstrdup(data, len);
	if (!pg_verify_mbstr(GetDatabaseEncoding(), text, strlen(text), true))
		return;
	if (tolower((unsigned char) what) == 't')
		check_accepted(type, fuzz_call(type->in, CStringGetDatum(text)));
	else if (tolower((unsigned char) what) == 'j')
		try_json(type, text);
}

/*
 * libFuzzer's callback. An error must be of a class for data or limits; XX000 is
 * a fault, but for the corrupt value that no input may make.
 */
int
fuzz_input(const uint8_t *data, size_t size)
{
	MemoryContext outer = MemoryContextSwitchTo(input_context);

	if (size == 0)
		return 0;
	PG_TRY();
	{
		fuzz_one((const char *) data, (int) size);
	}
	PG_CATCH();
	{
		int category = ERRCODE_TO_CATEGORY(geterrcode());

		FUZZ_CHECK(category == ERRCODE_DATA_EXCEPTION ||
				   category == ERRCODE_PROGRAM_LIMIT_EXCEEDED ||
				   category == ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION ||
				   geterrcode() == ERRCODE_PROTOCOL_VIOLATION);
		FlushErrorState();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(outer);
	MemoryContextReset(input_context);
	return 0;
}

/* external_ids_fuzz(text[]): libFuzzer's arguments. Does not return. */
Datum
external_ids_fuzz(PG_FUNCTION_ARGS)
{
	Datum *words;
	int n;
	char **argv;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false,
					  TYPALIGN_INT, &words, NULL, &n);
	argv = palloc0((n + 2) * sizeof(char *));
	argv[0] = pstrdup("external_ids_fuzz");
	for (int i = 0; i < n; i++)
		argv[i + 1] = TextDatumGetCString(words[i]);
	n++;
	input_context = AllocSetContextCreate(TopMemoryContext, "fuzz input",
										  ALLOCSET_DEFAULT_SIZES);
	exit(LLVMFuzzerRunDriver(&n, &argv, fuzz_input));
}
