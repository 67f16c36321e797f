/*
 * packed.c
 *		The packed form of external_id and external_id_set.
 *
 * A member is its value, a zero byte and its label; the zero byte is there for
 * an empty label too. Neither part can hold a zero byte or any other control
 * character, so one memcmp of two members (the shorter is less on a tie)
 * orders by value, then label: the order of index entries.
 *
 * The payload of the varlena says by its first byte what it is:
 *
 *	  0x20 and up	one member, which fills the payload. This is an
 *					external_id, and just as well the set of that one member,
 *					so that the cast between the types needs no work.
 *	  0x00			a list: nothing more for the empty set, else two or more
 *					members, sorted by (label, value), without duplicates.
 *	  0x01 to 0x1F	reserved for later forms; refused.
 *
 * A member in a list is a short varlena (a header of one byte) where it has at
 * most 126 bytes, so that a pointer into the set is a Datum of type
 * external_id and entries can be handed out without a copy. A longer one is a
 * byte 0x00, which no short header equals, its length as a native uint16 that
 * need not be aligned, and its bytes.
 *
 * Each set has exactly one form: equality and hashing look at the payload's
 * bytes only. A set is sorted by label first because that is how people read
 * it and how one integration's IDs are taken out of it.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"
#include "types/packed.h"

#define LIST_MARK 0x00
#define FIRST_VALUE_BYTE 0x20
#define ESCAPE_LEN (1 + (int) sizeof(uint16))

/* Reports that a stored set's bytes are not a set. Does not return. */
void
members_corrupt(void)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_DATA_CORRUPTED),
		 errmsg("stored external ID set is corrupt or of an unknown form"),
		 errhint(
			 "Update the extension if a later version wrote it; else restore the row from a backup.")));
}

/*
 * Starts a walk over the members of "set", which must outlive it. Errors: an
 * unknown form (data corruption).
 */
void
member_walk_begin(MemberWalk *walk, const ExternalIdSet *set)
{
	const char *data = VARDATA_ANY(set);
	int len = VARSIZE_ANY_EXHDR(set);

	if (len < 1)
		members_corrupt();
	walk->end = data + len;
	walk->header = NULL;
	walk->data = NULL;
	walk->len = 0;
	if ((unsigned char) data[0] >= FIRST_VALUE_BYTE)
	{
		walk->single = true;
		walk->next = data;
	}
	else if (data[0] == LIST_MARK)
	{
		walk->single = false;
		walk->next = data + 1;
	}
	else
		members_corrupt();
}

/* Finds the value and the label in a member's bytes. */
void
member_split(const char *data, int len, Member *member)
{
	const char *zero = memchr(data, 0, len);

	if (zero == NULL)
		members_corrupt();
	member->value = data;
	member->value_len = zero - data;
	member->label = zero + 1;
	member->label_len = len - member->value_len - 1;
}

/* The one member of an external_id. Errors: a list (data corruption). */
void
id_member(const ExternalIdSet *id, Member *member)
{
	MemberWalk walk;

	member_walk_begin(&walk, id);
	if (!walk.single || !member_walk_next(&walk, member))
		members_corrupt();
}

/* The bytes that a member takes in a list. */
static inline Size
member_stored_size(const Member *member)
{
	Size len = (Size) member->value_len + 1 + member->label_len;

	return len + (len <= (Size) MAX_SHORT_MEMBER ? (int) VARHDRSZ_SHORT
												 : ESCAPE_LEN);
}

/*
 * Starts writing a set whose members take at most "payload_bound" bytes in a
 * list. The set is palloc'd in the current memory context. Errors: too large.
 */
void
set_writer_begin(SetWriter *writer, Size payload_bound)
{
	Size size = payload_bound + VARHDRSZ + 1;

	if (!AllocSizeIsValid(size))
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("external ID set is too large"),
						errdetail("It would take %zu bytes, the limit is %zu.",
								  size, (Size) MaxAllocSize)));
	writer->set = palloc(size);
	writer->next = VARDATA(writer->set);
	*writer->next++ = LIST_MARK;
	writer->nmembers = 0;
	writer->last_len = 0;
}

/* Appends a member, greater than the last in canonical order. */
void
set_writer_put(SetWriter *writer, const Member *member)
{
	int len = member->value_len + 1 + member->label_len;
	char *p = writer->next;

	if (len <= MAX_SHORT_MEMBER)
	{
		SET_VARSIZE_1B(p, len + VARHDRSZ_SHORT);
		p += VARHDRSZ_SHORT;
	}
	else
	{
		uint16 stored_len = len;

		*p = 0;
		memcpy(p + 1, &stored_len, sizeof(stored_len));
		p += ESCAPE_LEN;
	}
	memcpy(p, member->value, member->value_len);
	p += member->value_len;
	*p++ = 0;
	memcpy(p, member->label, member->label_len);
	writer->next = p + member->label_len;
	writer->last_len = len;
	writer->nmembers++;
}

/* Ends the writing and returns the set, in its one canonical form. */
ExternalIdSet *
set_writer_finish(SetWriter *writer)
{
	ExternalIdSet *set = writer->set;

	if (writer->nmembers == 1)
	{
		memmove(VARDATA(set), writer->next - writer->last_len,
				writer->last_len);
		SET_VARSIZE(set, VARHDRSZ + writer->last_len);
	}
	else
		SET_VARSIZE(set, writer->next - (char *) set);
	return set;
}

/* Starts an empty list in the current memory context. */
void
member_list_init(MemberList *list, int64 capacity)
{
	list->capacity = Max(capacity, 8);
	list->count = 0;
	list->members = MemoryContextAllocHuge(CurrentMemoryContext,
										   list->capacity * sizeof(Member));
}

/* Appends a member; what it points at must outlive the list. */
void
member_list_add(MemberList *list, const Member *member)
{
	if (list->count >= list->capacity)
	{
		list->capacity *= 2;
		list->members = repalloc_huge(list->members,
									  list->capacity * sizeof(Member));
	}
	list->members[list->count++] = *member;
}

/* Appends all members of a set, which must outlive the list. */
void
member_list_add_set(MemberList *list, const ExternalIdSet *set)
{
	MemberWalk walk;
	Member member;

	member_walk_begin(&walk, set);
	while (member_walk_next(&walk, &member))
		member_list_add(list, &member);
}

/* qsort comparator: canonical order. */
static int
member_cmp_canonical(const void *a, const void *b,
					 void *arg pg_attribute_unused())
{
	return member_cmp((const Member *) a, (const Member *) b);
}

/* qsort comparator: by value alone. */
int
member_cmp_value(const void *a, const void *b)
{
	const Member *ma = (const Member *) a;
	const Member *mb = (const Member *) b;

	return bytes_cmp(ma->value, ma->value_len, mb->value, mb->value_len);
}

/*
 * Sorts the list, drops duplicates, frees it, and returns the set, palloc'd in
 * the current memory context.
 */
ExternalIdSet *
member_list_finish(MemberList *list)
{
	Size bound = 0;
	int64 i;
	int64 kept = 0;
	SetWriter writer;

	if (list->count > 1)
		qsort_interruptible(list->members, list->count, sizeof(Member),
							member_cmp_canonical, NULL);
	for (i = 0; i < list->count; i++)
	{
		if (kept > 0 &&
			member_cmp(&list->members[kept - 1], &list->members[i]) == 0)
			continue;
		list->members[kept++] = list->members[i];
		bound += member_stored_size(&list->members[i]);
	}
	set_writer_begin(&writer, bound);
	for (i = 0; i < kept; i++)
	{
		CHECK_FOR_INTERRUPTS();
		set_writer_put(&writer, &list->members[i]);
	}
	pfree(list->members);
	list->members = NULL;
	return set_writer_finish(&writer);
}

/* The external_id, or one-member set, of "member", palloc'd. */
ExternalIdSet *
set_from_member(const Member *member)
{
	SetWriter writer;

	set_writer_begin(&writer, member_stored_size(member));
	set_writer_put(&writer, member);
	return set_writer_finish(&writer);
}
