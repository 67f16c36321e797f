/*
 * umequality.c
 *		Which operator the server takes for the equality of a UNIQUE index.
 *
 * From 18 on the server asks the access method. For a set the answer is "has any
 * of the members" (UM_ANY), so that ON CONFLICT finds the row that holds any of
 * a new row's members; for a scope column, which has btree's strategies, it is
 * their equality. Nothing else is said: what the server concludes from an order
 * or an overlap is not true of us. README, "What the server takes UNIQUE for",
 * has what it concludes from this much.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_amop.h"
#include "utils/catcache.h"
#include "utils/syscache.h"

#include "index/unique_members.h"

/*
 * The strategy of the equality in an operator family: one for sets has no
 * strategy of btree's (umvalidate.c).
 */
static StrategyNumber
um_equality_strategy(Oid opfamily)
{
	CatCList *operators = SearchSysCacheList1(AMOPSTRATEGY,
											  ObjectIdGetDatum(opfamily));
	StrategyNumber equality = BTEqualStrategyNumber;

	for (int i = 0; i < operators->n_members; i++)
	{
		HeapTuple tuple = &operators->members[i]->tuple;
		Form_pg_amop form = (Form_pg_amop) GETSTRUCT(tuple);

		if (form->amopstrategy >= UM_ANY)
			equality = UM_ANY;
	}
	ReleaseSysCacheList(operators);
	return equality;
}

/*
 * amtranslatestrategy: what a strategy means to the server.
 */
CompareType
um_translate_strategy(StrategyNumber strategy, Oid opfamily)
{
	return strategy == um_equality_strategy(opfamily) ? COMPARE_EQ
													  : COMPARE_INVALID;
}

/*
 * amtranslatecmptype: the strategy that has a meaning, InvalidStrategy if none.
 */
StrategyNumber
um_translate_cmptype(CompareType cmptype, Oid opfamily)
{
	return cmptype == COMPARE_EQ ? um_equality_strategy(opfamily)
								 : InvalidStrategy;
}
