/*
 * gin.c
 *		The GIN operator class: for external IDs that need not be unique.
 *
 * Keys are members, ordered by (value, label), so that a look-up by bare value
 * is a partial match from the least key of that value.
 */
#include "postgres.h"

#include "access/gin.h"
#include "access/stratnum.h"
#include "fmgr.h"

#include "compat.h"
#include "types/entries.h"

#define GIN_OVERLAPS 1
#define GIN_CONTAINS 2
#define GIN_CONTAINED 3
#define GIN_EQUAL 4
#define GIN_HAS_VALUE 5

PG_FUNCTION_INFO_V1(external_id_set_gin_query);
PG_FUNCTION_INFO_V1(external_id_set_gin_consistent);
PG_FUNCTION_INFO_V1(external_id_set_gin_triconsistent);
PG_FUNCTION_INFO_V1(external_id_set_gin_partial);

/* extractQuery; extractValue is external_id_set_entries */
Datum
external_id_set_gin_query(PG_FUNCTION_ARGS)
{
	int32 *nkeys = (int32 *) PG_GETARG_POINTER(1);
	StrategyNumber strategy = PG_GETARG_UINT16(2);
	bool **partial = (bool **) PG_GETARG_POINTER(3);
	int32 *mode = (int32 *) PG_GETARG_POINTER(6);
	Datum *keys = NULL;

	*nkeys = 0;
	if (strategy == GIN_HAS_VALUE)
	{
		text *value = PG_GETARG_TEXT_PP(0);
		ExternalIdSet *least = least_entry_of_value(VARDATA_ANY(value),
													VARSIZE_ANY_EXHDR(value));

		/* No key and the default mode: nothing matches. */
		if (least == NULL)
			PG_RETURN_POINTER(NULL);
		keys = palloc(sizeof(Datum));
		keys[0] = PointerGetDatum(least);
		*partial = palloc(sizeof(bool));
		(*partial)[0] = true;
		*nkeys = 1;
		PG_RETURN_POINTER(keys);
	}

	keys = set_entries(PG_GETARG_EXTERNAL_ID_SET_P(0), nkeys);
	if (strategy == GIN_CONTAINED)
		*mode = GIN_SEARCH_MODE_INCLUDE_EMPTY;
	else if (*nkeys == 0 && strategy == GIN_CONTAINS)
		*mode = GIN_SEARCH_MODE_ALL;
	else if (*nkeys == 0 && strategy == GIN_EQUAL)
		*mode = GIN_SEARCH_MODE_INCLUDE_EMPTY;
	PG_RETURN_POINTER(keys);
}

/* consistent */
Datum
external_id_set_gin_consistent(PG_FUNCTION_ARGS)
{
	bool *check = (bool *) PG_GETARG_POINTER(0);
	StrategyNumber strategy = PG_GETARG_UINT16(1);
	int32 nkeys = PG_GETARG_INT32(3);
	bool *recheck = (bool *) PG_GETARG_POINTER(5);

	*recheck = strategy == GIN_CONTAINED || strategy == GIN_EQUAL;

	/* A row comes here with one of the keys, or because it is empty. */
	if (strategy != GIN_CONTAINS && strategy != GIN_EQUAL)
		PG_RETURN_BOOL(true);
	for (int32 i = 0; i < nkeys; i++)
	{
		if (!check[i])
			PG_RETURN_BOOL(false);
	}
	PG_RETURN_BOOL(true);
}

/* triConsistent */
Datum
external_id_set_gin_triconsistent(PG_FUNCTION_ARGS)
{
	GinTernaryValue *check = (GinTernaryValue *) PG_GETARG_POINTER(0);
	StrategyNumber strategy = PG_GETARG_UINT16(1);
	int32 nkeys = PG_GETARG_INT32(3);
	GinTernaryValue result;

	if (strategy == GIN_CONTAINED)
		PG_RETURN_GIN_TERNARY_VALUE(GIN_MAYBE);
	if (strategy == GIN_OVERLAPS || strategy == GIN_HAS_VALUE)
	{
		result = GIN_FALSE;
		for (int32 i = 0; i < nkeys && result != GIN_TRUE; i++)
		{
			if (check[i] != GIN_FALSE)
				result = check[i];
		}
		PG_RETURN_GIN_TERNARY_VALUE(result);
	}
	result = strategy == GIN_EQUAL ? GIN_MAYBE : GIN_TRUE;
	for (int32 i = 0; i < nkeys && result != GIN_FALSE; i++)
	{
		if (check[i] != GIN_TRUE)
			result = check[i];
	}
	PG_RETURN_GIN_TERNARY_VALUE(result);
}

/* comparePartial: 0 while the key's value is that of the query's least key */
Datum
external_id_set_gin_partial(PG_FUNCTION_ARGS)
{
	ExternalIdSet *least = PG_GETARG_EXTERNAL_ID_SET_P(0);
	ExternalIdSet *key = PG_GETARG_EXTERNAL_ID_SET_P(1);
	int len = VARSIZE_ANY_EXHDR(least);
	int cmp;

	/* "least" is value and zero byte: the prefix of all keys of the value. */
	cmp = memcmp(VARDATA_ANY(key), VARDATA_ANY(least),
				 Min(len, (int) VARSIZE_ANY_EXHDR(key)));
	if (cmp == 0 && (int) VARSIZE_ANY_EXHDR(key) < len)
		cmp = -1;
	PG_RETURN_INT32(cmp == 0 ? 0 : (cmp < 0 ? -1 : 1));
}
