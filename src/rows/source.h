/*
 * source.h
 *		External IDs that are not in a set column yet: an expression over a
 *		table's rows.
 */
#ifndef EXTERNAL_IDS_SOURCE_H
#define EXTERNAL_IDS_SOURCE_H

#include "rows/query.h"

extern char *source_set_expression(const TableFacts *facts, const char *source,
								   const char *label);
extern int source_begin_reading(void);

#endif /* EXTERNAL_IDS_SOURCE_H */
