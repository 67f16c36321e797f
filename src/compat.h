/*
 * compat.h
 *		Every difference between the supported server versions.
 *
 * No other file looks at PG_VERSION_NUM.
 */
#ifndef EXTERNAL_IDS_COMPAT_H
#define EXTERNAL_IDS_COMPAT_H

#include "postgres.h"

#include "fmgr.h"

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
#include "varatt.h" /* until 15 a part of postgres.h */
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
 * Read "text" by an input function; false if it is not legal for the type. From
 * 16 on such errors are soft. Before, the function throws, and who wants to know
 * catches that in a subtransaction.
 */
#if PG_VERSION_NUM < 160000
#define INPUT_ERRORS_ARE_SOFT false
static inline bool
call_input(FmgrInfo *input, char *text, Oid ioparam, int32 typmod,
		   Datum *result)
{
	*result = InputFunctionCall(input, text, ioparam, typmod);
	return true;
}
#else
#define INPUT_ERRORS_ARE_SOFT true
static inline bool
call_input(FmgrInfo *input, char *text, Oid ioparam, int32 typmod,
		   Datum *result)
{
	ErrorSaveContext escontext = {.type = T_ErrorSaveContext};

	return InputFunctionCallSafe(input, text, ioparam, typmod,
								 (Node *) &escontext, result);
}
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

/* A piece of code for what only some servers know, such as a struct's field. */
#if PG_VERSION_NUM >= 160000
#define SINCE_16(code) code
#else
#define SINCE_16(code)
#endif
#if PG_VERSION_NUM >= 170000
#define SINCE_17(code) code
#else
#define SINCE_17(code)
#endif
#if PG_VERSION_NUM >= 180000
#define SINCE_18(code) code
#else
#define SINCE_18(code)
#endif

/* What 18 calls the meanings of comparison operators, as far as we name them. */
#if PG_VERSION_NUM < 180000
typedef enum CompareType
{
	COMPARE_INVALID = 0,
	COMPARE_EQ = 3
} CompareType;
#endif

/* Only from 18 on may an access method other than btree be UNIQUE. */
#define SERVER_HAS_UNIQUE_METHODS (PG_VERSION_NUM >= 180000)

/* A function that does not return is told so at its start from 18 on. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/*
 * From 18 on an index scan takes a place for its statistics, from 19 on flags;
 * ours needs none.
 */
#if PG_VERSION_NUM < 180000
#define begin_index_scan(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, nkeys, 0)
#elif PG_VERSION_NUM < 190000
#define begin_index_scan(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, NULL, nkeys, 0)
#else
#define begin_index_scan(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, NULL, nkeys, 0, SO_NONE)
#endif

/*
 * The table access method's index_fetch_begin takes flags from 19 on, which a
 * callback that stands before it hands on: its parameters, and its arguments.
 */
#if PG_VERSION_NUM < 190000
#define INDEX_FETCH_BEGIN_PARAMETERS Relation rel
#define INDEX_FETCH_BEGIN_ARGUMENTS(heap) heap
#else
#define INDEX_FETCH_BEGIN_PARAMETERS Relation rel, uint32 flags
#define INDEX_FETCH_BEGIN_ARGUMENTS(heap) heap, flags
#endif

/* Rows behind an index's TIDs are fetched, and a table scanned, with flags from 19 on. */
#if PG_VERSION_NUM < 190000
#define begin_index_fetch(heap) table_index_fetch_begin(heap)
#else
#define begin_index_fetch(heap) table_index_fetch_begin(heap, SO_NONE)
#endif

/*
 * What an access method's handler returns. Until 18 it is palloc'd, and the
 * server copies and frees it; from 19 on it must live as long as the backend.
 */
#if PG_VERSION_NUM < 190000
#define PG_RETURN_INDEX_AM(am) \
	PG_RETURN_POINTER(memcpy(palloc(sizeof(*(am))), (am), sizeof(*(am))))
#else
#define PG_RETURN_INDEX_AM(am) PG_RETURN_POINTER(am)
#endif

/*
 * The hook that lets one change what the planner knows of a relation: until 18
 * of its relations, from 19 on of all that stands in FROM.
 */
#if PG_VERSION_NUM < 190000
#define planner_rel_hook get_relation_info_hook
#define planner_rel_hook_type get_relation_info_hook_type
#define PLANNER_REL_HOOK_PARAMETERS \
	PlannerInfo *root, Oid relid, bool inhparent, RelOptInfo *rel
#define PLANNER_REL_HOOK_ARGUMENTS root, relid, inhparent, rel
#else
#define planner_rel_hook build_simple_rel_hook
#define planner_rel_hook_type build_simple_rel_hook_type
#define PLANNER_REL_HOOK_PARAMETERS \
	PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte
#define PLANNER_REL_HOOK_ARGUMENTS root, rel, rte
#endif

/*
 * Might this be logical replication, looking for a row of "heap" by an index
 * that is not the table's identity? Until 17 it takes btree and hash only.
 */
#if PG_VERSION_NUM < 180000
#define REPLICA_LOOKUP_BY_ANY_INDEX(heap) ((void) (heap), false)
#else
#define REPLICA_LOOKUP_BY_ANY_INDEX(heap) \
	(IsLogicalWorker() && !OidIsValid(GetRelationIdentityOrPK(heap)))
#endif

/* Foreign keys with PERIOD came with 18. */
#if PG_VERSION_NUM < 180000
#define CONSTRAINT_HAS_PERIOD(form) false
#else
#define CONSTRAINT_HAS_PERIOD(form) ((form)->conperiod)
#endif

#endif /* EXTERNAL_IDS_COMPAT_H */
