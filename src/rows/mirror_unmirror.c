/*
 * mirror_unmirror.c
 *		external_ids_unmirror: removes a mirror; and what that has in common with
 *		making one.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "miscadmin.h"
#include "rows/mirror.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(external_ids_unmirror);

/*
 * The extension's trigger function for one of the two tables.
 */
const char *
mirror_function_name(bool on_side)
{
	return on_side ? "external_ids_mirror_side" : "external_ids_mirror_table";
}

/*
 * True if a trigger is one of a mirror's on one of its tables.
 */
bool
mirror_is_trigger(const Trigger *trigger, bool of_side, Oid extschema)
{
	char *function = get_func_name(trigger->tgfoid);

	return function && strcmp(function, mirror_function_name(of_side)) == 0 &&
		   get_func_namespace(trigger->tgfoid) == extschema &&
		   trigger->tgnargs >= MIRROR_NARGS;
}

/*
 * Lock a table and open it. Errors: 42P01; 42809 not a plain table; 42501 not the
 * caller's; 0A000 a partitioned table or, "for_mirror", a partition: what became
 * one later is left in peace.
 */
Relation
mirror_open_table(Oid relid, LOCKMODE lockmode, bool for_mirror)
{
	Relation rel;
	bool partitioned;

	/* before the lock, so that nobody locks what is not his */
	if (get_rel_name(relid) && !owns_relation(relid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER,
					   get_relkind_objtype(get_rel_relkind(relid)),
					   get_rel_name(relid));
	rel = try_relation_open(relid, lockmode);
	if (rel == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("relation with OID %u does not exist", relid)));
	partitioned = rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ||
				  (for_mirror && rel->rd_rel->relispartition);
	if (rel->rd_rel->relkind != RELKIND_RELATION || partitioned)
		ereport(ERROR,
				(errcode(partitioned ? ERRCODE_FEATURE_NOT_SUPPORTED
									 : ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("cannot mirror \"%s\"", RelationGetRelationName(rel)),
				 errdetail("A mirror is of two tables that are neither "
						   "partitioned nor partitions."),
				 partitioned ? errhint("Keep them in step by triggers of your "
									   "own, on the partitioned table.")
							 : 0));
	return rel;
}

/*
 * Raise 22004 for the first of the arguments that is null.
 */
void
mirror_check_arguments(FunctionCallInfo fcinfo, const char *const *names,
					   int n)
{
	for (int i = 0; i < n; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("%s must not be null", names[i])));
}

/*
 * The name of the mirror between two tables as one of them knows it, or NULL.
 */
static const char *
mirror_name(Relation rel, Relation other, bool of_side, Oid extschema)
{
	for (int i = 0; rel->trigdesc && i < rel->trigdesc->numtriggers; i++)
	{
		const Trigger *trigger = &rel->trigdesc->triggers[i];

		if (trigger->tgconstrrelid == RelationGetRelid(other) &&
			mirror_is_trigger(trigger, of_side, extschema))
			return trigger->tgargs[MIRROR_ARG_NAME];
	}
	return NULL;
}

/*
 * Add the triggers that a mirror has on a table.
 */
static void
add_triggers(ObjectAddresses *objects, Relation rel, const char *name,
			 bool of_side, Oid extschema)
{
	for (int i = 0; rel->trigdesc && i < rel->trigdesc->numtriggers; i++)
	{
		const Trigger *trigger = &rel->trigdesc->triggers[i];
		ObjectAddress object;

		if (!mirror_is_trigger(trigger, of_side, extschema) ||
			strcmp(trigger->tgargs[MIRROR_ARG_NAME], name) != 0)
			continue;
		ObjectAddressSet(object, TriggerRelationId, trigger->tgoid);
		add_exact_object_address(&object, objects);
	}
}

/*
 * external_ids_unmirror(table, side): drop the triggers. Locks the table, then
 * the side table, as DROP TRIGGER does. Errors: 42704 there is no mirror.
 */
Datum
external_ids_unmirror(PG_FUNCTION_ARGS)
{
	static const char *const required[] = {"table", "side"};
	Oid extschema = get_func_namespace(fcinfo->flinfo->fn_oid);
	ObjectAddresses *objects = new_object_addresses();
	Relation table;
	Relation side;
	const char *name;

	mirror_check_arguments(fcinfo, required, lengthof(required));
	table = mirror_open_table(PG_GETARG_OID(0), AccessExclusiveLock, false);
	side = mirror_open_table(PG_GETARG_OID(1), AccessExclusiveLock, false);
	name = mirror_name(side, table, true, extschema);
	if (name == NULL)
		name = mirror_name(table, side, false, extschema);
	if (name == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("table \"%s\" has no mirror in table \"%s\"",
							   RelationGetRelationName(table),
							   RelationGetRelationName(side))));
	add_triggers(objects, table, name, false, extschema);
	add_triggers(objects, side, name, true, extschema);
	relation_close(side, NoLock);
	relation_close(table, NoLock);
	performMultipleDeletions(objects, DROP_RESTRICT, 0);
	free_object_addresses(objects);
	PG_RETURN_VOID();
}
