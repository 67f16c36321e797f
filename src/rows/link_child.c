/*
 * link_child.c
 *		The trigger function of a link on the child table.
 */
#include "postgres.h"

#include "rows/rows.h"

PG_FUNCTION_INFO_V1(external_ids_link_child);

/*
 * external_ids_link_child(): not written yet.
 */
Datum
external_ids_link_child(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	elog(ERROR, "not written yet");
}
