/*
 * link_unlink.c
 *		external_ids_unlink: removes a link, or what is left of one.
 *
 * A link is whole while its record stands on the child. When a table or column
 * goes, the server drops the triggers that name it, and the rest of the link
 * with its record, unless the link came out of a dump, which does not carry
 * that dependency: then dead triggers stay, which do nothing.
 *
 * When a partition is detached, the server drops its copies of row triggers,
 * but those that name a second table stay behind, and keep it from being
 * attached again: strays, which go with any unlinking of the table.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_trigger.h"
#include "miscadmin.h"
#include "rows/link_ddl.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(external_ids_unlink);

/*
 * The parent of a link, or InvalidOid if that was dropped. Both constraint
 * triggers tell it.
 */
static Oid
parent_of(List *triggers, Oid childid, const char *link)
{
	ListCell *cell;

	foreach(cell, triggers)
	{
		LinkTrigger *trigger = lfirst(cell);

		if (strcmp(trigger->link, link) != 0 || trigger->stray ||
			!OidIsValid(trigger->constrrelid))
			continue;
		if (trigger->of_child && trigger->relid == childid)
			return trigger->constrrelid;
		if (!trigger->of_child && trigger->constrrelid == childid)
			return trigger->relid;
	}
	return InvalidOid;
}

/*
 * The child of a trigger's link, or InvalidOid if no trigger tells it any more.
 */
static Oid
child_of(List *triggers, const LinkTrigger *one)
{
	ListCell *cell;

	if (one->of_child)
		return one->relid;
	foreach(cell, triggers)
	{
		LinkTrigger *trigger = lfirst(cell);

		if (strcmp(trigger->link, one->link) != 0 || trigger->stray ||
			!OidIsValid(trigger->constrrelid))
			continue;
		if (!trigger->of_child && trigger->relid == one->relid)
			return trigger->constrrelid;
		if (trigger->of_child && trigger->constrrelid == one->relid)
			return trigger->relid;
	}
	return InvalidOid;
}

/*
 * True if a trigger belongs to a link whose record is gone.
 */
static bool
is_dead(List *triggers, const LinkTrigger *one)
{
	Oid childid = child_of(triggers, one);
	ListCell *cell;

	foreach(cell, triggers)
	{
		LinkTrigger *trigger = lfirst(cell);

		if (trigger->fk != 0 && trigger->relid == childid &&
			strcmp(trigger->link, one->link) == 0)
			return false;
	}
	return true;
}

/*
 * The triggers to drop: the link's on column "fk" of the table or, if that has
 * none, the dead ones on the table and of its other side; and the table's
 * strays. NIL if there are none of these. Sets *parentid to the other table,
 * where there is one.
 */
static List *
triggers_to_drop(Oid relid, AttrNumber fk, Oid extschema, Oid *parentid)
{
	List *triggers = link_triggers(extschema);
	LinkTrigger *record = link_record(triggers, relid, fk);
	List *found = NIL;
	ListCell *cell;

	*parentid = InvalidOid;
	if (record)
		*parentid = parent_of(triggers, relid, record->link);
	foreach(cell, triggers)
	{
		LinkTrigger *trigger = lfirst(cell);

		if (trigger->stray)
		{
			if (trigger->relid == relid)
				found = lappend(found, trigger);
		}
		else if (record)
		{
			if (strcmp(trigger->link, record->link) == 0 &&
				trigger->relid == (trigger->of_child ? relid : *parentid))
				found = lappend(found, trigger);
		}
		else if ((trigger->relid == relid ||
				  child_of(triggers, trigger) == relid) &&
				 is_dead(triggers, trigger))
			found = lappend(found, trigger);
	}
	return found;
}

/*
 * Add the index of waiting rows that a child's trigger names, if it is there
 * and the child's.
 */
static void
add_waiting_index(ObjectAddresses *objects, const LinkTrigger *trigger)
{
	Oid indexid = get_relname_relid(trigger->waiting_index,
									get_rel_namespace(trigger->relid));
	ObjectAddress object;

	if (!OidIsValid(indexid) ||
		!SearchSysCacheExists1(INDEXRELID, ObjectIdGetDatum(indexid)) ||
		IndexGetRelation(indexid, false) != trigger->relid)
		return;
	ObjectAddressSet(object, RelationRelationId, indexid);
	if (!object_address_present(&object, objects))
		add_exact_object_address(&object, objects);
}

/*
 * Make a stray a trigger of its own, that can be dropped.
 */
static void
cut_off(const LinkTrigger *stray)
{
	(void) deleteDependencyRecordsForClass(TriggerRelationId, stray->oid,
										   TriggerRelationId,
										   DEPENDENCY_PARTITION_PRI);
	(void) deleteDependencyRecordsForClass(TriggerRelationId, stray->oid,
										   RelationRelationId,
										   DEPENDENCY_PARTITION_SEC);
	CommandCounterIncrement();
}

/*
 * Lock both tables as DROP TRIGGER does, by ascending OID as external_ids_link.
 */
static void
lock_tables(Oid childid, Oid parentid)
{
	if (!OidIsValid(parentid))
		parentid = childid;
	LockRelationOid(Min(childid, parentid), AccessExclusiveLock);
	if (parentid != childid)
		LockRelationOid(Max(childid, parentid), AccessExclusiveLock);
}

/*
 * external_ids_unlink(child, fk_column): drop the triggers on both tables and
 * the index. The parent's owner is not asked, as when a foreign key goes.
 */
Datum
external_ids_unlink(PG_FUNCTION_ARGS)
{
	Oid extschema = get_func_namespace(fcinfo->flinfo->fn_oid);
	ObjectAddresses *objects = new_object_addresses();
	Oid relid;
	Oid parentid;
	char *column;
	char *name;
	AttrNumber fk;
	List *triggers;
	ListCell *cell;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("%s must not be null",
							   PG_ARGISNULL(0) ? "child" : "fk_column")));
	relid = PG_GETARG_OID(0);
	column = NameStr(*PG_GETARG_NAME(1));
	name = get_rel_name(relid);
	if (name == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("relation with OID %u does not exist", relid)));
	if (!owns_relation(relid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER,
					   get_relkind_objtype(get_rel_relkind(relid)), name);

	fk = get_attnum(relid, column);
	(void) triggers_to_drop(relid, fk, extschema, &parentid);
	lock_tables(relid, parentid);
	fk = get_attnum(relid, column);
	triggers = triggers_to_drop(relid, fk, extschema, &parentid);
	if (triggers == NIL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("column \"%s\" of table \"%s\" is not linked",
							   column, name)));
	foreach(cell, triggers)
	{
		LinkTrigger *trigger = lfirst(cell);
		ObjectAddress object;

		ObjectAddressSet(object, TriggerRelationId, trigger->oid);
		add_exact_object_address(&object, objects);
		if (trigger->stray)
			cut_off(trigger);
		else if (trigger->of_child)
			add_waiting_index(objects, trigger);
	}
	performMultipleDeletions(objects, DROP_RESTRICT, 0);
	free_object_addresses(objects);
	PG_RETURN_VOID();
}
