/*
 * umhandler.c
 *		The handler of the unique_members access method.
 *
 * Wherever nothing must fan out, the routine points at btree's own functions:
 * pages, WAL, recovery, VACUUM, page deletion, deduplication and progress are
 * the built-in btree's. Every field is set here by hand: a copy of btree's
 * routine would carry flags that are not true of us.
 */
#include "postgres.h"

#include "commands/vacuum.h"
#include "fmgr.h"

#include "index/unique_members.h"

PG_FUNCTION_INFO_V1(unique_members_handler);

/*
 * The handler function: an IndexAmRoutine, as the server wants it, palloc'd in
 * the current context or the backend's own.
 */
Datum
unique_members_handler(PG_FUNCTION_ARGS)
{
	static IndexAmRoutine routine = {.type = T_IndexAmRoutine};
	IndexAmRoutine *am = &routine;
	const IndexAmRoutine *btree = um_btree();

	(void) fcinfo;
	if (am->aminsert != NULL)
		PG_RETURN_INDEX_AM(am); /* filled before */

	am->amstrategies = UM_NSTRATEGIES;
	am->amsupport = UM_NPROCS;
	am->amoptsprocnum = BTOPTIONS_PROC;
	am->amcanorder = false; /* entries are members, rows have no order */
	am->amcanorderbyop = false;
	SINCE_18(am->amcanhash = false);
	/* "a common member" is not transitive: core must derive nothing from it */
	SINCE_18(am->amconsistentequality = false);
	SINCE_18(am->amconsistentordering = false);
	am->amcanbackward = false; /* a scan is several, one per query member */
	am->amcanunique = SERVER_HAS_UNIQUE_METHODS; /* see README */
	am->amcanmulticol = true;
	am->amoptionalkey = false; /* a scan needs a condition on the set */
	am->amsearcharray = false;
	am->amsearchnulls = false; /* a NULL set has no entry */
	am->amstorage = false;
	am->amclusterable = false;
	am->ampredlocks = true; /* btree's, in insert and scan */
	am->amcanparallel = false;
	SINCE_17(am->amcanbuildparallel = false); /* workers lack the view */
	am->amcaninclude = false;
	am->amusemaintenanceworkmem = false;
	SINCE_16(am->amsummarizing = false);
	am->amparallelvacuumoptions = VACUUM_OPTION_PARALLEL_BULKDEL |
								  VACUUM_OPTION_PARALLEL_COND_CLEANUP;
	am->amkeytype = InvalidOid;

	am->ambuild = umbuild;
	am->ambuildempty = btree->ambuildempty;
	am->aminsert = uminsert;
	SINCE_17(am->aminsertcleanup = NULL);
	am->ambulkdelete = btree->ambulkdelete;
	am->amvacuumcleanup = btree->amvacuumcleanup;
	am->amcanreturn = NULL; /* an entry is not the column's value */
	am->amcostestimate = umcostestimate;
	SINCE_18(am->amgettreeheight = NULL); /* umcostestimate() goes by pages */
	am->amoptions = btree->amoptions;
	am->amproperty = NULL;
	am->ambuildphasename = btree->ambuildphasename;
	am->amvalidate = umvalidate;
	am->amadjustmembers = NULL;
	SINCE_18(am->amtranslatestrategy = um_translate_strategy);
	SINCE_18(am->amtranslatecmptype = um_translate_cmptype);
	am->ambeginscan = umbeginscan;
	am->amrescan = umrescan;
	am->amgettuple = umgettuple;
	am->amgetbitmap = umgetbitmap;
	am->amendscan = umendscan;
	am->ammarkpos = NULL;
	am->amrestrpos = NULL;
	am->amestimateparallelscan = NULL;
	am->aminitparallelscan = NULL;
	am->amparallelrescan = NULL;

	PG_RETURN_INDEX_AM(am);
}
