/*
 * umkey.c
 *		The conditions that btree evaluates on the first column of a
 *		unique_members index: an entry compared by an order function.
 */
#include "postgres.h"

#include "access/relscan.h"
#include "access/skey.h"

#include "index/unique_members.h"

/*
 * The conditions that btree evaluates on its first column. Each calls the order
 * function that um_set_key() put into fn_extra, with its own arguments; it
 * raises no NULL that the caller would not look for.
 */
static inline int32
um_key_order(FunctionCallInfo fcinfo)
{
	FmgrInfo *key = fcinfo->flinfo;
	Datum order;

	fcinfo->flinfo = key->fn_extra;
	order = FunctionCallInvoke(fcinfo);
	fcinfo->flinfo = key;
	return DatumGetInt32(order);
}

/* entry = query */
Datum
um_key_equal(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(um_key_order(fcinfo) == 0);
}

/* entry >= query */
Datum
um_key_at_least(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(um_key_order(fcinfo) >= 0);
}

/* entry <= query */
Datum
um_key_at_most(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(um_key_order(fcinfo) <= 0);
}

/*
 * Make "key" a btree scan key on the first column: strategy, the function that
 * evaluates it, the order function that it goes by, which must live as long.
 */
void
um_set_key(IndexScanDesc scan, MemoryContext context, ScanKey key,
		   StrategyNumber strategy, PGFunction function, FmgrInfo *order,
		   Oid subtype, Datum argument)
{
	FmgrInfo flinfo = {0};

	flinfo.fn_addr = function;
	flinfo.fn_oid = order->fn_oid;
	flinfo.fn_nargs = 2;
	flinfo.fn_strict = true;
	flinfo.fn_stats = order->fn_stats;
	ScanKeyEntryInitializeWithInfo(key, 0, 1, strategy, subtype,
								   scan->indexRelation->rd_indcollation[0],
								   &flinfo, argument);
	key->sk_func.fn_extra = order; /* the copy above set these two */
	key->sk_func.fn_mcxt = context;
}
