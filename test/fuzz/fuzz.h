/*
 * fuzz.h
 *		What the files of the fuzzing library share.
 */
#ifndef EXTERNAL_IDS_FUZZ_H
#define EXTERNAL_IDS_FUZZ_H

#include "types/types.h"

/* A fault: end here, so that libFuzzer keeps the input. */
#define FUZZ_CHECK(condition)                                          \
	do                                                                 \
	{                                                                  \
		if (!(condition))                                              \
		{                                                              \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, \
					#condition);                                       \
			abort();                                                   \
		}                                                              \
	} while (0)

extern Datum fuzz_call(PGFunction function, Datum arg);
extern void fuzz_algebra(const uint8 *data, int len);

#define FUZZ_FUNCTION(name) extern Datum name(PG_FUNCTION_ARGS)
FUZZ_FUNCTION(external_id_in);
FUZZ_FUNCTION(external_id_out);
FUZZ_FUNCTION(external_id_recv);
FUZZ_FUNCTION(external_id_send);
FUZZ_FUNCTION(external_id_from_json);
FUZZ_FUNCTION(external_id_to_json);
FUZZ_FUNCTION(external_id_from_jsonb);
FUZZ_FUNCTION(external_id_to_jsonb);
FUZZ_FUNCTION(external_id_label);
FUZZ_FUNCTION(external_id_value);
FUZZ_FUNCTION(external_id_set_in);
FUZZ_FUNCTION(external_id_set_out);
FUZZ_FUNCTION(external_id_set_recv);
FUZZ_FUNCTION(external_id_set_send);
FUZZ_FUNCTION(external_id_set_from_json);
FUZZ_FUNCTION(external_id_set_to_json);
FUZZ_FUNCTION(external_id_set_from_jsonb);
FUZZ_FUNCTION(external_id_set_to_jsonb);
FUZZ_FUNCTION(external_id_set_contains);
FUZZ_FUNCTION(external_id_set_contained);
FUZZ_FUNCTION(external_id_set_overlaps);
FUZZ_FUNCTION(external_id_set_has_value);
FUZZ_FUNCTION(external_id_set_shares_value);
FUZZ_FUNCTION(external_id_set_cmp);
FUZZ_FUNCTION(external_id_set_hash);

#endif /* EXTERNAL_IDS_FUZZ_H */
