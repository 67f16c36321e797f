/*
 * link.h
 *		Late binding: what the files of a link share.
 */
#ifndef EXTERNAL_IDS_LINK_H
#define EXTERNAL_IDS_LINK_H

#include "rows/rows.h"

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

/* link_existing.c */
extern void link_existing(Oid childid, const char *link_name, uint64 *linked,
						  uint64 *waiting);

#endif /* EXTERNAL_IDS_LINK_H */
