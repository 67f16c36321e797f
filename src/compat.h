/*
 * compat.h
 *		Every difference between the supported server versions.
 *
 * No other file looks at PG_VERSION_NUM.
 */
#ifndef EXTERNAL_IDS_COMPAT_H
#define EXTERNAL_IDS_COMPAT_H

#include "postgres.h"

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
 * Actions of the JSON parser can fail from 16 on. Before, they return nothing:
 * a failed check has thrown. For a \u escape whose character the server
 * encoding lacks, the parser throws before 16; later it returns an error code.
 */
#if PG_VERSION_NUM < 160000
#define JsonActionResult void
#define JSON_ACTION_RETURN(ok) \
	do                         \
	{                          \
		(void) (ok);           \
		return;                \
	} while (0)
#define JSON_ACTION_FAILED(error) false
#define JSON_UNTRANSLATABLE(error) ((error) == JSON_UNICODE_CODE_POINT_ZERO)
#else
#define JsonActionResult JsonParseErrorType
#define JSON_ACTION_RETURN(ok) \
	return (ok) ? JSON_SUCCESS : JSON_SEM_ACTION_FAILED
#define JSON_ACTION_FAILED(error) ((error) == JSON_SEM_ACTION_FAILED)
#define JSON_UNTRANSLATABLE(error)              \
	((error) == JSON_UNICODE_CODE_POINT_ZERO || \
	 (error) == JSON_UNICODE_UNTRANSLATABLE)
#endif

/* A lexer of "text", palloc'd; from 17 on the caller may have its own. */
#if PG_VERSION_NUM < 170000
#define json_lexer(text, len)                                       \
	makeJsonLexContextCstringLen(unconstify(char *, (text)), (len), \
								 GetDatabaseEncoding(), true)
#else
#define json_lexer(text, len)                                             \
	makeJsonLexContextCstringLen(NULL, unconstify(char *, (text)), (len), \
								 GetDatabaseEncoding(), true)
#endif

/*
 * A caller that wants to know whether a text is legal input: from 16 it asks,
 * before it needs a subtransaction around the input function.
 */
#if PG_VERSION_NUM >= 160000
#define HAVE_SOFT_INPUT 1
#endif

/* Ownership of any object is asked in one way from 16 on. */
#if PG_VERSION_NUM < 160000
#define owns_relation(relid, role) pg_class_ownercheck((relid), (role))
#else
#define owns_relation(relid, role) \
	object_ownercheck(RelationRelationId, (relid), (role))
#endif

/* The search path's snapshot was renamed in 17. */
#if PG_VERSION_NUM < 170000
#define SearchPathMatcher OverrideSearchPath
#define GetSearchPathMatcher GetOverrideSearchPath
#define SearchPathMatchesCurrentEnvironment OverrideSearchPathMatchesCurrent
#endif

/* From 18 on an index scan takes a place for its statistics; ours needs none. */
#if PG_VERSION_NUM < 180000
#define begin_index_scan(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, nkeys, 0)
#else
#define begin_index_scan(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, NULL, nkeys, 0)
#endif

/* Foreign keys with PERIOD came with 18. */
#if PG_VERSION_NUM < 180000
#define CONSTRAINT_HAS_PERIOD(form) false
#else
#define CONSTRAINT_HAS_PERIOD(form) ((form)->conperiod)
#endif

#endif /* EXTERNAL_IDS_COMPAT_H */
