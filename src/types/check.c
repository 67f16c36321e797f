/*
 * check.c
 *		The rules that external IDs keep: one function and one message each.
 *
 * Every way in (text, binary, JSON, constructors) goes through these. DETAIL
 * names the offending part and where it stands. SQLSTATE is 22P02 for broken
 * syntax, 22001 for what is too long, 22023 otherwise.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#include "compat.h"
#include "types/check.h"

/* Longer literals are cut in messages. */
#define CLIP_LEN 80

#define JSON_HINT \
	"Write {\"external_id\": \"42\", \"label\": \"crm\"}; put a colon before a value that begins with a brace."

/*
 * A copy of "text" fit for a message: cut at a character's end, control
 * characters shown as \xNN.
 */
char *
clip_text(const char *text, int64 len)
{
	StringInfoData buf;
	int64 keep = len;

	if (len > CLIP_LEN)
		keep = pg_mbcliplen(text, CLIP_LEN + 1, CLIP_LEN);
	initStringInfo(&buf);
	for (int64 i = 0; i < keep; i++)
	{
		unsigned char c = text[i];

		if (c < 0x20 || c == 0x7F)
			appendStringInfo(&buf, "\\x%02X", c);
		else
			appendStringInfoChar(&buf, c);
	}
	if (keep < len)
		appendStringInfoString(&buf, "...");
	return buf.data;
}

/* The place as the end of a sentence: "", " in element 3", " at $[0].label". */
static char *
place_text(const Place *place)
{
	StringInfoData buf;

	initStringInfo(&buf);
	if (place->element > 0)
		appendStringInfo(&buf, " in element %lld", (long long) place->element);
	if (place->in_json)
	{
		appendStringInfoString(&buf, " at $");
		if (place->json_element >= 0)
			appendStringInfo(&buf, "[%lld]", (long long) place->json_element);
		if (place->json_key != NULL)
			appendStringInfo(&buf, ".%s", place->json_key);
	}
	return buf.data;
}

/* A value is not empty. */
static bool
CheckNotEmpty(int len, const Place *place)
{
	if (len == 0)
		ereturn(
			place->escontext, false,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("external ID value is empty"),
			 errdetail("The value is missing%s.", place_text(place)),
			 errhint(
				 "Write an external ID as \"label:value\" or \"value\".")));
	return true;
}

/* A value has at most 1024 bytes, a label 63. */
static bool
CheckLength(const char *part, const char *text, int64 len, int limit,
			const Place *place)
{
	if (len > limit)
		ereturn(place->escontext, false,
				(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
				 errmsg("external ID %s is too long", part),
				 errdetail("The %s \"%s\" has %lld bytes%s, the limit is %d.",
						   part, clip_text(text, len), (long long) len,
						   place_text(place), limit)));
	return true;
}

/* Neither end is white space. */
static bool
CheckEnds(const char *part, const char *text, int len, const Place *place)
{
	if (len > 0 && (is_ascii_space(text[0]) || is_ascii_space(text[len - 1])))
		ereturn(place->escontext, false,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("external ID %s begins or ends with white space",
						part),
				 errdetail("The %s is \"%s\"%s.", part, clip_text(text, len),
						   place_text(place)),
				 errhint("Remove the white space.")));
	return true;
}

/* No control characters; in UTF8, none of the C1 block either. */
static bool
CheckControl(const char *part, const char *text, int len, const Place *place)
{
	bool utf8 = GetDatabaseEncoding() == PG_UTF8;

	for (int i = 0; i < len; i++)
	{
		unsigned char c = text[i];
		int code = -1;

		if (c < 0x20 || c == 0x7F)
			code = c;
		else if (utf8 && c == 0xC2 && i + 1 < len &&
				 (unsigned char) text[i + 1] < 0xA0)
			code = (unsigned char) text[i + 1];
		if (code >= 0)
			ereturn(
				place->escontext, false,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("external ID %s contains a control character", part),
				 errdetail(
					 "The %s \"%s\" has the character 0x%02X at its byte %d%s.",
					 part, clip_text(text, len), code, i + 1,
					 place_text(place)),
				 errhint("Remove the control character.")));
	}
	return true;
}

/* A label does not begin as JSON or an array does. */
static bool
CheckLabelStart(const Member *member, const Place *place)
{
	if (member->label_len > 0 &&
		(member->label[0] == '{' || member->label[0] == '['))
		ereturn(
			place->escontext, false,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("external ID label begins with a brace or bracket"),
			 errdetail("The label is \"%s\"%s.",
					   clip_text(member->label, member->label_len),
					   place_text(place)),
			 errhint(
				 "Use another label; if this is an unlabelled value, write a colon before it.")));
	return true;
}

/* A label from JSON or a constructor holds no colon. */
static bool
CheckNoColon(const Member *member, const Place *place)
{
	if (member->label_len > 0 &&
		memchr(member->label, ':', member->label_len) != NULL)
		ereturn(
			place->escontext, false,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("external ID label contains a colon"),
			 errdetail("The label is \"%s\"%s.",
					   clip_text(member->label, member->label_len),
					   place_text(place)),
			 errhint(
				 "Use another label: the first colon ends the label in an external ID's text.")));
	return true;
}

/* All rules that hold for a member, whichever way it came in. */
bool
CheckMember(const Member *member, const Place *place)
{
	return CheckNotEmpty(member->value_len, place) &&
		   CheckLength("label", member->label, member->label_len,
					   MAX_LABEL_LEN, place) &&
		   CheckLength("value", member->value, member->value_len,
					   MAX_VALUE_LEN, place) &&
		   CheckLabelStart(member, place) &&
		   CheckEnds("label", member->label, member->label_len, place) &&
		   CheckEnds("value", member->value, member->value_len, place) &&
		   CheckControl("label", member->label, member->label_len, place) &&
		   CheckControl("value", member->value, member->value_len, place) &&
		   CheckNoColon(member, place);
}

/* The text of one ID does not begin as an array does. */
bool
CheckNoBracket(const char *text, int64 len, const Place *place)
{
	if (len > 0 && text[0] == '[')
		ereturn(
			place->escontext, false,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("external ID begins with a bracket"),
			 errdetail("The text is \"%s\"%s.", clip_text(text, len),
					   place_text(place)),
			 errhint(
				 "Write a colon before a value that begins with a bracket; a JSON array is an external_id_set.")));
	return true;
}

/*
 * A set's text is not a row's: some drivers bind a tuple of strings as one, and
 * without a type, so that it would silently be a single external ID.
 */
bool
CheckNotRow(const char *text, int64 len, const Place *place)
{
	if (len > 1 && text[0] == '(' && text[len - 1] == ')')
		ereturn(
			place->escontext, false,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("external ID set is written as a row"),
			 errdetail("The text is \"%s\".", clip_text(text, len)),
			 errhint(
				 "Bind a list, not a tuple; write one external ID that stands in parentheses as {(a)}.")));
	return true;
}

/* A set holds no NULL. */
bool
CheckNotNull(bool isnull, const Place *place)
{
	if (isnull)
		ereturn(
			place->escontext, false,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("external ID set contains a null element"),
			 errdetail("A null stands%s.", place_text(place)),
			 errhint(
				 "Leave the element out, or write \"NULL\" in double quotes if the value is the word NULL.")));
	return true;
}

/* A text that begins with a brace is an array literal, and is none. Always false. */
bool
ReportArraySyntax(const char *fault, int64 byte, bool json_hint,
				  const Place *place)
{
	ereturn(
		place->escontext, false,
		(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
		 errmsg("malformed array of external IDs"),
		 errdetail("%s, at byte %lld%s.", fault, (long long) byte,
				   place_text(place)),
		 json_hint
			 ? errhint(
				   "A set takes API objects in a JSON array: [{\"external_id\": \"42\", \"label\": \"crm\"}].")
			 : errhint(
				   "Write {crm:42,\"crm:a b\"}; put an element in double quotes if it holds white space, a comma, brace, double quote or backslash.")));
}

/* JSON is well-formed, and its text has a place in the server encoding. */
bool
CheckJsonSyntax(JsonParseErrorType error, JsonLexContext *lex,
				const Place *place)
{
	if (error != JSON_SUCCESS)
	{
		const char *fault = json_errdetail(error, lex);

		ereturn(place->escontext, false,
				(errcode(JSON_UNTRANSLATABLE(error)
							 ? ERRCODE_UNTRANSLATABLE_CHARACTER
							 : ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("malformed JSON of external IDs"),
				 errdetail("%s Stopped after byte %lld%s.",
						   clip_text(fault, strlen(fault)),
						   (long long) (lex->token_terminator - lex->input),
						   place_text(place)),
				 errhint(JSON_HINT)));
	}
	return true;
}

/* Each JSON value has the type that its place asks for. */
bool
CheckJsonType(bool ok, const char *found, const char *expected,
			  const char *hint, const Place *place)
{
	if (!ok)
		ereturn(place->escontext, false,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("wrong type of JSON value for external IDs"),
				 errdetail("Found %s%s, expected %s.", found,
						   place_text(place), expected),
				 errhint("%s", hint)));
	return true;
}

/* An API object has no keys but the two. */
bool
CheckJsonKey(bool ok, const char *key, int64 len, const Place *place)
{
	if (!ok)
		ereturn(
			place->escontext, false,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown key in the JSON of an external ID"),
			 errdetail("The key is \"%s\"%s.", clip_text(key, len),
					   place_text(place)),
			 errhint(
				 "The keys are \"external_id\" and, optionally, \"label\".")));
	return true;
}

/* An API object has each key once. */
bool
CheckJsonKeyOnce(bool ok, const char *key, const Place *place)
{
	if (!ok)
		ereturn(place->escontext, false,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("duplicate key in the JSON of an external ID"),
				 errdetail("The key is \"%s\"%s.", key, place_text(place))));
	return true;
}

/* An API object has the key external_id. */
bool
CheckJsonHasValue(bool ok, const Place *place)
{
	if (!ok)
		ereturn(
			place->escontext, false,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg(
				 "key \"external_id\" is missing in the JSON of an external ID"),
			 errdetail("The object stands%s.", place_text(place)),
			 errhint("Write {\"external_id\": \"42\", \"label\": \"crm\"}.")));
	return true;
}

/* The text of a set is not blank. */
bool
CheckSetNotBlank(bool ok, const Place *place)
{
	if (!ok)
		ereturn(
			place->escontext, false,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("external ID set is an empty text"),
			 errdetail(
				 "A set's text is an array, a JSON array or one external ID."),
			 errhint("Write '{}' for the empty set.")));
	return true;
}

/* The wire form begins with a version that we know. */
void
CheckWireVersion(int version)
{
	if (version != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown version of the external ID wire form"),
				 errdetail("The version byte is %d, expected 1.", version),
				 errhint("Send a byte 1 and then the text form.")));
}
