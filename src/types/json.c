/*
 * json.c
 *		Casts between the types and json and jsonb.
 *
 * jsonb goes through its text, so that both have the same reader, rules and
 * messages (json_read.c). The cast to json is also what makes to_jsonb(row)
 * show the API's form.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"

#include "compat.h"
#include "types/check.h"

PG_FUNCTION_INFO_V1(external_id_from_json);
PG_FUNCTION_INFO_V1(external_id_from_jsonb);
PG_FUNCTION_INFO_V1(external_id_to_json);
PG_FUNCTION_INFO_V1(external_id_to_jsonb);
PG_FUNCTION_INFO_V1(external_id_set_from_json);
PG_FUNCTION_INFO_V1(external_id_set_from_jsonb);
PG_FUNCTION_INFO_V1(external_id_set_to_json);
PG_FUNCTION_INFO_V1(external_id_set_to_jsonb);

/* The external_id of a JSON text; NULL for JSON's null. */
static ExternalIdSet *
id_from_json_text(const char *text, int64 len)
{
	Place place;
	Member member;
	bool isnull;

	place_init(&place, NULL);
	(void) json_read_id(text, len, &place, &isnull, &member);
	return isnull ? NULL : set_from_member(&member);
}

/* The external_id_set of a JSON text; NULL for JSON's null. */
static ExternalIdSet *
set_from_json_text(const char *text, int64 len)
{
	Place place;
	MemberList list;
	bool isnull;

	place_init(&place, NULL);
	member_list_init(&list, 8);
	(void) json_read_set(text, len, &place, &isnull, &list);
	return isnull ? NULL : member_list_finish(&list);
}

/* The text of a jsonb argument; *len is its length. */
static char *
jsonb_text(Jsonb *jsonb, int64 *len)
{
	char *text = JsonbToCString(NULL, &jsonb->root, VARSIZE(jsonb));

	*len = strlen(text);
	return text;
}

/* Appends a string as JSON. */
static void
append_json_string(StringInfo buf, const char *text, int len)
{
	char *copy = pnstrdup(text, len);

	escape_json(buf, copy);
	pfree(copy);
}

/* Appends the API object of a member: always both keys. */
static void
append_member_json(StringInfo buf, const Member *member)
{
	appendStringInfoString(buf, "{\"external_id\": ");
	append_json_string(buf, member->value, member->value_len);
	appendStringInfoString(buf, ", \"label\": ");
	if (member->label_len > 0)
		append_json_string(buf, member->label, member->label_len);
	else
		appendStringInfoString(buf, "null");
	appendStringInfoChar(buf, '}');
}

/* Writes the JSON text of an external_id into "buf", which it initialises. */
static void
id_to_json_text(StringInfo buf, const ExternalIdSet *id)
{
	Member member;

	initStringInfo(buf);
	id_member(id, &member);
	append_member_json(buf, &member);
}

/* Writes the JSON text of a set into "buf", which it initialises. */
static void
set_to_json_text(StringInfo buf, const ExternalIdSet *set)
{
	MemberWalk walk;
	Member member;

	initStringInfo(buf);
	appendStringInfoChar(buf, '[');
	member_walk_begin(&walk, set);
	while (member_walk_next(&walk, &member))
	{
		CHECK_FOR_INTERRUPTS();
		if (buf->len > 1)
			appendStringInfoString(buf, ", ");
		append_member_json(buf, &member);
	}
	appendStringInfoChar(buf, ']');
}

/* external_id_from_json(json) returns external_id */
Datum
external_id_from_json(PG_FUNCTION_ARGS)
{
	text *json = PG_GETARG_TEXT_PP(0);
	ExternalIdSet *id = id_from_json_text(VARDATA_ANY(json),
										  VARSIZE_ANY_EXHDR(json));

	if (id == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(id);
}

/* external_id_from_jsonb(jsonb) returns external_id */
Datum
external_id_from_jsonb(PG_FUNCTION_ARGS)
{
	int64 len;
	char *text = jsonb_text(PG_GETARG_JSONB_P(0), &len);
	ExternalIdSet *id = id_from_json_text(text, len);

	if (id == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(id);
}

/* external_id_set_from_json(json) returns external_id_set */
Datum
external_id_set_from_json(PG_FUNCTION_ARGS)
{
	text *json = PG_GETARG_TEXT_PP(0);
	ExternalIdSet *set = set_from_json_text(VARDATA_ANY(json),
											VARSIZE_ANY_EXHDR(json));

	if (set == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(set);
}

/* external_id_set_from_jsonb(jsonb) returns external_id_set */
Datum
external_id_set_from_jsonb(PG_FUNCTION_ARGS)
{
	int64 len;
	char *text = jsonb_text(PG_GETARG_JSONB_P(0), &len);
	ExternalIdSet *set = set_from_json_text(text, len);

	if (set == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(set);
}

/* external_id_to_json(external_id) returns json */
Datum
external_id_to_json(PG_FUNCTION_ARGS)
{
	StringInfoData buf;

	id_to_json_text(&buf, PG_GETARG_EXTERNAL_ID_SET_P(0));
	PG_RETURN_TEXT_P(cstring_to_text_with_len(buf.data, buf.len));
}

/* external_id_to_jsonb(external_id) returns jsonb */
Datum
external_id_to_jsonb(PG_FUNCTION_ARGS)
{
	StringInfoData buf;

	id_to_json_text(&buf, PG_GETARG_EXTERNAL_ID_SET_P(0));
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data)));
}

/* external_id_set_to_json(external_id_set) returns json */
Datum
external_id_set_to_json(PG_FUNCTION_ARGS)
{
	StringInfoData buf;

	set_to_json_text(&buf, PG_GETARG_EXTERNAL_ID_SET_P(0));
	PG_RETURN_TEXT_P(cstring_to_text_with_len(buf.data, buf.len));
}

/* external_id_set_to_jsonb(external_id_set) returns jsonb */
Datum
external_id_set_to_jsonb(PG_FUNCTION_ARGS)
{
	StringInfoData buf;

	set_to_json_text(&buf, PG_GETARG_EXTERNAL_ID_SET_P(0));
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data)));
}
