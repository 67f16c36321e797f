/*
 * link_columns.c
 *		Checks the child's columns that a link shall use.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "catalog/partition.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "nodes/bitmapset.h"
#include "rows/link_ddl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

/*
 * Take down the child's column "name". Errors: 42703.
 */
static void
read_column(LinkAttribute *column, Relation child, const char *name)
{
	HeapTuple tuple = SearchSysCacheAttName(RelationGetRelid(child), name);
	Form_pg_attribute att;

	if (!HeapTupleIsValid(tuple) ||
		((Form_pg_attribute) GETSTRUCT(tuple))->attnum < 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist",
						name, RelationGetRelationName(child)),
				 errtable(child)));
	att = (Form_pg_attribute) GETSTRUCT(tuple);
	column->attnum = att->attnum;
	column->name = pstrdup(NameStr(att->attname));
	column->type = getBaseType(att->atttypid);
	column->collation = att->attcollation;
	column->generated = att->attgenerated != '\0';
	ReleaseSysCache(tuple);
}

/*
 * The key column that the foreign key column shall hold: the primary key's
 * only column, or the only one outside the scope. Errors: 55000 no primary
 * key; 42830 no such column.
 */
static const ColumnFacts *
parent_key(const TableFacts *facts)
{
	const ColumnFacts *key = NULL;
	int n = 0;

	rows_require_key(facts);
	if (facts->nkeys == 1)
		return &facts->keys[0];
	for (int i = 0; i < facts->nkeys; i++)
	{
		bool in_scope = false;

		for (int j = 0; j < facts->nscope && !in_scope; j++)
			in_scope = facts->scope[j].attnum == facts->keys[i].attnum;
		if (in_scope)
			continue;
		key = &facts->keys[i];
		n++;
	}
	if (n != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FOREIGN_KEY),
				 errmsg("primary key of table \"%s\" does not fit a link",
						facts->table_name),
				 errdetail_plural(
					 "It has %d column outside the scope of index \"%s\".",
					 "It has %d columns outside the scope of index \"%s\".", n,
					 n, get_rel_name(facts->indexid)),
				 errhint(
					 "One column of the child holds the parent's key, so the "
					 "key must have one column besides the scope's.")));
	return key;
}

/*
 * True for the types among which a foreign key column may differ from the key.
 */
static bool
is_integer(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID;
}

/*
 * Raise 0A000 if the foreign key column is in the partition key of the child or
 * of a partition: a BEFORE trigger cannot move a row. Locks the partitions as
 * CREATE TRIGGER will.
 */
static void
check_no_partition_key(const LinkSpec *spec)
{
	List *relids;
	ListCell *cell;

	if (get_rel_relkind(spec->childid) != RELKIND_PARTITIONED_TABLE)
		return;
	relids = find_all_inheritors(spec->childid, ShareRowExclusiveLock, NULL);
	foreach(cell, relids)
	{
		Relation rel = relation_open(lfirst_oid(cell), NoLock);
		AttrNumber attnum = get_attnum(RelationGetRelid(rel), spec->fk.name);

		if (rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE &&
			has_partition_attrs(rel,
								bms_make_singleton(
									attnum -
									FirstLowInvalidHeapAttributeNumber),
								NULL))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("column \"%s\" is in the partition key of table "
							"\"%s\"",
							spec->fk.name, RelationGetRelationName(rel)),
					 errdetail("To link a row would move it to another "
							   "partition."),
					 errtablecol(rel, attnum)));
		relation_close(rel, NoLock);
	}
}

/*
 * Check the column for the parent's key. Errors: 42804 type; 42P16 NOT NULL,
 * or generated; 0A000 a partition key, for a row cannot change its partition
 * in a BEFORE trigger.
 */
static void
check_fk_column(const LinkSpec *spec, Relation child)
{
	const ColumnFacts *key = parent_key(spec->facts);
	const LinkAttribute *fk = &spec->fk;
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(child),
										  fk->attnum - 1);

	if (fk->type != key->type &&
		!(is_integer(fk->type) && is_integer(key->type)))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" cannot hold the key of table \"%s\"",
						fk->name, spec->facts->table_name),
				 errdetail("It is of type %s, the key column \"%s\" of type "
						   "%s.",
						   format_type_be(att->atttypid), key->name,
						   format_type_be(key->declared)),
				 errtablecol(child, fk->attnum)));
	if (att->attnotnull)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("column \"%s\" is marked NOT NULL", fk->name),
				 errdetail("A row that waits for its parent has NULL there."),
				 errhint("Use ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL.",
						 spec->child_table, quote_identifier(fk->name)),
				 errtablecol(child, fk->attnum)));
	if (fk->generated)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("column \"%s\" is a generated column", fk->name),
				 errdetail("The link writes the parent's key there."),
				 errtablecol(child, fk->attnum)));
	check_no_partition_key(spec);
}

/*
 * Check the columns with the ID and with the word that it is verified. Errors:
 * 42804.
 */
static void
check_id_columns(LinkSpec *spec, Relation child)
{
	spec->text_id = spec->id.type == TEXTOID || spec->id.type == VARCHAROID;
	if (!spec->text_id && spec->id.type != spec->facts->idtype)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" cannot hold an external ID",
						spec->id.name),
				 errdetail("It is of type %s.",
						   format_type_be(
							   TupleDescAttr(RelationGetDescr(child),
											 spec->id.attnum - 1)
								   ->atttypid)),
				 errhint("It takes a column of type external_id, or, for a "
						 "value under any label, text or varchar."),
				 errtablecol(child, spec->id.attnum)));
	if (spec->verified.attnum != 0 && spec->verified.type != BOOLOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" is not of type boolean",
						spec->verified.name),
				 errdetail(
					 "A link's verified column says whether the external "
					 "ID may be believed."),
				 errtablecol(child, spec->verified.attnum)));
}

/*
 * Raise 22023 for a scope argument that does not fit, with a DETAIL made from
 * the format and the name.
 */
static void
scope_error(const LinkSpec *spec, const char *detail, const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid scope for a link to table \"%s\"",
					spec->facts->table_name),
			 errdetail_internal(detail, name),
			 errhint("The scope is a JSON object that maps scope columns of "
					 "the parent to columns of the child, where their names "
					 "differ.")));
}

/*
 * Check that the scope argument is an object whose keys are scope columns of
 * the parent and whose values are strings.
 */
static void
check_scope_argument(const LinkSpec *spec, Jsonb *scope)
{
	JsonbIterator *it;
	JsonbValue value;
	JsonbIteratorToken token;
	char *key = NULL;

	if (!JB_ROOT_IS_OBJECT(scope))
		scope_error(spec, "It is not a JSON object.%s", "");
	it = JsonbIteratorInit(&scope->root);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		bool known = false;

		if (token == WJB_VALUE && value.type != jbvString)
			scope_error(spec, "The value for \"%s\" is not a string.", key);
		if (token != WJB_KEY)
			continue;
		key = pnstrdup(value.val.string.val, value.val.string.len);
		for (int i = 0; i < spec->facts->nscope && !known; i++)
			known = strcmp(key, spec->facts->scope[i].name) == 0;
		if (!known)
			scope_error(spec, "\"%s\" is not a scope column of its index.",
						key);
	}
}

/*
 * Find and check the child's columns for the parent's scope. Errors: 42703;
 * 42804 type; 0A000 a collation under which different scopes are equal.
 */
static void
read_scope_columns(LinkSpec *spec, Relation child, Jsonb *scope)
{
	if (scope)
		check_scope_argument(spec, scope);
	for (int i = 0; i < spec->facts->nscope; i++)
	{
		const ColumnFacts *theirs = &spec->facts->scope[i];
		LinkAttribute *column = &spec->scope[i];
		const char *name = theirs->name;
		JsonbValue value;

		if (scope && getKeyJsonValueFromContainer(&scope->root, name,
												  strlen(name), &value))
			name = pnstrdup(value.val.string.val, value.val.string.len);
		read_column(column, child, name);
		if (column->type != theirs->type)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("scope column \"%s\" is of another type than the "
							"parent's",
							column->name),
					 errdetail("It is of type %s, column \"%s\" of table "
							   "\"%s\" of type %s.",
							   format_type_be(
								   TupleDescAttr(RelationGetDescr(child),
												 column->attnum - 1)
									   ->atttypid),
							   theirs->name, spec->facts->table_name,
							   format_type_be(theirs->declared)),
					 errtablecol(child, column->attnum)));
		if (OidIsValid(column->collation) &&
			!get_collation_isdeterministic(column->collation))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("scope column \"%s\" has a nondeterministic "
							"collation",
							column->name),
					 errdetail("Scopes are compared bytewise."),
					 errtablecol(child, column->attnum)));
	}
}

/*
 * Raise 0A000 for a column that the link reads and the server computes: it does
 * so after the BEFORE triggers, which would see the row's old ID, or none.
 */
static void
check_not_generated(const LinkAttribute *column, Relation child)
{
	if (column->attnum != 0 && column->generated)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("column \"%s\" is a generated column", column->name),
				 errdetail("A BEFORE trigger cannot see its new value."),
				 errhint("Use an ordinary column, and a BEFORE trigger that "
						 "fills it."),
				 errtablecol(child, column->attnum)));
}

/*
 * Raise 42701 if one column of the child shall serve two purposes.
 */
static void
check_distinct_columns(const LinkSpec *spec, Relation child)
{
	Bitmapset *seen = NULL;
	int n = 3 + spec->facts->nscope;

	for (int i = 0; i < n; i++)
	{
		const LinkAttribute *column = i == 0   ? &spec->id
									  : i == 1 ? &spec->fk
									  : i == 2 ? &spec->verified
											   : &spec->scope[i - 3];

		if (column->attnum == 0)
			continue;
		if (bms_is_member(column->attnum, seen))
			ereport(ERROR, (errcode(ERRCODE_DUPLICATE_COLUMN),
							errmsg("column \"%s\" is named twice in a link",
								   column->name),
							errtablecol(child, column->attnum)));
		seen = bms_add_member(seen, column->attnum);
	}
}

/*
 * Find the columns by their names ("verified" may be NULL) and check them,
 * against the parent's facts too. Errors: 42703 no such column; 22023 scope;
 * 42804 types; 42830, 55000 the parent's key; 42P16, 0A000 what the column is;
 * 42701 one column for two purposes.
 */
void
link_read_columns(LinkSpec *spec, Relation child, const char *id,
				  const char *fk, const char *verified, Jsonb *scope)
{
	read_column(&spec->id, child, id);
	read_column(&spec->fk, child, fk);
	if (verified)
		read_column(&spec->verified, child, verified);
	read_scope_columns(spec, child, scope);
	check_distinct_columns(spec, child);
	check_not_generated(&spec->id, child);
	check_not_generated(&spec->verified, child);
	for (int i = 0; i < spec->facts->nscope; i++)
		check_not_generated(&spec->scope[i], child);
	check_id_columns(spec, child);
	check_fk_column(spec, child);
}
