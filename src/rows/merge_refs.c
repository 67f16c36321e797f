/*
 * merge_refs.c
 *		What points at the rows of a table: foreign keys, and links without
 *		one, read from the catalogs.
 *
 * A foreign key may name the table itself, a partitioned table above it, or,
 * where the table is partitioned, the partition that the row is in. Each is
 * there once as its user wrote it; the copies that the server makes for
 * partitions have a parent, and are left out. So the keys wanted are those
 * without a parent that reference the partition with row "from", or anything
 * above that.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/index.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "rows/link.h"
#include "rows/merge.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"

/*
 * A new entry in the list, without columns yet. Locks the child until the
 * transaction ends, so that its names stay; 42501 without a privilege on it.
 */
static MergeRef *
add_ref(MergeCall *call, Oid child, const char *name)
{
	MergeRef *ref = palloc0(sizeof(MergeRef));

	rows_lock_table(child, call->repoint && !call->dry_run ? RowExclusiveLock
														   : AccessShareLock);
	ref->child = child;
	ref->schema = get_namespace_name(get_rel_namespace(child));
	ref->table = get_rel_name(child);
	ref->name = pstrdup(name);
	ref->only = get_rel_relkind(child) != RELKIND_PARTITIONED_TABLE;
	ref->hides = check_enable_rls(child, InvalidOid, true) == RLS_ENABLED;
	call->refs = lappend(call->refs, ref);
	return ref;
}

/*
 * A new column of "ref": the child's "attnum" points at column "refattnum" of
 * "referenced" by the operator given.
 *
 * As in the foreign keys' own queries, the comparison is made under the
 * referenced column's collation where that one is nondeterministic.
 */
static MergeColumn *
add_column(MergeRef *ref, AttrNumber attnum, Oid referenced,
		   AttrNumber refattnum, Oid equality)
{
	MergeColumn *column = &ref->columns[ref->n++];
	Oid type;
	int32 typmod;
	Oid collation;
	Oid refcollation;

	column->name = get_attname(ref->child, attnum, false);
	get_atttypetypmodcoll(ref->child, attnum, &column->declared, &typmod,
						  &collation);
	column->referenced = get_attname(referenced, refattnum, false);
	get_atttypetypmodcoll(referenced, refattnum, &type, &typmod,
						  &refcollation);
	column->type = getBaseType(type);
	column->equality = equality;
	if (refcollation != collation && OidIsValid(refcollation) &&
		!get_collation_isdeterministic(refcollation))
		column->collation = refcollation;
	return column;
}

/*
 * Take down a foreign key. Errors: 0A000 if it has a PERIOD.
 */
static void
read_foreign_key(MergeCall *call, HeapTuple tuple)
{
	Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);
	MergeRef *ref = add_ref(call, form->conrelid, NameStr(form->conname));
	int n;
	int nset;
	AttrNumber columns[INDEX_MAX_KEYS];
	AttrNumber referenced[INDEX_MAX_KEYS];
	AttrNumber set[INDEX_MAX_KEYS];
	Oid pf[INDEX_MAX_KEYS];
	Oid pp[INDEX_MAX_KEYS];
	Oid ff[INDEX_MAX_KEYS];

	if (CONSTRAINT_HAS_PERIOD(form))
		ereport(
			ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg(
				 "cannot merge rows that a foreign key with PERIOD references"),
			 errdetail("Foreign key \"%s\" of table \"%s\" is one.", ref->name,
					   ref->table)));
	DeconstructFkConstraintRow(tuple, &n, columns, referenced, pf, pp, ff,
							   &nset, set);
	for (int i = 0; i < n; i++)
		add_column(ref, columns[i], form->confrelid, referenced[i], pf[i]);
}

/*
 * Take down every foreign key that references "relid". The catalog has no
 * index for that.
 */
static void
read_foreign_keys(MergeCall *call, Oid relid)
{
	Relation catalog = table_open(ConstraintRelationId, AccessShareLock);
	ScanKeyData key[3];
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key[0], Anum_pg_constraint_confrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	ScanKeyInit(&key[1], Anum_pg_constraint_contype, BTEqualStrategyNumber,
				F_CHAREQ, CharGetDatum(CONSTRAINT_FOREIGN));
	ScanKeyInit(&key[2], Anum_pg_constraint_conparentid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(InvalidOid));
	scan = systable_beginscan(catalog, InvalidOid, false, NULL, 3, key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		read_foreign_key(call, tuple);
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
}

/*
 * True if a foreign key in the list has this column of the child.
 */
static bool
is_foreign_key_column(const MergeCall *call, Oid child, AttrNumber attnum)
{
	const char *name = get_attname(child, attnum, false);
	ListCell *cell;

	foreach(cell, call->refs)
	{
		const MergeRef *ref = lfirst(cell);

		for (int i = 0; ref->child == child && i < ref->n; i++)
			if (strcmp(ref->columns[i].name, name) == 0)
				return true;
	}
	return false;
}

/*
 * The operator between column "i" of the primary key and a child's column of
 * another type, perhaps: the index's own, or else the one that it has for its
 * own type, to which the child's column is then cast.
 */
static Oid
link_operator(const MergeCall *call, int i, Oid type)
{
	Relation index = index_open(call->facts->pkeyid, AccessShareLock);
	Oid operator= get_opfamily_member(index->rd_opfamily[i],
									  index->rd_opcintype[i],
									  getBaseType(type),
									  BTEqualStrategyNumber);

	index_close(index, AccessShareLock);
	return OidIsValid(operator) ? operator: call->facts->keys[i].equality;
}

/*
 * The facts of the parent as the link sees it: argument 2 of its triggers is
 * the index's name, or empty where there is one only. If the link is on a
 * partitioned table above, the partition's own index has the same scope.
 */
static const TableFacts *
linked_facts(const MergeCall *call, const char *index)
{
	const TableFacts *facts = call->facts;
	Oid indexid;

	if (index[0] == '\0' || strcmp(index, get_rel_name(facts->indexid)) == 0)
		return facts;
	indexid = get_relname_relid(index, get_rel_namespace(facts->relid));
	if (!OidIsValid(indexid) ||
		IndexGetRelation(indexid, true) != facts->relid)
		return facts;
	return rows_facts(facts->relid, indexid, facts->extschema,
					  call->dry_run ? AccessShareLock : RowExclusiveLock);
}

/*
 * Take down a link whose statement trigger on the child is "trigger". Its
 * columns are: the ID, the foreign key, then the scope in the index's order.
 * The foreign key holds the column of the primary key that is no scope column;
 * those that are have the child's scope columns beside it.
 */
static void
read_link(MergeCall *call, Oid child, const Trigger *trigger)
{
	const TableFacts *facts = call->facts;
	const TableFacts *linked;
	MergeRef *ref;

	if (trigger->tgnattr < LINK_COLUMN_SCOPE ||
		is_foreign_key_column(call, child, trigger->tgattr[LINK_COLUMN_FK]))
		return;
	linked = linked_facts(call, trigger->tgargs[LINK_ARG_INDEX]);
	ref = add_ref(call, child, trigger->tgargs[LINK_ARG_NAME]);
	for (int i = 0; i < facts->nkeys; i++)
	{
		AttrNumber attnum = trigger->tgattr[LINK_COLUMN_FK];
		Oid type;

		for (int s = 0; facts->nkeys > 1 && s < linked->nscope; s++)
			if (linked->scope[s].attnum == facts->keys[i].attnum &&
				s + LINK_COLUMN_SCOPE < trigger->tgnattr)
				attnum = trigger->tgattr[s + LINK_COLUMN_SCOPE];
		type = get_atttype(child, attnum);
		add_column(ref, attnum, facts->relid, facts->keys[i].attnum,
				   link_operator(call, i, type));
	}
}

/*
 * Look on the child for the statement trigger of the link that "name" is, and
 * take the link down.
 */
static void
read_link_of_child(MergeCall *call, Oid child, const char *name)
{
	Oid function = link_function("external_ids_link_child",
								 call->facts->extschema);
	Relation rel = table_open(child, AccessShareLock);
	TriggerDesc *triggers = rel->trigdesc;

	for (int i = 0; triggers && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (trigger->tgfoid == function && trigger->tgnargs == LINK_NARGS &&
			TRIGGER_FOR_BEFORE(trigger->tgtype) &&
			!TRIGGER_FOR_ROW(trigger->tgtype) &&
			strcmp(trigger->tgargs[LINK_ARG_NAME], name) == 0)
			read_link(call, child, trigger);
	}
	table_close(rel, AccessShareLock);
}

/*
 * Take down every link to "relid" that has no foreign key: each has one trigger
 * here that names the child.
 */
static void
read_links(MergeCall *call, Oid relid)
{
	Oid function = link_function("external_ids_link_parent",
								 call->facts->extschema);
	Relation rel = table_open(relid, AccessShareLock);
	TriggerDesc *triggers = rel->trigdesc;

	for (int i = 0; triggers && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (trigger->tgfoid == function && !trigger->tgisclone &&
			trigger->tgnargs == LINK_NARGS &&
			OidIsValid(trigger->tgconstrrelid))
			read_link_of_child(call, trigger->tgconstrrelid,
							   trigger->tgargs[LINK_ARG_NAME]);
	}
	table_close(rel, AccessShareLock);
}

/*
 * List order: by the child's name, then the constraint's.
 */
static int
compare_refs(const ListCell *a, const ListCell *b)
{
	const MergeRef *left = lfirst(a);
	const MergeRef *right = lfirst(b);
	int result = strcmp(left->schema, right->schema);

	if (result == 0)
		result = strcmp(left->table, right->table);
	if (result == 0)
		result = strcmp(left->name, right->name);
	return result;
}

/*
 * Read into call->refs what points at the table's rows in the partition that
 * row "from" is in. In the call's memory context. Nobody can add a foreign key
 * between this and the end of the transaction, unless it is a dry run: that
 * takes a lock on the referenced table that does not go with ours. Errors:
 * 42501 without a privilege on a child.
 */
void
merge_read_refs(MergeCall *call)
{
	MemoryContext oldcontext = MemoryContextSwitchTo(call->context);
	List *tables = list_make1_oid(call->from.relid);
	ListCell *cell;

	if (!call->dry_run)
		LockRelationOid(call->from.relid, RowExclusiveLock);
	if (get_rel_relispartition(call->from.relid))
		tables = list_concat(tables,
							 get_partition_ancestors(call->from.relid));
	foreach(cell, tables)
		read_foreign_keys(call, lfirst_oid(cell));
	foreach(cell, tables)
		read_links(call, lfirst_oid(cell));
	list_sort(call->refs, compare_refs);
	MemoryContextSwitchTo(oldcontext);
}
