/*
 * external_ids.c
 *		What the server needs to load the library.
 *
 * The code lives in three rooms, each with one header: types/ (the external_id
 * and external_id_set types), index/ (the unique_members access method) and
 * rows/ (functions on the rows of account tables).
 */
#include "postgres.h"

#include "fmgr.h"

PG_MODULE_MAGIC;
