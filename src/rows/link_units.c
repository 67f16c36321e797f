/*
 * link_units.c
 *		What one statement collects, and when it is looked at.
 *
 * Rows are collected AFTER ROW and looked at AFTER STATEMENT: the locks are then
 * taken in one order, and a COPY costs a fraction of what a look per row does.
 * The BEFORE STATEMENT trigger opens the unit in which rows are collected. Where
 * no unit is open, no AFTER STATEMENT trigger will come either, and a row is
 * looked at at once: a statement named a partition, or an inheritance parent, or
 * a subscription's worker applies a change.
 *
 * A unit belongs to a depth of nested triggers. A foreign key's action runs its
 * statement one level deeper than where that statement's AFTER triggers fire, so
 * a unit of this depth or deeper is one's own: a deeper statement has ended by
 * then.
 *
 * A statement that collects much is looked at in parts, which bounds memory. A
 * part is more than what is locked by the page.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "common/hashfn.h"
#include "rows/link.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#define FIRST_ITEMS 16
#define MAX_ITEMS 16384

struct LinkUnit
{
	Oid childid;
	bool parent_side;
	char name[NAMEDATALEN];
	int depth;
	SubTransactionId subid;
	MemoryContext context; /* of the items, or NULL */
	LinkItem **items;
	int nitems;
	int capacity;
	LinkUnit *next;
};

/* In TopTransactionContext. */
static LinkUnit *units = NULL;

/*
 * Before a commit nothing may be left: a row's statement trigger was disabled,
 * so its link would be lost. Afterwards there are no units.
 */
static void
check_units(XactEvent event, void *arg)
{
	(void) arg;
	if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE)
	{
		for (LinkUnit *unit = units; unit; unit = unit->next)
			if (unit->nitems > 0)
				ereport(
					ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("rows of link \"%s\" were not looked at",
							unit->name),
					 errdetail(
						 "Its AFTER STATEMENT trigger is missing or disabled."),
					 errhint(
						 "Remove the link by external_ids_unlink and make it anew.")));
		return;
	}
	if (event != XACT_EVENT_PARALLEL_PRE_COMMIT)
		units = NULL;
}

/*
 * A rolled back subtransaction takes along what was collected in it.
 */
static void
drop_units(SubXactEvent event, SubTransactionId subid, SubTransactionId parent,
		   void *arg)
{
	LinkUnit **unit = &units;

	(void) parent;
	(void) arg;
	if (event != SUBXACT_EVENT_ABORT_SUB)
		return;
	while (*unit)
	{
		LinkUnit *dropped = *unit;

		if (dropped->subid < subid)
		{
			unit = &dropped->next;
			continue;
		}
		*unit = dropped->next;
		if (dropped->context)
			MemoryContextDelete(dropped->context);
		pfree(dropped);
	}
}

/*
 * How deep in triggers we are.
 */
static int
trigger_depth(void)
{
	return DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, (Datum) 0));
}

/*
 * What the trigger manager says. Errors: 39P01 unless called by it, for a row
 * or statement of INSERT, UPDATE or DELETE, with a link's arguments.
 */
TriggerData *
link_trigger_data(FunctionCallInfo fcinfo)
{
	TriggerData *data = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("function was not called by trigger manager")));
	if (data->tg_trigger->tgnargs != LINK_NARGS ||
		TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" was not made by external_ids_link",
						data->tg_trigger->tgname)));
	return data;
}

/*
 * The link whose trigger is running.
 */
LinkFacts *
link_trigger_facts(FunctionCallInfo fcinfo, bool parent_side)
{
	TriggerData *data = link_trigger_data(fcinfo);

	return link_facts(data->tg_relation,
					  data->tg_trigger->tgargs[LINK_ARG_NAME],
					  get_func_namespace(fcinfo->flinfo->fn_oid), parent_side);
}

/*
 * True if "unit" collects for this link and side, at this depth or deeper.
 */
static bool
unit_fits(const LinkUnit *unit, const LinkFacts *facts, int depth)
{
	return unit->depth >= depth && unit->parent_side == facts->parent_side &&
		   unit->childid == facts->childid &&
		   strncmp(unit->name, facts->name, NAMEDATALEN - 1) == 0;
}

/*
 * The open unit to collect in, or NULL.
 */
static LinkUnit *
find_unit(const LinkFacts *facts)
{
	int depth = trigger_depth();

	for (LinkUnit *unit = units; unit; unit = unit->next)
		if (unit_fits(unit, facts, depth))
			return unit;
	return NULL;
}

/*
 * Open a unit: a statement begins.
 */
void
link_open_unit(const LinkFacts *facts)
{
	static bool registered = false;
	LinkUnit *unit;

	if (!registered)
	{
		RegisterXactCallback(check_units, NULL);
		RegisterSubXactCallback(drop_units, NULL);
		registered = true;
	}
	unit = MemoryContextAllocZero(TopTransactionContext, sizeof(LinkUnit));
	unit->childid = facts->childid;
	unit->parent_side = facts->parent_side;
	strlcpy(unit->name, facts->name, NAMEDATALEN);
	unit->depth = trigger_depth();
	unit->subid = GetCurrentSubTransactionId();
	unit->next = units;
	units = unit;
}

/*
 * True if a statement trigger will come.
 */
bool
link_has_unit(const LinkFacts *facts)
{
	return find_unit(facts) != NULL;
}

/*
 * An item, in the current memory context; ID and scope are not copied.
 */
LinkItem *
link_make_item(const LinkFacts *facts, LinkParty party, Datum id,
			   const Datum *scope)
{
	int nscope = facts->parent->nscope;
	LinkItem *item = palloc0(offsetof(LinkItem, scope) +
							 sizeof(Datum) * nscope);
	const char *value;
	int len;

	item->party = party;
	item->id = id;
	if (facts->by_value)
	{
		value = VARDATA_ANY(DatumGetPointer(id));
		len = VARSIZE_ANY_EXHDR(DatumGetPointer(id));
	}
	else
		value = external_id_value_internal((ExternalIdSet *) DatumGetPointer(
											   id),
										   &len);
	item->hash = hash_bytes((const unsigned char *) value, len);
	for (int i = 0; i < nscope; i++)
	{
		FmgrInfo *hash = unconstify(FmgrInfo *, &facts->scope_hash[i]);

		item->scope[i] = scope[i];
		item->hash = hash_combine(item->hash,
								  DatumGetUInt32(
									  FunctionCall1Coll(hash, C_COLLATION_OID,
														scope[i])));
	}
	return item;
}

/*
 * A copy of the item that needs nothing else, in the current memory context.
 */
static LinkItem *
copy_item(const LinkFacts *facts, const LinkItem *item)
{
	int nscope = facts->parent->nscope;
	Size size = offsetof(LinkItem, scope) + sizeof(Datum) * nscope;
	LinkItem *copy = palloc(size);

	memcpy(copy, item, size);
	copy->id = datumCopy(item->id, false, -1);
	if (item->linked)
		copy->old_key = datumCopy(item->old_key, facts->key_byval,
								  facts->key_len);
	for (int i = 0; i < nscope; i++)
		copy->scope[i] = datumCopy(item->scope[i], facts->scope_byval[i],
								   facts->scope_len[i]);
	return copy;
}

/*
 * Look at what a unit has collected, and empty it.
 */
static void
flush_unit(LinkFacts *facts, LinkUnit *unit)
{
	LinkItem **items = unit->items;
	MemoryContext context = unit->context;
	int n = unit->nitems;

	/* Triggers of what we write may open and close units. */
	unit->items = NULL;
	unit->context = NULL;
	unit->nitems = 0;
	if (n > 0)
		(void) link_apply(facts, items, n);
	if (context)
		MemoryContextDelete(context);
}

/*
 * Collect the item, or look at it now if no statement trigger will come.
 */
void
link_add_item(LinkFacts *facts, const LinkItem *item)
{
	LinkUnit *unit = find_unit(facts);
	MemoryContext oldcontext;

	if (unit == NULL)
	{
		LinkItem *alone = unconstify(LinkItem *, item);

		(void) link_apply(facts, &alone, 1);
		return;
	}
	if (unit->context == NULL)
	{
		unit->context = AllocSetContextCreate(TopTransactionContext,
											  "external_ids link unit",
											  ALLOCSET_DEFAULT_SIZES);
		unit->capacity = FIRST_ITEMS;
		unit->items = MemoryContextAlloc(unit->context,
										 sizeof(LinkItem *) * FIRST_ITEMS);
	}
	if (unit->nitems == unit->capacity)
	{
		unit->capacity *= 2;
		unit->items = repalloc(unit->items,
							   sizeof(LinkItem *) * unit->capacity);
	}
	oldcontext = MemoryContextSwitchTo(unit->context);
	unit->items[unit->nitems] = copy_item(facts, item);
	MemoryContextSwitchTo(oldcontext);
	if (++unit->nitems == MAX_ITEMS)
		flush_unit(facts, unit);
}

/*
 * A statement has ended: look at what it collected and close its units.
 */
void
link_close_units(LinkFacts *facts)
{
	int depth = trigger_depth();
	LinkUnit **unit = &units;

	while (*unit)
	{
		LinkUnit *closed = *unit;

		if (!unit_fits(closed, facts, depth))
		{
			unit = &closed->next;
			continue;
		}
		*unit = closed->next;
		flush_unit(facts, closed);
		pfree(closed);
		unit = &units;
	}
}
