/*
 * fuzz_algebra.c
 *		Set algebra against a model: a set as the bits of 32 known members.
 *
 * The input's first eight bytes are two sets. The members are such that each
 * form of a member is among them: with and without label, short and long, one
 * that begins as another, several bytes to a character.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "fuzz.h"

#define NLABELS 4
#define NVALUES 8
#define NMEMBERS (NLABELS * NVALUES)

/* Both in the order of their bytes, so that a member's number is its place. */
static const char *const labels[NLABELS] = {"", "a", "ab", "\303\251"};
static char values[NVALUES][1025];
static char texts[NMEMBERS][1100]; /* of the members, as they come out */

/* Fill in the values and texts. */
static void
make_members(void)
{
	if (values[0][0] != '\0')
		return;
	strcpy(values[0], "1");
	strcpy(values[1], "10");
	strcpy(values[2], "2");
	strcpy(values[3], "a:b");
	memset(values[4], 'l', 120);
	memset(values[5], 'l', 126);
	memset(values[6], 'm', 1024);
	strcpy(values[7], "\303\274 x");
	for (int i = 0; i < NMEMBERS; i++)
	{
		const char *label = labels[i / NVALUES];
		const char *value = values[i % NVALUES];
		bool colon = label[0] != '\0' || strchr(value, ':') != NULL;

		snprintf(texts[i], sizeof(texts[i]), "%s%s%s", label, colon ? ":" : "",
				 value);
	}
}

/* The set of the members in "mask", given in an order of "turn"'s choice. */
static ExternalIdSet *
make_set(uint32 mask, int turn)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoChar(&text, '{');
	for (int i = 0; i < NMEMBERS; i++)
	{
		int member = (i * 7 + turn) %
					 NMEMBERS; /* 7 and 32 have no common factor */

		if (!(mask & ((uint32) 1 << member)))
			continue;
		if (text.len > 1)
			appendStringInfoChar(&text, ',');
		appendStringInfo(&text, "\"%s\"", texts[member]);
	}
	appendStringInfoChar(&text, '}');
	return (ExternalIdSet *) DatumGetPointer(
		fuzz_call(external_id_set_in, CStringGetDatum(text.data)));
}

/* The members of a set as bits; they must come in order. */
static uint32
set_mask(const ExternalIdSet *set)
{
	ExternalIdSet **members;
	int n = external_id_set_members_internal(set, &members);
	uint32 mask = 0;
	int last = -1;

	FUZZ_CHECK(external_id_set_cardinality_internal(set) == n);
	for (int i = 0; i < n; i++)
	{
		char *text = DatumGetCString(
			fuzz_call(external_id_out, PointerGetDatum(members[i])));
		int member = last + 1;

		while (member < NMEMBERS && strcmp(text, texts[member]) != 0)
			member++;
		FUZZ_CHECK(member < NMEMBERS);
		mask |= (uint32) 1 << member;
		last = member;
	}
	return mask;
}

/* The values that are in the set under any label, as bits. */
static uint32
mask_values(uint32 mask)
{
	uint32 result = 0;

	for (int label = 0; label < NLABELS; label++)
		result |= (mask >> (label * NVALUES)) & 0xff;
	return result;
}

/* A function of two sets that gives a boolean. */
static bool
test(PGFunction function, const ExternalIdSet *a, const ExternalIdSet *b)
{
	return DatumGetBool(
		DirectFunctionCall2(function, PointerGetDatum(a), PointerGetDatum(b)));
}

/* A result has the form that the same set has when it is read. */
static void
check_result(ExternalIdSet *set, uint32 mask)
{
	FUZZ_CHECK(external_id_set_equal_internal(set, make_set(mask, 3)));
}

void
fuzz_algebra(const uint8 *data, int len)
{
	uint32 x = 0;
	uint32 y = 0;
	ExternalIdSet *a;
	ExternalIdSet *b;
	int cmp;

	if (len < 8)
		return;
	memcpy(&x, data, 4);
	memcpy(&y, data + 4, 4);
	make_members();
	a = make_set(x, len % NMEMBERS);
	b = make_set(y, len % 5);

	FUZZ_CHECK(set_mask(a) == x && set_mask(b) == y);
	check_result(external_id_set_union_internal(a, b), x | y);
	check_result(external_id_set_minus_internal(a, b), x & ~y);
	check_result(external_id_set_intersect_internal(a, b), x & y);
	for (int label = 0; label < NLABELS; label++)
		check_result(external_id_set_under_internal(a, labels[label],
													strlen(labels[label])),
					 x & ((uint32) 0xff << (label * NVALUES)));
	FUZZ_CHECK(test(external_id_set_contains, a, b) == ((x & y) == y));
	FUZZ_CHECK(test(external_id_set_contained, a, b) == ((x & y) == x));
	FUZZ_CHECK(test(external_id_set_overlaps, a, b) == ((x & y) != 0));
	FUZZ_CHECK(test(external_id_set_shares_value, a, b) ==
			   ((mask_values(x) & mask_values(y)) != 0));
	for (int value = 0; value < NVALUES; value++)
	{
		Datum text = CStringGetTextDatum(values[value]);

		FUZZ_CHECK(
			DatumGetBool(DirectFunctionCall2(external_id_set_has_value,
											 PointerGetDatum(a), text)) ==
			((mask_values(x) >> value) & 1));
	}
	cmp = DatumGetInt32(DirectFunctionCall2(external_id_set_cmp,
											PointerGetDatum(a),
											PointerGetDatum(b)));
	FUZZ_CHECK((cmp == 0) == (x == y));
	FUZZ_CHECK(cmp == -DatumGetInt32(DirectFunctionCall2(external_id_set_cmp,
														 PointerGetDatum(b),
														 PointerGetDatum(a))));
	if (x == y)
		FUZZ_CHECK(DatumGetInt32(
					   fuzz_call(external_id_set_hash, PointerGetDatum(a))) ==
				   DatumGetInt32(
					   fuzz_call(external_id_set_hash, PointerGetDatum(b))));
}
