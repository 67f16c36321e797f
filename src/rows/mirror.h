/*
 * mirror.h
 *		Mirrors: what the files of a mirror share.
 *
 * A mirror keeps an external_id_set column and a side table, with a row for each
 * external ID, in step while both are written. It is five triggers, made by
 * external_ids_mirror (mirror.c): three on the side table, two on the table. All
 * that they need stands in their definitions, which pg_dump carries: names in
 * their arguments, the other table in the FROM of either side's constraint
 * trigger. That one follows a rename, and goes with the table that it names.
 *
 * How it works: mirror_apply.c.
 */
#ifndef EXTERNAL_IDS_MIRROR_H
#define EXTERNAL_IDS_MIRROR_H

#include "commands/trigger.h"
#include "rows/query.h"
#include "utils/rel.h"

/*
 * Arguments of every trigger of a mirror. After them the side table's key
 * columns, then pairs of scope columns, the table's and the side table's.
 */
typedef enum MirrorArg
{
	MIRROR_ARG_NAME,
	MIRROR_ARG_COLUMN, /* the set */
	MIRROR_ARG_VALUE,
	MIRROR_ARG_FORM,
	MIRROR_ARG_LABEL, /* as the form says */
	MIRROR_ARG_NKEYS,
	MIRROR_NARGS /* at least */
} MirrorArg;

/* How a side table says an external ID; in the order of mirror_forms. */
typedef enum MirrorForm
{
	MIRROR_LABEL_COLUMN, /* in a column for the label and one for the value */
	MIRROR_LABEL,		 /* a value, all under the same label */
	MIRROR_TEXT			 /* an external ID or the text of one */
} MirrorForm;

#define NUM_MIRROR_FORMS (MIRROR_TEXT + 1)

extern const char *const mirror_forms[];

/* The statements that the triggers run; one kept plan of each per mirror. */
typedef enum MirrorQuery
{
	MIRROR_READ_ID,	   /* an external ID from label and value */
	MIRROR_READ_ROW,   /* the set of the table's row */
	MIRROR_WRITE_SET,  /* that row's set */
	MIRROR_READ_SIDE,  /* what the side table has for a key */
	MIRROR_DELETE,	   /* some of it */
	MIRROR_INSERT,	   /* some more */
	MIRROR_MOVE_SCOPE, /* all of it to another scope */
	MIRROR_EMPTY_SETS,
	MIRROR_EMPTY_SIDE,
	MIRROR_LEFT_IN_SETS, /* a row that still has something after that */
	MIRROR_LEFT_IN_SIDE
} MirrorQuery;

#define NUM_MIRROR_QUERIES (MIRROR_LEFT_IN_SIDE + 1)

/* A column of the side table, or a scope column of the table. */
typedef struct MirrorColumn
{
	AttrNumber attnum;
	char *name;
	Oid declared;
	Oid type; /* base type */
	bool notnull;
} MirrorColumn;

/* What one mirror is, as seen by the triggers of one table. */
typedef struct Mirror
{
	MemoryContext context;		   /* holds all of this */
	MemoryContextCallback cleanup; /* frees the plans with the context */
	bool valid;
	bool idle;	  /* the other table is gone */
	bool of_side; /* whose triggers */
	char *name;
	Oid relid;	 /* the trigger's table */
	Oid otherid; /* the other one */
	Oid owner;	 /* of both */
	TableFacts *table;
	char *side_schema;
	char *side_name;
	MirrorForm form;
	char *label; /* with MIRROR_LABEL */
	MirrorColumn label_column;
	MirrorColumn value;
	MirrorColumn keys[INDEX_MAX_KEYS]; /* table->nkeys of them */
	int nscope;
	MirrorColumn scope[INDEX_MAX_KEYS];		 /* of the table */
	MirrorColumn side_scope[INDEX_MAX_KEYS]; /* of the side table */
	SPIPlanPtr plans[NUM_MIRROR_QUERIES];
} Mirror;

/* A row's values in the table's scope columns. */
typedef struct MirrorScope
{
	Datum values[INDEX_MAX_KEYS];
	bool nulls[INDEX_MAX_KEYS];
} MirrorScope;

/* What one call is to make. */
typedef struct MirrorSpec
{
	Oid extschema;
	Relation table;
	Relation side;
	TableFacts *facts;	/* the table's */
	List *args;			/* of char *, of every trigger */
	Bitmapset *columns; /* of the side table that the mirror fills */
	Bitmapset *keys;	/* those that are its key */
} MirrorSpec;

/* mirror_create.c */
extern void mirror_create(MirrorSpec *spec);

/* mirror_unmirror.c */
extern const char *mirror_function_name(bool of_side);
extern bool mirror_is_trigger(const Trigger *trigger, bool of_side,
							  Oid extschema);
extern Relation mirror_open_table(Oid relid, LOCKMODE lockmode,
								  bool for_mirror);
extern void mirror_check_arguments(FunctionCallInfo fcinfo,
								   const char *const *names, int n);

/* mirror_facts.c */
extern bool mirror_read_column(MirrorColumn *column, Relation rel,
							   const char *name);
extern bool mirror_key_fits(Relation table, AttrNumber attnum, Relation side,
							AttrNumber side_attnum);
extern Mirror *mirror_facts(Relation rel, const char *name, Oid function,
							bool of_side, bool lock);

/* mirror_plans.c */
extern void mirror_execute(Mirror *mirror, MirrorQuery query,
						   RowParams *params, int expected);

/* mirror_apply.c */
extern ExternalIdSet *mirror_union(ExternalIdSet *a, ExternalIdSet *b);
extern ExternalIdSet *mirror_minus(ExternalIdSet *a, ExternalIdSet *b);
extern ExternalIdSet *mirror_covered(const Mirror *mirror, Datum set,
									 bool isnull);
extern ExternalIdSet *mirror_read_row(Mirror *mirror, const Datum *key,
									  bool *found);
extern void mirror_add_scope(const Mirror *mirror, RowParams *params,
							 const MirrorScope *scope);
extern void mirror_apply(Mirror *mirror, const Datum *key, ExternalIdSet *lost,
						 ExternalIdSet *gained, const MirrorScope *scope);
extern void mirror_empty(Mirror *mirror);

#endif /* EXTERNAL_IDS_MIRROR_H */
