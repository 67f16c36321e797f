/*
 * link_triggers.c
 *		Finds links by their triggers.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "rows/link_ddl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/*
 * The OID of the extension's function "name" without parameters.
 */
Oid
link_function(const char *name, Oid extschema)
{
	oidvector *none = buildoidvector(NULL, 0);
	Oid function = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
								   CStringGetDatum(name),
								   PointerGetDatum(none),
								   ObjectIdGetDatum(extschema));

	if (!OidIsValid(function))
		elog(ERROR, "function %s not found in schema %u", name, extschema);
	return function;
}

/*
 * Take down one row of pg_trigger. NULL if it has not a link's arguments:
 * anybody may make a trigger with our function; or if it is a partition's copy,
 * unless the partition was detached. In the current memory context.
 */
static LinkTrigger *
read_trigger(HeapTuple tuple, TupleDesc desc, bool of_child)
{
	Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);
	LinkTrigger *trigger;
	const char *args;
	Datum datum;
	bool isnull;

	if (form->tgnargs != LINK_NARGS)
		return NULL;
	if (OidIsValid(form->tgparentid) && get_rel_relispartition(form->tgrelid))
		return NULL;
	datum = heap_getattr(tuple, Anum_pg_trigger_tgargs, desc, &isnull);
	if (isnull)
		return NULL;
	args = VARDATA_ANY(DatumGetByteaPP(datum));

	trigger = palloc0(sizeof(LinkTrigger));
	trigger->oid = form->oid;
	trigger->relid = form->tgrelid;
	trigger->constrrelid = form->tgconstrrelid;
	trigger->of_child = of_child;
	trigger->stray = OidIsValid(form->tgparentid);
	if (of_child && form->tgattr.dim1 > LINK_COLUMN_FK)
		trigger->fk = form->tgattr.values[LINK_COLUMN_FK];

	/* each argument ends in a zero byte */
	for (int i = 0; i < LINK_NARGS; i++)
	{
		if (i == LINK_ARG_NAME)
			trigger->link = pstrdup(args);
		else if (i == LINK_ARG_WAITING)
			trigger->waiting_index = pstrdup(args);
		args += strlen(args) + 1;
	}
	return trigger;
}

/*
 * All triggers of all links in the database, as a List of LinkTrigger in the
 * current memory context. Reads the whole of pg_trigger, for nothing there
 * leads from a table to the triggers on others that name it.
 */
List *
link_triggers(Oid extschema)
{
	Oid child_function = link_function("external_ids_link_child", extschema);
	Oid parent_function = link_function("external_ids_link_parent", extschema);
	Relation catalog = table_open(TriggerRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(catalog, InvalidOid, false, NULL, 0,
										  NULL);
	List *triggers = NIL;
	HeapTuple tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Oid function = ((Form_pg_trigger) GETSTRUCT(tuple))->tgfoid;
		LinkTrigger *trigger = NULL;

		if (function == child_function || function == parent_function)
			trigger = read_trigger(tuple, RelationGetDescr(catalog),
								   function == child_function);
		if (trigger)
			triggers = lappend(triggers, trigger);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return triggers;
}

/*
 * The record of the link on foreign key column "fk" of the child, or NULL.
 */
LinkTrigger *
link_record(List *triggers, Oid childid, AttrNumber fk)
{
	ListCell *cell;

	foreach(cell, triggers)
	{
		LinkTrigger *trigger = lfirst(cell);

		if (trigger->relid == childid && trigger->fk == fk && fk != 0)
			return trigger;
	}
	return NULL;
}

/*
 * True if some link that has a trigger on table "relid" goes by this name.
 */
bool
link_name_taken(List *triggers, Oid relid, const char *link)
{
	ListCell *cell;

	foreach(cell, triggers)
	{
		LinkTrigger *trigger = lfirst(cell);

		if (trigger->relid == relid && strcmp(trigger->link, link) == 0)
			return true;
	}
	return false;
}
