/*
 * umguard.c
 *		Guards where the server takes a UNIQUE index for more than
 *		unique_members promises.
 *
 * From 18 on the server takes any UNIQUE index whose access method names an
 * equality for one that tells rows apart. Ours does not: its equality is "has
 * a common member", rows with empty or NULL sets are equal to nothing, not
 * even to themselves, and one row has as many keys as members. README, "What
 * the server takes UNIQUE for", lists every place and what was decided.
 *
 * The hooks are there when they are needed: whoever opens an index calls its
 * handler, which loads this library. Each guard says who opened it.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/indexing.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_index.h"
#include "nodes/pathnodes.h"
#include "optimizer/pathnode.h"
#include "optimizer/plancat.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "index/unique_members.h"

static planner_rel_hook_type next_planner_rel_hook = NULL;
static object_access_hook_type next_object_access_hook = NULL;

/*
 * Is the access method ours, whatever its name? It is by its routine; the
 * built-in ones are sorted out first.
 */
static bool
um_is_access_method(Oid relam)
{
	const IndexAmRoutine *am;

	if (relam < FirstNormalObjectId)
		return false;
	am = GetIndexAmRoutineByAmId(relam, true);
	return am != NULL && am->ambuild == umbuild;
}

/*
 * Is the relation an index of ours?
 */
static bool
um_is_index(Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;
	Oid relam = InvalidOid;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_class) GETSTRUCT(tuple);
	if (form->relkind == RELKIND_INDEX ||
		form->relkind == RELKIND_PARTITIONED_INDEX)
		relam = form->relam;
	ReleaseSysCache(tuple);
	return um_is_access_method(relam);
}

/*
 * Planner hook: to the planner none of our indexes is unique, since what it
 * concludes is that no two rows have equal sets. Two rows with empty sets do.
 * The server opens every index of the relation before it calls the hook. What
 * ON CONFLICT may use does not go by this.
 */
static void
um_planner_rel(PLANNER_REL_HOOK_PARAMETERS)
{
	ListCell *lc;

	if (next_planner_rel_hook)
		next_planner_rel_hook(PLANNER_REL_HOOK_ARGUMENTS);

	foreach(lc, rel->indexlist)
	{
		IndexOptInfo *index = lfirst_node(IndexOptInfo, lc);

		if (index->unique && um_is_access_method(index->relam))
			index->unique = false;
	}
}

/*
 * A catalog's row that the running command has just written, as a copy; NULL
 * if there is none. "index" is the catalog's unique index on its OID column,
 * "attno".
 */
static HeapTuple
um_new_catalog_row(Oid catalog, Oid index, AttrNumber attno, Oid oid)
{
	Relation rel = table_open(catalog, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyInit(&key, attno, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(oid));
	scan = systable_beginscan(rel, index, true, SnapshotSelf, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		tuple = heap_copytuple(tuple);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return tuple;
}

/*
 * Refuse a foreign key that references one of our indexes: the server would
 * check it by a common member, and the referenced row could give up the very
 * member that is referenced as long as it keeps any other. The server has
 * asked the handler for the equality by then. Error 0A000.
 */
static void
um_check_new_constraint(Oid conid)
{
	HeapTuple tuple = um_new_catalog_row(ConstraintRelationId,
										 ConstraintOidIndexId,
										 Anum_pg_constraint_oid, conid);
	Form_pg_constraint con;

	if (!HeapTupleIsValid(tuple))
		return;
	con = (Form_pg_constraint) GETSTRUCT(tuple);
	if (con->contype == CONSTRAINT_FOREIGN && um_is_index(con->conindid))
	{
		char *schema = get_namespace_name(get_rel_namespace(con->conrelid));
		char *table = get_rel_name(con->conrelid);

		ereport(
			ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("foreign key \"%s\" cannot reference the members of a set",
					NameStr(con->conname)),
			 errdetail(
				 "Index \"%s\" of table \"%s\" would let a row of it give up the member that is referenced.",
				 get_rel_name(con->conindid), get_rel_name(con->confrelid)),
			 errhint(
				 "Reference the primary key of table \"%s\"; external_ids_link() sets such a foreign key from an external ID.",
				 get_rel_name(con->confrelid)),
			 err_generic_string(PG_DIAG_SCHEMA_NAME, schema),
			 err_generic_string(PG_DIAG_TABLE_NAME, table),
			 err_generic_string(PG_DIAG_CONSTRAINT_NAME,
								NameStr(con->conname))));
	}
	heap_freetuple(tuple);
}

/*
 * Refuse one of our indexes as replica identity: it would stand for the row in
 * what is sent to subscribers, which could not find rows with empty sets by
 * it. ALTER TABLE has opened the index by then. Error 0A000.
 */
static void
um_check_altered_index(Oid indexid)
{
	HeapTuple tuple;
	Form_pg_index form;

	if (!um_is_index(indexid))
		return;
	tuple = um_new_catalog_row(IndexRelationId, IndexRelidIndexId,
							   Anum_pg_index_indexrelid, indexid);
	if (!HeapTupleIsValid(tuple))
		return;
	form = (Form_pg_index) GETSTRUCT(tuple);
	if (form->indisreplident)
		ereport(
			ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("index \"%s\" cannot be used as replica identity",
					get_rel_name(indexid)),
			 errdetail("Its entries are members of sets; "
					   "a row with an empty set could not be told apart."),
			 errhint(
				 "Use the primary key, another unique index, or REPLICA IDENTITY FULL."),
			 err_generic_string(PG_DIAG_SCHEMA_NAME,
								get_namespace_name(
									get_rel_namespace(form->indrelid))),
			 err_generic_string(PG_DIAG_TABLE_NAME,
								get_rel_name(form->indrelid))));
	heap_freetuple(tuple);
}

/*
 * Object access hook: what is built on an index is seen when it is written to
 * the catalogs.
 */
static void
um_object_access(ObjectAccessType access, Oid classId, Oid objectId, int subId,
				 void *arg)
{
	if (next_object_access_hook)
		next_object_access_hook(access, classId, objectId, subId, arg);

	if (access == OAT_POST_CREATE && classId == ConstraintRelationId)
		um_check_new_constraint(objectId);
	else if (access == OAT_POST_ALTER && classId == IndexRelationId)
		um_check_altered_index(objectId);
}

/*
 * Refuse UNIQUE on a materialised view: REFRESH CONCURRENTLY compares old and
 * new rows by the equality of every UNIQUE index, and would fail each time.
 * Called when the index is built. Error 0A000.
 */
void
um_check_unique(Relation heap, Relation index)
{
	if (!index->rd_index->indisunique ||
		heap->rd_rel->relkind != RELKIND_MATVIEW)
		return;
	ereport(
		ERROR,
		(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
		 errmsg(
			 "access method \"unique_members\" does not support UNIQUE on a materialized view"),
		 errdetail(
			 "REFRESH MATERIALIZED VIEW CONCURRENTLY would compare the rows of \"%s\" by common members.",
			 RelationGetRelationName(heap)),
		 errhint(
			 "Create the index without UNIQUE: it keeps members unique all the same."),
		 errtable(heap)));
}

/*
 * Put the guards in place; called once, when the library is loaded. Whatever
 * hooks were there before are called too.
 */
void
um_install_guards(void)
{
	next_planner_rel_hook = planner_rel_hook;
	planner_rel_hook = um_planner_rel;
	next_object_access_hook = object_access_hook;
	object_access_hook = um_object_access;
}
