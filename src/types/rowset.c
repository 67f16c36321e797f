/*
 * rowset.c
 *		Sets to rows and rows to sets: unnest, each, and the aggregate.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "types/packed.h"

PG_FUNCTION_INFO_V1(external_id_set_unnest);
PG_FUNCTION_INFO_V1(external_ids_each);
PG_FUNCTION_INFO_V1(external_ids_agg_transfn);
PG_FUNCTION_INFO_V1(external_ids_agg_finalfn);

/* The aggregate collects this many bytes before it first drops duplicates. */
#define AGG_FIRST_COMPACTION (1024 * 1024)

/* The aggregate's state, in its own context below the aggregate's. */
typedef struct CollectState
{
	MemoryContext home;
	MemoryContext parts;
	MemberList list;
	Size bytes;
	Size compact_at;
} CollectState;

/*
 * The walk of a set-returning call over its set argument, which is copied into
 * the calls' context.
 */
static MemberWalk *
srf_walk(FunctionCallInfo fcinfo, FuncCallContext *funcctx)
{
	MemoryContext old;
	MemberWalk *walk;

	old = MemoryContextSwitchTo(funcctx->multi_call_memory_ctx);
	walk = palloc(sizeof(MemberWalk));
	member_walk_begin(walk, (ExternalIdSet *) PG_DETOAST_DATUM_COPY(
								PG_GETARG_DATUM(0)));
	MemoryContextSwitchTo(old);
	return walk;
}

/* unnest(external_id_set) returns setof external_id, in canonical order */
Datum
external_id_set_unnest(PG_FUNCTION_ARGS)
{
	FuncCallContext *funcctx;
	Member member;

	if (SRF_IS_FIRSTCALL())
	{
		funcctx = SRF_FIRSTCALL_INIT();
		funcctx->user_fctx = srf_walk(fcinfo, funcctx);
	}
	funcctx = SRF_PERCALL_SETUP();
	if (!member_walk_next((MemberWalk *) funcctx->user_fctx, &member))
		SRF_RETURN_DONE(funcctx);
	SRF_RETURN_NEXT(funcctx, PointerGetDatum(set_from_member(&member)));
}

/* external_ids_each(set) returns setof (label text, value text) */
Datum
external_ids_each(PG_FUNCTION_ARGS)
{
	FuncCallContext *funcctx;
	Member member;
	Datum values[2];
	bool nulls[2] = {false, false};

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;
		TupleDesc desc;

		funcctx = SRF_FIRSTCALL_INIT();
		funcctx->user_fctx = srf_walk(fcinfo, funcctx);
		old = MemoryContextSwitchTo(funcctx->multi_call_memory_ctx);
		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		funcctx->tuple_desc = BlessTupleDesc(desc);
		MemoryContextSwitchTo(old);
	}
	funcctx = SRF_PERCALL_SETUP();
	if (!member_walk_next((MemberWalk *) funcctx->user_fctx, &member))
		SRF_RETURN_DONE(funcctx);
	nulls[0] = member.label_len == 0;
	values[0] = PointerGetDatum(
		cstring_to_text_with_len(member.label, member.label_len));
	values[1] = PointerGetDatum(
		cstring_to_text_with_len(member.value, member.value_len));
	SRF_RETURN_NEXT(funcctx,
					HeapTupleGetDatum(
						heap_form_tuple(funcctx->tuple_desc, values, nulls)));
}

/* Makes an empty list in a new context below the state's. */
static void
agg_new_parts(CollectState *state)
{
	MemoryContext old;

	state->parts = AllocSetContextCreate(state->home, "external_ids_agg",
										 ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(state->parts);
	member_list_init(&state->list, 8);
	MemoryContextSwitchTo(old);
	state->bytes = 0;
}

/* Adds a copy of the set's members. */
static void
agg_add(CollectState *state, Datum set)
{
	MemoryContext old = MemoryContextSwitchTo(state->parts);
	ExternalIdSet *copy = (ExternalIdSet *) PG_DETOAST_DATUM_COPY(set);

	member_list_add_set(&state->list, copy);
	state->bytes += VARSIZE_ANY(copy);
	MemoryContextSwitchTo(old);
}

/* Drops the duplicates collected so far. */
static void
agg_compact(CollectState *state)
{
	MemoryContext old_parts = state->parts;
	MemoryContext old = MemoryContextSwitchTo(old_parts);
	ExternalIdSet *all = member_list_finish(&state->list);

	MemoryContextSwitchTo(old);
	agg_new_parts(state);
	agg_add(state, PointerGetDatum(all));
	MemoryContextDelete(old_parts);
}

/*
 * Transition of external_ids_agg: collects members. Where many rows repeat the
 * same IDs, duplicates are dropped each time the bytes have doubled, so that
 * memory follows the result and time stays n log n.
 */
Datum
external_ids_agg_transfn(PG_FUNCTION_ARGS)
{
	MemoryContext aggcontext;
	CollectState *state;

	if (!AggCheckCallContext(fcinfo, &aggcontext))
		elog(ERROR,
			 "external_ids_agg_transfn called in non-aggregate context");
	state = PG_ARGISNULL(0) ? NULL : (CollectState *) PG_GETARG_POINTER(0);
	if (PG_ARGISNULL(1))
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	if (state == NULL)
	{
		state = MemoryContextAlloc(aggcontext, sizeof(CollectState));
		state->home = aggcontext;
		state->compact_at = AGG_FIRST_COMPACTION;
		agg_new_parts(state);
	}
	agg_add(state, PG_GETARG_DATUM(1));
	if (state->bytes > state->compact_at)
	{
		agg_compact(state);
		state->compact_at = Max(2 * state->bytes, AGG_FIRST_COMPACTION);
	}
	PG_RETURN_POINTER(state);
}

/* Result of external_ids_agg: the union, NULL if no row had a set */
Datum
external_ids_agg_finalfn(PG_FUNCTION_ARGS)
{
	CollectState *state;
	MemberList list;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (CollectState *) PG_GETARG_POINTER(0);

	/* As a window aggregate this may be called again: leave the state. */
	member_list_init(&list, state->list.count);
	memcpy(list.members, state->list.members,
		   state->list.count * sizeof(Member));
	list.count = state->list.count;
	PG_RETURN_POINTER(member_list_finish(&list));
}
