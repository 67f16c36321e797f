/*
 * umcheck.c
 *		Whether an index can keep what unique_members promises.
 *
 * What core checks for a UNIQUE index only, and what it cannot know, is checked
 * here: at build, at the first insert of a statement (an index can come to a
 * partition later, by ATTACH), and in part at each scan. What cannot be kept is
 * refused, never weakened.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/partition.h"
#include "nodes/pg_list.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"

#include "index/unique_members.h"

/*
 * The first column, and no other, must be a set: its operator class has the
 * entries function. Anything else would be looked up in the wrong column.
 * Error 42P17.
 */
void
um_check_columns(Relation index)
{
	int natts = IndexRelationGetNumberOfKeyAttributes(index);

	if (!OidIsValid(index_getprocid(index, 1, UM_ENTRIES_PROC)))
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
			 errmsg("first column of index \"%s\" must be a set",
					RelationGetRelationName(index)),
			 errdetail(
				 "The operator class of column \"%s\" has no function for the members of a set.",
				 NameStr(TupleDescAttr(RelationGetDescr(index), 0)->attname)),
			 errhint(
				 "Name the set first and then the scope columns: (external_ids, org_id).")));

	for (int attno = 2; attno <= natts; attno++)
		if (OidIsValid(index_getprocid(index, attno, UM_ENTRIES_PROC)))
			ereport(
				ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("only the first column of index \"%s\" can be a set",
						RelationGetRelationName(index)),
				 errdetail("Column \"%s\" is a set too.",
						   NameStr(TupleDescAttr(RelationGetDescr(index),
												 attno - 1)
									   ->attname)),
				 errhint("Create one index for each set column.")));
}

/*
 * Is the partition key column among the scope columns, with an equality that
 * means the same? As DefineIndex() asks for a UNIQUE index: same column, same
 * collation, same equality operator.
 */
static bool
um_scope_has_partition_column(Relation heap, Relation index, Relation parent,
							  PartitionKey key, int keycol)
{
	int natts = IndexRelationGetNumberOfKeyAttributes(index);
	int equal = key->strategy == PARTITION_STRATEGY_HASH
					? HTEqualStrategyNumber
					: BTEqualStrategyNumber;
	Oid key_equal;
	AttrNumber attnum;

	if (key->partattrs[keycol] == 0)
		return false; /* an expression */

	/* the partition may have the parent's columns in another order */
	attnum = get_attnum(RelationGetRelid(heap),
						get_attname(RelationGetRelid(parent),
									key->partattrs[keycol], false));
	key_equal = get_opfamily_member(key->partopfamily[keycol],
									key->partopcintype[keycol],
									key->partopcintype[keycol], equal);

	for (int i = 1; i < natts; i++)
		if (index->rd_index->indkey.values[i] == attnum &&
			index->rd_indcollation[i] == key->partcollation[keycol] &&
			get_opfamily_member(index->rd_opfamily[i], index->rd_opcintype[i],
								index->rd_opcintype[i],
								BTEqualStrategyNumber) == key_equal)
			return true;
	return false;
}

/*
 * On a partition an index cannot see the other partitions, so the scope must
 * hold every partition key column of every ancestor. Error 0A000, as core's
 * for UNIQUE. Takes AccessShareLock on the ancestors until commit, as the
 * check of the partition constraint does.
 */
static void
um_check_partition(Relation heap, Relation index)
{
	List *ancestors;
	ListCell *lc;

	if (!heap->rd_rel->relispartition)
		return;

	ancestors = get_partition_ancestors(RelationGetRelid(heap));
	foreach(lc, ancestors)
	{
		Relation parent = table_open(lfirst_oid(lc), AccessShareLock);
		PartitionKey key = RelationGetPartitionKey(parent);

		for (int i = 0; key != NULL && i < key->partnatts; i++)
		{
			if (um_scope_has_partition_column(heap, index, parent, key, i))
				continue;
			ereport(
				ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg(
					 "index \"%s\" on partition \"%s\" cannot enforce uniqueness across partitions",
					 RelationGetRelationName(index),
					 RelationGetRelationName(heap)),
				 key->partattrs[i] == 0
					 ? errdetail(
						   "Table \"%s\" is partitioned by an expression.",
						   RelationGetRelationName(parent))
					 : errdetail(
						   "Its scope lacks column \"%s\", which is part of the partition key of table \"%s\", or has it under another collation or equality.",
						   get_attname(RelationGetRelid(parent),
									   key->partattrs[i], false),
						   RelationGetRelationName(parent)),
				 key->partattrs[i] == 0
					 ? errhint(
						   "Partition by a column, and add it to the index, after the set.")
					 : errhint(
						   "Add every partition key column to the index, after the set."),
				 errtable(heap)));
		}
		table_close(parent, NoLock);
	}
	list_free(ancestors);
}

/*
 * Everything that must hold before rows go into the index.
 */
void
um_check_index(Relation heap, Relation index)
{
	int natts = IndexRelationGetNumberOfKeyAttributes(index);

	um_check_columns(index);
	um_check_unique(heap, index);

	/* empty sets and NULL scopes would then conflict with each other */
	if (index->rd_index->indnullsnotdistinct)
		ereport(
			ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg(
				 "access method \"unique_members\" does not support NULLS NOT DISTINCT"),
			 errhint("Make the scope columns NOT NULL.")));

	/* scope columns compare bytewise: see the text operator classes */
	for (int i = 1; i < natts; i++)
		if (OidIsValid(index->rd_indcollation[i]) &&
			!get_collation_isdeterministic(index->rd_indcollation[i]))
			ereport(
				ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg(
					 "access method \"unique_members\" does not support nondeterministic collations"),
				 errdetail(
					 "Column \"%s\" of index \"%s\" has collation \"%s\".",
					 NameStr(
						 TupleDescAttr(RelationGetDescr(index), i)->attname),
					 RelationGetRelationName(index),
					 get_collation_name(index->rd_indcollation[i])),
				 errhint(
					 "Give the index column a deterministic collation, such as COLLATE \"C\".")));

	um_check_partition(heap, index);
}
