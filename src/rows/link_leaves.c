/*
 * link_leaves.c
 *		The tables in which a parent's rows really are.
 *
 * A plain parent is its own only leaf. In a partitioned one the holder of an ID
 * can only be in the leaf whose condition the scope meets: unique_members has
 * every column of the partition key in its scope.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/partition.h"
#include "catalog/pg_inherits.h"
#include "executor/executor.h"
#include "rows/link.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"

/*
 * The index of "leaf" that is, or is a part of, "rootindex"; InvalidOid if it
 * has none.
 */
Oid
link_leaf_index(Relation leaf, Oid rootindex)
{
	List *indexes = RelationGetIndexList(leaf);
	ListCell *cell;

	foreach(cell, indexes)
	{
		Oid index = lfirst_oid(cell);

		if (index == rootindex ||
			(get_rel_relispartition(index) &&
			 list_member_oid(get_partition_ancestors(index), rootindex)))
			return index;
	}
	return InvalidOid;
}

/*
 * Fill in one leaf. A valid index has a part on each, and none of them is a
 * foreign table: the parent has a primary key.
 */
static void
read_leaf(LinkFacts *facts, LinkLeaf *leaf, Relation rel)
{
	TableFacts *parent = facts->parent;
	List *quals = RelationGetPartitionQual(rel);

	leaf->relid = RelationGetRelid(rel);
	leaf->indexid = link_leaf_index(rel, parent->indexid);
	if (!OidIsValid(leaf->indexid))
		elog(ERROR, "partition \"%s\" has no part of index %u",
			 RelationGetRelationName(rel), parent->indexid);
	leaf->set = get_attnum(leaf->relid, parent->set_name);
	leaf->key = get_attnum(leaf->relid, facts->key->name);
	for (int i = 0; i < parent->nscope; i++)
		leaf->scope[i] = get_attnum(leaf->relid, parent->scope[i].name);
	if (!facts->parted || quals == NIL)
		return;
	if (facts->estate == NULL)
		facts->estate = CreateExecutorState();
	leaf->accepts = ExecPrepareCheck(quals, facts->estate);
	leaf->row = MakeSingleTupleTableSlot(CreateTupleDescCopy(
											 RelationGetDescr(rel)),
										 &TTSOpsVirtual);
}

/*
 * Take down the leaves of the parent, in the current memory context, and note
 * every relation between it and them.
 */
void
link_read_leaves(LinkFacts *facts, Relation parent)
{
	List *relids;
	ListCell *cell;

	if (!facts->parted)
		relids = list_make1_oid(RelationGetRelid(parent));
	else
		relids = find_all_inheritors(RelationGetRelid(parent), AccessShareLock,
									 NULL);
	facts->leaves = palloc0(sizeof(LinkLeaf) * list_length(relids));
	foreach(cell, relids)
	{
		Oid relid = lfirst_oid(cell);
		Relation rel = relation_open(relid, AccessShareLock);

		facts->relids = lappend_oid(facts->relids, relid);
		if (rel->rd_rel->relkind == RELKIND_RELATION)
			read_leaf(facts, &facts->leaves[facts->nleaves++], rel);
		relation_close(rel, NoLock);
	}
	facts->relids = lappend_oid(facts->relids, facts->parent->indexid);
}

/*
 * True if rows of this scope are in the leaf, if anywhere.
 */
bool
link_leaf_accepts(const LinkFacts *facts, const LinkLeaf *leaf,
				  const Datum *scope)
{
	TupleTableSlot *row = leaf->row;
	ExprContext *econtext;

	if (leaf->accepts == NULL)
		return true;
	ExecClearTuple(row);
	memset(row->tts_isnull, true,
		   sizeof(bool) * row->tts_tupleDescriptor->natts);
	for (int i = 0; i < facts->parent->nscope; i++)
	{
		row->tts_values[leaf->scope[i] - 1] = scope[i];
		row->tts_isnull[leaf->scope[i] - 1] = false;
	}
	ExecStoreVirtualTuple(row);
	ResetPerTupleExprContext(facts->estate);
	econtext = GetPerTupleExprContext(facts->estate);
	econtext->ecxt_scantuple = row;
	return ExecCheck(leaf->accepts, econtext);
}
