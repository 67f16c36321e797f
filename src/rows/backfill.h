/*
 * backfill.h
 *		What the files of external_ids_backfill share.
 */
#ifndef EXTERNAL_IDS_BACKFILL_H
#define EXTERNAL_IDS_BACKFILL_H

#include "datatype/timestamp.h"
#include "rows/source.h"

#define MAX_BACKFILL_BATCH 100000

/* One call; what it points to outlives the transactions. */
typedef struct BackfillCall
{
	MemoryContext context;
	Oid relid;
	Oid extschema;
	char *source;
	char *label;  /* or NULL */
	char *column; /* or NULL: the one of the type */
	char *last;	  /* key of the last row looked at, or NULL */
	char *upto;	  /* or NULL */
	bool ranged;  /* the caller gave one of both */
	int batch;
	long wait; /* ms between batches */
	int64 progress;
	bool report; /* conflicts are warnings */
	TimestampTz start;
	int64 looked_at;
	int64 written;
	int64 conflicts;
} BackfillCall;

/* backfill_rows.c */
extern bool backfill_rows(BackfillCall *call, TableFacts *facts);

#endif /* EXTERNAL_IDS_BACKFILL_H */
