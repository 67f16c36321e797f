/*
 * facts_read.c
 *		Reads a table's facts from the catalogs.
 *
 * The index tells most of it: its first column is the set, the others are the
 * scope, its predicate says which rows count. Objects of the extension are
 * looked up in the extension's own schema, whatever the search path is.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/sysattr.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "nodes/nodes.h"
#include "nodes/pg_list.h"
#include "rows/rows.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* unique_members' strategy "holds one of these entries, no recheck". */
#define ANY_ENTRY_STRATEGY 6

/* Its support function "the entries of a set". */
#define ENTRIES_PROC 6

/*
 * Free the plans when the facts' memory goes.
 */
static void
free_plans(void *arg)
{
	TableFacts *facts = arg;

	for (int i = 0; i < NUM_ROW_QUERIES; i++)
	{
		SPIPlanPtr plan = facts->plans[i];

		facts->plans[i] = NULL;
		if (plan)
			SPI_freeplan(plan);
	}
}

/*
 * The OID of type "name" in the extension's schema.
 */
static Oid
extension_type(const char *name, Oid extschema)
{
	Oid type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
							   CStringGetDatum(name),
							   ObjectIdGetDatum(extschema));

	if (!OidIsValid(type))
		elog(ERROR, "type %s not found in schema %u", name, extschema);
	return type;
}

/*
 * Why "index" cannot serve the row functions, as a DETAIL; NULL if it can.
 */
static const char *
index_fault(Relation rel, Relation index, const TableFacts *facts, Oid am)
{
	Form_pg_index form = index->rd_index;
	Form_pg_attribute att;

	if (form->indrelid != facts->relid)
		return "It is an index of another table.";
	if (!OidIsValid(am) || index->rd_rel->relam != am)
		return "Its access method is not unique_members.";
	if (!form->indisvalid)
		return "It is not valid.";
	for (int i = 0; i < form->indnkeyatts; i++)
		if (form->indkey.values[i] <= 0)
			return "It has a column that is an expression.";
	att = TupleDescAttr(RelationGetDescr(rel), form->indkey.values[0] - 1);
	if (getBaseType(att->atttypid) != facts->settype)
		return "Its first column is not of type external_id_set.";
	return NULL;
}

/*
 * Fill in one column of an index. "index" is open; "i" counts from zero.
 */
static void
read_column(ColumnFacts *column, Relation rel, Relation index, int i)
{
	AttrNumber attnum = index->rd_index->indkey.values[i];
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), attnum - 1);
	Oid opcintype = index->rd_opcintype[i];
	Oid inputfn;

	column->attnum = attnum;
	column->name = pstrdup(NameStr(att->attname));
	column->declared = att->atttypid;
	column->type = getBaseType(att->atttypid);
	column->equality = get_opfamily_member(index->rd_opfamily[i], opcintype,
										   opcintype, BTEqualStrategyNumber);
	if (!OidIsValid(column->equality))
		ereport(
			ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("index \"%s\" has no equality operator for column \"%s\"",
					RelationGetRelationName(index), column->name)));
	getTypeInputInfo(column->type, &inputfn, &column->ioparam);
	fmgr_info_cxt(inputfn, &column->input, CurrentMemoryContext);
}

/*
 * Take down what the unique_members index "index" says.
 */
static void
read_members_index(TableFacts *facts, Relation rel, Relation index)
{
	Form_pg_index form = index->rd_index;
	Form_pg_attribute att;
	Datum predicate;
	bool isnull;
	int nestlevel;

	att = TupleDescAttr(RelationGetDescr(rel), form->indkey.values[0] - 1);
	facts->indexid = RelationGetRelid(index);
	facts->deferrable = !form->indimmediate;
	facts->exclusion = form->indisexclusion;
	facts->set_attnum = form->indkey.values[0];
	fmgr_info_cxt(index_getprocid(index, 1, ENTRIES_PROC), &facts->entries,
				  CurrentMemoryContext);
	facts->set_name = pstrdup(NameStr(att->attname));
	facts->set_declared = att->atttypid;
	facts->conflict_operator = get_opfamily_member(index->rd_opfamily[0],
												   facts->settype,
												   facts->settype,
												   ANY_ENTRY_STRATEGY);
	if (!OidIsValid(facts->conflict_operator))
		elog(ERROR, "operator family %u lacks strategy %d",
			 index->rd_opfamily[0], ANY_ENTRY_STRATEGY);

	facts->nscope = form->indnkeyatts - 1;
	facts->scope = palloc0(sizeof(ColumnFacts) * Max(facts->nscope, 1));
	for (int i = 0; i < facts->nscope; i++)
		read_column(&facts->scope[i], rel, index, i + 1);
	rows_read_probes(facts, rel, index);

	predicate = SysCacheGetAttr(INDEXRELID, index->rd_indextuple,
								Anum_pg_index_indpred, &isnull);
	if (isnull)
		return;
	nestlevel = rows_begin_predicate();
	predicate = DirectFunctionCall2(pg_get_expr, predicate,
									ObjectIdGetDatum(facts->relid));
	AtEOXact_GUC(true, nestlevel);
	facts->predicate = TextDatumGetCString(predicate);
	facts->path = GetSearchPathMatcher(CurrentMemoryContext);
}

/*
 * Take down the primary key, if "index" is its index.
 */
static void
read_primary_key(TableFacts *facts, Relation rel, Relation index)
{
	Form_pg_index form = index->rd_index;

	if (!form->indisprimary || !form->indisvalid ||
		index->rd_rel->relam != BTREE_AM_OID)
		return;
	facts->pkeyid = RelationGetRelid(index);
	facts->nkeys = form->indnkeyatts;
	facts->keys = palloc0(sizeof(ColumnFacts) * facts->nkeys);
	for (int i = 0; i < facts->nkeys; i++)
		read_column(&facts->keys[i], rel, index, i);
	rows_read_key_probe(facts, rel, index);
}

/*
 * Raise the error that fits a table in which no index was found.
 */
static void
no_index_error(const TableFacts *facts, Relation rel)
{
	TupleDesc desc = RelationGetDescr(rel);
	const char *column = NULL;

	for (int i = 0; i < desc->natts && column == NULL; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped && getBaseType(att->atttypid) == facts->settype)
			column = NameStr(att->attname);
	}
	if (column == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("table \"%s\" has no column of type external_id_set",
						facts->table_name)));
	ereport(
		ERROR,
		(errcode(ERRCODE_UNDEFINED_OBJECT),
		 errmsg("table \"%s\" has no unique_members index", facts->table_name),
		 errhint(
			 "Use CREATE INDEX ON %s USING unique_members (%s), with the scope's columns after the set.",
			 quote_qualified_identifier(facts->schema_name, facts->table_name),
			 quote_identifier(column))));
}

/*
 * Do two unique_members indexes of a table say the same: the same columns,
 * compared in the same way, for the same rows?
 */
static bool
say_the_same(Relation a, Relation b)
{
	int n = a->rd_index->indnkeyatts;

	if (b->rd_index->indnkeyatts != n)
		return false;
	for (int i = 0; i < n; i++)
		if (a->rd_index->indkey.values[i] != b->rd_index->indkey.values[i] ||
			a->rd_opfamily[i] != b->rd_opfamily[i] ||
			a->rd_opcintype[i] != b->rd_opcintype[i] ||
			a->rd_indcollation[i] != b->rd_indcollation[i])
			return false;
	return equal(RelationGetIndexPredicate(a), RelationGetIndexPredicate(b));
}

/*
 * Of indexes that say the same, the one of the highest rank is used: UNIQUE,
 * and not DEFERRABLE, is what more can be done with.
 */
static int
index_rank(Relation index)
{
	return (index->rd_index->indisunique ? 2 : 0) +
		   (index->rd_index->indimmediate ? 1 : 0);
}

/*
 * Look through the table's indexes and take down the primary key and the one
 * unique_members index that fits "indexid" (InvalidOid: any). Several that say
 * the same are no doubt: so it is while one takes another's place.
 */
static void
read_indexes(TableFacts *facts, Relation rel, Oid indexid)
{
	Oid am = get_am_oid("unique_members", true);
	List *indexes = RelationGetIndexList(rel);
	ListCell *cell;
	Relation found = NULL;
	const char *second = NULL;

	foreach(cell, indexes)
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);
		Relation unused = index;

		read_primary_key(facts, rel, index);
		if ((!OidIsValid(indexid) || indexid == RelationGetRelid(index)) &&
			index_fault(rel, index, facts, am) == NULL)
		{
			if (found != NULL && !say_the_same(found, index))
				second = pstrdup(RelationGetRelationName(index));
			else if (found == NULL || index_rank(index) > index_rank(found))
			{
				unused = found;
				found = index;
			}
		}
		if (unused != NULL)
			index_close(unused, NoLock);
	}
	if (second)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("table \"%s\" has more than one unique_members index",
						facts->table_name),
				 errdetail("Two of them are \"%s\" and \"%s\".",
						   RelationGetRelationName(found), second),
				 errhint("Name the one to use with index =>.")));
	if (found != NULL)
	{
		read_members_index(facts, rel, found);
		index_close(found, NoLock);
	}
}

/*
 * Raise an error that says why the index that the caller named does not fit.
 */
static void
named_index_error(const TableFacts *facts, Relation rel, Oid indexid)
{
	char relkind = get_rel_relkind(indexid);
	const char *name = get_rel_name(indexid);
	const char *fault = "It is not an index.";

	if (name == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("index with OID %u does not exist", indexid)));
	if (relkind == RELKIND_INDEX || relkind == RELKIND_PARTITIONED_INDEX)
	{
		Relation index = index_open(indexid, AccessShareLock);

		fault = index_fault(rel, index, facts,
							get_am_oid("unique_members", true));
		index_close(index, AccessShareLock);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" cannot serve as the index of table \"%s\"", name,
					facts->table_name),
			 fault ? errdetail_internal("%s", fault) : 0,
			 errhint("index => takes a unique_members index of the table.")));
}

/*
 * What every table has, whatever its indexes: names, the extension's types. The
 * result lives in a memory context of its own below the current one.
 */
static TableFacts *
describe_table(Relation rel, Oid extschema)
{
	MemoryContext context;
	MemoryContext oldcontext;
	TableFacts *facts;

	if (rel->rd_rel->relkind != RELKIND_RELATION &&
		rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("\"%s\" is not a table",
							   RelationGetRelationName(rel))));

	context = AllocSetContextCreate(CurrentMemoryContext,
									"external_ids table facts",
									ALLOCSET_SMALL_SIZES);
	oldcontext = MemoryContextSwitchTo(context);
	facts = palloc0(sizeof(TableFacts));
	facts->context = context;
	facts->valid = true;
	facts->relid = RelationGetRelid(rel);
	facts->extschema = extschema;
	facts->settype = extension_type("external_id_set", extschema);
	facts->idtype = extension_type("external_id", extschema);
	facts->only = rel->rd_rel->relkind == RELKIND_RELATION;
	facts->silent_update = rel->trigdesc == NULL ||
						   !(rel->trigdesc->trig_update_before_row ||
							 rel->trigdesc->trig_update_before_statement ||
							 rel->trigdesc->trig_update_after_statement);
	facts->schema_name = get_namespace_name(RelationGetNamespace(rel));
	facts->table_name = pstrdup(RelationGetRelationName(rel));
	MemoryContextSwitchTo(oldcontext);
	return facts;
}

/*
 * Take down the set column: "column" or, if that is NULL, the only one of the
 * type.
 */
static void
read_set_column(TableFacts *facts, Relation rel, const char *column)
{
	TupleDesc desc = RelationGetDescr(rel);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		bool is_set;

		if (att->attisdropped)
			continue;
		is_set = getBaseType(att->atttypid) == facts->settype;
		if (column ? strcmp(NameStr(att->attname), column) != 0 : !is_set)
			continue;
		if (!is_set)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" is not of type external_id_set",
							column)));
		if (facts->set_name != NULL)
			ereport(
				ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg(
					 "table \"%s\" has more than one column of type external_id_set",
					 facts->table_name),
				 errdetail("Two of them are \"%s\" and \"%s\".",
						   facts->set_name, NameStr(att->attname)),
				 errhint("Name the one that is meant.")));
		facts->set_name = pstrdup(NameStr(att->attname));
		facts->set_attnum = att->attnum;
		facts->set_declared = att->atttypid;
	}
	if (facts->set_name == NULL && column == NULL)
		no_index_error(facts, rel);
	if (facts->set_name == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
						errmsg("column \"%s\" of table \"%s\" does not exist",
							   column, facts->table_name)));
}

/*
 * Does a UNIQUE index make the set part of a key? PostgreSQL locks a row by the
 * same bitmap when it updates it (heap_update).
 */
static bool
set_is_key(const TableFacts *facts, Relation rel)
{
	return bms_is_member(facts->set_attnum -
							 FirstLowInvalidHeapAttributeNumber,
						 RelationGetIndexAttrBitmap(rel,
													INDEX_ATTR_BITMAP_KEY));
}

/*
 * The facts of "rel", which the caller has locked, as far as they do not come
 * from a unique_members index, for who works on a table that may have none yet:
 * names, types, the primary key if it has one and, with "wants_set", the set
 * column "column" or, if that is NULL, the only one, and whether a UNIQUE index
 * has it. Errors: 42809 not a table; 42703 no such column; 42804 its type does not
 * fit; 22023 several.
 */
TableFacts *
rows_read_table(Relation rel, bool wants_set, const char *column,
				Oid extschema)
{
	TableFacts *facts = describe_table(rel, extschema);
	MemoryContext oldcontext = MemoryContextSwitchTo(facts->context);
	List *indexes = RelationGetIndexList(rel);
	ListCell *cell;

	if (wants_set)
	{
		read_set_column(facts, rel, column);
		facts->unique = set_is_key(facts, rel);
	}
	foreach(cell, indexes)
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);

		read_primary_key(facts, rel, index);
		index_close(index, NoLock);
	}
	MemoryContextSwitchTo(oldcontext);
	return facts;
}

/*
 * Read the facts of "rel", which the caller has locked. The result lives in a
 * memory context of its own below the current one; the caller moves it. Errors:
 * 42809 not a table; 42703 no external_id_set column; 42704 no unique_members
 * index; 22023 several, or the named one does not fit. A DEBUG1 message, by
 * which tests count.
 */
TableFacts *
rows_read_facts(Relation rel, Oid indexid, Oid extschema)
{
	TableFacts *facts = describe_table(rel, extschema);
	MemoryContext oldcontext = MemoryContextSwitchTo(facts->context);

	read_indexes(facts, rel, indexid);
	if (!OidIsValid(facts->indexid))
	{
		if (OidIsValid(indexid))
			named_index_error(facts, rel, indexid);
		no_index_error(facts, rel);
	}
	facts->unique = set_is_key(facts, rel);

	facts->cleanup.func = free_plans;
	facts->cleanup.arg = facts;
	MemoryContextRegisterResetCallback(facts->context, &facts->cleanup);
	MemoryContextSwitchTo(oldcontext);
	ereport(DEBUG1, (errmsg_internal("external_ids: looked at table \"%s\"",
									 facts->table_name)));
	return facts;
}
