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

#include "index/unique_members.h"

PG_MODULE_MAGIC;

void _PG_init(void);

/*
 * The server calls this when it has loaded the library.
 */
void
_PG_init(void)
{
	um_install_guards();
}
