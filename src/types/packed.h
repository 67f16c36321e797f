/*
 * packed.h
 *		Reading and building the packed form of an external_id_set.
 *
 * Only for the files of this folder; the form is described in packed.c.
 */
#ifndef EXTERNAL_IDS_TYPES_PACKED_H
#define EXTERNAL_IDS_TYPES_PACKED_H

#include "port/pg_bswap.h"

#include "types/types.h"

#define MAX_VALUE_LEN 1024
#define MAX_LABEL_LEN 63

/* A member of this many bytes or fewer is stored as a short varlena. */
#define MAX_SHORT_MEMBER ((int) (VARATT_SHORT_MAX - VARHDRSZ_SHORT))

/* So many first bytes are compared at once. */
#define HEAD_LEN ((int) sizeof(uint64))

/* One member, by pointers into memory that someone else owns. */
typedef struct Member
{
	const char *value;
	const char *label;
	int value_len;
	int label_len;
} Member;

/*
 * A walk over the members of a set, in canonical order. "data" and "len" are
 * the current member's bytes, "header" its short varlena header or NULL.
 */
typedef struct MemberWalk
{
	const char *next;
	const char *end;
	const char *data;
	int len;
	const char *header;
	bool single;
} MemberWalk;

/* Writes members, which must come in canonical order, as a set. */
typedef struct SetWriter
{
	ExternalIdSet *set;
	char *next;
	int nmembers;
	int last_len;
} SetWriter;

/* Collects members in any order, with duplicates. */
typedef struct MemberList
{
	Member *members;
	int64 count;
	int64 capacity;
} MemberList;

pg_noreturn extern void members_corrupt(void);
extern void member_walk_begin(MemberWalk *walk, const ExternalIdSet *set);
extern void member_split(const char *data, int len, Member *member);
extern void id_member(const ExternalIdSet *id, Member *member);

extern void set_writer_begin(SetWriter *writer, Size payload_bound);
extern void set_writer_put(SetWriter *writer, const Member *member);
extern ExternalIdSet *set_writer_finish(SetWriter *writer);

extern void member_list_init(MemberList *list, int64 capacity);
extern void member_list_add(MemberList *list, const Member *member);
extern void member_list_add_set(MemberList *list, const ExternalIdSet *set);
extern ExternalIdSet *member_list_finish(MemberList *list);
extern ExternalIdSet *set_from_member(const Member *member);

extern int member_cmp_value(const void *a, const void *b);

/* Compares the first eight bytes, which both must have. */
static inline int
head_cmp(const char *a, const char *b)
{
	uint64 ahead;
	uint64 bhead;

	memcpy(&ahead, a, sizeof(ahead));
	memcpy(&bhead, b, sizeof(bhead));
	if (ahead == bhead)
		return 0;
	return pg_ntoh64(ahead) < pg_ntoh64(bhead) ? -1 : 1;
}

/*
 * Compares bytes; on a tie the shorter is less. Most members differ in their
 * first eight bytes, which need no call.
 */
static inline int
bytes_cmp(const char *a, int alen, const char *b, int blen)
{
	int len = Min(alen, blen);
	int cmp = len >= HEAD_LEN ? head_cmp(a, b) : 0;

	if (cmp != 0)
		return cmp;
	cmp = memcmp(a, b, len);
	if (cmp != 0)
		return cmp;
	return (alen > blen) - (alen < blen);
}

/* Compares members in canonical order: by label, then by value. */
static inline int
member_cmp(const Member *a, const Member *b)
{
	int cmp = bytes_cmp(a->label, a->label_len, b->label, b->label_len);

	if (cmp != 0)
		return cmp;
	return bytes_cmp(a->value, a->value_len, b->value, b->value_len);
}

/*
 * Steps to the next member's bytes; false at the end. Errors: the bytes are
 * not a set (data corruption).
 */
static inline bool
member_walk_step(MemberWalk *walk)
{
	const char *p = walk->next;

	if (p >= walk->end)
		return false;
	walk->header = NULL;
	if (walk->single)
	{
		walk->data = p;
		walk->len = walk->end - p;
	}
	else if (*p != 0)
	{
		walk->header = p;
		walk->data = p + VARHDRSZ_SHORT;
		walk->len = (int) VARSIZE_1B(p) - VARHDRSZ_SHORT;
	}
	else
	{
		uint16 len;

		if (walk->end - p < 1 + (int) sizeof(len))
			members_corrupt();
		memcpy(&len, p + 1, sizeof(len));
		walk->data = p + 1 + sizeof(len);
		walk->len = len;
	}
	if (walk->len < 2 || walk->len > walk->end - walk->data)
		members_corrupt();
	walk->next = walk->data + walk->len;
	return true;
}

/* As member_walk_step, and fills *member. */
static inline bool
member_walk_next(MemberWalk *walk, Member *member)
{
	if (!member_walk_step(walk))
		return false;
	member_split(walk->data, walk->len, member);
	return true;
}

/* True if the set is '{}'. */
static inline bool
set_is_empty(const ExternalIdSet *set)
{
	return VARSIZE_ANY_EXHDR(set) == 1 && *VARDATA_ANY(set) == 0;
}

#endif /* EXTERNAL_IDS_TYPES_PACKED_H */
