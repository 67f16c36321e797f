/*
 * unique_members.h
 *		The unique_members index access method: one btree entry per member of a
 *		set, each member unique within the scope columns.
 *
 * The method is an adapter over the built-in btree; src/index/README tells how
 * and why. It knows no type: it meets one only through the support functions
 * of an operator class.
 */
#ifndef EXTERNAL_IDS_UNIQUE_MEMBERS_H
#define EXTERNAL_IDS_UNIQUE_MEMBERS_H

#include "postgres.h"

#include "compat.h"

#include "access/amapi.h"
#include "access/stratnum.h"
#include "access/genam.h"
#include "access/nbtree.h"
#include "access/tableam.h"
#include "nodes/execnodes.h"
#include "utils/rel.h"

/*
 * Support functions: btree's numbers 1 to 5, and one of our own. It has number
 * 6 on every server, so that an operator class survives an upgrade; see README
 * on btree's own 6. It takes a set (or a
 * query of another type) and an int32 pointer, and returns an array of as many
 * entries: what goes into the index for the set, or what a query looks for.
 */
#define UM_ENTRIES_PROC 6
#define UM_NPROCS UM_ENTRIES_PROC

/*
 * Strategies. Scope columns have btree's, 1 to 5. On the set column a strategy
 * says what the entries of the query have to do with those of the row:
 */
#define UM_ANY 6		 /* the row has any of them; exact */
#define UM_ANY_RECHECK 7 /* any of them is needed, not sufficient */
#define UM_ALL 8		 /* the row has all of them; exact */
#define UM_ALL_RECHECK 9 /* all of them are needed, not sufficient */
#define UM_EQUAL 10		 /* the sets are equal */
#define UM_RANGE \
	11 /* from the one entry on, as long as the query's
								 * own order function finds it equal */
#define UM_NSTRATEGIES UM_RANGE

/*
 * Entries of dead rows are not killed on servers with assertions: _bt_killitems()
 * asserts that a TID stands once on a page. See README, "Each TID comes out
 * once".
 */
#ifdef USE_ASSERT_CHECKING
#define UM_KILLS_ENTRIES false
#else
#define UM_KILLS_ENTRIES true
#endif

/*
 * What btree gets to see instead of the heap relation, and the index presented
 * to it as a btree, for the duration of one call. See README, "The heap view".
 */
typedef struct UmView
{
	RelationData rel;		 /* must be first: btree's Relation */
	TableAmRoutine table_am; /* the heap's, with our callbacks put in */
	Relation heap;			 /* the real one */
	Relation index;
	Oid relam;					 /* the index's own */
	const IndexAmRoutine *indam; /* the index's own */
	IndexAmRoutine ordered;		 /* a copy of it that can order */
	struct UmBuild *build;		 /* during a build, else NULL */
	struct UmView *outer;		 /* the view that was active before */
} UmView;

/* umutils.c */
extern const IndexAmRoutine *um_btree(void);
extern Datum *um_entries(FmgrInfo *proc, Oid collation, Datum query,
						 int *nentries);
extern void um_reset_if_grown(MemoryContext context);

/* umcheck.c */
extern void um_check_columns(Relation index);
extern void um_check_index(Relation heap, Relation index);

/* umview.c */
extern void um_view_begin(UmView *view, Relation heap, Relation index);
extern void um_view_end(UmView *view);

/* umbuild.c */
extern IndexBuildResult *umbuild(Relation heap, Relation index,
								 IndexInfo *indexInfo);
extern double um_build_range_scan(Relation table_rel, Relation index_rel,
								  IndexInfo *index_info, bool allow_sync,
								  bool anyvisible, bool progress,
								  BlockNumber start_blockno,
								  BlockNumber numblocks,
								  IndexBuildCallback callback,
								  void *callback_state, TableScanDesc scan);

/* uminsert.c */
extern bool uminsert(Relation index, Datum *values, bool *isnull,
					 ItemPointer heap_tid, Relation heap,
					 IndexUniqueCheck checkUnique, bool indexUnchanged,
					 IndexInfo *indexInfo);

/* umscan.c */
extern IndexScanDesc umbeginscan(Relation index, int nkeys, int norderbys);
extern void umrescan(IndexScanDesc scan, ScanKey keys, int nkeys,
					 ScanKey orderbys, int norderbys);
extern bool umgettuple(IndexScanDesc scan, ScanDirection direction);
extern int64 umgetbitmap(IndexScanDesc scan, TIDBitmap *tbm);
extern void umendscan(IndexScanDesc scan);

/* umequality.c */
extern CompareType um_translate_strategy(StrategyNumber strategy,
										 Oid opfamily);
extern StrategyNumber um_translate_cmptype(CompareType cmptype, Oid opfamily);

/* umguard.c */
extern void um_install_guards(void);
extern void um_check_unique(Relation heap, Relation index);

/* umreplica.c */
typedef struct UmSetless UmSetless;
extern void um_expect_check(Relation index);
extern bool um_is_replica_lookup(IndexScanDesc scan, ScanKey key);
extern bool um_next_setless(UmSetless **rows, MemoryContext context,
							IndexScanDesc scan);

/* umkey.c */
extern Datum um_key_equal(PG_FUNCTION_ARGS);
extern Datum um_key_at_least(PG_FUNCTION_ARGS);
extern Datum um_key_at_most(PG_FUNCTION_ARGS);
extern void um_set_key(IndexScanDesc scan, MemoryContext context, ScanKey key,
					   StrategyNumber strategy, PGFunction function,
					   FmgrInfo *order, Oid subtype, Datum argument);

/* umcost.c */
extern void umcostestimate(struct PlannerInfo *root, struct IndexPath *path,
						   double loop_count, Cost *indexStartupCost,
						   Cost *indexTotalCost, Selectivity *indexSelectivity,
						   double *indexCorrelation, double *indexPages);

/* umvalidate.c */
extern bool umvalidate(Oid opclassoid);

#endif /* EXTERNAL_IDS_UNIQUE_MEMBERS_H */
