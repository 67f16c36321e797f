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
#include "catalog/pg_class.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "rows/link_ddl.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

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
	link_read_columns(spec, child, NameStr(*PG_GETARG_NAME(ARG_ID)),
					  NameStr(*PG_GETARG_NAME(ARG_FK)),
					  PG_ARGISNULL(ARG_VERIFIED)
						  ? NULL
						  : NameStr(*PG_GETARG_NAME(ARG_VERIFIED)),
					  PG_ARGISNULL(ARG_SCOPE) ? NULL
											  : PG_GETARG_JSONB_P(ARG_SCOPE));
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
