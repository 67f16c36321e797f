/*
 * link.h
 *		Late binding: what its files share.
 *
 * A link lives in eight triggers, five on the child table and three on the
 * parent. All of them have the same arguments, in the order of LinkArgument;
 * the column list of the child's BEFORE STATEMENT trigger, the link's record,
 * names the child's columns in the order of LinkColumn. So pg_dump carries a
 * link, and renames do not break it.
 */
#ifndef EXTERNAL_IDS_LINK_H
#define EXTERNAL_IDS_LINK_H

#include "rows/rows.h"

/* Arguments of every trigger of a link. */
typedef enum LinkArgument
{
	LINK_ARG_NAME,	  /* the link's; unique among those of both tables */
	LINK_ARG_ON_MOVE, /* 'keep' or 'follow' */
	LINK_ARG_INDEX,	  /* parent's index as named to external_ids_link, or '' */
	LINK_ARG_WAITING, /* child's index of waiting rows */
	LINK_ARG_VERIFIED, /* 'verified' if the record's last column says so, or '' */
	NUM_LINK_ARGS
} LinkArgument;

/* Places in the record's column list. */
typedef enum LinkColumn
{
	LINK_COLUMN_ID,
	LINK_COLUMN_FK,
	LINK_COLUMN_SCOPE /* the scope's columns, in the order of the index */
} LinkColumn;

/* A column of the child. */
typedef struct LinkAttribute
{
	AttrNumber attnum; /* 0 if the link has no such column */
	char *name;
	Oid type; /* base type */
	Oid collation;
	bool generated;
} LinkAttribute;

/* What one call of external_ids_link is to make. */
typedef struct LinkSpec
{
	Oid extschema;
	Oid childid;
	Oid parentid;
	char *child_name;  /* bare */
	char *child_table; /* qualified and quoted */
	char *parent_table;
	TableFacts *facts; /* the parent's */
	LinkAttribute id;
	LinkAttribute fk;
	LinkAttribute verified;
	LinkAttribute scope[INDEX_MAX_KEYS];
	bool text_id; /* the ID column holds bare values */
	bool follow;
	char *args[NUM_LINK_ARGS];
} LinkSpec;

/* A trigger of some link, clones on partitions left out. */
typedef struct LinkTrigger
{
	Oid oid;
	Oid relid;
	Oid constrrelid; /* the other table, where the trigger names it */
	bool of_child;	 /* on the child's side */
	AttrNumber fk;	 /* the record: the foreign key column; else 0 */
	char *link;
	char *waiting_index;
} LinkTrigger;

/* link_triggers.c */
extern Oid link_function(const char *name, Oid extschema);
extern List *link_triggers(Oid extschema);
extern LinkTrigger *link_record(List *triggers, Oid childid, AttrNumber fk);
extern bool link_name_taken(List *triggers, Oid relid, const char *link);

/* link_ddl.c */
extern void link_create(LinkSpec *spec);

/* link_existing.c */
extern void link_existing(Oid childid, const char *link_name, uint64 *linked,
						  uint64 *waiting);

#endif /* EXTERNAL_IDS_LINK_H */
