/*
 * link_parent.c
 *		The trigger function of a link on the parent table.
 *
 * AFTER ROW the IDs that a row gained are collected; also those that it lost,
 * where that can matter: children follow their IDs, or have bare values, of
 * which two holders were one too many. AFTER STATEMENT they are looked at.
 *
 * What the row's set says is not all: a row counts while the index's predicate
 * holds, so a change of a column in that is a change of all its IDs.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "rows/link.h"
#include "utils/builtins.h"
#include "utils/datum.h"

PG_FUNCTION_INFO_V1(external_ids_link_parent);

/* A row of the parent, as far as the link goes. */
typedef struct ParentRow
{
	bool holds; /* it has a set and a scope */
	ExternalIdSet *set;
	Datum key;
	Datum scope[INDEX_MAX_KEYS];
} ParentRow;

/*
 * Read a row. Values point into the slot, but for a set that was toasted.
 */
static void
read_row(const LinkFacts *facts, TupleTableSlot *slot, ParentRow *row)
{
	bool isnull;
	Datum set = slot_getattr(slot, facts->id, &isnull);

	row->holds = !isnull && link_read_scope(facts, slot, row->scope);
	if (!row->holds)
		return;
	row->set = DatumGetExternalIdSetP(set);
	row->key = slot_getattr(slot, facts->fk, &isnull);
}

/*
 * True if the columns of the index's predicate are the same in both rows.
 */
static bool
same_watched(const LinkFacts *facts, TupleTableSlot *a, TupleTableSlot *b)
{
	int column = -1;

	while ((column = bms_next_member(facts->watched, column)) >= 0)
	{
		int attnum = column + FirstLowInvalidHeapAttributeNumber;
		Form_pg_attribute att;
		bool anull;
		bool bnull;
		Datum x;
		Datum y;

		if (attnum <= 0) /* the whole row */
			return false;
		att = TupleDescAttr(a->tts_tupleDescriptor, attnum - 1);
		x = slot_getattr(a, attnum, &anull);
		y = slot_getattr(b, attnum, &bnull);
		if (anull != bnull ||
			(!anull && !datum_image_eq(x, y, att->attbyval, att->attlen)))
			return false;
	}
	return true;
}

/*
 * Collect an item for each of the IDs in "set", of the row that gained or lost
 * them.
 */
static void
collect(LinkFacts *facts, const ParentRow *row, const ExternalIdSet *set,
		bool released)
{
	bool several = facts->by_value || facts->parent->deferrable;
	LinkParty party = released && several ? LINK_RELEASE : LINK_CLAIM;
	ExternalIdSet **members;
	int n = external_id_set_members_internal(set, &members);

	for (int i = 0; i < n; i++)
	{
		Datum id = PointerGetDatum(members[i]);
		LinkItem *item;

		if (facts->by_value)
		{
			int len;
			const char *value = external_id_value_internal(members[i], &len);

			id = PointerGetDatum(cstring_to_text_with_len(value, len));
		}
		item = link_make_item(facts, party, id, row->scope);
		item->linked = released && facts->follow;
		item->old_key = row->key;
		link_add_item(facts, item);
		pfree(item);
	}
}

/*
 * AFTER ROW: collect what the row gained and lost.
 */
static void
after_row(LinkFacts *facts, TriggerData *data)
{
	bool releases = facts->follow || facts->by_value ||
					facts->parent->deferrable;
	ParentRow old = {0};
	ParentRow new = {0};
	bool same = false;

	if (TRIGGER_FIRED_BY_INSERT(data->tg_event))
		read_row(facts, data->tg_trigslot, &new);
	else
		read_row(facts, data->tg_trigslot, &old);
	if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
	{
		read_row(facts, data->tg_newslot, &new);
		same = old.holds &&
			   new.holds &&link_same_scope(facts, old.scope, new.scope) &&
			   datum_image_eq(old.key, new.key, facts->key_byval,
							  facts->key_len) &&
			   same_watched(facts, data->tg_trigslot, data->tg_newslot);
		if (same && external_id_set_equal_internal(old.set, new.set))
			return;
	}
	if (new.holds)
		collect(facts, &new,
				same ? external_id_set_minus_internal(new.set, old.set)
					 : new.set,
				false);
	if (old.holds && releases)
		collect(facts, &old,
				same ? external_id_set_minus_internal(old.set, new.set)
					 : old.set,
				true);
}

/*
 * external_ids_link_parent(): each of the triggers that external_ids_link makes
 * on the parent.
 */
Datum
external_ids_link_parent(PG_FUNCTION_ARGS)
{
	TriggerData *data = link_trigger_data(fcinfo);
	LinkFacts *facts = link_trigger_facts(fcinfo, true);

	/* returning no row would keep it from being written */
	if (TRIGGER_FIRED_FOR_ROW(data->tg_event) &&
		!TRIGGER_FIRED_AFTER(data->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" was not made by external_ids_link",
						data->tg_trigger->tgname)));
	if (facts->idle)
		;
	else if (TRIGGER_FIRED_FOR_ROW(data->tg_event))
		after_row(facts, data);
	else if (TRIGGER_FIRED_BEFORE(data->tg_event))
		link_open_unit(facts);
	else
		link_close_units(facts);
	return PointerGetDatum(NULL);
}
