/*
 * link_apply.c
 *		Looks at IDs, and gives the rows that wait for them their foreign key.
 *
 * The same for either side: lock the IDs, ask who holds each now, write. What
 * the asking statement itself thought does not matter, so a row that claimed an
 * ID and lost it again in one statement, or that its index's predicate leaves
 * out, links nothing.
 *
 * At REPEATABLE READ and SERIALIZABLE the locks and the latest snapshot show
 * rows that the transaction's own does not. As in ri_triggers.c, what would
 * have to be done with them is a serialization failure.
 *
 * The child is written as its owner and without row security, as a foreign
 * key's actions are.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "rows/link.h"
#include "rows/query.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

/*
 * Append "column = $n", by the type's own equality, for a column of the child.
 */
static void
add_equality(QueryText *text, const char *column, Oid declared, Oid type)
{
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_EQ_OPR);
	Oid left;
	Oid right;

	op_input_types(entry->eq_opr, &left, &right);
	query_add_column(text, column);
	query_add_cast(text, left, declared);
	if (OidIsValid(get_typcollation(type)))
		appendStringInfoString(&text->sql, " COLLATE pg_catalog.\"C\"");
	query_add_operator(text, entry->eq_opr);
	query_add_param(text, type);
	query_add_cast(text, right, type);
}

/*
 * UPDATE child SET fk = $1 WHERE id = $2 AND scope AND ..., for waiting rows or,
 * with "move", for rows that were linked to key $n.
 */
static void
write_update(QueryText *text, const LinkFacts *facts, bool move)
{
	const TableFacts *parent = facts->parent;
	bool only = get_rel_relkind(facts->childid) == RELKIND_RELATION;

	query_begin_other(text, "child");
	appendStringInfo(&text->sql,
					 "UPDATE %s%s AS child SET %s = ", only ? "ONLY " : "",
					 quote_qualified_identifier(get_namespace_name(
													get_rel_namespace(
														facts->childid)),
												get_rel_name(facts->childid)),
					 quote_identifier(facts->fk_name));
	query_add_param(text, facts->key->type);
	appendStringInfoString(&text->sql, " WHERE ");
	add_equality(text, facts->id_name, facts->id_declared, facts->id_type);
	for (int i = 0; i < parent->nscope; i++)
	{
		appendStringInfoString(&text->sql, " AND ");
		add_equality(text, facts->scope_names[i], facts->scope_declared[i],
					 parent->scope[i].type);
	}
	appendStringInfoString(&text->sql, " AND ");
	if (move)
	{
		add_equality(text, facts->fk_name, facts->fk_declared,
					 facts->key->type);
		return;
	}
	query_add_column(text, facts->fk_name);
	appendStringInfoString(&text->sql, " IS NULL");
	if (facts->verified_name)
	{
		appendStringInfoString(&text->sql, " AND ");
		query_add_column(text, facts->verified_name);
	}
}

/*
 * The kept plan of an update. It is made, and made again, with sequential scans
 * off: one that was made while the child was small must not stay. Call within
 * SPI_connect and as the child's owner.
 */
static SPIPlanPtr
update_plan(LinkFacts *facts, bool move)
{
	SPIPlanPtr *plan = move ? &facts->move_plan : &facts->link_plan;
	int nestlevel = NewGUCNestLevel();
	CachedPlan *cached;

	(void) set_config_option("enable_seqscan", "off", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	if (*plan == NULL)
	{
		QueryText text;

		write_update(&text, facts, move);
		*plan = query_prepare(&text, CURSOR_OPT_GENERIC_PLAN, true);
	}
	cached = SPI_plan_get_cached_plan(*plan);
	if (cached)
		ReleaseCachedPlan(cached, CurrentResourceOwner);
	AtEOXact_GUC(true, nestlevel);
	return *plan;
}

/*
 * Run an update: rows of the item get "key", or NULL. Returns their number.
 */
static uint64
run_update(LinkFacts *facts, const LinkItem *item, bool move, Datum key,
		   bool has_key)
{
	int nscope = facts->parent->nscope;
	Datum values[INDEX_MAX_KEYS + 3];
	char nulls[INDEX_MAX_KEYS + 3];
	Snapshot latest = InvalidSnapshot;
	Snapshot crosscheck = InvalidSnapshot;
	SPIPlanPtr plan;
	int result;

	memset(nulls, ' ', sizeof(nulls));
	values[0] = key;
	nulls[0] = has_key ? ' ' : 'n';
	values[1] = item->id;
	for (int i = 0; i < nscope; i++)
		values[i + 2] = item->scope[i];
	if (move)
		values[nscope + 2] = item->old_key;

	plan = update_plan(facts, move);
	if (IsolationUsesXactSnapshot())
	{
		CommandCounterIncrement();
		latest = GetLatestSnapshot();
		crosscheck = GetTransactionSnapshot();
	}
	result = SPI_execute_snapshot(plan, values, nulls, latest, crosscheck,
								  false, true, 0);
	rows_check_result(result, SPI_OK_UPDATE, get_rel_name(facts->childid));
	return SPI_processed;
}

/*
 * Raise 40001 if the transaction's own snapshot does not see the same holder.
 */
static void
check_snapshot(const LinkFacts *facts, const LinkItem *item, Datum key,
			   bool has_key)
{
	Datum own;
	bool has_own;

	if (!IsolationUsesXactSnapshot())
		return;
	has_own = link_holders(facts, item->id, item->scope, false, false, &own) ==
			  1;
	if (has_own == has_key &&
		(!has_key ||
		 datum_image_eq(own, key, facts->key_byval, facts->key_len)))
		return;
	ereport(
		ERROR,
		(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
		 errmsg("could not serialize access due to concurrent update"),
		 errdetail(
			 "An external ID was claimed by a row that this transaction's snapshot does not show."),
		 errhint("The transaction might succeed if retried.")));
}

/*
 * Look at one ID. Returns the number of rows written.
 */
static uint64
apply_item(LinkFacts *facts, const LinkItem *item)
{
	Datum key = 0;
	bool has_key = link_holders(facts, item->id, item->scope, true, true,
								&key) == 1;
	uint64 written = 0;

	if (has_key || item->linked)
		check_snapshot(facts, item, key, has_key);
	if (has_key)
	{
		written += run_update(facts, item, false, key, true);
	}
	if (item->linked &&
		!(has_key && datum_image_eq(key, item->old_key, facts->key_byval,
									facts->key_len)))
		written += run_update(facts, item, true, key, has_key);
	return written;
}

/*
 * Go on as the owner of the child, without row security, as ri_triggers.c does.
 * An error ends it too.
 */
void
link_become_owner(const LinkFacts *facts, LinkUser *user)
{
	HeapTuple tuple = SearchSysCache1(RELOID,
									  ObjectIdGetDatum(facts->childid));
	Oid owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", facts->childid);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	GetUserIdAndSecContext(&user->id, &user->security);
	SetUserIdAndSecContext(owner, user->security |
									  SECURITY_LOCAL_USERID_CHANGE |
									  SECURITY_NOFORCE_RLS);
}

/*
 * Go on as who was at work before link_become_owner.
 */
void
link_become_user(const LinkUser *user)
{
	SetUserIdAndSecContext(user->id, user->security);
}

/*
 * Lock both tables as writing to them does, which takes in what others changed
 * about them, and bring the facts up to date. NULL if the link is gone.
 */
static LinkFacts *
lock_tables(LinkFacts *facts)
{
	LockRelationOid(facts->childid, RowExclusiveLock);
	LockRelationOid(facts->parentid, RowShareLock);
	if (!facts->valid)
	{
		Relation rel = relation_open(linitial_oid(facts->relids), NoLock);

		facts = link_facts(rel, facts->name, facts->parent->extschema,
						   facts->parent_side);
		relation_close(rel, NoLock);
	}
	return facts->idle ? NULL : facts;
}

/*
 * qsort order of items: those of one ID stand together, in the order of locks.
 */
static int
compare_items(const void *a, const void *b)
{
	const LinkItem *x = *(LinkItem *const *) a;
	const LinkItem *y = *(LinkItem *const *) b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return 0;
}

/*
 * True if "y" asks for nothing that "x" did not.
 */
static bool
same_item(const LinkFacts *facts, const LinkItem *x, const LinkItem *y)
{
	if (x->hash != y->hash || !datum_image_eq(x->id, y->id, false, -1))
		return false;
	if (!link_same_scope(facts, x->scope, y->scope))
		return false;
	return !y->linked ||
		   (x->linked && datum_image_eq(x->old_key, y->old_key,
										facts->key_byval, facts->key_len));
}

/*
 * Take the locks of the items.
 */
static void
lock_items(const LinkFacts *facts, LinkItem **items, int n)
{
	LinkPage *pages = palloc(sizeof(LinkPage) * n);

	for (int i = 0; i < n; i++)
	{
		pages[i].page = items[i]->hash;
		pages[i].party = items[i]->party;
	}
	link_lock(facts->parentid, pages, n);
	pfree(pages);
}

/*
 * Leave the items for which there may be something to do. A child's own row
 * waits for its ID; of a parent's IDs few are waited for. Returns how many.
 */
static int
filter_items(const LinkFacts *facts, LinkItem **items, int n)
{
	WaitingProbe *probe = NULL;
	int left = 0;

	if (items[0]->party != LINK_CHILD)
		probe = link_probe_begin(facts);
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (left > 0 && same_item(facts, items[left - 1], items[i]))
			continue;
		if (probe == NULL || link_probe(probe, items[i]))
			items[left++] = items[i];
	}
	if (probe)
		link_probe_end(probe);
	return left;
}

/*
 * Look at the items, which are all of children or all of parents, and put them
 * in order. Returns the number of rows written. The locks are held until the
 * transaction ends.
 */
uint64
link_apply(LinkFacts *facts, LinkItem **items, int n)
{
	MemoryContext context;
	MemoryContext oldcontext;
	uint64 written = 0;
	LinkUser user;

	facts = lock_tables(facts);
	if (facts == NULL)
		return 0;
	context = AllocSetContextCreate(CurrentMemoryContext,
									"external_ids link items",
									ALLOCSET_DEFAULT_SIZES);
	oldcontext = MemoryContextSwitchTo(context);
	qsort(items, n, sizeof(LinkItem *), compare_items);
	lock_items(facts, items, n);
	n = filter_items(facts, items, n);
	if (n > 0)
	{
		if (SPI_connect() != SPI_OK_CONNECT)
			elog(ERROR, "SPI_connect failed");
		link_become_owner(facts, &user);
		for (int i = 0; i < n; i++)
		{
			MemoryContextSwitchTo(context);
			written += apply_item(facts, items[i]);
		}
		link_become_user(&user);
		if (SPI_finish() != SPI_OK_FINISH)
			elog(ERROR, "SPI_finish failed");
	}
	MemoryContextSwitchTo(oldcontext);
	MemoryContextDelete(context);
	return written;
}
