/*
 * link_ddl.c
 *		Makes a link: its index of waiting rows and its eight triggers.
 *
 * The server writes a trigger's WHEN back as text for pg_dump, and there an
 * IS DISTINCT FROM cannot say which operator it goes by: it is used only where
 * that is the operator of pg_catalog.
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_trigger.h"
#include "commands/defrem.h"
#include "commands/trigger.h"
#include "rows/link_ddl.h"
#include "rows/triggers.h"
#include "storage/lockdefs.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

/*
 * Triggers of one kind fire in the order of their names: after the
 * application's BEFORE triggers, which may set the columns that we read, and
 * after the server's own for foreign keys.
 */
#define TRIGGER_PREFIX "zz_external_ids_link_"

/* What a link's name may have of the 63 bytes of a trigger's. */
#define LINK_NAME_BYTES 34

typedef enum LinkTriggerKind
{
	CHILD_BEGIN,
	CHILD_INSERT,
	CHILD_UPDATE,
	CHILD_WAIT,
	CHILD_END,
	PARENT_BEGIN,
	PARENT_ROW,
	PARENT_END
} LinkTriggerKind;

#define NUM_LINK_TRIGGERS (PARENT_END + 1)

/* In the order of LinkTriggerKind. */
static const char *const suffixes[] = {"_c_begin", "_c_ins", "_c_upd",
									   "_c_wait",  "_c_end", "_p_begin",
									   "_p_row",   "_p_end"};

/*
 * The name of a link's trigger.
 */
static char *
trigger_name(const char *link, LinkTriggerKind kind)
{
	return psprintf("%s%s%s", TRIGGER_PREFIX, link, suffixes[kind]);
}

/*
 * True if a table or one of its partitions has no room for the link's triggers
 * under this name.
 */
static bool
names_collide(Oid relid, const char *link)
{
	List *relids = find_all_inheritors(relid, NoLock, NULL);
	ListCell *cell;

	foreach(cell, relids)
	{
		Oid table = lfirst_oid(cell);

		for (int kind = 0; kind < NUM_LINK_TRIGGERS; kind++)
		{
			if (trigger_name_used(table, trigger_name(link, kind)))
				return true;
		}
	}
	return false;
}

/*
 * A name for the link that is free on both tables: child_column, cut where it
 * is too long, with a number where it is taken.
 */
static char *
choose_link_name(const LinkSpec *spec)
{
	List *triggers = link_triggers(spec->extschema);
	char *wanted = psprintf("%s_%s", spec->child_name, spec->fk.name);

	for (int i = 0;; i++)
	{
		char *name = numbered_name(wanted, i, LINK_NAME_BYTES);

		if (!link_name_taken(triggers, spec->childid, name) &&
			!link_name_taken(triggers, spec->parentid, name) &&
			!names_collide(spec->childid, name) &&
			!names_collide(spec->parentid, name))
			return name;
	}
}

/*
 * Append ", column" (or "column", if "first") for a column of the link.
 */
static void
add_column(StringInfo sql, const LinkAttribute *column, bool first)
{
	appendStringInfo(sql, "%s%s", first ? "" : ", ",
					 quote_identifier(column->name));
}

/*
 * Append a column, compared bytewise as unique_members does.
 */
static void
add_bytewise(StringInfo sql, const LinkAttribute *column)
{
	appendStringInfo(sql, "%s%s", quote_identifier(column->name),
					 OidIsValid(column->collation)
						 ? " COLLATE pg_catalog.\"C\""
						 : "");
}

/*
 * Create the index that the parent's side finds waiting rows in: all that have
 * an ID where a link follows it when it moves; those without a foreign key, and
 * verified where that counts, where a link once made is kept.
 */
static void
create_waiting_index(LinkSpec *spec)
{
	char *name = ChooseRelationName(spec->child_name,
									psprintf("%s_waiting", spec->fk.name),
									"idx", get_rel_namespace(spec->childid),
									false);
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE INDEX %s ON %s USING btree (",
					 quote_identifier(name), spec->child_table);
	for (int i = 0; i < spec->facts->nscope; i++)
	{
		add_bytewise(&sql, &spec->scope[i]);
		appendStringInfoString(&sql, ", ");
	}
	add_bytewise(&sql, &spec->id);
	appendStringInfo(&sql, ") WHERE %s IS NOT NULL",
					 quote_identifier(spec->id.name));
	if (!spec->follow)
	{
		appendStringInfo(&sql, " AND %s IS NULL",
						 quote_identifier(spec->fk.name));
		if (spec->verified.attnum != 0)
			appendStringInfo(&sql, " AND %s",
							 quote_identifier(spec->verified.name));
	}
	create_by(sql.data);
	spec->args[LINK_ARG_WAITING] = name;
}

/*
 * Append " OR the column has changed" for a BEFORE UPDATE trigger's WHEN.
 */
static void
add_changed(StringInfo sql, const LinkAttribute *column)
{
	const char *name = quote_identifier(column->name);
	Oid equality = lookup_type_cache(column->type, TYPECACHE_EQ_OPR)->eq_opr;
	HeapTuple tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(equality));
	Form_pg_operator form;
	const char *bytewise = "";

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "no equality operator for type %u", column->type);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	if (OidIsValid(column->collation) &&
		!get_collation_isdeterministic(column->collation))
		bytewise = " COLLATE pg_catalog.\"C\"";
	if (form->oprnamespace == PG_CATALOG_NAMESPACE)
		appendStringInfo(sql, " OR OLD.%s%s IS DISTINCT FROM NEW.%s%s", name,
						 bytewise, name, bytewise);
	else
		appendStringInfo(
			sql,
			" OR (OLD.%s::%s OPERATOR(%s.%s) NEW.%s::%s) IS NOT TRUE"
			" AND (OLD.%s IS NOT NULL OR NEW.%s IS NOT NULL)",
			name, format_type_be_qualified(form->oprleft),
			quote_identifier(get_namespace_name(form->oprnamespace)),
			NameStr(form->oprname), name,
			format_type_be_qualified(form->oprright), name, name);
	ReleaseSysCache(tuple);
}

/*
 * Append the condition "the new row waits", as far as it has no need of facts.
 */
static void
add_waits(StringInfo sql, const LinkSpec *spec)
{
	appendStringInfo(sql, "NEW.%s IS NULL AND NEW.%s IS NOT NULL",
					 quote_identifier(spec->fk.name),
					 quote_identifier(spec->id.name));
}

/*
 * Append when a trigger of this kind fires, from the word after its name to
 * the one before EXECUTE.
 */
static void
add_trigger_event(StringInfo sql, const LinkSpec *spec, LinkTriggerKind kind)
{
	bool deletes = spec->follow || spec->text_id || spec->facts->deferrable;
	const char *parent_events = deletes ? "INSERT OR UPDATE OR DELETE"
										: "INSERT OR UPDATE";

	switch (kind)
	{
		case CHILD_BEGIN:
			appendStringInfoString(sql, "BEFORE INSERT OR UPDATE OF ");
			add_column(sql, &spec->id, true);
			add_column(sql, &spec->fk, false);
			for (int i = 0; i < spec->facts->nscope; i++)
				add_column(sql, &spec->scope[i], false);
			if (spec->verified.attnum != 0)
				add_column(sql, &spec->verified, false);
			appendStringInfo(sql, " ON %s FOR EACH STATEMENT",
							 spec->child_table);
			break;
		case CHILD_INSERT:
			appendStringInfo(sql, "BEFORE INSERT ON %s FOR EACH ROW WHEN (",
							 spec->child_table);
			add_waits(sql, spec);
			appendStringInfoChar(sql, ')');
			break;
		case CHILD_UPDATE:
			appendStringInfo(sql, "BEFORE UPDATE ON %s FOR EACH ROW WHEN (",
							 spec->child_table);
			add_waits(sql, spec);
			add_changed(sql, &spec->id);
			for (int i = 0; i < spec->facts->nscope; i++)
				add_changed(sql, &spec->scope[i]);
			if (spec->verified.attnum != 0)
				add_changed(sql, &spec->verified);
			appendStringInfoChar(sql, ')');
			break;
		case CHILD_WAIT:
			appendStringInfo(
				sql,
				"AFTER INSERT OR UPDATE ON %s FROM %s NOT DEFERRABLE FOR EACH ROW WHEN (",
				spec->child_table, spec->parent_table);
			add_waits(sql, spec);
			appendStringInfoChar(sql, ')');
			break;
		case CHILD_END:
			appendStringInfo(sql,
							 "AFTER INSERT OR UPDATE ON %s FOR EACH STATEMENT",
							 spec->child_table);
			break;
		case PARENT_BEGIN:
			appendStringInfo(sql, "BEFORE %s ON %s FOR EACH STATEMENT",
							 parent_events, spec->parent_table);
			break;
		case PARENT_ROW:
			appendStringInfo(
				sql, "AFTER %s ON %s FROM %s NOT DEFERRABLE FOR EACH ROW",
				parent_events, spec->parent_table, spec->child_table);
			break;
		case PARENT_END:
			appendStringInfo(sql, "AFTER %s ON %s FOR EACH STATEMENT",
							 parent_events, spec->parent_table);
			break;
	}
}

/*
 * Create one of the link's triggers; returns its OID.
 */
static Oid
create_trigger(const LinkSpec *spec, LinkTriggerKind kind)
{
	bool on_child = kind <= CHILD_END;
	char *name = trigger_name(spec->args[LINK_ARG_NAME], kind);
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE %sTRIGGER %s ",
					 kind == CHILD_WAIT || kind == PARENT_ROW ? "CONSTRAINT "
															  : "",
					 quote_identifier(name));
	add_trigger_event(&sql, spec, kind);
	appendStringInfo(
		&sql, " EXECUTE FUNCTION %s(",
		quote_qualified_identifier(get_namespace_name(spec->extschema),
								   on_child ? "external_ids_link_child"
											: "external_ids_link_parent"));
	for (int i = 0; i < LINK_NARGS; i++)
		appendStringInfo(&sql, "%s%s", i > 0 ? ", " : "",
						 quote_literal_cstr(spec->args[i]));
	appendStringInfoChar(&sql, ')');
	create_by(sql.data);
	return get_trigger_oid(on_child ? spec->childid : spec->parentid, name,
						   false);
}

/*
 * Make a trigger go when the link's record goes, with the child table or with
 * one of its columns. A dump does not carry this; then external_ids_unlink has
 * more to do. The index stays: a dump would put it after the record, and
 * another order is not what the dump of a restored database has.
 */
static void
depend_on_record(Oid record, Oid trigger)
{
	ObjectAddress from;
	ObjectAddress to;

	ObjectAddressSet(from, TriggerRelationId, trigger);
	ObjectAddressSet(to, TriggerRelationId, record);
	recordDependencyOn(&from, &to, DEPENDENCY_AUTO);
}

/*
 * Make the link; fills in its name and its index's among the arguments. The
 * caller has checked everything, locked both tables and connected to SPI.
 */
void
link_create(LinkSpec *spec)
{
	int nestlevel = begin_creating();
	Oid triggers[NUM_LINK_TRIGGERS];

	spec->args[LINK_ARG_NAME] = choose_link_name(spec);
	create_waiting_index(spec);
	for (int kind = 0; kind < NUM_LINK_TRIGGERS; kind++)
		triggers[kind] = create_trigger(spec, kind);
	AtEOXact_GUC(true, nestlevel);

	for (int kind = CHILD_BEGIN + 1; kind < NUM_LINK_TRIGGERS; kind++)
		depend_on_record(triggers[CHILD_BEGIN], triggers[kind]);
}
