/*
 * link_child.c
 *		The trigger function of a link on the child table.
 *
 * BEFORE ROW looks the ID up: a row whose ID somebody holds gets its foreign key
 * at once, and the holder is locked FOR KEY SHARE as by a foreign key. What is
 * found needs no more, for a holder that gives its ID up a moment later held it
 * when the row was linked. Rows that found nobody are collected AFTER ROW and
 * looked at again AFTER STATEMENT, under their locks. Where children follow
 * their IDs, rows that were linked are looked at again too.
 *
 * A statement that gives a row its foreign key by itself is left alone. One that
 * changes the ID or the scope, and not the foreign key, has it worked out anew.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "rows/link.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(external_ids_link_child);

/* A row of the child, as far as the link goes. */
typedef struct ChildRow
{
	bool has_id;
	bool has_scope;
	bool verified;
	bool linked; /* its foreign key is not null */
	Datum id;
	Datum fk;
	Datum scope[INDEX_MAX_KEYS];
} ChildRow;

/*
 * Read a row. The values point into the slot, but for an ID that was toasted.
 */
static void
read_row(const LinkFacts *facts, TupleTableSlot *slot, ChildRow *row)
{
	bool isnull;

	row->id = slot_getattr(slot, facts->id, &isnull);
	row->has_id = !isnull;
	if (row->has_id)
		row->id = PointerGetDatum(PG_DETOAST_DATUM_PACKED(row->id));
	row->fk = slot_getattr(slot, facts->fk, &isnull);
	row->linked = !isnull;
	row->verified = true;
	if (facts->verified_name)
		row->verified = DatumGetBool(
							slot_getattr(slot, facts->verified, &isnull)) &&
						!isnull;
	row->has_scope = link_read_scope(facts, slot, row->scope);
}

/*
 * True if the row may be linked: it has all that it takes.
 */
static bool
may_link(const ChildRow *row)
{
	return row->has_id && row->has_scope && row->verified;
}

/*
 * True if both rows name the same ID in the same scope, or neither names one.
 */
static bool
same_id(const LinkFacts *facts, const ChildRow *a, const ChildRow *b)
{
	if (a->has_id != b->has_id || a->has_scope != b->has_scope)
		return false;
	if (a->has_id && !datum_image_eq(a->id, b->id, false, -1))
		return false;
	return !a->has_scope || link_same_scope(facts, a->scope, b->scope);
}

/*
 * True if both rows have the same foreign key, or none.
 */
static bool
same_fk(const LinkFacts *facts, const ChildRow *a, const ChildRow *b)
{
	int16 len;
	bool byval;

	if (!a->linked || !b->linked)
		return a->linked == b->linked;
	get_typlenbyval(facts->fk_declared, &len, &byval);
	return datum_image_eq(a->fk, b->fk, byval, len);
}

/*
 * Whether the statement leaves it to us to work the foreign key out.
 */
static bool
is_ours(const LinkFacts *facts, const ChildRow *old, const ChildRow *new)
{
	if (!new->linked)
		return true;
	if (old == NULL || !same_fk(facts, old, new))
		return false;
	return !same_id(facts, old, new) || (old->verified && !new->verified);
}

/*
 * A key of the parent as a value of the foreign key's type.
 */
static Datum
key_to_fk(const LinkFacts *facts, Datum key)
{
	Oid input;
	Oid output;
	Oid ioparam;
	bool isvarlena;

	if (facts->fk_declared == facts->key->type)
		return key;
	getTypeOutputInfo(facts->key->type, &output, &isvarlena);
	getTypeInputInfo(facts->fk_declared, &input, &ioparam);
	return OidInputFunctionCall(input, OidOutputFunctionCall(output, key),
								ioparam, -1);
}

/*
 * Who holds the row's ID: false if nobody, or several. Where children follow,
 * the answer must hold until the row can be seen: it is checked AFTER STATEMENT,
 * or the ID is locked now if no such trigger will come.
 */
static bool
find_holder(LinkFacts *facts, const ChildRow *row, Datum *key)
{
	bool collects = !facts->follow || link_has_unit(facts);
	LinkItem *item;

	if (!may_link(row))
		return false;
	item = link_make_item(facts, LINK_CHILD, row->id, row->scope);
	if (!collects)
	{
		LinkPage page = {item->hash, LINK_CHILD};

		link_lock(facts->parentid, &page, 1);
	}
	if (link_holders(facts, row->id, row->scope, !collects, true, key) != 1)
		return false;
	if (facts->follow && collects)
	{
		item->linked = true;
		item->old_key = *key;
		link_add_item(facts, item);
	}
	return true;
}

/*
 * BEFORE ROW: the row to store.
 */
static HeapTuple
before_row(LinkFacts *facts, TriggerData *data)
{
	bool update = TRIGGER_FIRED_BY_UPDATE(data->tg_event);
	HeapTuple tuple = update ? data->tg_newtuple : data->tg_trigtuple;
	ChildRow old;
	ChildRow new;
	Datum key = 0;
	Datum fk;
	bool isnull;
	int column = facts->fk;

	read_row(facts, update ? data->tg_newslot : data->tg_trigslot, &new);
	if (update)
		read_row(facts, data->tg_trigslot, &old);
	if (!is_ours(facts, update ? &old : NULL, &new))
		return tuple;
	isnull = !find_holder(facts, &new, &key);
	if (isnull && !new.linked)
		return tuple;
	fk = isnull ? (Datum) 0 : key_to_fk(facts, key);
	return heap_modify_tuple_by_cols(tuple,
									 RelationGetDescr(data->tg_relation), 1,
									 &column, &fk, &isnull);
}

/*
 * AFTER ROW: collect a row that waits, unless it did so before.
 */
static void
after_row(LinkFacts *facts, TriggerData *data)
{
	bool update = TRIGGER_FIRED_BY_UPDATE(data->tg_event);
	ChildRow old;
	ChildRow new;

	read_row(facts, update ? data->tg_newslot : data->tg_trigslot, &new);
	if (new.linked || !may_link(&new))
		return;
	if (update)
	{
		read_row(facts, data->tg_trigslot, &old);
		if (!old.linked && may_link(&old) && same_id(facts, &old, &new))
			return;
	}
	link_add_item(facts, link_make_item(facts, LINK_CHILD, new.id, new.scope));
}

/*
 * external_ids_link_child(): each of the triggers that external_ids_link makes
 * on the child.
 */
Datum
external_ids_link_child(PG_FUNCTION_ARGS)
{
	TriggerData *data = link_trigger_data(fcinfo);
	LinkFacts *facts = link_trigger_facts(fcinfo, false);
	bool before = TRIGGER_FIRED_BEFORE(data->tg_event);
	HeapTuple tuple = NULL;

	if (TRIGGER_FIRED_FOR_ROW(data->tg_event))
	{
		if (before)
			tuple = TRIGGER_FIRED_BY_UPDATE(data->tg_event)
						? data->tg_newtuple
						: data->tg_trigtuple;
		if (TRIGGER_FIRED_BY_DELETE(data->tg_event) || facts->idle)
			return PointerGetDatum(tuple);
		if (before)
			tuple = before_row(facts, data);
		else
			after_row(facts, data);
	}
	else if (!facts->idle)
	{
		if (before)
			link_open_unit(facts);
		else
			link_close_units(facts);
	}
	return PointerGetDatum(tuple);
}
