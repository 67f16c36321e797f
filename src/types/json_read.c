/*
 * json_read.c
 *		The API's JSON, read from its text.
 *
 * What is legal here is so little (an array of objects with two keys, strings
 * and null) that a reader of its own costs less than jsonb's detour: it stops
 * at the first thing out of place whatever its depth or size, says where by a
 * JSON path, sees duplicate keys, and its messages do not change with the
 * server's version.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "compat.h"
#include "types/check.h"

typedef struct JsonReader
{
	const char *start;
	const char *p;
	const char *end;
	char	   *out; /* room for the strings' decoded bytes */
	Place	   *place;
} JsonReader;

/* Starts a reader of "text"; decoded strings are palloc'd, all in one. */
static void
json_begin(JsonReader *r, const char *text, int64 len, Place *place)
{
	r->start = r->p = text;
	r->end = text + len;
	r->out = palloc(len + MAX_UNICODE_EQUIVALENT_STRING + 1);
	r->place = place;
	place->in_json = true;
	place->json_element = -1;
	place->json_key = NULL;
}

/* Skips JSON's white space; returns the next byte, 0 at the end. */
static char
json_peek(JsonReader *r)
{
	while (r->p < r->end &&
		   (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
		r->p++;
	return r->p < r->end ? *r->p : 0;
}

/* Reports that something else was expected here. Always false. */
static bool
json_fault(JsonReader *r, const char *expected)
{
	return CheckJsonSyntax(false, expected, r->p, r->end - r->p,
						   r->p - r->start + 1, r->place);
}

/* Steps over the byte "c"; a soft error if another one comes. */
static bool
json_expect(JsonReader *r, char c, const char *expected)
{
	if (json_peek(r) != c)
		return json_fault(r, expected);
	r->p++;
	return true;
}

/* Reads the four digits of \uXXXX, where r->p stands; moves over them. */
static bool
json_read_hex(JsonReader *r, pg_wchar *code)
{
	*code = 0;
	for (int i = 0; i < 4; i++, r->p++)
	{
		char c = r->p < r->end ? *r->p : 0;

		if (c >= '0' && c <= '9')
			*code = *code * 16 + (c - '0');
		else if (c >= 'a' && c <= 'f')
			*code = *code * 16 + (c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			*code = *code * 16 + (c - 'A' + 10);
		else
			return json_fault(r, "a hexadecimal digit");
	}
	return true;
}

/*
 * Decodes \uXXXX, or a surrogate pair of them, where r->p stands after the u.
 * Soft errors: half a pair, not in the server encoding.
 */
static bool
json_read_unicode(JsonReader *r)
{
	const char	 *first = r->p;
	pg_wchar	  code;
	pg_wchar	  second;
	unsigned char bytes[MAX_UNICODE_EQUIVALENT_STRING + 1];

	if (!json_read_hex(r, &code))
		return false;
	if (is_utf16_surrogate_first(code))
	{
		if (r->end - r->p < 6 || r->p[0] != '\\' || r->p[1] != 'u')
			return json_fault(r, "the second half of a surrogate pair");
		r->p += 2;
		if (!json_read_hex(r, &second))
			return false;
		if (!is_utf16_surrogate_second(second))
		{
			r->p -= 6;
			return json_fault(r, "the second half of a surrogate pair");
		}
		code = surrogate_pair_to_codepoint(code, second);
	}
	else if (is_utf16_surrogate_second(code))
	{
		r->p = first - 2;
		return json_fault(r, "the first half of a surrogate pair");
	}
	if (code == 0)
	{
		/* Not text, but a control character to the rules that follow. */
		*r->out++ = 0;
		return true;
	}
	if (!unicode_to_server(code, bytes))
	{
		r->p = first - 2;
		return json_fault(r, "a character that the server encoding has");
	}
	for (unsigned char *b = bytes; *b != 0; b++)
		*r->out++ = *b;
	return true;
}

/*
 * Reads a string, where r->p stands at its quote; *text and *len are its
 * decoded bytes. Soft errors: not JSON.
 */
static bool
json_read_string(JsonReader *r, const char **text, int64 *len)
{
	*text = r->out;
	for (r->p++; r->p < r->end && *r->p != '"';)
	{
		char c = *r->p++;

		if ((unsigned char) c < 0x20)
		{
			r->p--;
			return json_fault(r, "an escape for a control character");
		}
		if (c != '\\')
		{
			*r->out++ = c;
			continue;
		}
		c = r->p < r->end ? *r->p++ : 0;
		switch (c)
		{
			case '"':
			case '\\':
			case '/':
				*r->out++ = c;
				break;
			case 'b':
				*r->out++ = '\b';
				break;
			case 'f':
				*r->out++ = '\f';
				break;
			case 'n':
				*r->out++ = '\n';
				break;
			case 'r':
				*r->out++ = '\r';
				break;
			case 't':
				*r->out++ = '\t';
				break;
			case 'u':
				if (!json_read_unicode(r))
					return false;
				break;
			default:
				if (c != 0)
					r->p--;
				return json_fault(r, "a valid escape");
		}
	}
	if (r->p >= r->end)
		return json_fault(r, "the end of a string");
	r->p++;
	*len = r->out - *text;
	return true;
}

/* What begins at r->p, for messages; NULL if no JSON value does. */
static const char *
json_type_here(JsonReader *r)
{
	char  c = json_peek(r);
	int64 left = r->end - r->p;

	if (c == '"')
		return "a string";
	if (c == '{')
		return "an object";
	if (c == '[')
		return "an array";
	if (c == '-' || (c >= '0' && c <= '9'))
		return "a number";
	if ((left >= 4 && memcmp(r->p, "true", 4) == 0) ||
		(left >= 5 && memcmp(r->p, "false", 5) == 0))
		return "a boolean";
	if (left >= 4 && memcmp(r->p, "null", 4) == 0)
		return "null";
	return NULL;
}

/* Steps over null if it stands here. */
static bool
json_skip_null(JsonReader *r)
{
	const char *type = json_type_here(r);

	if (type == NULL || strcmp(type, "null") != 0)
		return false;
	r->p += 4;
	return true;
}

/* Reads the string or null of a key; *text is NULL for null. */
static bool
json_read_part(JsonReader *r, bool null_ok, const char **text, int64 *len)
{
	const char *type = json_type_here(r);

	*text = NULL;
	*len = 0;
	if (type == NULL)
		return json_fault(r, "a string");
	if (*r->p == '"')
		return json_read_string(r, text, len);
	if (null_ok && json_skip_null(r))
		return true;
	return CheckJsonType(
		false, type, null_ok ? "a string or null" : "a string",
		strcmp(type, "a number") == 0
			? "Write the number in double quotes."
			: "Write {\"external_id\": \"42\", \"label\": \"crm\"}.",
		r->place);
}

/* Reads one key and its value into *member. *seen has the keys so far. */
static bool
json_read_pair(JsonReader *r, Member *member, int *seen)
{
	const char *key;
	const char *text;
	int64		len;
	bool		is_value;

	if (json_peek(r) != '"')
		return json_fault(r, "a key");
	if (!json_read_string(r, &key, &len))
		return false;
	is_value = len == 11 && memcmp(key, "external_id", 11) == 0;
	if (!is_value && !CheckJsonKey(len == 5 && memcmp(key, "label", 5) == 0,
								   key, len, r->place))
		return false;
	if (!CheckJsonKeyOnce((*seen & (is_value ? 1 : 2)) == 0,
						  is_value ? "external_id" : "label", r->place))
		return false;
	*seen |= is_value ? 1 : 2;
	if (!json_expect(r, ':', "\":\""))
		return false;
	r->place->json_key = is_value ? "external_id" : "label";
	if (!json_read_part(r, !is_value, &text, &len))
		return false;
	r->place->json_key = NULL;

	/* A length that does not fit an int is too long either way. */
	len = Min(len, PG_INT32_MAX);
	if (is_value)
	{
		member->value = text;
		member->value_len = len;
	}
	else
	{
		member->label = text != NULL ? text : "";
		member->label_len = len;
	}
	return true;
}

/* Reads one API object into *member, and checks it. */
static bool
json_read_object(JsonReader *r, Member *member)
{
	const char *type = json_type_here(r);
	int			seen = 0;

	if (type == NULL)
		return json_fault(r, "an object");
	if (!CheckJsonType(*r->p == '{', type, "an object",
					   "Write {\"external_id\": \"42\", \"label\": \"crm\"}.",
					   r->place))
		return false;
	member->value = member->label = "";
	member->value_len = member->label_len = 0;
	r->p++;
	if (json_peek(r) == '}')
		r->p++;
	else
	{
		for (;;)
		{
			if (!json_read_pair(r, member, &seen))
				return false;
			if (json_peek(r) == ',')
			{
				r->p++;
				continue;
			}
			if (!json_expect(r, '}', "\",\" or \"}\""))
				return false;
			break;
		}
	}
	return CheckJsonHasValue((seen & 1) != 0, r->place) &&
		   CheckMember(member, r->place);
}

/* Nothing follows. */
static bool
json_end(JsonReader *r)
{
	if (json_peek(r) != 0 || r->p < r->end)
		return json_fault(r, "the end of the text");
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
	JsonReader r;

	json_begin(&r, text, len, place);
	*isnull = json_skip_null(&r);
	if (!*isnull && !json_read_object(&r, member))
		return false;
	if (!json_end(&r))
		return false;
	place->in_json = false;
	return true;
}

/*
 * Reads a JSON array of API objects into "list", or null (*isnull). Members
 * point into palloc'd memory. Soft errors as above.
 */
bool
json_read_set(const char *text, int64 len, Place *place, bool *isnull,
			  MemberList *list)
{
	JsonReader	r;
	const char *type;
	Member		member;

	json_begin(&r, text, len, place);
	*isnull = json_skip_null(&r);
	if (*isnull)
		return json_end(&r);
	type = json_type_here(&r);
	if (type == NULL)
		return json_fault(&r, "an array");
	if (!CheckJsonType(
			*r.p == '[', type, "an array",
			"Write [{\"external_id\": \"42\", \"label\": \"crm\"}].", place))
		return false;
	r.p++;
	if (json_peek(&r) == ']')
		r.p++;
	else
	{
		for (place->json_element = 0;; place->json_element++)
		{
			CHECK_FOR_INTERRUPTS();
			if (!json_read_object(&r, &member))
				return false;
			member_list_add(list, &member);
			if (json_peek(&r) == ',')
			{
				r.p++;
				continue;
			}
			if (!json_expect(&r, ']', "\",\" or \"]\""))
				return false;
			break;
		}
	}
	place->json_element = -1;
	if (!json_end(&r))
		return false;
	place->in_json = false;
	return true;
}
