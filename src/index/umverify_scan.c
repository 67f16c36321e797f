/*
 * umverify_scan.c
 *		The two passes of external_ids_check: see umverify.c.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/relscan.h"
#include "access/table.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "index/umverify.h"

/* An entry of the index: its key, and the TID that it points at. */
typedef struct UmEntry
{
	IndexTuple tuple; /* a copy, or NULL */
	ItemPointerData tid;
	Datum key[INDEX_MAX_KEYS];
	bool isnull[INDEX_MAX_KEYS];
} UmEntry;

/*
 * A set whose value has more bytes than this, as stored, is wide: its entries are
 * kept. Small ones are taken apart for each of theirs.
 */
#define UM_WIDE_SIZE 2048

/* The entries of a row with a wide set, in order. */
typedef struct UmWideSet
{
	ItemPointerData tid; /* of the row itself; the hash key */
	int nentries;
	Datum *entries;
} UmWideSet;

/*
 * The order of two keys of the index, a NULL behind all else, as btree has it.
 */
static int
um_compare_keys(UmVerify *verify, Datum *a, bool *a_isnull, Datum *b,
				bool *b_isnull)
{
	int cmp = 0;

	for (int i = 0; i < verify->nkeys && cmp == 0; i++)
	{
		if (a_isnull[i] || b_isnull[i])
			cmp = (int) a_isnull[i] - (int) b_isnull[i];
		else
			cmp = DatumGetInt32(
				FunctionCall2Coll(&verify->order[i],
								  verify->index->rd_indcollation[i], a[i],
								  b[i]));
	}
	return cmp;
}

/*
 * Is a column of the key NULL? Then it conflicts with none.
 */
static bool
um_has_null(UmVerify *verify, const bool *isnull)
{
	for (int i = 0; i < verify->nkeys; i++)
		if (isnull[i])
			return true;
	return false;
}

/*
 * What stands for an entry that has a NULL in the Bloom filter: its TID, and its
 * key as text. For one row that is the same on both sides. In the current context.
 */
static void
um_fingerprint(UmVerify *verify, StringInfo buf, ItemPointer tid, Datum *key,
			   bool *isnull)
{
	TupleDesc desc = RelationGetDescr(verify->index);

	initStringInfo(buf);
	appendBinaryStringInfo(buf, (char *) tid, sizeof(ItemPointerData));
	for (int i = 0; i < verify->nkeys; i++)
	{
		Oid output;
		bool varlena;

		appendStringInfoChar(buf, isnull[i] ? '-' : '+');
		if (isnull[i])
			continue;
		getTypeOutputInfo(TupleDescAttr(desc, i)->atttypid, &output, &varlena);
		appendStringInfoString(buf, OidOutputFunctionCall(output, key[i]));
		appendStringInfoChar(buf, '\0');
	}
}

/*
 * The entries of a set, one at least: a row without members has one that is
 * NULL, for which the array is NULL. In the current context.
 */
static Datum *
um_set_entries(UmVerify *verify, Datum set, int *nentries)
{
	Datum *entries = um_entries(verify->entries,
								verify->index->rd_indcollation[0], set,
								nentries);

	if (*nentries > 0)
		return entries;
	*nentries = 1;
	return NULL;
}

/*
 * qsort_arg() order of entries, which are not NULL.
 */
static int
um_compare_entries(const void *a, const void *b, void *arg)
{
	UmVerify *verify = arg;

	return DatumGetInt32(
		FunctionCall2Coll(&verify->order[0], verify->index->rd_indcollation[0],
						  *(const Datum *) a, *(const Datum *) b));
}

/*
 * The entries of the wide set of the row in the slot, kept from one of its entries
 * to the next: taking a million apart for each of a million would not end. When
 * they have filled maintenance_work_mem, all are let go; the result lives till then.
 */
static UmWideSet *
um_wide_entries(UmVerify *verify, Datum set)
{
	MemoryContext old;
	UmWideSet *wide;
	bool found;

	if (verify->wide != NULL &&
		MemoryContextMemAllocated(verify->wide_context, true) >
			(Size) maintenance_work_mem * 1024)
	{
		verify->wide = NULL;
		MemoryContextReset(verify->wide_context);
	}
	if (verify->wide == NULL)
	{
		HASHCTL ctl = {.keysize = sizeof(ItemPointerData),
					   .entrysize = sizeof(UmWideSet),
					   .hcxt = verify->wide_context};

		verify->wide = hash_create("unique_members wide sets", 64, &ctl,
								   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	wide = hash_search(verify->wide, &verify->slot->tts_tid, HASH_ENTER,
					   &found);
	if (found)
		return wide;
	old = MemoryContextSwitchTo(verify->wide_context);
	wide->entries = um_entries(verify->entries,
							   verify->index->rd_indcollation[0],
							   PointerGetDatum(PG_DETOAST_DATUM_COPY(set)),
							   &wide->nentries);
	qsort_arg(wide->entries, wide->nentries, sizeof(Datum), um_compare_entries,
			  verify);
	MemoryContextSwitchTo(old);
	return wide;
}

/*
 * Does a set, of the row in the slot, have an entry that is not NULL?
 */
static bool
um_set_has(UmVerify *verify, Datum set, Datum entry)
{
	Datum *entries;
	int nentries;

	if (toast_raw_datum_size(set) > UM_WIDE_SIZE)
	{
		UmWideSet *wide = um_wide_entries(verify, set);

		return bsearch_arg(&entry, wide->entries, wide->nentries,
						   sizeof(Datum), um_compare_entries, verify) != NULL;
	}
	entries = um_entries(verify->entries, verify->index->rd_indcollation[0],
						 set, &nentries);
	for (int i = 0; i < nentries; i++)
		if (um_compare_entries(&entries[i], &entry, verify) == 0)
			return true;
	return false;
}

/*
 * Does the row in the slot have the entry?
 */
static bool
um_row_has(UmVerify *verify, UmEntry *entry)
{
	Datum values[INDEX_MAX_KEYS];
	bool isnull[INDEX_MAX_KEYS];
	int nentries;

	if (!ExecQual(verify->predicate, GetPerTupleExprContext(verify->estate)))
		return false;
	FormIndexDatum(verify->info, verify->slot, verify->estate, values, isnull);
	if (isnull[0])
		return false;
	if (entry->isnull[0])
		isnull[0] = um_set_entries(verify, values[0], &nentries) == NULL;
	else if (um_set_has(verify, values[0], entry->key[0]))
		values[0] = entry->key[0];
	else
		return false;
	return um_compare_keys(verify, values, isnull, entry->key,
						   entry->isnull) == 0;
}

/*
 * Put the row behind a TID of the index into the slot, as the snapshot sees it;
 * false if it sees none.
 */
static bool
um_fetch_row(UmVerify *verify, const ItemPointerData *tid)
{
	ItemPointerData root = *tid;
	bool again = false;

	return table_index_fetch_tuple(verify->fetch, &root, verify->snapshot,
								   verify->slot, &again, NULL);
}

/*
 * Check an entry. "previous" is the one before it, *holder the row of an entry
 * with an equal key that the snapshot sees, if that was before it.
 */
static void
um_verify_entry(UmVerify *verify, UmEntry *previous, UmEntry *entry,
				ItemPointer holder)
{
	ItemPointer row = &verify->slot->tts_tid;
	int cmp = -1;

	if (previous->tuple != NULL)
		cmp = um_compare_keys(verify, previous->key, previous->isnull,
							  entry->key, entry->isnull);
	if (cmp > 0 ||
		(cmp == 0 && ItemPointerCompare(&previous->tid, &entry->tid) >= 0))
		um_report_fault(verify, UM_FAULT_ORDER, &entry->tid, entry->key,
						entry->isnull, "is not behind the entry before it.");
	if (cmp != 0)
		ItemPointerSetInvalid(holder);

	if (!um_fetch_row(verify, &entry->tid))
		return;
	if (!um_row_has(verify, entry))
	{
		um_report_fault(verify, UM_FAULT_UNEXPECTED, row, entry->key,
						entry->isnull,
						"points at a row that does not hold it.");
		return;
	}
	if (um_has_null(verify, entry->isnull))
	{
		StringInfoData fingerprint;

		um_fingerprint(verify, &fingerprint, &entry->tid, entry->key,
					   entry->isnull);
		bloom_add_element(verify->with_null,
						  (unsigned char *) fingerprint.data, fingerprint.len);
	}
	else if (ItemPointerIsValid(holder))
		um_report_fault(verify, UM_FAULT_DUPLICATE, row, entry->key,
						entry->isnull,
						psprintf("is held by row (%u,%u) too.",
								 ItemPointerGetBlockNumber(holder),
								 ItemPointerGetOffsetNumber(holder)));
	else
		*holder = *row;
}

/*
 * The first pass: all entries, in the index's order, by a scan of btree's.
 */
void
um_verify_entries(UmVerify *verify)
{
	TupleDesc desc = RelationGetDescr(verify->index);
	IndexScanDesc scan = um_btree()->ambeginscan(verify->index, 0, 0);
	UmEntry previous = {0};
	UmEntry entry;
	ItemPointerData holder;

	ItemPointerSetInvalid(&holder);
	um_verify_prepare(verify, scan);
	scan->xs_want_itup = true;
	um_btree()->amrescan(scan, NULL, 0, NULL, 0);
	while (um_btree()->amgettuple(scan, ForwardScanDirection))
	{
		MemoryContext old;

		entry.tuple = CopyIndexTuple(scan->xs_itup);
		entry.tid = scan->xs_heaptid;
		index_deform_tuple(entry.tuple, desc, entry.key, entry.isnull);

		old = MemoryContextSwitchTo(verify->item_context);
		um_verify_entry(verify, &previous, &entry, &holder);
		MemoryContextSwitchTo(old);
		MemoryContextReset(verify->item_context);
		ResetPerTupleExprContext(verify->estate);

		if (previous.tuple != NULL)
			pfree(previous.tuple);
		previous = entry;
		um_report_progress(verify, "entries");
	}
	um_btree()->amendscan(scan);
	IndexScanEnd(scan);
}

/*
 * Does the index have the entry for the row, where a search comes by?
 */
static bool
um_find_entry(UmVerify *verify, ItemPointer tid, Datum *key, bool *isnull)
{
	IndexScanDesc probe = verify->probe;

	if (um_has_null(verify, isnull))
	{
		StringInfoData fingerprint;

		um_fingerprint(verify, &fingerprint, tid, key, isnull);
		return !bloom_lacks_element(verify->with_null,
									(unsigned char *) fingerprint.data,
									fingerprint.len);
	}
	for (int i = 0; i < verify->nkeys; i++)
		probe->keyData[i].sk_argument = key[i];
	um_btree()->amrescan(probe, NULL, 0, NULL, 0);
	while (um_btree()->amgettuple(probe, ForwardScanDirection))
		if (ItemPointerEquals(&probe->xs_heaptid, tid))
			return true;
	return false;
}

/*
 * Callback of the table's scan, per row that the snapshot sees and the index
 * covers: look for each of its entries.
 */
static void
um_verify_row(Relation index, ItemPointer tid, Datum *values, bool *isnull,
			  bool alive, void *state)
{
	UmVerify *verify = state;
	Datum key[INDEX_MAX_KEYS];
	bool key_isnull[INDEX_MAX_KEYS];
	Datum *entries;
	int nentries;
	MemoryContext old;

	(void) index;
	(void) alive;
	um_report_progress(verify, "rows");
	if (isnull[0])
		return;
	memcpy(key, values, verify->nkeys * sizeof(Datum));
	memcpy(key_isnull, isnull, verify->nkeys * sizeof(bool));

	old = MemoryContextSwitchTo(verify->item_context);
	entries = um_set_entries(verify, values[0], &nentries);
	for (int i = 0; i < nentries; i++)
	{
		CHECK_FOR_INTERRUPTS();
		key_isnull[0] = entries == NULL;
		key[0] = entries == NULL ? (Datum) 0 : entries[i];
		if (um_find_entry(verify, tid, key, key_isnull))
			continue;
		/* the row's own TID, where an update has not left it at the root's */
		um_report_fault(verify, UM_FAULT_MISSING,
						um_fetch_row(verify, tid) ? &verify->slot->tts_tid
												  : tid,
						key, key_isnull, "of the row has no entry.");
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(verify->item_context);
}

/*
 * The second pass: all rows, by the table's own scan for a build.
 */
void
um_verify_rows(UmVerify *verify)
{
	IndexScanDesc probe = verify->probe;
	TableScanDesc scan = table_beginscan_strat(verify->heap, verify->snapshot,
											   0, NULL, true, true);

	um_verify_prepare(verify, probe);
	for (int i = 0; i < verify->nkeys; i++)
	{
		um_set_key(probe, CurrentMemoryContext, &probe->keyData[i],
				   BTEqualStrategyNumber, um_key_equal, &verify->order[i],
				   InvalidOid, (Datum) 0);
		probe->keyData[i].sk_attno = i + 1;
		probe->keyData[i].sk_collation = verify->index->rd_indcollation[i];
	}
	table_index_build_scan(verify->heap, verify->index,
						   um_verify_info(verify->index), true, false,
						   um_verify_row, verify, scan);
}
