/*
 * query.h
 *		Statements in the making: the pieces that their text is put together
 *		from.
 */
#ifndef EXTERNAL_IDS_QUERY_H
#define EXTERNAL_IDS_QUERY_H

#include "lib/stringinfo.h"
#include "rows/rows.h"

typedef struct QueryText
{
	StringInfoData sql;
	const TableFacts *facts;
	const char *alias;	 /* the table's, quoted: its own name */
	const char *members; /* alias of an unnested set or array */
	int nargs;
	int maxargs; /* room in argtypes, which grows */
	Oid *argtypes;
} QueryText;

extern void query_begin_other(QueryText *text, const char *alias);
extern void query_begin(QueryText *text, const TableFacts *facts);
extern void query_add_param(QueryText *text, Oid type);
extern void query_add_type(QueryText *text, Oid type, int32 typmod);
extern void query_add_column(QueryText *text, const char *column);
extern void query_add_operator(QueryText *text, Oid operator);
extern void query_add_own_operator(QueryText *text, const char *name);
extern void query_add_cast(QueryText *text, Oid wanted, Oid type);
extern void query_add_collation(QueryText *text, Oid collation);
extern void query_add_equalities(QueryText *text, const ColumnFacts *columns,
								 int n);
extern void query_add_scope(QueryText *text);
extern void query_add_predicate(QueryText *text);
extern void query_add_table(QueryText *text);
extern const char *query_row_lock(const TableFacts *facts);
extern void query_add_select_row(QueryText *text);
extern SPIPlanPtr query_prepare(QueryText *text, int cursor_options,
								bool keep);

#endif /* EXTERNAL_IDS_QUERY_H */
