/*
 * backfill.c
 *		external_ids_backfill: fills a set column from what the rows have in
 *		another form, a range of keys and a transaction at a time.
 *
 * The next rows by primary key are read without locks. Those that differ are
 * locked, and then written by another statement, whose snapshot is later: who
 * changes a row's source and its set in one transaction must not have the set
 * overwritten by what the source was before. A row that is right already costs
 * no write, so what was interrupted is started again.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "rows/backfill.h"
#include "storage/latch.h"
#include "tcop/pquery.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(external_ids_backfill);

/*
 * An argument that must not be null. Errors: 22004.
 */
static Datum
required(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("%s must not be null", name)));
	return PG_GETARG_DATUM(n);
}

/*
 * A text argument, or NULL.
 */
static char *
optional(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : TextDatumGetCString(PG_GETARG_DATUM(n));
}

/*
 * Take down the arguments, in memory that outlives the transactions. Errors:
 * 22004 a null; 22023 a number or word that does not fit.
 */
static BackfillCall *
read_arguments(FunctionCallInfo fcinfo)
{
	MemoryContext context = AllocSetContextCreate(PortalContext,
												  "external_ids backfill",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext oldcontext = MemoryContextSwitchTo(context);
	BackfillCall *call = palloc0(sizeof(BackfillCall));
	Interval *wait;
	char *on_conflict;

	call->context = context;
	call->extschema = get_func_namespace(fcinfo->flinfo->fn_oid);
	call->relid = DatumGetObjectId(required(fcinfo, 0, "table"));
	call->source = TextDatumGetCString(required(fcinfo, 1, "ids"));
	call->label = optional(fcinfo, 2);
	if (!PG_ARGISNULL(3))
		call->column = pstrdup(NameStr(*PG_GETARG_NAME(3)));
	call->last = optional(fcinfo, 4);
	call->upto = optional(fcinfo, 5);
	call->batch = DatumGetInt32(required(fcinfo, 6, "batch"));
	wait = DatumGetIntervalP(required(fcinfo, 7, "wait"));
	call->wait = wait->time / 1000;
	call->progress = PG_ARGISNULL(8) ? 0 : PG_GETARG_INT64(8);
	on_conflict = TextDatumGetCString(required(fcinfo, 9, "on_conflict"));
	call->report = strcmp(on_conflict, "report") == 0;
	if (call->batch < 1 || call->batch > MAX_BACKFILL_BATCH)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("batch must be between 1 and %d",
							   MAX_BACKFILL_BATCH)));
	if (wait->day != 0 || wait->month != 0 || wait->time < 0 ||
		wait->time > USECS_PER_HOUR)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("wait must be between 0 and 1 hour")));
	if (call->progress < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("progress must not be negative")));
	if (!call->report && strcmp(on_conflict, "stop") != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("invalid on_conflict \"%s\"", on_conflict),
						errhint("It is \"stop\" or \"report\".")));
	call->start = GetCurrentTimestamp();
	MemoryContextSwitchTo(oldcontext);
	return call;
}

/*
 * About how many rows the table has, by what VACUUM and ANALYZE counted last;
 * negative if they did not.
 */
static double
estimated_rows(Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	double rows = -1;

	if (HeapTupleIsValid(tuple))
	{
		rows = ((Form_pg_class) GETSTRUCT(tuple))->reltuples;
		ReleaseSysCache(tuple);
	}
	return rows;
}

/*
 * Say how far it is: rows, part of the whole, rate, time left, and the key from
 * which another call would go on. A call for a range of keys does not know how
 * many rows that has.
 */
static void
tell_progress(const BackfillCall *call)
{
	double seconds = (GetCurrentTimestamp() - call->start) / 1e6;
	double rate = seconds > 0 ? call->looked_at / seconds : 0;
	double total = call->ranged ? -1 : estimated_rows(call->relid);
	char *part = "";
	char *left = "";

	if (total >= call->looked_at && total > 0)
	{
		part = psprintf(" of about %.0f (%.0f %%)", total,
						100.0 * call->looked_at / total);
		if (rate > 0)
			left = psprintf(", %.0f seconds left",
							(total - call->looked_at) / rate);
	}
	ereport(NOTICE,
			(errmsg("external_ids_backfill: " INT64_FORMAT
					" rows%s, " INT64_FORMAT " written, " INT64_FORMAT
					" conflicts",
					call->looked_at, part, call->written, call->conflicts),
			 errdetail("%.0f rows per second%s; the last key is %s.", rate,
					   left, call->last)));
}

/*
 * Wait between two transactions; an interrupt ends it.
 */
static void
wait_a_while(long ms)
{
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms);

	for (;;)
	{
		long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(),
													until);

		CHECK_FOR_INTERRUPTS();
		if (left <= 0)
			break;
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, left,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}

/*
 * One transaction: the next rows. Returns false after the last ones.
 */
static bool
run_batch(BackfillCall *call)
{
	TableFacts *facts;
	Relation rel;
	int nestlevel;
	bool more;

	if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect_ext failed");
	EnsurePortalSnapshotExists();
	rows_lock_table(call->relid, RowExclusiveLock);
	rel = relation_open(call->relid, NoLock);
	facts = rows_read_table(rel, true, call->column, call->extschema);
	relation_close(rel, NoLock);
	rows_require_key(facts);

	nestlevel = source_begin_reading();
	more = backfill_rows(call, facts);
	AtEOXact_GUC(true, nestlevel);
	SPI_commit();
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	return more;
}

/*
 * external_ids_backfill(table, ids, label, column, after, upto, batch, wait,
 * progress, on_conflict): a procedure, which commits after each batch. Errors:
 * 2D000 where it may not.
 */
Datum
external_ids_backfill(PG_FUNCTION_ARGS)
{
	BackfillCall *call;
	int64 noticed = 0;

	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
			 errmsg("external_ids_backfill cannot run where it cannot commit"),
			 errdetail("It commits after each batch."),
			 errhint("CALL it outside of transaction blocks and functions.")));
	call = read_arguments(fcinfo);
	call->ranged = call->last || call->upto;
	while (run_batch(call))
	{
		if (call->progress > 0 && call->looked_at - noticed >= call->progress)
		{
			EnsurePortalSnapshotExists();
			tell_progress(call);
			noticed = call->looked_at;
		}
		wait_a_while(call->wait);
	}
	if (call->progress > 0 && call->looked_at > noticed)
	{
		EnsurePortalSnapshotExists();
		tell_progress(call);
	}
	MemoryContextDelete(call->context);
	PG_RETURN_VOID();
}
