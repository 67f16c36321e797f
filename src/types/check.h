/*
 * check.h
 *		The rules that external IDs keep, and reading their text and JSON.
 *
 * Only for the files of this folder. Every function that returns bool returns
 * false after it has reported a soft error to place->escontext; where that is
 * NULL it throws.
 */
#ifndef EXTERNAL_IDS_TYPES_CHECK_H
#define EXTERNAL_IDS_TYPES_CHECK_H

#include "common/jsonapi.h"
#include "lib/stringinfo.h"
#include "nodes/nodes.h"
#include "types/packed.h"

/* Where in the input a reader stands, for DETAIL. */
typedef struct Place
{
	Node *escontext;
	int64 element; /* element of an array literal from 1, or 0 */
	bool in_json;
	int64 json_element;	  /* element of a JSON array from 0, or -1 */
	const char *json_key; /* key of a JSON object, or NULL */
} Place;

/* check.c */
extern char *clip_text(const char *text, int64 len);
extern bool CheckMember(const Member *member, const Place *place);
extern bool CheckNoBracket(const char *text, int64 len, const Place *place);
extern bool CheckNotRow(const char *text, int64 len, const Place *place);
extern bool CheckNotNull(bool isnull, const Place *place);
extern bool ReportArraySyntax(const char *fault, int64 byte, bool json_hint,
							  const Place *place);
extern bool CheckJsonSyntax(JsonParseErrorType error, JsonLexContext *lex,
							const Place *place);
extern bool CheckJsonType(bool ok, const char *found, const char *expected,
						  const char *hint, const Place *place);
extern bool CheckJsonKey(bool ok, const char *key, int64 len,
						 const Place *place);
extern bool CheckJsonKeyOnce(bool ok, const char *key, const Place *place);
extern bool CheckJsonHasValue(bool ok, const Place *place);
extern bool CheckSetNotBlank(bool ok, const Place *place);
extern void CheckWireVersion(int version);

/* text.c */
extern void place_init(Place *place, Node *escontext);
extern bool id_parse(const char *text, int64 len, Place *place,
					 Member *member);
extern ExternalIdSet *set_parse(const char *text, int64 len, Place *place);
extern char *external_id_to_cstring(const ExternalIdSet *id);

/* json_read.c */
extern bool json_read_id(const char *text, int64 len, Place *place,
						 bool *isnull, Member *member);
extern bool json_read_set(const char *text, int64 len, Place *place,
						  bool *isnull, MemberList *list);

/* True for the white space that may not stand at the ends. */
static inline bool
is_ascii_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

#endif /* EXTERNAL_IDS_TYPES_CHECK_H */
