/*
 * index_support.c
 *		What the operator classes of unique_members (and GIN) ask of the types:
 *		a set's entries, and the order of entries.
 *
 * An entry is a one-member set; entries order by (value, label), the order of
 * their bytes. The empty set, as an entry, is less than any other.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "lib/hyperloglog.h"
#include "port/pg_bswap.h"
#include "utils/sortsupport.h"

#include "compat.h"
#include "types/check.h"
#include "types/entries.h"

PG_FUNCTION_INFO_V1(external_id_set_entry_cmp);
PG_FUNCTION_INFO_V1(external_id_set_entry_cmp_value);
PG_FUNCTION_INFO_V1(external_id_set_entry_sortsupport);
PG_FUNCTION_INFO_V1(external_id_set_entries);
PG_FUNCTION_INFO_V1(external_id_set_value_entries);
PG_FUNCTION_INFO_V1(external_id_set_entries_of_value);

/* What sort support keeps to judge whether abbreviation pays. */
typedef struct EntryAbbrev
{
	int64 input_count;
	bool estimating;
	hyperLogLogState card;
} EntryAbbrev;

/* As entry_cmp_datums, for any varlena form; frees detoasted copies. */
static pg_noinline int
entry_cmp_toasted(Datum x, Datum y)
{
	ExternalIdSet *a = DatumGetExternalIdSetP(x);
	ExternalIdSet *b = DatumGetExternalIdSetP(y);
	int cmp = bytes_cmp(VARDATA_ANY(a), VARSIZE_ANY_EXHDR(a), VARDATA_ANY(b),
						VARSIZE_ANY_EXHDR(b));

	if ((Pointer) a != DatumGetPointer(x))
		pfree(a);
	if ((Pointer) b != DatumGetPointer(y))
		pfree(b);
	return cmp;
}

/* Finds the bytes of an entry; false if it must be detoasted for that. */
static inline bool
entry_bytes(Datum entry, const char **data, int *len)
{
	const char *p = DatumGetPointer(entry);

	if (VARATT_IS_SHORT(p))
	{
		*data = VARDATA_SHORT(p);
		*len = VARSIZE_SHORT(p) - VARHDRSZ_SHORT;
		return !VARATT_IS_EXTERNAL(p); /* which looks short too */
	}
	*data = VARDATA(p);
	*len = VARSIZE(p) - VARHDRSZ;
	return !VARATT_IS_COMPRESSED(p);
}

/* Compares two entries of any form and length. */
static pg_noinline int
entry_cmp_any(Datum x, Datum y)
{
	const char *a;
	const char *b;
	int alen;
	int blen;

	if (likely(entry_bytes(x, &a, &alen) && entry_bytes(y, &b, &blen)))
		return bytes_cmp(a, alen, b, blen);
	return entry_cmp_toasted(x, y);
}

/*
 * Compares two entries. One from an index tuple has a short header as a rule,
 * what the executor compares it with a long one, and most differ in their
 * heads: a look-up does this some twenty times. (An external datum looks like a
 * short one of no size.)
 */
static inline int
entry_cmp_datums(Datum x, Datum y)
{
	const char *a = DatumGetPointer(x);
	const char *b = DatumGetPointer(y);

	if (likely(VARATT_IS_SHORT(a) &&
			   VARSIZE_SHORT(a) >= VARHDRSZ_SHORT + HEAD_LEN &&
			   !VARATT_IS_EXTENDED(b) && VARSIZE(b) >= VARHDRSZ + HEAD_LEN))
	{
		int cmp = head_cmp(VARDATA_SHORT(a), VARDATA(b));

		if (cmp != 0)
			return cmp;
	}
	return entry_cmp_any(x, y);
}

/* external_id_set_entry_cmp(entry, entry): by value, then label */
Datum
external_id_set_entry_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(entry_cmp_datums(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)));
}

/* external_id_set_entry_cmp_value(entry, text): the entry's value alone */
Datum
external_id_set_entry_cmp_value(PG_FUNCTION_ARGS)
{
	ExternalIdSet *entry = PG_GETARG_EXTERNAL_ID_SET_P(0);
	text *value = PG_GETARG_TEXT_PP(1);
	const char *data = VARDATA_ANY(entry);
	const char *zero = memchr(data, 0, VARSIZE_ANY_EXHDR(entry));
	int len = zero != NULL ? zero - data : 0;
	int cmp = bytes_cmp(data, len, VARDATA_ANY(value),
						VARSIZE_ANY_EXHDR(value));

	PG_FREE_IF_COPY(entry, 0);
	PG_FREE_IF_COPY(value, 1);
	PG_RETURN_INT32(cmp);
}

/* The comparator of entry sort support, on whole entries. */
static int
entry_cmp_sort(Datum x, Datum y, SortSupport ssup pg_attribute_unused())
{
	return entry_cmp_datums(x, y);
}

/* An entry's first bytes as an unsigned number of the same order. */
static Datum
entry_abbrev_convert(Datum original, SortSupport ssup)
{
	EntryAbbrev *abbrev = ssup->ssup_extra;
	ExternalIdSet *entry = DatumGetExternalIdSetP(original);
	int len = VARSIZE_ANY_EXHDR(entry);
	Datum result = 0;

	memcpy(&result, VARDATA_ANY(entry), Min(len, (int) sizeof(Datum)));
	abbrev->input_count++;
	if (abbrev->estimating)
	{
		uint32 hash;

#if SIZEOF_DATUM == 8
		hash = DatumGetUInt32(
			hash_uint32((uint32) result ^ (uint32) (result >> 32)));
#else
		hash = DatumGetUInt32(hash_uint32((uint32) result));
#endif
		addHyperLogLog(&abbrev->card, hash);
	}
	if ((Pointer) entry != DatumGetPointer(original))
		pfree(entry);
	return DatumBigEndianToNative(result);
}

/* True if too few of the abbreviated keys differ for them to be worth it. */
static bool
entry_abbrev_abort(int memtupcount, SortSupport ssup)
{
	EntryAbbrev *abbrev = ssup->ssup_extra;
	double distinct;

	if (memtupcount < 10000 || abbrev->input_count < 10000 ||
		!abbrev->estimating)
		return false;
	distinct = estimateHyperLogLog(&abbrev->card);

	/* So many distinct keys pay whatever follows: stop counting. */
	if (distinct > 100000.0)
	{
		abbrev->estimating = false;
		return false;
	}
	return distinct < abbrev->input_count / 2000.0 + 0.5;
}

/* external_id_set_entry_sortsupport(internal): entry_cmp, abbreviated */
Datum
external_id_set_entry_sortsupport(PG_FUNCTION_ARGS)
{
	SortSupport ssup = (SortSupport) PG_GETARG_POINTER(0);

	ssup->comparator = entry_cmp_sort;
	if (ssup->abbreviate)
	{
		MemoryContext old = MemoryContextSwitchTo(ssup->ssup_cxt);
		EntryAbbrev *abbrev = palloc(sizeof(EntryAbbrev));

		abbrev->input_count = 0;
		abbrev->estimating = true;
		initHyperLogLog(&abbrev->card, 10);
		ssup->ssup_extra = abbrev;
		ssup->abbrev_full_comparator = ssup->comparator;
		ssup->comparator = ssup_datum_unsigned_cmp;
		ssup->abbrev_converter = entry_abbrev_convert;
		ssup->abbrev_abort = entry_abbrev_abort;
		MemoryContextSwitchTo(old);
	}
	PG_RETURN_VOID();
}

/*
 * The members of a set as Datums of type external_id, in canonical order.
 * Members that are stored as short varlenas, and the only one of a one-member
 * set, are pointers into "set"; the array and the others are palloc'd. NULL
 * for the empty set.
 */
Datum *
set_entries(ExternalIdSet *set, int32 *nentries)
{
	MemberWalk walk;
	Datum *entries;
	int n;

	member_walk_begin(&walk, set);
	if (walk.single)
	{
		member_walk_step(&walk); /* is it well formed? */
		entries = palloc(sizeof(Datum));
		entries[0] = PointerGetDatum(set);
		*nentries = 1;
		return entries;
	}
	*nentries = n = external_id_set_cardinality_internal(set);
	if (n == 0)
		return NULL;
	entries = palloc_extended(n * sizeof(Datum), MCXT_ALLOC_HUGE);
	for (n = 0; member_walk_step(&walk); n++)
	{
		if (walk.header != NULL)
			entries[n] = PointerGetDatum(walk.header);
		else
		{
			ExternalIdSet *copy = palloc(VARHDRSZ + walk.len);

			SET_VARSIZE(copy, VARHDRSZ + walk.len);
			memcpy(VARDATA(copy), walk.data, walk.len);
			entries[n] = PointerGetDatum(copy);
		}
	}
	return entries;
}

/* external_id_set_entries(set, internal) returns internal: Datum array */
Datum
external_id_set_entries(PG_FUNCTION_ARGS)
{
	ExternalIdSet *set = PG_GETARG_EXTERNAL_ID_SET_P(0);

	PG_RETURN_POINTER(set_entries(set, (int32 *) PG_GETARG_POINTER(1)));
}

/*
 * external_id_set_value_entries(set, internal) returns internal: the distinct
 * values, each as an unlabelled entry, sorted; palloc'd. NULL if there is none.
 */
Datum
external_id_set_value_entries(PG_FUNCTION_ARGS)
{
	ExternalIdSet *set = PG_GETARG_EXTERNAL_ID_SET_P(0);
	int32 *nentries = (int32 *) PG_GETARG_POINTER(1);
	MemberList list;
	Datum *entries;
	int32 n = 0;

	*nentries = 0;
	if (set_is_empty(set))
		PG_RETURN_POINTER(NULL);
	member_list_init(&list, 8);
	member_list_add_set(&list, set);
	if (list.count > 1)
		qsort(list.members, list.count, sizeof(Member), member_cmp_value);
	entries = palloc_extended(list.count * sizeof(Datum), MCXT_ALLOC_HUGE);
	for (int64 i = 0; i < list.count; i++)
	{
		Member member = list.members[i];

		if (i > 0 && member_cmp_value(&list.members[i - 1], &member) == 0)
			continue;
		member.label_len = 0;
		entries[n++] = PointerGetDatum(set_from_member(&member));
	}
	pfree(list.members);
	*nentries = n;
	PG_RETURN_POINTER(entries);
}

/* True if "text" keeps the rules of a value. Raises no error. */
static bool
value_is_legal(const char *text, int len)
{
	if (len < 1 || len > MAX_VALUE_LEN || text[0] == ' ' ||
		text[len - 1] == ' ')
		return false;
	for (int i = 0; i < len; i++)
	{
		unsigned char c = text[i];

		if (c < 0x20 || c == 0x7F)
			return false;
	}
	return true;
}

/* The least entry of a value, palloc'd; NULL if it is no legal value. */
ExternalIdSet *
least_entry_of_value(const char *text, int len)
{
	Member member = {text, "", len, 0};

	if (!value_is_legal(text, len))
		return NULL;
	return set_from_member(&member);
}

/* external_id_set_entries_of_value(text, internal) returns internal */
Datum
external_id_set_entries_of_value(PG_FUNCTION_ARGS)
{
	text *value = PG_GETARG_TEXT_PP(0);
	int32 *nentries = (int32 *) PG_GETARG_POINTER(1);
	ExternalIdSet *entry = least_entry_of_value(VARDATA_ANY(value),
												VARSIZE_ANY_EXHDR(value));
	Datum *entries;

	*nentries = 0;
	if (entry == NULL)
		PG_RETURN_POINTER(NULL);
	entries = palloc(sizeof(Datum));
	entries[0] = PointerGetDatum(entry);
	*nentries = 1;
	PG_RETURN_POINTER(entries);
}
