/*
 * facts.c
 *		The cache of table facts, and of the plans that hang on them.
 *
 * An entry is keyed by (table, index asked for, schema of the extension). It
 * is dropped, with its plans, as soon as the table or its indexes change, a
 * schema or an operator is altered (their names are in the queries' text), any
 * function or type is, where the index has a predicate (it names them bare), a
 * plan is no longer valid or, where the index has a predicate, the search path
 * is another: the predicate's text was written for the old one.
 *
 * A trigger may call a row function on the table that an outer call is busy
 * with, and the inner one may find the entry stale. So a dropped entry stays in
 * memory until the transaction ends.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/objectaddress.h"
#include "miscadmin.h"
#include "rows/rows.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

typedef struct FactsKey
{
	Oid relid;
	Oid indexid; /* as asked for: InvalidOid is "the one" */
	Oid extschema;
} FactsKey;

typedef struct FactsEntry
{
	FactsKey key;
	TableFacts *facts; /* NULL: none read yet, or the reading failed */
} FactsEntry;

static HTAB *facts_cache = NULL;

/*
 * Relcache callback: marks the entries that "relid" concerns (all, if it is
 * InvalidOid). Frees nothing, for it may run in the middle of anything.
 */
static void
invalidate_relation(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS seq;
	FactsEntry *entry;

	(void) arg;
	hash_seq_init(&seq, facts_cache);
	while ((entry = hash_seq_search(&seq)) != NULL)
	{
		TableFacts *facts = entry->facts;

		if (facts && (!OidIsValid(relid) || relid == facts->relid ||
					  relid == facts->indexid || relid == facts->pkeyid))
			facts->valid = false;
	}
}

/*
 * Syscache callback: a schema or an operator changed, and their names stand in
 * every query. Rare enough to mark all entries.
 */
static void
invalidate_names(Datum arg, int cacheid, uint32 hashvalue)
{
	(void) cacheid;
	(void) hashvalue;
	invalidate_relation(arg, InvalidOid);
}

/*
 * Syscache callback: a function or a type came, went or changed. A predicate's
 * text names them bare where the search path finds them, so it may mean
 * another one now.
 */
static void
invalidate_predicates(Datum arg, int cacheid, uint32 hashvalue)
{
	HASH_SEQ_STATUS seq;
	FactsEntry *entry;

	(void) arg;
	(void) cacheid;
	(void) hashvalue;
	hash_seq_init(&seq, facts_cache);
	while ((entry = hash_seq_search(&seq)) != NULL)
		if (entry->facts && entry->facts->predicate)
			entry->facts->valid = false;
}

/*
 * Make the cache and ask for invalidations, once per backend.
 */
static void
create_cache(void)
{
	HASHCTL ctl;

	if (facts_cache)
		return;
	ctl.keysize = sizeof(FactsKey);
	ctl.entrysize = sizeof(FactsEntry);
	facts_cache = hash_create("external_ids table facts", 32, &ctl,
							  HASH_ELEM | HASH_BLOBS);
	CacheRegisterRelcacheCallback(invalidate_relation, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, invalidate_names, (Datum) 0);
	CacheRegisterSyscacheCallback(OPEROID, invalidate_names, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, invalidate_predicates, (Datum) 0);
	CacheRegisterSyscacheCallback(TYPEOID, invalidate_predicates, (Datum) 0);
}

/*
 * True if the facts and every plan made from them still hold.
 */
static bool
facts_hold(const TableFacts *facts)
{
	if (!facts->valid)
		return false;
	if (facts->path && !SearchPathMatchesCurrentEnvironment(facts->path))
		return false;
	for (int i = 0; i < NUM_ROW_QUERIES; i++)
		if (facts->plans[i] && !SPI_plan_is_valid(facts->plans[i]))
			return false;
	return rows_column_plans_hold(facts);
}

/*
 * Give up "entry"'s facts: they and their plans go when the transaction ends.
 */
static void
drop_facts(FactsEntry *entry)
{
	TableFacts *facts = entry->facts;

	entry->facts = NULL;
	MemoryContextSetParent(facts->context, TopTransactionContext);
}

/*
 * Lock a table until the transaction ends, for reading or for writing. Raises
 * 42501 unless the caller may do to some column of the table what the lock is
 * for. The statements that follow check their columns; this is so that nobody
 * locks, by calling us, a table that is not theirs to use.
 */
void
rows_lock_table(Oid relid, LOCKMODE lockmode)
{
	AclMode mode = lockmode == AccessShareLock ? ACL_SELECT
											   : ACL_INSERT | ACL_UPDATE;

	if (pg_class_aclcheck(relid, GetUserId(), mode) != ACLCHECK_OK &&
		pg_attribute_aclcheck_all(relid, GetUserId(), mode, ACLMASK_ANY) !=
			ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV,
					   get_relkind_objtype(get_rel_relkind(relid)),
					   get_rel_name(relid));
	LockRelationOid(relid, lockmode);
}

/*
 * Drop what is no longer true, tables that are gone included, so that a long
 * session over many short-lived tables does not grow.
 */
static void
sweep_cache(void)
{
	HASH_SEQ_STATUS seq;
	FactsEntry *entry;

	hash_seq_init(&seq, facts_cache);
	while ((entry = hash_seq_search(&seq)) != NULL)
	{
		if (entry->facts && entry->facts->valid)
			continue;
		if (entry->facts)
			drop_facts(entry);
		hash_search(facts_cache, &entry->key, HASH_REMOVE, NULL);
	}
}

/*
 * The facts of table "relid", which is locked until the transaction ends: the
 * lock took in the invalidations that others sent.
 */
static TableFacts *
facts_of_locked(Oid relid, Oid indexid, Oid extschema)
{
	FactsKey key;
	FactsEntry *entry;
	TableFacts *facts;
	Relation rel;

	create_cache();
	memset(&key, 0, sizeof(key));
	key.relid = relid;
	key.indexid = indexid;
	key.extschema = extschema;

	entry = hash_search(facts_cache, &key, HASH_FIND, NULL);
	if (entry && entry->facts)
	{
		if (facts_hold(entry->facts))
			return entry->facts;
		entry->facts->valid = false;
	}
	sweep_cache();

	rel = try_relation_open(relid, NoLock);
	if (rel == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("relation with OID %u does not exist", relid)));
	facts = rows_read_facts(rel, indexid, extschema);
	relation_close(rel, NoLock);

	/*
	 * If an invalidation came while we read, it found no entry to mark; it
	 * cannot have been about this table, which is locked.
	 */
	entry = hash_search(facts_cache, &key, HASH_ENTER, NULL);
	MemoryContextSetParent(facts->context, CacheMemoryContext);
	entry->facts = facts;
	return facts;
}

/*
 * The facts of table "relid", seen through its unique_members index "indexid",
 * or through its only one if that is InvalidOid. The table is locked until the
 * transaction ends, so the facts hold as long as the caller works. It is the
 * caller's to see to privileges. Errors: whatever rows_read_facts raises about
 * a table that does not fit.
 */
TableFacts *
rows_facts_unchecked(Oid relid, Oid indexid, Oid extschema, LOCKMODE lockmode)
{
	LockRelationOid(relid, lockmode);
	return facts_of_locked(relid, indexid, extschema);
}

/*
 * The same for a row function, which needs a privilege on the table. Errors:
 * 42501 without one.
 */
TableFacts *
rows_facts(Oid relid, Oid indexid, Oid extschema, LOCKMODE lockmode)
{
	rows_lock_table(relid, lockmode);
	return facts_of_locked(relid, indexid, extschema);
}

/*
 * Raise an error unless the table has a primary key.
 */
void
rows_require_key(const TableFacts *facts)
{
	if (facts->nkeys == 0)
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("table \"%s\" has no primary key", facts->table_name),
			 errhint(
				 "A row is named by its primary key. Add one to the table.")));
}

/*
 * The facts for a function whose first argument is a NULL of the table's row
 * type and whose argument "indexarg" may name an index.
 */
static TableFacts *
facts_of_call(FunctionCallInfo fcinfo, int indexarg, LOCKMODE lockmode)
{
	Oid type = get_fn_expr_argtype(fcinfo->flinfo, 0);
	Oid relid = InvalidOid;
	Oid indexid = InvalidOid;

	if (OidIsValid(type))
		relid = get_typ_typrelid(type);
	if (OidIsValid(type) && !OidIsValid(relid))
		relid = get_typ_typrelid(getBaseType(type)); /* a domain */
	if (!OidIsValid(relid))
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("first argument must be of a table's row type"),
						errdetail("Its type is %s.", format_type_be(type)),
						errhint("Name the table as in NULL::accounts.")));
	if (!PG_ARGISNULL(indexarg))
		indexid = PG_GETARG_OID(indexarg);
	return rows_facts(relid, indexid,
					  get_func_namespace(fcinfo->flinfo->fn_oid), lockmode);
}

/*
 * The facts for a function that reads, by its first argument and argument
 * "indexarg". Errors: 42809 if the type is not a table's.
 */
TableFacts *
rows_facts_of_call(FunctionCallInfo fcinfo, int indexarg)
{
	return facts_of_call(fcinfo, indexarg, AccessShareLock);
}

/*
 * The same for a function that writes.
 */
TableFacts *
rows_facts_to_write(FunctionCallInfo fcinfo, int indexarg)
{
	return facts_of_call(fcinfo, indexarg, RowExclusiveLock);
}
