/*
 * link_ddl.h
 *		Late binding: what the files that make and remove links share.
 */
#ifndef EXTERNAL_IDS_LINK_DDL_H
#define EXTERNAL_IDS_LINK_DDL_H

#include "nodes/pg_list.h"
#include "rows/link.h"
#include "utils/rel.h"

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
	char *args[LINK_NARGS];
} LinkSpec;

/* A trigger of some link; a partition's copies are left out. */
typedef struct LinkTrigger
{
	Oid oid;
	Oid relid;
	Oid constrrelid; /* the other table, where the trigger names it */
	bool of_child;	 /* on the child's side */
	bool stray;		 /* a copy that was left on a detached partition */
	AttrNumber fk;	 /* the record: the foreign key column; else 0 */
	char *link;
	char *waiting_index;
} LinkTrigger;

/* link_columns.c */
extern void link_read_columns(LinkSpec *spec, Relation child, const char *id,
							  const char *fk, const char *verified,
							  Jsonb *scope);

/* link_triggers.c */
extern List *link_triggers(Oid extschema);
extern LinkTrigger *link_record(List *triggers, Oid childid, AttrNumber fk);
extern bool link_name_taken(List *triggers, Oid relid, const char *link);

/* link_ddl.c */
extern void link_create(LinkSpec *spec);

#endif /* EXTERNAL_IDS_LINK_DDL_H */
