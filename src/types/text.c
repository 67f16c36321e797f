/*
 * text.c
 *		The text of external IDs and of sets, read and written.
 *
 * One ID is "label:value", verbatim; a set is an array literal over those
 * texts. The array syntax is read here, by array_in's rules for one dimension,
 * so that the messages are ours, and the same on every server version.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"

#include "compat.h"
#include "types/check.h"

/* A reader of an array literal. */
typedef struct ArrayReader
{
	const char *start;
	const char *p;
	const char *end;
	char *out; /* room for the elements' unescaped bytes */
	Place *place;
} ArrayReader;

/* Sets "place" to no place in particular. */
void
place_init(Place *place, Node *escontext)
{
	place->escontext = escontext;
	place->element = 0;
	place->in_json = false;
	place->json_element = -1;
	place->json_key = NULL;
}

/* The number of white space bytes that "text" begins with. */
static int64
leading_space(const char *text, int64 len)
{
	int64 n = 0;

	while (n < len && is_ascii_space(text[n]))
		n++;
	return n;
}

/*
 * Reads the text of one ID. *member points into "text", or for JSON into
 * palloc'd memory. Soft errors: any broken rule.
 */
bool
id_parse(const char *text, int64 len, Place *place, Member *member)
{
	int64 space = leading_space(text, len);
	const char *colon;
	bool isnull;

	if (space < len && text[space] == '{')
		return json_read_id(text, len, place, &isnull, member);
	if (space < len && !CheckNoBracket(text + space, len - space, place))
		return false;

	/* A colon beyond a label's room is looked for, for the message. */
	colon = memchr(text, ':', len);
	member->label = text;
	member->label_len = colon != NULL ? colon - text : 0;
	member->value = colon != NULL ? colon + 1 : text;
	member->value_len = text + len - member->value;
	return CheckMember(member, place);
}

/* Reports a fault where the reader stands. Always false. */
static bool
array_fault(ArrayReader *r, const char *fault)
{
	/* {"external_id": ...} is an API object without its array. */
	bool json = r->p < r->end && *r->p == ':';

	return ReportArraySyntax(fault, r->p - r->start + 1, json, r->place);
}

/* Skips white space; true if a character is left. */
static bool
array_skip_space(ArrayReader *r)
{
	while (r->p < r->end && is_ascii_space(*r->p))
		r->p++;
	return r->p < r->end;
}

/*
 * Reads an element in double quotes, up to and over the closing one, into
 * r->out. Soft errors: it does not end.
 */
static bool
array_read_quoted(ArrayReader *r)
{
	for (r->p++; r->p < r->end; r->p++)
	{
		if (*r->p == '"')
		{
			r->p++;
			return true;
		}
		if (*r->p == '\\' && ++r->p >= r->end)
			break;
		*r->out++ = *r->p;
	}
	return array_fault(r, "A quoted element does not end");
}

/*
 * Reads an element without quotes, up to the comma or brace after it, into
 * r->out, without the white space at its end that no backslash protects.
 * *isnull for the word NULL. Soft errors: a quote or opening brace in it.
 */
static bool
array_read_bare(ArrayReader *r, bool *isnull)
{
	char *first = r->out;
	char *keep = r->out;
	bool escaped = false;

	for (; r->p < r->end && *r->p != ',' && *r->p != '}'; r->p++)
	{
		if (*r->p == '"')
			return array_fault(r, "A double quote stands inside an element");
		if (*r->p == '{')
			return array_fault(r, "An opening brace stands inside an element");
		if (*r->p == '\\')
		{
			if (++r->p >= r->end)
				return array_fault(r, "The text ends after a backslash");
			escaped = true;
			*r->out++ = *r->p;
			keep = r->out;
			continue;
		}
		*r->out++ = *r->p;
		if (!is_ascii_space(*r->p))
			keep = r->out;
	}
	r->out = keep;
	if (keep == first)
		return array_fault(r, "An element is empty");
	*isnull = !escaped && keep - first == 4 &&
			  pg_strncasecmp(first, "NULL", 4) == 0;
	return true;
}

/* Reads one element into *member. */
static bool
array_read_element(ArrayReader *r, Member *member)
{
	char *first = r->out;
	bool isnull = false;

	r->place->element++;
	if (!array_skip_space(r))
		return array_fault(r, "The closing brace is missing");
	if (*r->p == '"')
	{
		if (!array_read_quoted(r))
			return false;
		if (array_skip_space(r) && *r->p != ',' && *r->p != '}')
			return array_fault(
				r, "A quoted element is followed by something else");
	}
	else if (!array_read_bare(r, &isnull))
		return false;
	return CheckNotNull(isnull, r->place) &&
		   id_parse(first, r->out - first, r->place, member);
}

/* Reads an array literal, which begins at its brace, into "list". */
static bool
array_read(ArrayReader *r, MemberList *list)
{
	Member member;

	r->p++;
	if (array_skip_space(r) && *r->p == '}')
		r->p++;
	else
	{
		for (;;)
		{
			CHECK_FOR_INTERRUPTS();
			if (!array_read_element(r, &member))
				return false;
			member_list_add(list, &member);
			if (r->p >= r->end)
				return array_fault(r, "The closing brace is missing");
			if (*r->p++ == '}')
				break;
		}
	}
	r->place->element = 0;
	if (array_skip_space(r))
		return array_fault(r, "Something follows the closing brace");
	return true;
}

/*
 * Reads the text of a set: an array literal, a JSON array or one ID. The set
 * is palloc'd; NULL after a soft error.
 */
ExternalIdSet *
set_parse(const char *text, int64 len, Place *place)
{
	int64 space = leading_space(text, len);
	MemberList list;
	Member member;
	bool isnull;

	if (!CheckSetNotBlank(space < len, place))
		return NULL;
	if (text[space] == '{')
	{
		ArrayReader reader = {text, text + space, text + len, NULL, place};

		reader.out = palloc(len + 1);
		member_list_init(&list, 8);
		if (!array_read(&reader, &list))
			return NULL;
		return member_list_finish(&list);
	}
	if (text[space] == '[')
	{
		member_list_init(&list, 8);
		if (!json_read_set(text, len, place, &isnull, &list))
			return NULL;
		return member_list_finish(&list);
	}
	if (!CheckNotRow(text, len, place) || !id_parse(text, len, place, &member))
		return NULL;
	return set_from_member(&member);
}

/* Appends the text of one ID. It reads back to the same member. */
static void
append_member_text(StringInfo buf, const Member *member)
{
	if (member->label_len > 0)
	{
		appendBinaryStringInfo(buf, member->label, member->label_len);
		appendStringInfoChar(buf, ':');
	}
	else if (member->value[0] == '{' || member->value[0] == '[' ||
			 memchr(member->value, ':', member->value_len) != NULL)
		appendStringInfoChar(buf, ':');
	appendBinaryStringInfo(buf, member->value, member->value_len);
}

/* True if an array literal's element "text" must be quoted. */
static bool
element_needs_quotes(const char *text)
{
	return text[strcspn(text, " ,\"\\{}")] != '\0' ||
		   pg_strcasecmp(text, "NULL") == 0;
}

/* Quotes what was appended to "buf" from "start" on. */
static void
quote_element(StringInfo buf, int start)
{
	char *plain = pstrdup(buf->data + start);

	buf->len = start;
	appendStringInfoChar(buf, '"');
	for (char *p = plain; *p != '\0'; p++)
	{
		if (*p == '"' || *p == '\\')
			appendStringInfoChar(buf, '\\');
		appendStringInfoChar(buf, *p);
	}
	appendStringInfoChar(buf, '"');
	pfree(plain);
}

/* The text of a set, palloc'd, as array_out would write it. */
char *
external_id_set_to_cstring(const ExternalIdSet *set)
{
	StringInfoData buf;
	MemberWalk walk;
	Member member;
	char separator = '{';

	initStringInfo(&buf);
	member_walk_begin(&walk, set);
	while (member_walk_next(&walk, &member))
	{
		int start;

		CHECK_FOR_INTERRUPTS();
		appendStringInfoChar(&buf, separator);
		separator = ',';
		start = buf.len;
		append_member_text(&buf, &member);
		if (element_needs_quotes(buf.data + start))
			quote_element(&buf, start);
	}
	if (separator == '{')
		appendStringInfoChar(&buf, '{');
	appendStringInfoChar(&buf, '}');
	return buf.data;
}

/* The text of one ID, palloc'd. */
char *
external_id_to_cstring(const ExternalIdSet *id)
{
	StringInfoData buf;
	Member member;

	id_member(id, &member);
	initStringInfo(&buf);
	append_member_text(&buf, &member);
	return buf.data;
}
