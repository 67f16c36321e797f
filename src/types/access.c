/*
 * access.c
 *		Constructors, accessors and the subset under some labels.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/uuid.h"

#include "compat.h"
#include "types/check.h"

PG_FUNCTION_INFO_V1(external_id_make);
PG_FUNCTION_INFO_V1(external_id_make_bigint);
PG_FUNCTION_INFO_V1(external_id_make_uuid);
PG_FUNCTION_INFO_V1(external_id_set_make);
PG_FUNCTION_INFO_V1(external_id_label);
PG_FUNCTION_INFO_V1(external_id_value);
PG_FUNCTION_INFO_V1(external_id_set_cardinality);
PG_FUNCTION_INFO_V1(external_ids_labels);
PG_FUNCTION_INFO_V1(external_ids_under);
PG_FUNCTION_INFO_V1(external_id_set_values_under);
PG_FUNCTION_INFO_V1(external_id_set_value_under);

/* A Datum array as text[]. */
static Datum
text_array(Datum *elements, int n)
{
	return PointerGetDatum(
		construct_array(elements, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* external_id(label, value) for a value's text. Errors: any broken rule. */
static Datum
make_internal(FunctionCallInfo fcinfo, const char *value, int len)
{
	Member member = {value, "", len, 0};
	Place place;

	if (!PG_ARGISNULL(0))
	{
		text *label = PG_GETARG_TEXT_PP(0);

		member.label = VARDATA_ANY(label);
		member.label_len = VARSIZE_ANY_EXHDR(label);
	}
	place_init(&place, NULL);
	CheckMember(&member, &place);
	PG_RETURN_POINTER(set_from_member(&member));
}

/* Raises the error of external_id(label, value) that is the label's, if any. */
void
external_id_check_label_internal(const char *label)
{
	Member member = {"value", label, strlen("value"), strlen(label)};
	Place place;

	place_init(&place, NULL);
	CheckMember(&member, &place);
}

/* external_id(label text, value text): NULL for a NULL value */
Datum
external_id_make(PG_FUNCTION_ARGS)
{
	text *value;

	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	value = PG_GETARG_TEXT_PP(1);
	return make_internal(fcinfo, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

/* external_id(label text, value bigint) */
Datum
external_id_make_bigint(PG_FUNCTION_ARGS)
{
	char value[MAXINT8LEN + 1];

	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	return make_internal(fcinfo, value, pg_lltoa(PG_GETARG_INT64(1), value));
}

/* external_id(label text, value uuid) */
Datum
external_id_make_uuid(PG_FUNCTION_ARGS)
{
	char *value;

	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	value = DatumGetCString(DirectFunctionCall1(uuid_out, PG_GETARG_DATUM(1)));
	return make_internal(fcinfo, value, strlen(value));
}

/*
 * The members of "set", as types.h says. The array is palloc'd; a member that
 * stands in the set as a short varlena is not copied.
 */
int
external_id_set_members_internal(const ExternalIdSet *set,
								 ExternalIdSet ***members)
{
	int n = external_id_set_cardinality_internal(set);
	MemberWalk walk;
	Member member;

	*members = palloc(sizeof(ExternalIdSet *) * Max(n, 1));
	n = 0;
	member_walk_begin(&walk, set);
	while (member_walk_next(&walk, &member))
		(*members)[n++] = walk.header ? (ExternalIdSet *) walk.header
									  : set_from_member(&member);
	return n;
}

/*
 * An external_id's value, as types.h says.
 */
const char *
external_id_value_internal(const ExternalIdSet *id, int *len)
{
	Member member;

	id_member(id, &member);
	*len = member.value_len;
	return member.value;
}

/* external_id_set(VARIADIC external_id[]). Errors: a NULL element */
Datum
external_id_set_make(PG_FUNCTION_ARGS)
{
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(0);
	Datum *elements;
	bool *nulls;
	int n;
	MemberList list;
	Place place;

	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_INT,
					  &elements, &nulls, &n);
	place_init(&place, NULL);
	member_list_init(&list, n);
	for (int i = 0; i < n; i++)
	{
		place.element = i + 1;
		CheckNotNull(nulls[i], &place);
		member_list_add_set(&list, DatumGetExternalIdSetP(elements[i]));
	}
	PG_RETURN_POINTER(member_list_finish(&list));
}

/* external_id_label(external_id) returns text: NULL for none */
Datum
external_id_label(PG_FUNCTION_ARGS)
{
	Member member;

	id_member(PG_GETARG_EXTERNAL_ID_SET_P(0), &member);
	if (member.label_len == 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(member.label, member.label_len));
}

/* external_id_value(external_id) returns text */
Datum
external_id_value(PG_FUNCTION_ARGS)
{
	Member member;

	id_member(PG_GETARG_EXTERNAL_ID_SET_P(0), &member);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(member.value, member.value_len));
}

/* cardinality(external_id_set) returns int */
Datum
external_id_set_cardinality(PG_FUNCTION_ARGS)
{
	ExternalIdSet *set = PG_GETARG_EXTERNAL_ID_SET_P(0);

	PG_RETURN_INT32(external_id_set_cardinality_internal(set));
}

/* external_ids_labels(set) returns text[]: distinct, in order, without none */
Datum
external_ids_labels(PG_FUNCTION_ARGS)
{
	ExternalIdSet *set = PG_GETARG_EXTERNAL_ID_SET_P(0);
	MemberWalk walk;
	Member member;
	Member last = {"", "", 0, 0};
	Datum *labels;
	int n = 0;

	labels = palloc_extended(sizeof(Datum) *
								 (external_id_set_cardinality_internal(set) +
								  1),
							 MCXT_ALLOC_HUGE);
	member_walk_begin(&walk, set);
	while (member_walk_next(&walk, &member))
	{
		if (bytes_cmp(member.label, member.label_len, last.label,
					  last.label_len) == 0)
			continue;
		labels[n++] = PointerGetDatum(
			cstring_to_text_with_len(member.label, member.label_len));
		last = member;
	}
	PG_RETURN_DATUM(text_array(labels, n));
}

/* The members of "set" under one label; label_len 0 for no label. */
ExternalIdSet *
external_id_set_under_internal(const ExternalIdSet *set, const char *label,
							   int label_len)
{
	MemberWalk walk;
	Member member;
	SetWriter writer;

	set_writer_begin(&writer, (Size) VARSIZE_ANY_EXHDR(set) + 3);
	member_walk_begin(&walk, set);
	while (member_walk_next(&walk, &member))
	{
		int cmp = bytes_cmp(member.label, member.label_len, label, label_len);

		if (cmp == 0)
			set_writer_put(&writer, &member);
		else if (cmp > 0)
			break;
	}
	return set_writer_finish(&writer);
}

/* qsort comparator of members: by label alone. */
static int
member_cmp_label(const void *a, const void *b)
{
	const Member *ma = (const Member *) a;
	const Member *mb = (const Member *) b;

	return bytes_cmp(ma->label, ma->label_len, mb->label, mb->label_len);
}

/*
 * external_ids_under(set, VARIADIC text[]) returns set: the members under any
 * of the labels; NULL or '' stands for no label
 */
Datum
external_ids_under(PG_FUNCTION_ARGS)
{
	ExternalIdSet *set = PG_GETARG_EXTERNAL_ID_SET_P(0);
	Datum *elements;
	bool *nulls;
	int nlabels;
	int i = 0;
	Member *labels;
	MemberWalk walk;
	Member member;
	SetWriter writer;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, &nulls, &nlabels);
	labels = palloc0(sizeof(Member) * (nlabels + 1));
	for (i = 0; i < nlabels; i++)
	{
		labels[i].label = nulls[i] ? ""
								   : VARDATA_ANY(DatumGetPointer(elements[i]));
		labels[i].label_len = nulls[i] ? 0
									   : VARSIZE_ANY_EXHDR(
											 DatumGetPointer(elements[i]));
	}
	if (nlabels > 1)
		qsort(labels, nlabels, sizeof(Member), member_cmp_label);

	/* Both are sorted by label: one merge. */
	set_writer_begin(&writer, (Size) VARSIZE_ANY_EXHDR(set) + 3);
	member_walk_begin(&walk, set);
	for (i = 0; i < nlabels && member_walk_next(&walk, &member);)
	{
		while (i < nlabels && member_cmp_label(&labels[i], &member) < 0)
			i++;
		if (i < nlabels && member_cmp_label(&labels[i], &member) == 0)
			set_writer_put(&writer, &member);
	}
	PG_RETURN_POINTER(set_writer_finish(&writer));
}

/* set -> label returns text[]: the values under it; '' for no label */
Datum
external_id_set_values_under(PG_FUNCTION_ARGS)
{
	ExternalIdSet *set = PG_GETARG_EXTERNAL_ID_SET_P(0);
	text *label = PG_GETARG_TEXT_PP(1);
	ExternalIdSet *under;
	MemberWalk walk;
	Member member;
	Datum *values;
	int n = 0;

	under = external_id_set_under_internal(set, VARDATA_ANY(label),
										   VARSIZE_ANY_EXHDR(label));
	values = palloc_extended(sizeof(Datum) *
								 (external_id_set_cardinality_internal(under) +
								  1),
							 MCXT_ALLOC_HUGE);
	member_walk_begin(&walk, under);
	while (member_walk_next(&walk, &member))
		values[n++] = PointerGetDatum(
			cstring_to_text_with_len(member.value, member.value_len));
	PG_RETURN_DATUM(text_array(values, n));
}

/* set ->> label returns text: NULL for none; errors: 21000 for several */
Datum
external_id_set_value_under(PG_FUNCTION_ARGS)
{
	ExternalIdSet *set = PG_GETARG_EXTERNAL_ID_SET_P(0);
	text *label = PG_GETARG_TEXT_PP(1);
	ExternalIdSet *under;
	MemberWalk walk;
	Member member;

	under = external_id_set_under_internal(set, VARDATA_ANY(label),
										   VARSIZE_ANY_EXHDR(label));
	member_walk_begin(&walk, under);
	if (!member_walk_next(&walk, &member))
		PG_RETURN_NULL();
	if (!walk.single)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg(
					 "external ID set holds several values under one label"),
				 errdetail("There are %d under the label \"%s\".",
						   external_id_set_cardinality_internal(under),
						   clip_text(VARDATA_ANY(label),
									 VARSIZE_ANY_EXHDR(label))),
				 errhint("Use -> to get all of them.")));
	PG_RETURN_TEXT_P(cstring_to_text_with_len(member.value, member.value_len));
}
