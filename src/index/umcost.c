/*
 * umcost.c
 *		What a scan of a unique_members index costs.
 */
#include "postgres.h"

#include <math.h>

#include "nodes/pathnodes.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"

#include "index/unique_members.h"

/* index tuples on an inner page, roughly: only the logarithm counts */
#define UM_FANOUT 256.0

/*
 * How many probes a condition on the set takes; 0 if it takes a full scan. A
 * query that is not known yet is taken for one member.
 */
static double
um_count_probes(IndexOptInfo *index, RestrictInfo *rinfo)
{
	OpExpr *op = (OpExpr *) rinfo->clause;
	Node *query;
	int strategy;
	Oid lefttype;
	Oid righttype;
	Oid proc;
	FmgrInfo flinfo;
	int nentries;

	if (!IsA(op, OpExpr) || list_length(op->args) != 2)
		return 1;
	get_op_opfamily_properties(op->opno, index->opfamily[0], false, &strategy,
							   &lefttype, &righttype);
	query = lsecond(op->args);
	if (!IsA(query, Const) || ((Const *) query)->constisnull)
		return 1;
	proc = get_opfamily_proc(index->opfamily[0], lefttype, righttype,
							 UM_ENTRIES_PROC);
	if (!OidIsValid(proc))
		return 1;
	fmgr_info(proc, &flinfo);
	(void) um_entries(&flinfo, index->indexcollations[0],
					  ((Const *) query)->constvalue, &nentries);
	if (strategy == UM_ALL || strategy == UM_ALL_RECHECK)
		return nentries == 0 ? 0 : 1;
	if (strategy == UM_EQUAL)
		return 1;
	return Max(nentries, 1);
}

/*
 * Read the conditions: the fewest probes that one on the set takes, and
 * whether every scope column is bound by equality.
 */
static void
um_read_clauses(IndexPath *path, double *nprobes, bool *full,
				bool *scope_bound)
{
	IndexOptInfo *index = path->indexinfo;
	bool bound[INDEX_MAX_KEYS] = {false};
	bool found = false;
	ListCell *lc;

	*nprobes = 1;
	*full = false;
	foreach(lc, path->indexclauses)
	{
		IndexClause *clause = lfirst_node(IndexClause, lc);
		ListCell *lc2;

		foreach(lc2, clause->indexquals)
		{
			RestrictInfo *rinfo = lfirst_node(RestrictInfo, lc2);

			if (clause->indexcol == 0)
			{
				double n = um_count_probes(index, rinfo);

				if (n > 0)
				{
					*nprobes = found ? Min(*nprobes, n) : n;
					found = true;
				}
				*full = !found;
			}
			else if (IsA(rinfo->clause, OpExpr) &&
					 get_op_opfamily_strategy(((OpExpr *) rinfo->clause)->opno,
											  index->opfamily
												  [clause->indexcol]) ==
						 BTEqualStrategyNumber)
				bound[clause->indexcol] = true;
		}
	}
	*scope_bound = true;
	for (int i = 1; i < index->nkeycolumns; i++)
		if (!bound[i])
			*scope_bound = false;
}

/*
 * amcostestimate. A member names at most one row where every scope column is
 * bound by equality; else the selectivity of the conditions tells how many. As
 * btcostestimate(), a descent is charged per probe, by the index's size in
 * pages: its tuple count is not to be used, for VACUUM clamps it to the
 * table's, while there are several entries a row.
 */
void
umcostestimate(PlannerInfo *root, IndexPath *path, double loop_count,
			   Cost *indexStartupCost, Cost *indexTotalCost,
			   Selectivity *indexSelectivity, double *indexCorrelation,
			   double *indexPages)
{
	IndexOptInfo *index = path->indexinfo;
	GenericCosts costs = {0};
	double nprobes;
	bool full;
	bool scope_bound;
	double height;
	Cost descent;

	um_read_clauses(path, &nprobes, &full, &scope_bound);
	if (full)
		costs.numIndexTuples = Max(index->tuples, index->rel->tuples);
	else if (scope_bound)
		costs.numIndexTuples = nprobes;
	else
	{
		Selectivity selectivity =
			clauselist_selectivity(root,
								   get_quals_from_indexclauses(
									   path->indexclauses),
								   index->rel->relid, JOIN_INNER, NULL);

		costs.numIndexTuples = Max(nprobes,
								   rint(selectivity * index->rel->tuples));
	}
	genericcostestimate(root, path, loop_count, &costs);

	height = index->pages > 1 ? ceil(log(index->pages) / log(UM_FANOUT)) : 0;
	descent = (height + 1) * 50.0 * cpu_operator_cost;
	if (index->rel->tuples > 1)
		descent += ceil(log(index->rel->tuples) / log(2.0)) *
				   cpu_operator_cost;
	costs.indexStartupCost += descent;
	costs.indexTotalCost += nprobes * descent;
	if (nprobes > 1)
	{
		/* each probe may read a leaf page of its own */
		double pages = index_pages_fetched(nprobes, index->pages, index->pages,
										   root);

		if (pages > costs.numIndexPages)
			costs.indexTotalCost += (pages - costs.numIndexPages) *
									costs.spc_random_page_cost;
	}

	*indexStartupCost = costs.indexStartupCost;
	*indexTotalCost = costs.indexTotalCost;
	*indexSelectivity = costs.indexSelectivity;
	*indexCorrelation = 0.0;
	*indexPages = costs.numIndexPages;
}
