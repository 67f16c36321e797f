/*
 * link_parent.c
 *		The trigger function of a link on the parent table.
 */
#include "postgres.h"

#include "rows/rows.h"

PG_FUNCTION_INFO_V1(external_ids_link_parent);

/*
 * external_ids_link_parent(): not written yet.
 */
Datum
external_ids_link_parent(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	elog(ERROR, "not written yet");
}
