/*
 * json_read.c
 *		The API's JSON, read by the server's parser.
 *
 * The parser calls the actions below as it goes. They know by the place what
 * may stand there, so a wrong value is refused where it begins, whatever its
 * depth, and duplicate keys are seen.
 */
#include "postgres.h"

#include "common/jsonapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "compat.h"
#include "types/check.h"

#define OBJECT_HINT "Write {\"external_id\": \"42\", \"label\": \"crm\"}."
#define ARRAY_HINT "Write [{\"external_id\": \"42\", \"label\": \"crm\"}]."

typedef struct JsonReader
{
	Place *place;
	bool *isnull;
	Member *member;	  /* of the object that is read */
	MemberList *list; /* of an array; NULL if one object is asked for */
	bool seen_value;  /* keys of the object so far */
	bool seen_label;
} JsonReader;

/* What begins with a token, for messages. */
static const char *
json_type_name(JsonTokenType type)
{
	switch (type)
	{
		case JSON_TOKEN_OBJECT_START:
			return "an object";
		case JSON_TOKEN_ARRAY_START:
			return "an array";
		case JSON_TOKEN_STRING:
			return "a string";
		case JSON_TOKEN_NUMBER:
			return "a number";
		case JSON_TOKEN_NULL:
			return "null";
		default:
			return "a boolean";
	}
}

/* A value of the type "found" may stand where the reader is. */
static bool
json_check_type(JsonReader *r, JsonTokenType found)
{
	const Place *place = r->place;
	JsonTokenType wanted = JSON_TOKEN_OBJECT_START;
	bool null_ok = place->json_element < 0;
	const char *expected = "an object";
	const char *hint = OBJECT_HINT;

	if (place->json_key != NULL)
	{
		wanted = JSON_TOKEN_STRING;
		null_ok = strcmp(place->json_key, "label") == 0;
		expected = null_ok ? "a string or null" : "a string";
		if (found == JSON_TOKEN_NUMBER)
			hint = "Write the number in double quotes.";
	}
	else if (r->list != NULL && place->json_element < 0)
	{
		wanted = JSON_TOKEN_ARRAY_START;
		expected = "an array";
		hint = ARRAY_HINT;
	}
	return CheckJsonType(found == wanted ||
							 (null_ok && found == JSON_TOKEN_NULL),
						 json_type_name(found), expected, hint, place);
}

/* Action: an array begins. */
static JsonActionResult
json_array_start(void *state)
{
	JSON_ACTION_RETURN(json_check_type(state, JSON_TOKEN_ARRAY_START));
}

/* Action: an array has ended. */
static JsonActionResult
json_array_end(void *state)
{
	((JsonReader *) state)->place->json_element = -1;
	JSON_ACTION_RETURN(true);
}

/* Action: an element of an array begins. */
static JsonActionResult
json_element_start(void *state, bool isnull pg_attribute_unused())
{
	CHECK_FOR_INTERRUPTS();
	((JsonReader *) state)->place->json_element++;
	JSON_ACTION_RETURN(true);
}

/* Action: an object begins. */
static JsonActionResult
json_object_start(void *state)
{
	JsonReader *r = state;

	r->member->value = r->member->label = "";
	r->member->value_len = r->member->label_len = 0;
	r->seen_value = r->seen_label = false;
	JSON_ACTION_RETURN(json_check_type(r, JSON_TOKEN_OBJECT_START));
}

/* Action: an object has ended; checks and keeps its member. */
static JsonActionResult
json_object_end(void *state)
{
	JsonReader *r = state;
	bool ok = CheckJsonHasValue(r->seen_value, r->place) &&
			  CheckMember(r->member, r->place);

	if (ok && r->list != NULL)
		member_list_add(r->list, r->member);
	JSON_ACTION_RETURN(ok);
}

/* Action: the value of a key begins. */
static JsonActionResult
json_field_start(void *state, char *key, bool isnull pg_attribute_unused())
{
	JsonReader *r = state;
	bool is_value = strcmp(key, "external_id") == 0;
	bool *seen = is_value ? &r->seen_value : &r->seen_label;
	bool ok = CheckJsonKey(is_value || strcmp(key, "label") == 0, key,
						   strlen(key), r->place) &&
			  CheckJsonKeyOnce(!*seen, key, r->place);

	*seen = true;
	r->place->json_key = is_value ? "external_id" : "label";
	pfree(key);
	JSON_ACTION_RETURN(ok);
}

/* Action: a string, number, boolean or null was read. */
static JsonActionResult
json_scalar(void *state, char *token, JsonTokenType type)
{
	JsonReader *r = state;
	const char *key = r->place->json_key;
	bool ok = json_check_type(r, type);

	r->place->json_key = NULL;
	if (ok && key == NULL)
		*r->isnull = true;
	else if (ok && type == JSON_TOKEN_STRING)
	{
		if (strcmp(key, "label") == 0)
		{
			r->member->label = token;
			r->member->label_len = strlen(token);
		}
		else
		{
			r->member->value = token;
			r->member->value_len = strlen(token);
		}
	}
	JSON_ACTION_RETURN(ok);
}

/* Reads "text" for both of the functions below. */
static bool
json_read(JsonReader *r, const char *text, int64 len)
{
	JsonLexContext *lex = json_lexer(text, len);
	JsonParseErrorType error;
	JsonSemAction actions = {
		.semstate = r,
		.object_start = json_object_start,
		.object_end = json_object_end,
		.array_start = json_array_start,
		.array_end = json_array_end,
		.object_field_start = json_field_start,
		.array_element_start = json_element_start,
		.scalar = json_scalar,
	};

	*r->isnull = false;
	r->place->in_json = true;
	r->place->json_element = -1;
	r->place->json_key = NULL;
	error = pg_parse_json(lex, &actions);
	if (JSON_ACTION_FAILED(error) || !CheckJsonSyntax(error, lex, r->place))
		return false;
	r->place->in_json = false;
	return true;
}

/*
 * Reads one API object, or null (*isnull). *member points into palloc'd
 * memory. Soft errors: not JSON, or any broken rule.
 */
bool
json_read_id(const char *text, int64 len, Place *place, bool *isnull,
			 Member *member)
{
	JsonReader r = {.place = place, .isnull = isnull, .member = member};

	return json_read(&r, text, len);
}

/*
 * Reads a JSON array of API objects into "list", or null (*isnull). Members
 * point into palloc'd memory. Soft errors as above.
 */
bool
json_read_set(const char *text, int64 len, Place *place, bool *isnull,
			  MemberList *list)
{
	Member member;
	JsonReader r = {.place = place,
					.isnull = isnull,
					.member = &member,
					.list = list};

	return json_read(&r, text, len);
}
