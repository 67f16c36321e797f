/*
 * selfuncs.c
 *		Selectivity of the set operators, without statistics.
 *
 * External IDs are meant to be unique, so a member names about one row: a
 * condition finds as many rows as its constant has members.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/pathnodes.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"

#include "compat.h"
#include "types/packed.h"

PG_FUNCTION_INFO_V1(external_id_set_sel);
PG_FUNCTION_INFO_V1(external_id_set_joinsel);

/* Where the table's size is not known. */
#define DEFAULT_MEMBER_SEL 0.001

/* One row of the variable's table, as a fraction of it. */
static double
one_row(const VariableStatData *vardata)
{
	if (vardata->rel != NULL && vardata->rel->tuples >= 1.0)
		return 1.0 / vardata->rel->tuples;
	return DEFAULT_MEMBER_SEL;
}

/* True if "operator" is `name`, as written in the extension's script. */
static bool
operator_is(Oid operator, const char * name)
{
	char *opname = get_opname(operator);

	return opname != NULL && strcmp(opname, name) == 0;
}

/* The selectivity of "variable operator constant". */
static double
const_sel(Oid operator, const VariableStatData * vardata,
		  const Const *constant, bool varonleft)
{
	Oid left;
	Oid right;
	int nmembers = 1;

	if (constant->constisnull)
		return 0.0;
	op_input_types(operator, & left, &right);
	if (left == right)
	{
		ExternalIdSet *set = DatumGetExternalIdSetP(constant->constvalue);

		nmembers = external_id_set_cardinality_internal(set);

		/* Every set contains the empty one. */
		if (nmembers == 0 && operator_is(operator, varonleft ? "@>" : "<@"))
			return 1.0;

		/* A row that contains them all is one row. */
		if (operator_is(operator, varonleft ? "@>" : "<@"))
			nmembers = 1;
	}
	return nmembers * one_row(vardata);
}

/* RESTRICT of @>, <@, &&, @=, &= */
Datum
external_id_set_sel(PG_FUNCTION_ARGS)
{
	PlannerInfo *root = (PlannerInfo *) PG_GETARG_POINTER(0);
	Oid operator= PG_GETARG_OID(1);
	List *args = (List *) PG_GETARG_POINTER(2);
	int varRelid = PG_GETARG_INT32(3);
	VariableStatData vardata;
	Node *other;
	bool varonleft;
	double sel;

	if (!get_restriction_variable(root, args, varRelid, &vardata, &other,
								  &varonleft))
		PG_RETURN_FLOAT8(DEFAULT_MEMBER_SEL);
	if (IsA(other, Const))
		sel = const_sel(operator, & vardata, (Const *) other, varonleft);
	else
		sel = one_row(&vardata);
	ReleaseVariableStats(vardata);
	CLAMP_PROBABILITY(sel);
	PG_RETURN_FLOAT8(sel);
}

/* JOIN of @>, <@, &&, @=, &= */
Datum
external_id_set_joinsel(PG_FUNCTION_ARGS)
{
	PlannerInfo *root = (PlannerInfo *) PG_GETARG_POINTER(0);
	List *args = (List *) PG_GETARG_POINTER(2);
	SpecialJoinInfo *sjinfo = (SpecialJoinInfo *) PG_GETARG_POINTER(4);
	VariableStatData left;
	VariableStatData right;
	bool reversed;
	double sel;

	get_join_variables(root, args, sjinfo, &left, &right, &reversed);
	sel = Min(one_row(&left), one_row(&right));
	ReleaseVariableStats(left);
	ReleaseVariableStats(right);
	CLAMP_PROBABILITY(sel);
	PG_RETURN_FLOAT8(sel);
}
