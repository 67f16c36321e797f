/*
 * mirror_create.c
 *		The triggers that a mirror is made of: their names, and their statements.
 *
 * All that a mirror is stands in the arguments of its triggers, so a dump has it.
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "rows/mirror.h"
#include "rows/triggers.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

/*
 * Triggers of one kind fire in the order of their names: after the application's
 * BEFORE triggers and after the server's own for foreign keys.
 */
#define TRIGGER_PREFIX "zz_external_ids_mirror_"

/* What a mirror's name may have of the 63 bytes of a trigger's. */
#define MIRROR_NAME_BYTES 31

typedef enum MirrorTrigger
{
	SIDE_LOCK,
	SIDE_ROW,
	SIDE_TRUNCATE,
	TABLE_ROW,
	TABLE_TRUNCATE
} MirrorTrigger;

#define NUM_MIRROR_TRIGGERS (TABLE_TRUNCATE + 1)

/*
 * In the order of MirrorTrigger. By name, those that depend on another come after
 * it: so a dump has one order, of a restored database too, which lacks that.
 */
static const struct
{
	bool on_side;
	const char *suffix;
	const char *kind;
	const char *event;
} triggers[] = {
	{true, "_row_lock", "", "BEFORE INSERT OR UPDATE"},
	{true, "_row", "CONSTRAINT ", "AFTER INSERT OR UPDATE OR DELETE"},
	{true, "_truncate", "", "AFTER TRUNCATE"},
	{false, "_row", "CONSTRAINT ", "AFTER INSERT OR UPDATE OR DELETE"},
	{false, "_truncate", "", "AFTER TRUNCATE"},
};

/*
 * The name of a mirror's trigger.
 */
static char *
trigger_name(const char *mirror, int trigger)
{
	return psprintf("%s%s%s", TRIGGER_PREFIX, mirror,
					triggers[trigger].suffix);
}

/*
 * A name for the mirror that is free on both tables: the side table's, cut where
 * it is too long, with a number where it is taken.
 */
static char *
choose_name(const MirrorSpec *spec)
{
	const char *wanted = RelationGetRelationName(spec->side);

	for (int i = 0;; i++)
	{
		char *name = numbered_name(wanted, i, MIRROR_NAME_BYTES);
		bool taken = false;

		for (int t = 0; t < NUM_MIRROR_TRIGGERS && !taken; t++)
			taken = trigger_name_used(RelationGetRelid(triggers[t].on_side
														   ? spec->side
														   : spec->table),
									  trigger_name(name, t));
		if (!taken)
			return name;
	}
}

/*
 * Schema and name of a table, quoted.
 */
static char *
qualified(Relation rel)
{
	return quote_qualified_identifier(get_namespace_name(
										  RelationGetNamespace(rel)),
									  RelationGetRelationName(rel));
}

/*
 * Create one of the triggers; returns its OID.
 */
static Oid
create_trigger(const MirrorSpec *spec, int t)
{
	bool on_side = triggers[t].on_side;
	bool constraint = triggers[t].kind[0] != '\0';
	Relation rel = on_side ? spec->side : spec->table;
	char *name = trigger_name(linitial(spec->args), t);
	StringInfoData sql;
	ListCell *cell;

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE %sTRIGGER %s %s ON %s", triggers[t].kind,
					 quote_identifier(name), triggers[t].event,
					 qualified(rel));
	if (constraint)
		appendStringInfo(&sql, " FROM %s NOT DEFERRABLE",
						 qualified(on_side ? spec->table : spec->side));
	appendStringInfo(&sql, " FOR EACH %s EXECUTE FUNCTION %s(",
					 t == SIDE_TRUNCATE || t == TABLE_TRUNCATE ? "STATEMENT"
															   : "ROW",
					 quote_qualified_identifier(get_namespace_name(
													spec->extschema),
												mirror_function_name(
													on_side)));
	foreach(cell, spec->args)
		appendStringInfo(&sql, "%s%s",
						 cell == list_head(spec->args) ? "" : ", ",
						 quote_literal_cstr(lfirst(cell)));
	appendStringInfoChar(&sql, ')');
	create_by(sql.data);
	return get_trigger_oid(RelationGetRelid(rel), name, false);
}

/*
 * Create the triggers of a new mirror, whose name becomes their first argument.
 * Those that are no constraint triggers go with the one that is, which goes with
 * the other table. A dump does not carry that; then what is left of a mirror does
 * nothing.
 */
void
mirror_create(MirrorSpec *spec)
{
	ObjectAddress made[NUM_MIRROR_TRIGGERS];
	int nestlevel;

	spec->args = lcons(choose_name(spec), spec->args);
	nestlevel = begin_creating();
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	for (int t = 0; t < NUM_MIRROR_TRIGGERS; t++)
		ObjectAddressSet(made[t], TriggerRelationId, create_trigger(spec, t));
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	AtEOXact_GUC(true, nestlevel);

	recordDependencyOn(&made[SIDE_LOCK], &made[SIDE_ROW], DEPENDENCY_AUTO);
	recordDependencyOn(&made[SIDE_TRUNCATE], &made[SIDE_ROW], DEPENDENCY_AUTO);
	recordDependencyOn(&made[TABLE_TRUNCATE], &made[TABLE_ROW],
					   DEPENDENCY_AUTO);
}
