/*
 * link.h
 *		Late binding: what the files of a link share.
 *
 * A link is a set of triggers on two tables, made by external_ids_link
 * (link.c). The child's rows carry an external ID and a foreign key that
 * follows it; the parent's rows hold external IDs. Names and numbers that the
 * triggers need stand in their definitions, which pg_dump carries: the link's
 * arguments in each of them, the child's columns in the column list of its
 * BEFORE STATEMENT trigger, the other table in the FROM of either side's
 * constraint trigger. Those two follow a rename, and a dropped table or column
 * takes its triggers with it: what is left of such a link is idle.
 *
 * How it works: link_units.c (rows are collected, statements processed),
 * link_locks.c (why no pair of rows can miss each other), link_apply.c.
 */
#ifndef EXTERNAL_IDS_LINK_H
#define EXTERNAL_IDS_LINK_H

#include "commands/trigger.h"
#include "nodes/bitmapset.h"
#include "nodes/execnodes.h"
#include "rows/rows.h"
#include "storage/block.h"
#include "utils/rel.h"

/* Arguments of every trigger of a link. */
typedef enum LinkArg
{
	LINK_ARG_NAME,
	LINK_ARG_ON_MOVE,
	LINK_ARG_INDEX,
	LINK_ARG_WAITING,
	LINK_ARG_VERIFIED,
	LINK_NARGS
} LinkArg;

/* The order of the columns in the child's BEFORE STATEMENT trigger. */
#define LINK_COLUMN_ID 0
#define LINK_COLUMN_FK 1
#define LINK_COLUMN_SCOPE 2

/* The parts that a row can have in a link, by which they lock. */
typedef enum LinkParty
{
	LINK_CHILD,	 /* a row that waits */
	LINK_CLAIM,	 /* a parent that gained an ID */
	LINK_RELEASE /* a parent that lost one, where that may link a row */
} LinkParty;

/* A leaf of the parent, and the rows it may have. */
typedef struct LinkLeaf
{
	Oid relid;
	Oid indexid;
	AttrNumber set;
	AttrNumber key;
	AttrNumber scope[INDEX_MAX_KEYS];
	ExprState *accepts;	 /* the partition's condition, or NULL */
	TupleTableSlot *row; /* to judge it on */
} LinkLeaf;

/* What one link is, as seen by the triggers of one relation. */
typedef struct LinkFacts
{
	MemoryContext context;		   /* holds all of this */
	MemoryContextCallback cleanup; /* frees the plans with the context */
	bool valid;
	bool idle; /* its other half is gone */
	char *name;
	bool follow;   /* a linked child moves with its ID */
	bool by_value; /* the child has bare values, not external IDs */
	bool parted;   /* the parent is partitioned */
	Oid childid;   /* the tables that were linked */
	Oid parentid;
	TableFacts *parent;
	List *relids; /* all whose change makes this stale */

	/* Columns of the relation that the trigger is on. */
	bool parent_side;
	AttrNumber id; /* child's ID, or parent's set */
	AttrNumber fk; /* child's foreign key, or parent's key */
	AttrNumber verified;
	AttrNumber scope[INDEX_MAX_KEYS];
	Bitmapset *watched; /* columns of the parent index's predicate */

	/* The child's columns by name and type. */
	char *id_name;
	char *fk_name;
	char *verified_name; /* or NULL */
	char *scope_names[INDEX_MAX_KEYS];
	Oid id_declared;
	Oid id_type; /* external_id or text */
	Oid fk_declared;
	Oid scope_declared[INDEX_MAX_KEYS];
	char *waiting_index;

	ColumnFacts *key; /* the parent's column that the foreign key names */
	bool key_byval;
	int16 key_len;
	bool scope_byval[INDEX_MAX_KEYS];
	int16 scope_len[INDEX_MAX_KEYS];
	FmgrInfo scope_hash[INDEX_MAX_KEYS];
	Oid holds; /* operator: set @> ID, or set @= value */
	FmgrInfo holds_fn;

	int nleaves;
	LinkLeaf *leaves;
	EState *estate;		  /* of the leaves' conditions */
	SPIPlanPtr link_plan; /* waiting rows get a foreign key */
	SPIPlanPtr move_plan; /* linked rows get another one */
} LinkFacts;

/* An ID in a scope whose rows have to be looked at. */
typedef struct LinkItem
{
	uint32 hash;
	LinkParty party;
	bool linked;   /* rows with "old_key" have to be looked at too */
	Datum id;	   /* an external_id or, by value, a text */
	Datum old_key; /* of the parent's type */
	Datum scope[FLEXIBLE_ARRAY_MEMBER];
} LinkItem;

/* Who was at work before the child's owner was put in their place. */
typedef struct LinkUser
{
	Oid id;
	int security;
} LinkUser;

/* Items that one statement collected. */
typedef struct LinkUnit LinkUnit;

/* A page lock to take: the page is an item's hash. */
typedef struct LinkPage
{
	BlockNumber page;
	LinkParty party;
} LinkPage;

/* link_triggers.c */
extern Oid link_function(const char *name, Oid extschema);

/* link_facts.c */
extern ColumnFacts *link_key(const TableFacts *parent);
extern LinkFacts *link_facts(Relation rel, const char *name, Oid extschema,
							 bool parent_side);
extern bool link_read_scope(const LinkFacts *facts, TupleTableSlot *slot,
							Datum *scope);
extern bool link_same_scope(const LinkFacts *facts, const Datum *a,
							const Datum *b);

/* link_leaves.c */
extern void link_read_leaves(LinkFacts *facts, Relation parent);
extern Oid link_leaf_index(Relation leaf, Oid rootindex);
extern bool link_leaf_accepts(const LinkFacts *facts, const LinkLeaf *leaf,
							  const Datum *scope);

/* link_locks.c */
extern void link_lock(Oid parentid, LinkPage *pages, int n);

/* link_units.c */
extern TriggerData *link_trigger_data(FunctionCallInfo fcinfo);
extern LinkFacts *link_trigger_facts(FunctionCallInfo fcinfo,
									 bool parent_side);
extern void link_open_unit(const LinkFacts *facts);
extern LinkItem *link_make_item(const LinkFacts *facts, LinkParty party,
								Datum id, const Datum *scope);
extern bool link_has_unit(const LinkFacts *facts);
extern void link_add_item(LinkFacts *facts, const LinkItem *item);
extern void link_close_units(LinkFacts *facts);

/* link_probe.c */
extern int link_holders(const LinkFacts *facts, Datum id, const Datum *scope,
						bool latest, bool lock, Datum *key);
typedef struct WaitingProbe WaitingProbe;
extern WaitingProbe *link_probe_begin(const LinkFacts *facts);
extern bool link_probe(WaitingProbe *probe, const LinkItem *item);
extern void link_probe_end(WaitingProbe *probe);

/* link_apply.c */
extern void link_become_owner(const LinkFacts *facts, LinkUser *user);
extern void link_become_user(const LinkUser *user);
extern uint64 link_apply(LinkFacts *facts, LinkItem **items, int n);

/* link_existing.c */
extern void link_existing(Oid childid, const char *link_name, uint64 *linked,
						  uint64 *waiting);

#endif /* EXTERNAL_IDS_LINK_H */
