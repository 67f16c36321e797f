/*
 * compat.h
 *		Every difference between the supported server versions.
 *
 * No other file looks at PG_VERSION_NUM.
 */
#ifndef EXTERNAL_IDS_COMPAT_H
#define EXTERNAL_IDS_COMPAT_H

#include "postgres.h"

#include "mb/pg_wchar.h"

#if PG_VERSION_NUM < 150000
#error "external_ids needs PostgreSQL 15 or later"
#endif

/*
 * Soft errors of input functions came with 16. Before, the context is NULL and
 * ereturn() throws, as it does there when the caller passed no context.
 */
#if PG_VERSION_NUM < 160000
typedef struct Node ErrorSaveContext;
#define INPUT_ERROR_CONTEXT(fcinfo) NULL
#define SOFT_ERROR_OCCURRED(escontext) false
#define ereturn(context, dummy_value, ...) \
	do                                     \
	{                                      \
		(void) (context);                  \
		ereport(ERROR, __VA_ARGS__);       \
	} while (0)
#else
#include "nodes/miscnodes.h"
#define INPUT_ERROR_CONTEXT(fcinfo) ((fcinfo)->context)
#endif

/*
 * unicode_to_server(code, bytes): a code point in the server encoding, with a
 * zero byte after it; false if it has none there. Before 16 the server throws;
 * the caller then throws its own error, so nothing needs to be rolled back.
 */
#if PG_VERSION_NUM < 160000
static inline bool
unicode_to_server(pg_wchar code, unsigned char *bytes)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool found = true;

	PG_TRY();
	{
		pg_unicode_to_server(code, bytes);
	}
	PG_CATCH();
	{
		if (geterrcode() != ERRCODE_UNTRANSLATABLE_CHARACTER)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		found = false;
	}
	PG_END_TRY();
	return found;
}
#else
#define unicode_to_server(code, bytes) \
	pg_unicode_to_server_noerror(code, bytes)
#endif

/*
 * A caller that wants to know whether a text is legal input: from 16 it asks,
 * before it needs a subtransaction around the input function.
 */
#if PG_VERSION_NUM >= 160000
#define HAVE_SOFT_INPUT 1
#endif

/* The search path's snapshot was renamed in 17. */
#if PG_VERSION_NUM < 170000
#define SearchPathMatcher OverrideSearchPath
#define GetSearchPathMatcher GetOverrideSearchPath
#define SearchPathMatchesCurrentEnvironment OverrideSearchPathMatchesCurrent
#endif

#endif /* EXTERNAL_IDS_COMPAT_H */
