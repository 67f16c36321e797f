/*
 * umvalidate.c
 *		Validation of operator classes for unique_members.
 *
 * An operator family is of one of two kinds. A set's has the entries function
 * and the strategies UM_ANY and above, and none of btree's, which core would
 * push down to the index as if the sets were in order there. A scope column's
 * is a btree operator family.
 */
#include "postgres.h"

#include "access/amvalidate.h"
#include "access/htup_details.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "index/unique_members.h"

#define UM_BTREE_STRATEGIES                                               \
	((1 << BTLessStrategyNumber) | (1 << BTLessEqualStrategyNumber) |     \
	 (1 << BTEqualStrategyNumber) | (1 << BTGreaterEqualStrategyNumber) | \
	 (1 << BTGreaterStrategyNumber))

/* Report a fault, as the validators of core's access methods do. */
#define um_fault(...)                                          \
	ereport(INFO, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION), \
				   errmsg(__VA_ARGS__)))

/*
 * Has the function the signature that its support number asks for?
 */
static bool
um_proc_is_valid(Form_pg_amproc proc)
{
	switch (proc->amprocnum)
	{
		case BTORDER_PROC:
			return check_amproc_signature(proc->amproc, INT4OID, true, 2, 2,
										  proc->amproclefttype,
										  proc->amprocrighttype);
		case BTSORTSUPPORT_PROC:
			return check_amproc_signature(proc->amproc, VOIDOID, true, 1, 1,
										  INTERNALOID);
		case BTEQUALIMAGE_PROC:
			return check_amproc_signature(proc->amproc, BOOLOID, true, 1, 1,
										  OIDOID);
		case BTOPTIONS_PROC:
			return check_amoptsproc_signature(proc->amproc);
		case UM_ENTRIES_PROC:
			return check_amproc_signature(proc->amproc, INTERNALOID, true, 2,
										  2, proc->amprocrighttype,
										  INTERNALOID);
		default:
			return false; /* btree's in_range, or none of ours */
	}
}

/*
 * Check the support functions of a family; *is_set tells its kind.
 */
static bool
um_validate_procs(const char *family, CatCList *procs, bool *is_set)
{
	bool result = true;

	*is_set = false;
	for (int i = 0; i < procs->n_members; i++)
	{
		Form_pg_amproc proc = (Form_pg_amproc) GETSTRUCT(
			&procs->members[i]->tuple);

		if (proc->amprocnum == UM_ENTRIES_PROC)
			*is_set = true;
		if (um_proc_is_valid(proc))
			continue;
		um_fault(
			"operator family \"%s\" of access method %s contains function %s with invalid number or signature for support number %d",
			family, "unique_members", format_procedure(proc->amproc),
			proc->amprocnum);
		result = false;
	}
	return result;
}

/*
 * Check the operators of a family of the given kind.
 */
static bool
um_validate_operators(const char *family, CatCList *operators, bool is_set)
{
	int first = is_set ? UM_ANY : 1;
	int last = is_set ? UM_NSTRATEGIES : BTMaxStrategyNumber;
	bool result = true;

	for (int i = 0; i < operators->n_members; i++)
	{
		Form_pg_amop op = (Form_pg_amop) GETSTRUCT(
			&operators->members[i]->tuple);

		if (op->amopstrategy < first || op->amopstrategy > last)
		{
			um_fault(
				"operator family \"%s\" of access method %s contains operator %s with invalid strategy number %d",
				family, "unique_members", format_operator(op->amopopr),
				op->amopstrategy);
			result = false;
		}
		if (op->amoppurpose != AMOP_SEARCH || OidIsValid(op->amopsortfamily))
		{
			um_fault(
				"operator family \"%s\" of access method %s contains invalid ORDER BY specification for operator %s",
				family, "unique_members", format_operator(op->amopopr));
			result = false;
		}
		if (!check_amop_signature(op->amopopr, BOOLOID, op->amoplefttype,
								  op->amoprighttype))
		{
			um_fault(
				"operator family \"%s\" of access method %s contains operator %s with wrong signature",
				family, "unique_members", format_operator(op->amopopr));
			result = false;
		}
	}
	return result;
}

/*
 * Has a group of operators and functions, those for one pair of types, what
 * its operators need?
 */
static bool
um_group_is_complete(OpFamilyOpFuncGroup *group, bool is_set)
{
	bool has_order = (group->functionset & (1 << BTORDER_PROC)) != 0;

	if (!is_set)
		return has_order && group->operatorset == UM_BTREE_STRATEGIES;

	if ((group->functionset & (1 << UM_ENTRIES_PROC)) == 0)
		return false;
	if ((group->operatorset & (1 << UM_RANGE)) != 0 && !has_order)
		return false;
	/* of the set itself: its entries are compared, and found */
	if (group->lefttype == group->righttype)
		return has_order && (group->operatorset & (1 << UM_ANY)) != 0;
	return true;
}

/*
 * Check the groups of a family, and that the class's own type has one.
 */
static bool
um_validate_groups(const char *family, const char *opclass, Oid opcintype,
				   CatCList *operators, CatCList *procs, bool is_set)
{
	bool found = false;
	bool result = true;
	ListCell *lc;

	foreach(lc, identify_opfamily_groups(operators, procs))
	{
		OpFamilyOpFuncGroup *group = lfirst(lc);

		if (group->lefttype == opcintype && group->righttype == opcintype)
			found = true;
		if (um_group_is_complete(group, is_set))
			continue;
		um_fault(
			"operator family \"%s\" of access method %s is missing operator(s) or support function(s) for types %s and %s",
			family, "unique_members", format_type_be(group->lefttype),
			format_type_be(group->righttype));
		result = false;
	}
	if (!found)
	{
		um_fault(
			"operator class \"%s\" of access method %s is missing operator(s)",
			opclass, "unique_members");
		result = false;
	}
	return result;
}

/*
 * amvalidate: true if the operator class is right; each fault is reported as
 * INFO.
 */
bool
umvalidate(Oid opclassoid)
{
	HeapTuple classtup;
	HeapTuple familytup;
	Form_pg_opclass opclass;
	const char *family;
	CatCList *operators;
	CatCList *procs;
	bool is_set;
	bool result;

	classtup = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclassoid));
	if (!HeapTupleIsValid(classtup))
		elog(ERROR, "cache lookup failed for operator class %u", opclassoid);
	opclass = (Form_pg_opclass) GETSTRUCT(classtup);
	familytup = SearchSysCache1(OPFAMILYOID,
								ObjectIdGetDatum(opclass->opcfamily));
	if (!HeapTupleIsValid(familytup))
		elog(ERROR, "cache lookup failed for operator family %u",
			 opclass->opcfamily);
	family = NameStr(((Form_pg_opfamily) GETSTRUCT(familytup))->opfname);

	operators = SearchSysCacheList1(AMOPSTRATEGY,
									ObjectIdGetDatum(opclass->opcfamily));
	procs = SearchSysCacheList1(AMPROCNUM,
								ObjectIdGetDatum(opclass->opcfamily));

	result = um_validate_procs(family, procs, &is_set);
	if (!um_validate_operators(family, operators, is_set))
		result = false;
	if (!um_validate_groups(family, NameStr(opclass->opcname),
							opclass->opcintype, operators, procs, is_set))
		result = false;

	ReleaseCatCacheList(procs);
	ReleaseCatCacheList(operators);
	ReleaseSysCache(familytup);
	ReleaseSysCache(classtup);
	return result;
}
