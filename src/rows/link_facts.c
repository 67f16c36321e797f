/*
 * link_facts.c
 *		What a link is, read from its triggers, and the cache of that.
 *
 * An entry is keyed by the relation that a trigger is on (a partition has its
 * own, for its columns are numbered in their own way), the side and the link's
 * name. Like table facts, an entry that is stale stays in memory until the
 * transaction ends, for an outer trigger may be using it.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "optimizer/optimizer.h"
#include "rows/link.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

typedef struct LinkKey
{
	Oid relid;
	bool parent_side;
	char name[NAMEDATALEN];
} LinkKey;

typedef struct LinkEntry
{
	LinkKey key;
	LinkFacts *facts; /* or NULL */
} LinkEntry;

static HTAB *link_cache = NULL;

/* Invalidations so far, to notice one that comes while facts are read. */
static uint64 invalidations = 0;

/*
 * Relcache callback: marks what "relid" concerns, or everything. Frees nothing,
 * for it may run in the middle of anything.
 */
static void
invalidate_relation(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS seq;
	LinkEntry *entry;

	(void) arg;
	invalidations++;
	hash_seq_init(&seq, link_cache);
	while ((entry = hash_seq_search(&seq)) != NULL)
		if (entry->facts && (!OidIsValid(relid) ||
							 list_member_oid(entry->facts->relids, relid)))
			entry->facts->valid = false;
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

	if (link_cache)
		return;
	ctl.keysize = sizeof(LinkKey);
	ctl.entrysize = sizeof(LinkEntry);
	link_cache = hash_create("external_ids links", 16, &ctl,
							 HASH_ELEM | HASH_BLOBS);
	CacheRegisterRelcacheCallback(invalidate_relation, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, invalidate_names, (Datum) 0);
	CacheRegisterSyscacheCallback(OPEROID, invalidate_names, (Datum) 0);
}

/*
 * Free the plans when the facts' memory goes.
 */
static void
free_plans(void *arg)
{
	LinkFacts *facts = arg;

	if (facts->link_plan)
		SPI_freeplan(facts->link_plan);
	if (facts->move_plan)
		SPI_freeplan(facts->move_plan);
	facts->link_plan = facts->move_plan = NULL;
}

/*
 * The link's constraint trigger ("row") or its BEFORE STATEMENT trigger on the
 * relation; NULL if it has none. Points into the relcache.
 */
static const Trigger *
find_trigger(Relation rel, const char *name, Oid function, bool row)
{
	for (int i = 0; rel->trigdesc && i < rel->trigdesc->numtriggers; i++)
	{
		const Trigger *trigger = &rel->trigdesc->triggers[i];

		if (trigger->tgfoid != function || trigger->tgnargs != LINK_NARGS ||
			strcmp(trigger->tgargs[LINK_ARG_NAME], name) != 0)
			continue;
		if (row ? OidIsValid(trigger->tgconstrrelid)
				: TRIGGER_FOR_BEFORE(trigger->tgtype) &&
					  !TRIGGER_FOR_ROW(trigger->tgtype))
			return trigger;
	}
	return NULL;
}

/*
 * The table that was linked: "rel" itself, or the ancestor of this partition
 * that has the link's statement triggers. Opened, with AccessShareLock kept
 * until the transaction ends; NULL if there is none any more.
 */
static Relation
open_linked_table(Relation rel, const char *name, Oid function)
{
	ListCell *cell;

	if (find_trigger(rel, name, function, false))
		return relation_open(RelationGetRelid(rel), AccessShareLock);
	if (!rel->rd_rel->relispartition)
		return NULL;
	foreach(cell, get_partition_ancestors(RelationGetRelid(rel)))
	{
		Relation root = relation_open(lfirst_oid(cell), AccessShareLock);

		if (find_trigger(root, name, function, false))
			return root;
		relation_close(root, NoLock);
	}
	return NULL;
}

/*
 * Take down the arguments and the child's columns. "trigger" is the child's
 * BEFORE STATEMENT trigger. False if they do not fit each other: not our
 * trigger's making.
 */
static bool
read_child(LinkFacts *facts, Relation child, const Trigger *trigger)
{
	TupleDesc desc = RelationGetDescr(child);
	char **args = trigger->tgargs;
	bool verified = args[LINK_ARG_VERIFIED][0] != '\0';
	int nscope = trigger->tgnattr - LINK_COLUMN_SCOPE - (verified ? 1 : 0);
	Form_pg_attribute att;

	if (nscope < 0 || nscope > INDEX_MAX_KEYS)
		return false;
	facts->childid = RelationGetRelid(child);
	facts->follow = strcmp(args[LINK_ARG_ON_MOVE], "follow") == 0;
	facts->waiting_index = pstrdup(args[LINK_ARG_WAITING]);

	att = TupleDescAttr(desc, trigger->tgattr[LINK_COLUMN_ID] - 1);
	facts->id_name = pstrdup(NameStr(att->attname));
	facts->id_declared = att->atttypid;
	att = TupleDescAttr(desc, trigger->tgattr[LINK_COLUMN_FK] - 1);
	facts->fk_name = pstrdup(NameStr(att->attname));
	facts->fk_declared = att->atttypid;
	for (int i = 0; i < nscope; i++)
	{
		att = TupleDescAttr(desc, trigger->tgattr[LINK_COLUMN_SCOPE + i] - 1);
		facts->scope_names[i] = pstrdup(NameStr(att->attname));
		facts->scope_declared[i] = att->atttypid;
	}
	if (verified)
	{
		att = TupleDescAttr(desc, trigger->tgattr[trigger->tgnattr - 1] - 1);
		facts->verified_name = pstrdup(NameStr(att->attname));
	}
	return true;
}

/*
 * The column of the parent that a foreign key names: the one of its primary key
 * that is not in the scope, or the only one; NULL if that is not one column.
 */
ColumnFacts *
link_key(const TableFacts *parent)
{
	ColumnFacts *key = NULL;

	if (parent->nkeys == 1)
		return &parent->keys[0];
	for (int i = 0; i < parent->nkeys; i++)
	{
		bool in_scope = false;

		for (int j = 0; j < parent->nscope && !in_scope; j++)
			in_scope = parent->scope[j].attnum == parent->keys[i].attnum;
		if (in_scope)
			continue;
		if (key)
			return NULL;
		key = &parent->keys[i];
	}
	return key;
}

/*
 * Read the parent's table facts. Errors: those of rows_read_facts; 42704 if the
 * index that the link was made with is gone; 55000 if key or scope are no
 * longer what they were, or if the index became deferrable: the triggers would
 * miss a row that goes.
 */
static void
read_parent(LinkFacts *facts, Relation parent, const char *index, int nscope,
			Oid extschema)
{
	const Trigger *trigger;
	Oid indexid = InvalidOid;

	if (index[0] != '\0')
	{
		indexid = get_relname_relid(index, RelationGetNamespace(parent));
		if (!OidIsValid(indexid))
			ereport(
				ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("index \"%s\" does not exist", index),
				 errdetail(
					 "The link of column \"%s\" to table \"%s\" was made with it.",
					 facts->fk_name, RelationGetRelationName(parent)),
				 errhint(
					 "Remove the link by external_ids_unlink and make it anew.")));
	}
	facts->parentid = RelationGetRelid(parent);
	facts->parted = parent->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
	facts->parent = rows_read_facts(parent, indexid, extschema);
	facts->key = link_key(facts->parent);
	trigger = find_trigger(parent, facts->name,
						   link_function("external_ids_link_parent",
										 extschema),
						   true);
	if (facts->key == NULL || facts->parent->nscope != nscope ||
		(facts->parent->deferrable && !TRIGGER_FOR_DELETE(trigger->tgtype)))
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the link of column \"%s\" to table \"%s\" is out of date",
					facts->fk_name, RelationGetRelationName(parent)),
			 errdetail(
				 "The table's primary key, its index's scope columns or whether that is deferrable have changed."),
			 errhint(
				 "Remove the link by external_ids_unlink and make it anew.")));
}

/*
 * Functions and operators that go by the types of the columns.
 */
static void
read_functions(LinkFacts *facts)
{
	TableFacts *parent = facts->parent;
	char *schema = get_namespace_name(parent->extschema);

	facts->by_value = getBaseType(facts->id_declared) != parent->idtype;
	facts->id_type = facts->by_value ? TEXTOID : parent->idtype;
	facts->holds =
		OpernameGetOprid(list_make2(makeString(schema),
									makeString(facts->by_value ? "@=" : "@>")),
						 parent->settype,
						 facts->by_value ? TEXTOID : parent->settype);
	fmgr_info_cxt(get_opcode(facts->holds), &facts->holds_fn, facts->context);
	get_typlenbyval(facts->key->type, &facts->key_len, &facts->key_byval);
	for (int i = 0; i < parent->nscope; i++)
	{
		Oid type = parent->scope[i].type;
		TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_HASH_PROC);

		if (!OidIsValid(entry->hash_proc))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_FUNCTION),
					 errmsg("could not identify a hash function for type %s",
							format_type_be(type))));
		fmgr_info_cxt(entry->hash_proc, &facts->scope_hash[i], facts->context);
		get_typlenbyval(type, &facts->scope_len[i], &facts->scope_byval[i]);
	}
}

/*
 * The numbers of the columns in the relation that the trigger is on.
 */
static void
read_columns(LinkFacts *facts, Relation rel)
{
	Oid relid = RelationGetRelid(rel);
	TableFacts *parent = facts->parent;

	if (!facts->parent_side)
	{
		facts->id = get_attnum(relid, facts->id_name);
		facts->fk = get_attnum(relid, facts->fk_name);
		if (facts->verified_name)
			facts->verified = get_attnum(relid, facts->verified_name);
		for (int i = 0; i < parent->nscope; i++)
			facts->scope[i] = get_attnum(relid, facts->scope_names[i]);
		return;
	}
	facts->id = get_attnum(relid, parent->set_name);
	facts->fk = get_attnum(relid, facts->key->name);
	for (int i = 0; i < parent->nscope; i++)
		facts->scope[i] = get_attnum(relid, parent->scope[i].name);
	for (int i = 0; i < facts->nleaves; i++)
		if (facts->leaves[i].relid == relid)
		{
			Relation index = relation_open(facts->leaves[i].indexid,
										   AccessShareLock);

			pull_varattnos((Node *) RelationGetIndexPredicate(index), 1,
						   &facts->watched);
			relation_close(index, NoLock);
		}
}

/*
 * Find the two tables of the link that has a trigger on "rel" and read them. In
 * facts->context. Leaves the facts idle if one of them is gone.
 */
static void
read_link(LinkFacts *facts, Relation rel, Oid extschema)
{
	Oid child_function = link_function("external_ids_link_child", extschema);
	Oid parent_function = link_function("external_ids_link_parent", extschema);
	Oid function = facts->parent_side ? parent_function : child_function;
	Oid other_function = facts->parent_side ? child_function : parent_function;
	Relation own = open_linked_table(rel, facts->name, function);
	Relation other = NULL;
	const Trigger *trigger = own ? find_trigger(own, facts->name, function,
												true)
								 : NULL;

	facts->idle = true;
	if (own)
		facts->relids = lappend_oid(facts->relids, RelationGetRelid(own));
	if (trigger)
	{
		facts->relids = lappend_oid(facts->relids, trigger->tgconstrrelid);
		other = try_relation_open(trigger->tgconstrrelid, AccessShareLock);
	}
	if (other)
	{
		Relation child = facts->parent_side ? other : own;
		Relation parent = facts->parent_side ? own : other;

		/* Each of the two must name the other. */
		trigger = find_trigger(other, facts->name, other_function, true);
		if (trigger && trigger->tgconstrrelid == RelationGetRelid(own))
			trigger = find_trigger(child, facts->name, child_function, false);
		else
			trigger = NULL;
		if (trigger && read_child(facts, child, trigger))
		{
			int nscope = trigger->tgnattr - LINK_COLUMN_SCOPE -
						 (facts->verified_name ? 1 : 0);
			char *index = pstrdup(trigger->tgargs[LINK_ARG_INDEX]);

			read_parent(facts, parent, index, nscope, extschema);
			read_functions(facts);
			link_read_leaves(facts, parent);
			read_columns(facts, rel);
			facts->idle = false;
		}
		relation_close(other, NoLock);
	}
	if (own)
		relation_close(own, NoLock);
}

/*
 * Drop an entry: its facts and plans go when the transaction ends.
 */
static void
drop_entry(LinkEntry *entry)
{
	if (entry->facts)
		MemoryContextSetParent(entry->facts->context, TopTransactionContext);
	hash_search(link_cache, &entry->key, HASH_REMOVE, NULL);
}

/*
 * Drop what is stale, so that a long session does not grow.
 */
static void
sweep_cache(void)
{
	HASH_SEQ_STATUS seq;
	LinkEntry *entry;

	hash_seq_init(&seq, link_cache);
	while ((entry = hash_seq_search(&seq)) != NULL)
		if (entry->facts == NULL || !entry->facts->valid)
			drop_entry(entry);
}

/*
 * The link "name" as the triggers of "rel" on one side see it.
 */
LinkFacts *
link_facts(Relation rel, const char *name, Oid extschema, bool parent_side)
{
	LinkKey key;
	LinkEntry *entry;
	MemoryContext context;
	MemoryContext oldcontext;
	LinkFacts *facts;
	uint64 before;

	create_cache();
	memset(&key, 0, sizeof(key));
	key.relid = RelationGetRelid(rel);
	key.parent_side = parent_side;
	strlcpy(key.name, name, NAMEDATALEN);
	entry = hash_search(link_cache, &key, HASH_FIND, NULL);
	if (entry && entry->facts && entry->facts->valid)
		return entry->facts;
	sweep_cache();

	context = AllocSetContextCreate(CurrentMemoryContext, "external_ids link",
									ALLOCSET_SMALL_SIZES);
	oldcontext = MemoryContextSwitchTo(context);
	facts = palloc0(sizeof(LinkFacts));
	facts->context = context;
	facts->parent_side = parent_side;
	facts->name = pstrdup(name);
	facts->relids = list_make1_oid(RelationGetRelid(rel));
	before = invalidations;
	read_link(facts, rel, extschema);
	facts->valid = before == invalidations;
	facts->cleanup.func = free_plans;
	facts->cleanup.arg = facts;
	MemoryContextRegisterResetCallback(context, &facts->cleanup);
	MemoryContextSwitchTo(oldcontext);

	entry = hash_search(link_cache, &key, HASH_ENTER, NULL);
	MemoryContextSetParent(context, CacheMemoryContext);
	entry->facts = facts;
	return facts;
}

/*
 * The scope's values in a row of the trigger's relation. False if one is null:
 * such a row has no part in the link. The values point into the slot.
 */
bool
link_read_scope(const LinkFacts *facts, TupleTableSlot *slot, Datum *scope)
{
	for (int i = 0; i < facts->parent->nscope; i++)
	{
		bool isnull;

		scope[i] = slot_getattr(slot, facts->scope[i], &isnull);
		if (isnull)
			return false;
	}
	return true;
}

/*
 * True if two scopes, read by link_read_scope, are the same.
 */
bool
link_same_scope(const LinkFacts *facts, const Datum *a, const Datum *b)
{
	for (int i = 0; i < facts->parent->nscope; i++)
		if (!datum_image_eq(a[i], b[i], facts->scope_byval[i],
							facts->scope_len[i]))
			return false;
	return true;
}
