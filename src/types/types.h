/*
 * types.h
 *		The door to the types external_id and external_id_set.
 *
 * The packed form and its reasons stand in types/packed.c. Code outside this
 * folder sees sets only as these opaque varlenas.
 */
#ifndef EXTERNAL_IDS_TYPES_H
#define EXTERNAL_IDS_TYPES_H

#include "postgres.h"

#include "compat.h"

/*
 * An external_id_set, detoasted. An external_id has the form of the one-member
 * set, so the same functions serve it.
 */
typedef struct varlena ExternalIdSet;

#define DatumGetExternalIdSetP(d) \
	((ExternalIdSet *) PG_DETOAST_DATUM_PACKED(d))
#define PG_GETARG_EXTERNAL_ID_SET_P(n) \
	DatumGetExternalIdSetP(PG_GETARG_DATUM(n))

/* Set algebra. Results are palloc'd in the current memory context. */
extern ExternalIdSet *external_id_set_union_internal(const ExternalIdSet *a,
													 const ExternalIdSet *b);
extern ExternalIdSet *external_id_set_minus_internal(const ExternalIdSet *a,
													 const ExternalIdSet *b);
extern ExternalIdSet *
external_id_set_intersect_internal(const ExternalIdSet *a,
								   const ExternalIdSet *b);
extern bool external_id_set_equal_internal(const ExternalIdSet *a,
										   const ExternalIdSet *b);
extern int external_id_set_cardinality_internal(const ExternalIdSet *set);

/* The members of "set" under one label; label_len 0 means "no label". */
extern ExternalIdSet *external_id_set_under_internal(const ExternalIdSet *set,
													 const char *label,
													 int label_len);

/*
 * The members of "set" in canonical order, each a one-member set or, what is the
 * same, an external_id; the result is their number. They may point into "set".
 */
extern int external_id_set_members_internal(const ExternalIdSet *set,
											ExternalIdSet ***members);

/* An external_id's value: its bytes, within "id", and their number. */
extern const char *external_id_value_internal(const ExternalIdSet *id,
											  int *len);

/* Raises the error of external_id(label, value) that is the label's, if any. */
extern void external_id_check_label_internal(const char *label);

/* The text form, palloc'd: for messages. */
extern char *external_id_set_to_cstring(const ExternalIdSet *set);

#endif /* EXTERNAL_IDS_TYPES_H */
