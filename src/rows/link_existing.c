/*
 * link_existing.c
 *		Links the rows that are there when a link is made.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "rows/link.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"

#define FETCH_ROWS 10000

/*
 * The facts of a link on the child, by the triggers that it was given.
 */
static LinkFacts *
child_facts(Oid childid, const char *name)
{
	Relation child = relation_open(childid, NoLock);
	LinkFacts *facts = NULL;

	for (int i = 0; child->trigdesc && i < child->trigdesc->numtriggers; i++)
	{
		Trigger *trigger = &child->trigdesc->triggers[i];

		if (trigger->tgnargs != LINK_NARGS ||
			strcmp(trigger->tgargs[LINK_ARG_NAME], name) != 0)
			continue;
		facts = link_facts(child, name, get_func_namespace(trigger->tgfoid),
						   false);
		break;
	}
	relation_close(child, NoLock);
	if (facts == NULL || facts->idle)
		elog(ERROR, "link \"%s\" of relation %u was not found", name, childid);
	return facts;
}

/*
 * Append FROM child WHERE the row waits.
 */
static void
add_waiting(StringInfo sql, const LinkFacts *facts)
{
	bool only = get_rel_relkind(facts->childid) == RELKIND_RELATION;

	appendStringInfo(
		sql,
		" FROM %s%s AS child WHERE child.%s IS NULL AND child.%s IS NOT NULL",
		only ? "ONLY " : "",
		quote_qualified_identifier(get_namespace_name(
									   get_rel_namespace(facts->childid)),
								   get_rel_name(facts->childid)),
		quote_identifier(facts->fk_name), quote_identifier(facts->id_name));
	for (int i = 0; i < facts->parent->nscope; i++)
		appendStringInfo(sql, " AND child.%s IS NOT NULL",
						 quote_identifier(facts->scope_names[i]));
	if (facts->verified_name)
		appendStringInfo(sql, " AND child.%s",
						 quote_identifier(facts->verified_name));
}

/*
 * Look at the IDs that SPI_tuptable has. Returns the number of rows linked.
 */
static uint64
apply_rows(LinkFacts *facts)
{
	int n = (int) SPI_processed;
	LinkItem **items = palloc(sizeof(LinkItem *) * n);

	for (int i = 0; i < n; i++)
	{
		HeapTuple tuple = SPI_tuptable->vals[i];
		TupleDesc desc = SPI_tuptable->tupdesc;
		Datum scope[INDEX_MAX_KEYS];
		bool isnull;
		Datum id = SPI_getbinval(tuple, desc, 1, &isnull);

		id = PointerGetDatum(PG_DETOAST_DATUM_PACKED(id));
		for (int j = 0; j < facts->parent->nscope; j++)
			scope[j] = SPI_getbinval(tuple, desc, j + 2, &isnull);
		items[i] = link_make_item(facts, LINK_CHILD, id, scope);
	}
	return link_apply(facts, items, n);
}

/*
 * Link the rows of the child whose IDs are held, and count those that wait. The
 * caller has locked both tables against writing.
 */
void
link_existing(Oid childid, const char *link_name, uint64 *linked,
			  uint64 *waiting)
{
	LinkFacts *facts = child_facts(childid, link_name);
	StringInfoData sql;
	LinkUser user;
	Portal portal;
	bool isnull;

	*linked = 0;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	link_become_owner(facts, &user);
	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT DISTINCT child.%s%s",
					 quote_identifier(facts->id_name),
					 facts->by_value ? "::pg_catalog.text" : "");
	for (int i = 0; i < facts->parent->nscope; i++)
		appendStringInfo(&sql, ", child.%s",
						 quote_identifier(facts->scope_names[i]));
	add_waiting(&sql, facts);

	/*
	 * The snapshot of the moment, whatever the isolation level: rows that came
	 * after the transaction's own must not be left out.
	 */
	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	portal = SPI_cursor_parse_open(NULL, sql.data,
								   &(SPIParseOpenOptions){.read_only = true});
	PopActiveSnapshot();
	for (;;)
	{
		MemoryContext context;
		MemoryContext oldcontext;

		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		context = AllocSetContextCreate(CurrentMemoryContext,
										"external_ids existing rows",
										ALLOCSET_DEFAULT_SIZES);
		oldcontext = MemoryContextSwitchTo(context);
		*linked += apply_rows(facts);
		MemoryContextSwitchTo(oldcontext);
		MemoryContextDelete(context);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);

	resetStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT pg_catalog.count(*)");
	add_waiting(&sql, facts);
	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	if (SPI_execute(sql.data, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not count the rows that wait");
	PopActiveSnapshot();
	*waiting = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0],
										   SPI_tuptable->tupdesc, 1, &isnull));
	link_become_user(&user);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
}
