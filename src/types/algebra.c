/*
 * algebra.c
 *		Set algebra: merges over members in canonical order.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "compat.h"
#include "types/packed.h"

PG_FUNCTION_INFO_V1(external_id_set_union);
PG_FUNCTION_INFO_V1(external_id_set_minus);
PG_FUNCTION_INFO_V1(external_id_set_intersect);
PG_FUNCTION_INFO_V1(external_id_set_contains);
PG_FUNCTION_INFO_V1(external_id_set_contained);
PG_FUNCTION_INFO_V1(external_id_set_overlaps);
PG_FUNCTION_INFO_V1(external_id_set_has_value);
PG_FUNCTION_INFO_V1(external_id_set_shares_value);

/* Up to so many comparisons, sharing a value is tried pair by pair. */
#define SMALL_PRODUCT 64

/* Two sets walked side by side. */
typedef struct MergeWalk
{
	MemberWalk a_walk;
	MemberWalk b_walk;
	Member a;
	Member b;
	bool have_a;
	bool have_b;
} MergeWalk;

/* Stands at the first member of each set. */
static void
merge_begin(MergeWalk *merge, const ExternalIdSet *a, const ExternalIdSet *b)
{
	member_walk_begin(&merge->a_walk, a);
	member_walk_begin(&merge->b_walk, b);
	merge->have_a = member_walk_next(&merge->a_walk, &merge->a);
	merge->have_b = member_walk_next(&merge->b_walk, &merge->b);
}

/* How the two current members compare; a set at its end is the greater. */
static inline int
merge_cmp(const MergeWalk *merge)
{
	if (!merge->have_a)
		return 1;
	if (!merge->have_b)
		return -1;
	return member_cmp(&merge->a, &merge->b);
}

/* Steps over the lesser of the two, over both if they are equal. */
static inline void
merge_step(MergeWalk *merge, int cmp)
{
	CHECK_FOR_INTERRUPTS();
	if (cmp <= 0)
		merge->have_a = member_walk_next(&merge->a_walk, &merge->a);
	if (cmp >= 0)
		merge->have_b = member_walk_next(&merge->b_walk, &merge->b);
}

/* What a set's members take in a list, at most. */
static inline Size
payload_bound(const ExternalIdSet *set)
{
	return (Size) VARSIZE_ANY_EXHDR(set) + 3;
}

/* The members of a or b or both. */
ExternalIdSet *
external_id_set_union_internal(const ExternalIdSet *a, const ExternalIdSet *b)
{
	MergeWalk merge;
	SetWriter writer;

	set_writer_begin(&writer, payload_bound(a) + payload_bound(b));
	for (merge_begin(&merge, a, b); merge.have_a || merge.have_b;)
	{
		int cmp = merge_cmp(&merge);

		set_writer_put(&writer, cmp <= 0 ? &merge.a : &merge.b);
		merge_step(&merge, cmp);
	}
	return set_writer_finish(&writer);
}

/* The members of a that b does not have. */
ExternalIdSet *
external_id_set_minus_internal(const ExternalIdSet *a, const ExternalIdSet *b)
{
	MergeWalk merge;
	SetWriter writer;

	set_writer_begin(&writer, payload_bound(a));
	for (merge_begin(&merge, a, b); merge.have_a;)
	{
		int cmp = merge_cmp(&merge);

		if (cmp < 0)
			set_writer_put(&writer, &merge.a);
		merge_step(&merge, cmp);
	}
	return set_writer_finish(&writer);
}

/* The members that both have. */
ExternalIdSet *
external_id_set_intersect_internal(const ExternalIdSet *a,
								   const ExternalIdSet *b)
{
	MergeWalk merge;
	SetWriter writer;

	set_writer_begin(&writer, Min(payload_bound(a), payload_bound(b)));
	for (merge_begin(&merge, a, b); merge.have_a && merge.have_b;)
	{
		int cmp = merge_cmp(&merge);

		if (cmp == 0)
			set_writer_put(&writer, &merge.a);
		merge_step(&merge, cmp);
	}
	return set_writer_finish(&writer);
}

/* True if the sets have the same members: their forms have the same bytes. */
bool
external_id_set_equal_internal(const ExternalIdSet *a, const ExternalIdSet *b)
{
	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		   memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

/* The number of members. */
int
external_id_set_cardinality_internal(const ExternalIdSet *set)
{
	MemberWalk walk;
	int n = 0;

	member_walk_begin(&walk, set);
	while (member_walk_step(&walk))
		n++;
	return n;
}

/* True if "set" has the one member of "one". Looks at bytes only. */
static bool
set_has_member(const ExternalIdSet *set, const ExternalIdSet *one)
{
	MemberWalk walk;
	const char *data = VARDATA_ANY(one);
	int len = VARSIZE_ANY_EXHDR(one);

	member_walk_begin(&walk, set);
	while (member_walk_step(&walk))
	{
		if (walk.len == len && memcmp(walk.data, data, len) == 0)
			return true;
	}
	return false;
}

/* True if the set is one member. */
static inline bool
set_is_single(const ExternalIdSet *set)
{
	return VARSIZE_ANY_EXHDR(set) > 0 && *VARDATA_ANY(set) != 0;
}

/* True if a has every member of b. */
static bool
contains_internal(const ExternalIdSet *a, const ExternalIdSet *b)
{
	MergeWalk merge;

	if (set_is_single(b))
		return set_has_member(a, b);
	for (merge_begin(&merge, a, b); merge.have_b;)
	{
		int cmp = merge_cmp(&merge);

		if (cmp > 0)
			return false;
		merge_step(&merge, cmp);
	}
	return true;
}

/* True if a and b have a member in common. */
static bool
overlaps_internal(const ExternalIdSet *a, const ExternalIdSet *b)
{
	MergeWalk merge;

	if (set_is_single(b))
		return set_has_member(a, b);
	if (set_is_single(a))
		return set_has_member(b, a);
	for (merge_begin(&merge, a, b); merge.have_a && merge.have_b;)
	{
		int cmp = merge_cmp(&merge);

		if (cmp == 0)
			return true;
		merge_step(&merge, cmp);
	}
	return false;
}

/* True if a member of "set" has this value, under whatever label. */
static bool
has_value_internal(const ExternalIdSet *set, const char *value, int len)
{
	MemberWalk walk;

	member_walk_begin(&walk, set);
	while (member_walk_step(&walk))
	{
		if (walk.len > len && walk.data[len] == 0 &&
			memcmp(walk.data, value, len) == 0)
			return true;
	}
	return false;
}

/* True if some value is in both sets, whatever its labels. */
static bool
shares_value_internal(const ExternalIdSet *a, const ExternalIdSet *b)
{
	int64 na = external_id_set_cardinality_internal(a);
	int64 nb = external_id_set_cardinality_internal(b);
	MemberList alist;
	MemberList blist;
	bool found = false;
	int64 i = 0;
	int64 j = 0;

	if (na * nb <= SMALL_PRODUCT || na == 1 || nb == 1)
	{
		MemberWalk walk;
		Member member;
		bool swap = nb > na;

		member_walk_begin(&walk, swap ? a : b);
		while (member_walk_next(&walk, &member))
		{
			if (has_value_internal(swap ? b : a, member.value,
								   member.value_len))
				return true;
		}
		return false;
	}

	member_list_init(&alist, na);
	member_list_init(&blist, nb);
	member_list_add_set(&alist, a);
	member_list_add_set(&blist, b);
	qsort(alist.members, na, sizeof(Member), member_cmp_value);
	qsort(blist.members, nb, sizeof(Member), member_cmp_value);
	while (!found && i < na && j < nb)
	{
		int cmp = member_cmp_value(&alist.members[i], &blist.members[j]);

		found = cmp == 0;
		i += cmp < 0;
		j += cmp > 0;
	}
	pfree(alist.members);
	pfree(blist.members);
	return found;
}

/* set + set returns set */
Datum
external_id_set_union(PG_FUNCTION_ARGS)
{
	ExternalIdSet *a = PG_GETARG_EXTERNAL_ID_SET_P(0);
	ExternalIdSet *b = PG_GETARG_EXTERNAL_ID_SET_P(1);

	PG_RETURN_POINTER(external_id_set_union_internal(a, b));
}

/* set - set returns set */
Datum
external_id_set_minus(PG_FUNCTION_ARGS)
{
	ExternalIdSet *a = PG_GETARG_EXTERNAL_ID_SET_P(0);
	ExternalIdSet *b = PG_GETARG_EXTERNAL_ID_SET_P(1);

	PG_RETURN_POINTER(external_id_set_minus_internal(a, b));
}

/* set * set returns set */
Datum
external_id_set_intersect(PG_FUNCTION_ARGS)
{
	ExternalIdSet *a = PG_GETARG_EXTERNAL_ID_SET_P(0);
	ExternalIdSet *b = PG_GETARG_EXTERNAL_ID_SET_P(1);

	PG_RETURN_POINTER(external_id_set_intersect_internal(a, b));
}

/* set @> set returns bool */
Datum
external_id_set_contains(PG_FUNCTION_ARGS)
{
	ExternalIdSet *a = PG_GETARG_EXTERNAL_ID_SET_P(0);
	ExternalIdSet *b = PG_GETARG_EXTERNAL_ID_SET_P(1);
	bool result = contains_internal(a, b);

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	PG_RETURN_BOOL(result);
}

/* set <@ set returns bool */
Datum
external_id_set_contained(PG_FUNCTION_ARGS)
{
	ExternalIdSet *a = PG_GETARG_EXTERNAL_ID_SET_P(0);
	ExternalIdSet *b = PG_GETARG_EXTERNAL_ID_SET_P(1);
	bool result = contains_internal(b, a);

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	PG_RETURN_BOOL(result);
}

/* set && set returns bool */
Datum
external_id_set_overlaps(PG_FUNCTION_ARGS)
{
	ExternalIdSet *a = PG_GETARG_EXTERNAL_ID_SET_P(0);
	ExternalIdSet *b = PG_GETARG_EXTERNAL_ID_SET_P(1);
	bool result = overlaps_internal(a, b);

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	PG_RETURN_BOOL(result);
}

/* set @= text returns bool */
Datum
external_id_set_has_value(PG_FUNCTION_ARGS)
{
	ExternalIdSet *set = PG_GETARG_EXTERNAL_ID_SET_P(0);
	text *value = PG_GETARG_TEXT_PP(1);
	bool result = has_value_internal(set, VARDATA_ANY(value),
									 VARSIZE_ANY_EXHDR(value));

	PG_FREE_IF_COPY(set, 0);
	PG_FREE_IF_COPY(value, 1);
	PG_RETURN_BOOL(result);
}

/* set &= set returns bool */
Datum
external_id_set_shares_value(PG_FUNCTION_ARGS)
{
	ExternalIdSet *a = PG_GETARG_EXTERNAL_ID_SET_P(0);
	ExternalIdSet *b = PG_GETARG_EXTERNAL_ID_SET_P(1);
	bool result = shares_value_internal(a, b);

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	PG_RETURN_BOOL(result);
}
