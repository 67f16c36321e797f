/*
 * compare.c
 *		Comparison, sort support and hashing of sets, for btree and hash.
 *
 * Sets compare as lists of members, each by (label, value), bytewise; a list
 * that ends first is less. Equal sets have equal bytes.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/sortsupport.h"

#include "compat.h"
#include "types/packed.h"

PG_FUNCTION_INFO_V1(external_id_set_eq);
PG_FUNCTION_INFO_V1(external_id_set_ne);
PG_FUNCTION_INFO_V1(external_id_set_lt);
PG_FUNCTION_INFO_V1(external_id_set_le);
PG_FUNCTION_INFO_V1(external_id_set_gt);
PG_FUNCTION_INFO_V1(external_id_set_ge);
PG_FUNCTION_INFO_V1(external_id_set_cmp);
PG_FUNCTION_INFO_V1(external_id_set_sortsupport);
PG_FUNCTION_INFO_V1(external_id_set_hash);
PG_FUNCTION_INFO_V1(external_id_set_hash_extended);

/* Less than, equal to or greater than zero, as a is to b. */
static int
set_cmp_internal(const ExternalIdSet *a, const ExternalIdSet *b)
{
	MemberWalk awalk;
	MemberWalk bwalk;
	Member am;
	Member bm;

	if (external_id_set_equal_internal(a, b))
		return 0;
	member_walk_begin(&awalk, a);
	member_walk_begin(&bwalk, b);
	for (;;)
	{
		bool have_a = member_walk_next(&awalk, &am);
		bool have_b = member_walk_next(&bwalk, &bm);
		int cmp;

		if (!have_a || !have_b)
			return (int) have_a - (int) have_b;
		cmp = member_cmp(&am, &bm);
		if (cmp != 0)
			return cmp < 0 ? -1 : 1;
	}
}

/* The comparison of two Datums; frees detoasted copies. */
static int
set_cmp_datums(Datum x, Datum y)
{
	ExternalIdSet *a = DatumGetExternalIdSetP(x);
	ExternalIdSet *b = DatumGetExternalIdSetP(y);
	int cmp = set_cmp_internal(a, b);

	if ((Pointer) a != DatumGetPointer(x))
		pfree(a);
	if ((Pointer) b != DatumGetPointer(y))
		pfree(b);
	return cmp;
}

/* Equality of two Datums; frees detoasted copies. */
static bool
set_eq_datums(Datum x, Datum y)
{
	ExternalIdSet *a = DatumGetExternalIdSetP(x);
	ExternalIdSet *b = DatumGetExternalIdSetP(y);
	bool equal = external_id_set_equal_internal(a, b);

	if ((Pointer) a != DatumGetPointer(x))
		pfree(a);
	if ((Pointer) b != DatumGetPointer(y))
		pfree(b);
	return equal;
}

/* set = set */
Datum
external_id_set_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(set_eq_datums(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)));
}

/* set <> set */
Datum
external_id_set_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!set_eq_datums(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)));
}

/* set < set */
Datum
external_id_set_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(set_cmp_datums(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)) < 0);
}

/* set <= set */
Datum
external_id_set_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(set_cmp_datums(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)) <=
				   0);
}

/* set > set */
Datum
external_id_set_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(set_cmp_datums(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)) > 0);
}

/* set >= set */
Datum
external_id_set_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(set_cmp_datums(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)) >=
				   0);
}

/* btree's support function 1 */
Datum
external_id_set_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(set_cmp_datums(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)));
}

/* The comparator of external_id_set_sortsupport. */
static int
set_cmp_sort(Datum x, Datum y, SortSupport ssup pg_attribute_unused())
{
	return set_cmp_datums(x, y);
}

/* btree's support function 2: no abbreviation, for labels share few bytes */
Datum
external_id_set_sortsupport(PG_FUNCTION_ARGS)
{
	SortSupport ssup = (SortSupport) PG_GETARG_POINTER(0);

	ssup->comparator = set_cmp_sort;
	PG_RETURN_VOID();
}

/* hash's support function 1: of the canonical bytes */
Datum
external_id_set_hash(PG_FUNCTION_ARGS)
{
	ExternalIdSet *set = PG_GETARG_EXTERNAL_ID_SET_P(0);
	Datum result = hash_any((unsigned char *) VARDATA_ANY(set),
							VARSIZE_ANY_EXHDR(set));

	PG_FREE_IF_COPY(set, 0);
	PG_RETURN_DATUM(result);
}

/* hash's support function 2: the same with a seed */
Datum
external_id_set_hash_extended(PG_FUNCTION_ARGS)
{
	ExternalIdSet *set = PG_GETARG_EXTERNAL_ID_SET_P(0);
	Datum result = hash_any_extended((unsigned char *) VARDATA_ANY(set),
									 VARSIZE_ANY_EXHDR(set),
									 PG_GETARG_INT64(1));

	PG_FREE_IF_COPY(set, 0);
	PG_RETURN_DATUM(result);
}
