/*
 * link.c
 *		external_ids_link: checks what it is asked for, and has it made.
 *
 * What it asks of its caller is what a foreign key does: to own the child, and
 * REFERENCES on the parent, and to make triggers TRIGGER as well. SELECT is not
 * needed: the triggers read as the tables' owners.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/partition.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"
#include "rows/link.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(external_ids_link);

/* Arguments of external_ids_link. */
enum
{
	ARG_CHILD,
	ARG_ID,
	ARG_FK,
	ARG_PARENT,
	ARG_SCOPE,
	ARG_ON_MOVE,
	ARG_VERIFIED,
	ARG_INDEX
};

/*
 * Raise 22004 for a required argument that is null.
 */
static void
check_arguments(FunctionCallInfo fcinfo)
{
	static const struct
	{
		int arg;
		const char *name;
	} required[] = {{ARG_CHILD, "child"},
					{ARG_ID, "id_column"},
					{ARG_FK, "fk_column"},
					{ARG_PARENT, "parent"},
					{ARG_ON_MOVE, "on_move"}};

	for (size_t i = 0; i < lengthof(required); i++)
		if (PG_ARGISNULL(required[i].arg))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("%s must not be null", required[i].name)));
}

/*
 * Raise 42809 unless "relid" is a table that is no partition; 42P01 if it is
 * nothing.
 */
static void
check_table(Oid relid)
{
	char relkind = get_rel_relkind(relid);
	char *name = get_rel_name(relid);

	if (name == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("relation with OID %u does not exist", relid)));
	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("\"%s\" is not a table", name)));
	if (get_rel_relispartition(relid))
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("\"%s\" is a partition", name),
						errhint("Link the partitioned table instead: its "
								"partitions are linked with it.")));
}

/*
 * Raise 42501 unless the caller may link the tables.
 */
static void
check_privileges(const LinkSpec *spec)
{
	AclMode mode = ACL_TRIGGER | ACL_REFERENCES;

	if (!owns_relation(spec->childid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER,
					   get_relkind_objtype(get_rel_relkind(spec->childid)),
					   get_rel_name(spec->childid));
	if (pg_class_aclmask(spec->parentid, GetUserId(), mode, ACLMASK_ALL) !=
		mode)
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("permission denied for table %s",
							   get_rel_name(spec->parentid)),
						errhint("To link to a table, ask its owner to grant "
								"REFERENCES and TRIGGER on it.")));
}

/*
 * Lock both tables against writing until the transaction ends, as for a
 * foreign key; by ascending OID, so that calls for the same two tables do not
 * deadlock.
 */
static void
lock_tables(const LinkSpec *spec)
{
	LockRelationOid(Min(spec->childid, spec->parentid), ShareRowExclusiveLock);
	if (spec->childid != spec->parentid)
		LockRelationOid(Max(spec->childid, spec->parentid),
						ShareRowExclusiveLock);
	check_table(spec->childid);
	check_table(spec->parentid);
}

/*
 * Raise an error if only one table is temporary, or if one is another
 * session's: a trigger names the other table, for all sessions.
 */
static void
check_persistence(Relation child, Relation parent)
{
	bool temp = RelationUsesLocalBuffers(child);

	if (RELATION_IS_OTHER_TEMP(child) || RELATION_IS_OTHER_TEMP(parent))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot link temporary tables of other sessions")));
	if (temp != RelationUsesLocalBuffers(parent))
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
			 errmsg(
				 "cannot link a temporary table and one that is not temporary"),
			 errdetail("The temporary table is \"%s\".",
					   RelationGetRelationName(temp ? child : parent))));
}

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
	if (child->rd_rel->relkind == RELKIND_PARTITIONED_TABLE &&
		has_partition_attrs(child,
							bms_make_singleton(
								fk->attnum -
								FirstLowInvalidHeapAttributeNumber),
							NULL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("column \"%s\" is in the partition key of table "
						"\"%s\"",
						fk->name, spec->child_name),
				 errdetail(
					 "To link a row would move it to another partition."),
				 errtablecol(child, fk->attnum)));
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
 * Raise 42710 if the foreign key column is linked already.
 */
static void
check_not_linked(const LinkSpec *spec, Relation child)
{
	if (link_record(link_triggers(spec->extschema), spec->childid,
					spec->fk.attnum) == NULL)
		return;
	ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT),
					errmsg("column \"%s\" of table \"%s\" is already linked",
						   spec->fk.name, spec->child_name),
					errhint("Use external_ids_unlink first."),
					errtablecol(child, spec->fk.attnum)));
}

/*
 * Fill in "spec" from the arguments, and check all that the server will not.
 * Both tables are locked and open.
 */
static void
read_arguments(LinkSpec *spec, FunctionCallInfo fcinfo, Relation child)
{
	Oid indexid = PG_ARGISNULL(ARG_INDEX) ? InvalidOid
										  : PG_GETARG_OID(ARG_INDEX);
	char *on_move = text_to_cstring(PG_GETARG_TEXT_PP(ARG_ON_MOVE));

	spec->follow = strcmp(on_move, "follow") == 0;
	if (!spec->follow && strcmp(on_move, "keep") != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("invalid value for on_move: \"%s\"", on_move),
						errhint("It is 'keep' or 'follow'.")));
	spec->facts = rows_facts_unchecked(spec->parentid, indexid,
									   spec->extschema, ShareRowExclusiveLock);
	read_column(&spec->id, child, NameStr(*PG_GETARG_NAME(ARG_ID)));
	read_column(&spec->fk, child, NameStr(*PG_GETARG_NAME(ARG_FK)));
	if (!PG_ARGISNULL(ARG_VERIFIED))
		read_column(&spec->verified, child,
					NameStr(*PG_GETARG_NAME(ARG_VERIFIED)));
	read_scope_columns(spec, child,
					   PG_ARGISNULL(ARG_SCOPE) ? NULL
											   : PG_GETARG_JSONB_P(ARG_SCOPE));
	check_id_columns(spec, child);
	check_fk_column(spec, child);
	check_distinct_columns(spec, child);
	check_not_linked(spec, child);

	spec->args[LINK_ARG_ON_MOVE] = spec->follow ? "follow" : "keep";
	spec->args[LINK_ARG_INDEX] = OidIsValid(indexid) ? get_rel_name(indexid)
													 : "";
	spec->args[LINK_ARG_VERIFIED] = spec->verified.attnum != 0 ? "verified"
															   : "";
}

/*
 * external_ids_link(child, id_column, fk_column, parent, scope, on_move,
 * verified, index): make the link, link the rows that are there, return how
 * many were linked and how many wait.
 */
Datum
external_ids_link(PG_FUNCTION_ARGS)
{
	LinkSpec spec = {0};
	Relation child;
	Relation parent;
	TupleDesc desc;
	uint64 linked;
	uint64 waiting;
	Datum values[2];
	bool nulls[2] = {false, false};

	check_arguments(fcinfo);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	desc = BlessTupleDesc(desc);
	spec.extschema = get_func_namespace(fcinfo->flinfo->fn_oid);
	spec.childid = PG_GETARG_OID(ARG_CHILD);
	spec.parentid = PG_GETARG_OID(ARG_PARENT);
	check_table(spec.childid);
	check_table(spec.parentid);
	check_privileges(&spec);
	lock_tables(&spec);

	child = relation_open(spec.childid, NoLock);
	parent = relation_open(spec.parentid, NoLock);
	check_persistence(child, parent);
	spec.child_name = pstrdup(RelationGetRelationName(child));
	spec.child_table = quote_qualified_identifier(get_namespace_name(
													  RelationGetNamespace(
														  child)),
												  spec.child_name);
	spec.parent_table =
		quote_qualified_identifier(get_namespace_name(
									   RelationGetNamespace(parent)),
								   RelationGetRelationName(parent));
	read_arguments(&spec, fcinfo, child);
	relation_close(parent, NoLock);
	relation_close(child, NoLock);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	link_create(&spec);
	link_existing(spec.childid, spec.args[LINK_ARG_NAME], &linked, &waiting);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");

	values[0] = Int64GetDatum((int64) linked);
	values[1] = Int64GetDatum((int64) waiting);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}
