/*
 * mirror_facts.c
 *		What a mirror is, read from its triggers, and the cache of that.
 *
 * An entry is keyed by the table that a trigger is on, its part in the mirror
 * and the mirror's name. Like table facts, an entry that is stale stays in
 * memory until the transaction ends, for an outer trigger may be using it.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "rows/mirror.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

typedef struct MirrorKey
{
	Oid relid;
	bool of_side;
	char name[NAMEDATALEN];
} MirrorKey;

typedef struct MirrorEntry
{
	MirrorKey key;
	Mirror *mirror; /* or NULL */
} MirrorEntry;

const char *const mirror_forms[] = {"label column", "label", "text"};

static HTAB *mirror_cache = NULL;

/* Invalidations so far, to notice one that comes while a mirror is read. */
static uint64 invalidations = 0;

/*
 * Relcache callback: marks what "relid" concerns, or everything. Frees nothing,
 * for it may run in the middle of anything.
 */
static void
invalidate_relation(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS seq;
	MirrorEntry *entry;

	(void) arg;
	invalidations++;
	hash_seq_init(&seq, mirror_cache);
	while ((entry = hash_seq_search(&seq)) != NULL)
		if (entry->mirror &&
			(!OidIsValid(relid) || relid == entry->mirror->relid ||
			 relid == entry->mirror->otherid))
			entry->mirror->valid = false;
}

/*
 * Syscache callback: a schema or an operator changed, and their names stand in
 * the statements.
 */
static void
invalidate_names(Datum arg, int cacheid, uint32 hashvalue)
{
	(void) cacheid;
	(void) hashvalue;
	invalidate_relation(arg, InvalidOid);
}

/*
 * Make the cache, once per backend.
 */
static void
create_cache(void)
{
	HASHCTL ctl;

	if (mirror_cache)
		return;
	ctl.keysize = sizeof(MirrorKey);
	ctl.entrysize = sizeof(MirrorEntry);
	mirror_cache = hash_create("external_ids mirrors", 16, &ctl,
							   HASH_ELEM | HASH_BLOBS);
	CacheRegisterRelcacheCallback(invalidate_relation, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, invalidate_names, (Datum) 0);
	CacheRegisterSyscacheCallback(OPEROID, invalidate_names, (Datum) 0);
}

/*
 * Free the plans when the memory goes.
 */
static void
free_plans(void *arg)
{
	Mirror *mirror = arg;

	for (int i = 0; i < NUM_MIRROR_QUERIES; i++)
		if (mirror->plans[i])
			SPI_freeplan(mirror->plans[i]);
	memset(mirror->plans, 0, sizeof(mirror->plans));
}

/*
 * The constraint trigger of mirror "name" on the table, or NULL. Points into the
 * relcache.
 */
static const Trigger *
find_trigger(Relation rel, const char *name, Oid function)
{
	for (int i = 0; rel->trigdesc && i < rel->trigdesc->numtriggers; i++)
	{
		const Trigger *trigger = &rel->trigdesc->triggers[i];

		if (trigger->tgfoid == function &&
			OidIsValid(trigger->tgconstrrelid) &&
			trigger->tgnargs >= MIRROR_NARGS &&
			strcmp(trigger->tgargs[MIRROR_ARG_NAME], name) == 0)
			return trigger;
	}
	return NULL;
}

/*
 * Take down a column; false if there is none of that name. In the current
 * memory context.
 */
bool
mirror_read_column(MirrorColumn *column, Relation rel, const char *name)
{
	AttrNumber attnum = get_attnum(RelationGetRelid(rel), name);
	Form_pg_attribute att;

	if (attnum <= 0)
		return false;
	att = TupleDescAttr(RelationGetDescr(rel), attnum - 1);
	column->attnum = attnum;
	column->name = pstrdup(name);
	column->declared = att->atttypid;
	column->type = getBaseType(att->atttypid);
	column->notnull = att->attnotnull;
	return true;
}

/*
 * True if a side table's key column says a key in one way only, as the table's
 * column does. '01' or an upper-case UUID in a text column does not, if the table
 * has a number or a uuid there: it would be the key of a row, and not be found
 * by that row's key.
 */
bool
mirror_key_fits(Relation table, AttrNumber attnum, Relation side,
				AttrNumber side_attnum)
{
	Form_pg_attribute a = TupleDescAttr(RelationGetDescr(table), attnum - 1);
	Form_pg_attribute b = TupleDescAttr(RelationGetDescr(side),
										side_attnum - 1);
	Oid a_type = getBaseType(a->atttypid);
	Oid b_type = getBaseType(b->atttypid);
	char a_category;
	char b_category;
	bool preferred;

	if (a_type == b_type && a->attcollation == b->attcollation)
		return true;
	get_type_category_preferred(a_type, &a_category, &preferred);
	get_type_category_preferred(b_type, &b_category, &preferred);
	if (a_category != b_category || a_category != TYPCATEGORY_STRING)
		return a_category == TYPCATEGORY_NUMERIC && b_category == a_category;
	return lookup_type_cache(a_type, TYPECACHE_EQ_OPR)->eq_opr ==
			   lookup_type_cache(b_type, TYPECACHE_EQ_OPR)->eq_opr &&
		   OidIsValid(a->attcollation) && OidIsValid(b->attcollation) &&
		   get_collation_isdeterministic(a->attcollation) &&
		   get_collation_isdeterministic(b->attcollation);
}

/*
 * Raise 55000: the triggers say what is no longer so.
 */
pg_noreturn static void
out_of_date(const Mirror *mirror, const char *detail, const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the mirror \"%s\" of table \"%s\" is out of date",
					mirror->name, get_rel_name(mirror->relid)),
			 errdetail_internal(detail, name),
			 errhint("Remove the mirror by external_ids_unmirror and make it "
					 "anew.")));
}

/*
 * Take down one of the columns that the arguments name. Errors: 55000.
 */
static void
read_named(const Mirror *mirror, MirrorColumn *column, Relation rel,
		   const char *name)
{
	if (!mirror_read_column(column, rel, name))
		out_of_date(mirror, "There is no column \"%s\".", name);
}

/*
 * Read both tables as the trigger's arguments say. In mirror->context. Errors:
 * 55000 if the arguments do not fit.
 */
static void
read_tables(Mirror *mirror, const Trigger *trigger, Relation table,
			Relation side, Oid extschema)
{
	char **args = trigger->tgargs;
	int nkeys = pg_strtoint32(args[MIRROR_ARG_NKEYS]);
	char **next = &args[MIRROR_NARGS];

	if (get_attnum(RelationGetRelid(table), args[MIRROR_ARG_COLUMN]) <= 0)
		out_of_date(mirror, "There is no column \"%s\".",
					args[MIRROR_ARG_COLUMN]);
	mirror->table = rows_read_table(table, true, args[MIRROR_ARG_COLUMN],
									extschema);
	mirror->nscope = (trigger->tgnargs - MIRROR_NARGS - nkeys) / 2;
	if (nkeys != mirror->table->nkeys ||
		nkeys > trigger->tgnargs - MIRROR_NARGS ||
		mirror->nscope > INDEX_MAX_KEYS)
		out_of_date(mirror, "The primary key of table \"%s\" is another one.",
					mirror->table->table_name);
	mirror->side_schema = get_namespace_name(RelationGetNamespace(side));
	mirror->side_name = pstrdup(RelationGetRelationName(side));
	while (mirror->form < MIRROR_TEXT &&
		   strcmp(args[MIRROR_ARG_FORM], mirror_forms[mirror->form]) != 0)
		mirror->form++;
	if (mirror->form == MIRROR_LABEL)
		mirror->label = pstrdup(args[MIRROR_ARG_LABEL]);
	if (mirror->form == MIRROR_LABEL_COLUMN)
		read_named(mirror, &mirror->label_column, side,
				   args[MIRROR_ARG_LABEL]);
	read_named(mirror, &mirror->value, side, args[MIRROR_ARG_VALUE]);
	for (int i = 0; i < nkeys; i++)
	{
		read_named(mirror, &mirror->keys[i], side, *next++);
		if (!mirror_key_fits(table, mirror->table->keys[i].attnum, side,
							 mirror->keys[i].attnum))
			out_of_date(mirror, "Key column \"%s\" has another type.",
						mirror->keys[i].name);
	}
	for (int i = 0; i < mirror->nscope; i++)
	{
		read_named(mirror, &mirror->scope[i], table, *next++);
		read_named(mirror, &mirror->side_scope[i], side, *next++);
	}
}

/*
 * Read the mirror that has triggers on "rel"; leaves it idle if the other table
 * is gone. In mirror->context. Errors: 55000 if the tables have two owners: the
 * triggers would act with rights that nobody gave.
 */
static void
read_mirror(Mirror *mirror, Relation rel, Oid function)
{
	const Trigger *trigger = find_trigger(rel, mirror->name, function);
	Relation other = NULL;

	mirror->idle = true;
	if (trigger)
	{
		mirror->otherid = trigger->tgconstrrelid;
		other = try_relation_open(mirror->otherid, RowExclusiveLock);
	}
	if (other == NULL)
		return;
	/* the lock may have brought another version of it */
	trigger = find_trigger(rel, mirror->name, function);
	if (trigger)
	{
		mirror->owner = rel->rd_rel->relowner;
		if (other->rd_rel->relowner != mirror->owner)
			out_of_date(mirror, "Table \"%s\" has another owner.",
						RelationGetRelationName(other));
		read_tables(mirror, trigger, mirror->of_side ? other : rel,
					mirror->of_side ? rel : other,
					get_func_namespace(function));
		mirror->idle = false;
	}
	relation_close(other, NoLock);
}

/*
 * Drop what is stale, so that a long session does not grow: it goes when the
 * transaction ends.
 */
static void
sweep_cache(void)
{
	HASH_SEQ_STATUS seq;
	MirrorEntry *entry;

	hash_seq_init(&seq, mirror_cache);
	while ((entry = hash_seq_search(&seq)) != NULL)
	{
		if (entry->mirror && entry->mirror->valid)
			continue;
		if (entry->mirror)
			MemoryContextSetParent(entry->mirror->context,
								   TopTransactionContext);
		hash_search(mirror_cache, &entry->key, HASH_REMOVE, NULL);
	}
}

/*
 * The cached mirror, if it holds. With "lock" the other table is locked, which
 * takes in what others changed about it.
 */
static Mirror *
find_mirror(const MirrorKey *key, bool lock)
{
	MirrorEntry *entry = hash_search(mirror_cache, key, HASH_FIND, NULL);
	Mirror *mirror = entry ? entry->mirror : NULL;

	if (lock && mirror && OidIsValid(mirror->otherid))
		LockRelationOid(mirror->otherid, RowExclusiveLock);
	return mirror && mirror->valid ? mirror : NULL;
}

/*
 * The mirror "name" as the triggers of "rel", which call "function", see it. NULL
 * if it is idle. With "lock" the other table is locked for writing until the
 * transaction ends; without, only what is of "rel" itself is sure to hold.
 */
Mirror *
mirror_facts(Relation rel, const char *name, Oid function, bool of_side,
			 bool lock)
{
	MirrorKey key;
	Mirror *mirror;
	MemoryContext context;
	MemoryContext oldcontext;
	uint64 before;

	create_cache();
	memset(&key, 0, sizeof(key));
	key.relid = RelationGetRelid(rel);
	key.of_side = of_side;
	strlcpy(key.name, name, NAMEDATALEN);
	mirror = find_mirror(&key, lock);
	if (mirror)
		return mirror->idle ? NULL : mirror;
	sweep_cache();

	context = AllocSetContextCreate(CurrentMemoryContext,
									"external_ids mirror",
									ALLOCSET_SMALL_SIZES);
	oldcontext = MemoryContextSwitchTo(context);
	mirror = palloc0(sizeof(Mirror));
	mirror->context = context;
	mirror->relid = key.relid;
	mirror->of_side = of_side;
	mirror->name = pstrdup(name);
	before = invalidations;
	read_mirror(mirror, rel, function);
	mirror->valid = before == invalidations;
	mirror->cleanup.func = free_plans;
	mirror->cleanup.arg = mirror;
	MemoryContextRegisterResetCallback(context, &mirror->cleanup);
	MemoryContextSwitchTo(oldcontext);

	MemoryContextSetParent(context, CacheMemoryContext);
	((MirrorEntry *) hash_search(mirror_cache, &key, HASH_ENTER, NULL))
		->mirror = mirror;
	return mirror->idle ? NULL : mirror;
}
