/*
 * mirror.c
 *		external_ids_mirror: checks what it is asked for; mirror_create.c makes it.
 *
 * The triggers act as the owner of both tables, so whoever makes them has to own
 * both, and they have to have one owner.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "rows/mirror.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(external_ids_mirror);

/* Arguments of external_ids_mirror. */
enum
{
	ARG_TABLE,
	ARG_SIDE,
	ARG_KEY,
	ARG_VALUE,
	ARG_LABEL_COLUMN,
	ARG_LABEL,
	ARG_SCOPE,
	ARG_COLUMN
};

/*
 * Raise an error unless the two tables can have a mirror.
 */
static void
check_tables(const MirrorSpec *spec)
{
	const char *name = RelationGetRelationName(spec->side);

	if (RelationGetRelid(spec->table) == RelationGetRelid(spec->side))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("table \"%s\" cannot be its own side table", name)));
	if (spec->table->rd_rel->relowner != spec->side->rd_rel->relowner)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("tables \"%s\" and \"%s\" have different owners",
						RelationGetRelationName(spec->table), name),
				 errdetail(
					 "What one is written with is written to the other as "
					 "its owner."),
				 errhint("ALTER TABLE ... OWNER TO gives both to one role.")));
	if (spec->table->rd_rel->relpersistence !=
		spec->side->rd_rel->relpersistence)
		ereport(ERROR, (errcode(ERRCODE_INVALID_TABLE_DEFINITION),
						errmsg("cannot mirror tables of which only one is "
							   "temporary or unlogged")));
	for (int i = 0;
		 spec->side->trigdesc && i < spec->side->trigdesc->numtriggers; i++)
	{
		const Trigger *trigger = &spec->side->trigdesc->triggers[i];

		if (OidIsValid(trigger->tgconstrrelid) &&
			mirror_is_trigger(trigger, true, spec->extschema))
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_OBJECT),
					 errmsg("side table \"%s\" is mirrored already", name),
					 errhint("Use external_ids_unmirror first.")));
	}
}

/*
 * Take a column of the side table for the mirror to fill. Errors: 42703; 22023
 * taken twice; 42P10 generated.
 */
static void
take_column(MirrorSpec *spec, const char *name)
{
	AttrNumber attnum = get_attnum(RelationGetRelid(spec->side), name);
	const char *side = RelationGetRelationName(spec->side);

	if (attnum <= 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
						errmsg("column \"%s\" of table \"%s\" does not exist",
							   name, side)));
	if (bms_is_member(attnum, spec->columns))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("column \"%s\" of table \"%s\" is named twice",
							   name, side)));
	if (TupleDescAttr(RelationGetDescr(spec->side), attnum - 1)->attgenerated)
		ereport(ERROR, (errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
						errmsg("column \"%s\" of table \"%s\" is generated",
							   name, side)));
	spec->columns = bms_add_member(spec->columns, attnum);
}

/*
 * Take a column of the side table for a column of the table's key. Errors: those
 * of take_column; 42804 its values cannot stand for the other's.
 */
static void
take_key(MirrorSpec *spec, const ColumnFacts *key, const char *name)
{
	AttrNumber attnum;
	Oid type;

	take_column(spec, name);
	attnum = get_attnum(RelationGetRelid(spec->side), name);
	type = get_atttype(RelationGetRelid(spec->side), attnum);
	if (mirror_key_fits(spec->table, key->attnum, spec->side, attnum))
		return;
	ereport(
		ERROR,
		(errcode(ERRCODE_DATATYPE_MISMATCH),
		 errmsg("column \"%s\" of table \"%s\" cannot hold keys of table "
				"\"%s\"",
				name, RelationGetRelationName(spec->side),
				spec->facts->table_name),
		 errdetail("It is of type %s, key column \"%s\" of type %s%s: one key "
				   "could be written in several ways.",
				   format_type_be(type), key->name,
				   format_type_be(key->declared),
				   type == key->declared ? " with another collation" : ""),
		 errhint("Give both columns one type and collation, by ALTER TABLE "
				 "... ALTER COLUMN ... TYPE.")));
}

/*
 * Take the side table's key columns. Errors: 55000 no primary key; 22023 another
 * number of columns; 22004 a null; those of take_key.
 */
static void
take_keys(MirrorSpec *spec, ArrayType *array)
{
	Datum *names;
	bool *nulls;
	int n;

	rows_require_key(spec->facts);
	deconstruct_array(array, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR,
					  &names, &nulls, &n);
	if (n != spec->facts->nkeys)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("key has %d columns, and the primary key of table \"%s\" "
					"has %d",
					n, spec->facts->table_name, spec->facts->nkeys),
			 errhint("Name the side table's columns that hold the table's "
					 "primary key, in its order.")));
	spec->args = lappend(spec->args, psprintf("%d", n));
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("key column must not be null")));
		take_key(spec, &spec->facts->keys[i],
				 NameStr(*DatumGetName(names[i])));
		spec->args = lappend(spec->args, NameStr(*DatumGetName(names[i])));
	}
	spec->keys = bms_copy(spec->columns);
}

/*
 * Take the pairs of scope columns of a JSON object. Errors: 22023 not such an
 * object; 42703.
 */
static void
take_scope(MirrorSpec *spec, Jsonb *scope)
{
	JsonbIterator *it = JsonbIteratorInit(&scope->root);
	JsonbIteratorToken token;
	JsonbValue value;

	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		char *name;

		if (token == WJB_BEGIN_OBJECT || token == WJB_END_OBJECT)
			continue;
		if ((token != WJB_KEY && token != WJB_VALUE) ||
			value.type != jbvString)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid scope for a mirror of table \"%s\"",
							spec->facts->table_name),
					 errhint("The scope is a JSON object that maps columns of "
							 "the table to those of the side table.")));
		name = pnstrdup(value.val.string.val, value.val.string.len);
		if (token == WJB_VALUE)
			take_column(spec, name);
		else if (get_attnum(spec->facts->relid, name) <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" of table \"%s\" does not exist",
							name, spec->facts->table_name)));
		spec->args = lappend(spec->args, name);
	}
}

/*
 * Raise 55000 if a new row of the side table would lack a value.
 */
static void
check_other_columns(const MirrorSpec *spec)
{
	TupleDesc desc = RelationGetDescr(spec->side);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped || !att->attnotnull || att->atthasdef ||
			att->attidentity || bms_is_member(att->attnum, spec->columns))
			continue;
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("column \"%s\" of table \"%s\" would be null in new rows",
					NameStr(att->attname),
					RelationGetRelationName(spec->side)),
			 errdetail("It is NOT NULL and has no default."),
			 errhint("With scope => '{\"column\": \"%s\"}' it gets what a "
					 "column of table \"%s\" has; or give it a default.",
					 NameStr(att->attname), spec->facts->table_name)));
	}
}

/*
 * Raise 55000 unless an index of the side table finds the rows of a key.
 */
static void
check_key_index(const MirrorSpec *spec)
{
	List *indexes = RelationGetIndexList(spec->side);
	int nkeys = bms_num_members(spec->keys);
	ListCell *cell;

	foreach(cell, indexes)
	{
		Relation index = index_open(lfirst_oid(cell), AccessShareLock);
		Form_pg_index form = index->rd_index;
		Bitmapset *first = NULL;
		bool fits = form->indisvalid && form->indnkeyatts >= nkeys &&
					RelationGetIndexPredicate(index) == NIL;

		for (int i = 0; fits && i < nkeys; i++)
			if (form->indkey.values[i] > 0)
				first = bms_add_member(first, form->indkey.values[i]);
		fits = fits && bms_equal(first, spec->keys);
		index_close(index, NoLock);
		if (fits)
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("table \"%s\" has no index that begins with its key "
					"columns",
					RelationGetRelationName(spec->side)),
			 errdetail("Each change of external IDs would read the whole "
					   "table."),
			 errhint("Make one by CREATE INDEX CONCURRENTLY.")));
}

/*
 * Raise 42P10 if nobody can write the set column.
 */
static void
check_set_column(const MirrorSpec *spec)
{
	const TableFacts *facts = spec->facts;

	if (TupleDescAttr(RelationGetDescr(spec->table), facts->set_attnum - 1)
			->attgenerated)
		ereport(ERROR, (errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
						errmsg("column \"%s\" of table \"%s\" is generated",
							   facts->set_name, facts->table_name)));
}

/*
 * Take down the arguments from the set column on, as the triggers have them.
 * Errors: those of an external ID's label, and of the columns.
 */
static void
take_arguments(MirrorSpec *spec, FunctionCallInfo fcinfo)
{
	MirrorForm form = MIRROR_TEXT;
	char *label = "";
	char *value = NameStr(*PG_GETARG_NAME(ARG_VALUE));

	if (!PG_ARGISNULL(ARG_LABEL))
	{
		form = MIRROR_LABEL;
		label = text_to_cstring(PG_GETARG_TEXT_PP(ARG_LABEL));
		external_id_check_label_internal(label);
	}
	if (!PG_ARGISNULL(ARG_LABEL_COLUMN))
	{
		if (form == MIRROR_LABEL)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("label_column and label cannot both be "
								   "given")));
		form = MIRROR_LABEL_COLUMN;
		label = NameStr(*PG_GETARG_NAME(ARG_LABEL_COLUMN));
	}
	spec->args = list_make4(spec->facts->set_name, value,
							unconstify(char *, mirror_forms[form]), label);
	take_keys(spec, PG_GETARG_ARRAYTYPE_P(ARG_KEY));
	take_column(spec, value);
	if (form == MIRROR_LABEL_COLUMN)
		take_column(spec, label);
	if (!PG_ARGISNULL(ARG_SCOPE))
		take_scope(spec, PG_GETARG_JSONB_P(ARG_SCOPE));
}

/*
 * external_ids_mirror(table, side, key, value, label_column, label, scope,
 * column): make the triggers. Locks the table, then the side table, against
 * writing until the transaction ends.
 */
Datum
external_ids_mirror(PG_FUNCTION_ARGS)
{
	static const char *const required[] = {"table", "side", "key", "value"};
	MirrorSpec spec = {0};

	mirror_check_arguments(fcinfo, required, lengthof(required));
	spec.extschema = get_func_namespace(fcinfo->flinfo->fn_oid);
	spec.table = mirror_open_table(PG_GETARG_OID(ARG_TABLE),
								   ShareRowExclusiveLock, true);
	spec.side = mirror_open_table(PG_GETARG_OID(ARG_SIDE),
								  ShareRowExclusiveLock, true);
	check_tables(&spec);
	spec.facts = rows_read_table(spec.table, true,
								 PG_ARGISNULL(ARG_COLUMN)
									 ? NULL
									 : NameStr(*PG_GETARG_NAME(ARG_COLUMN)),
								 spec.extschema);
	check_set_column(&spec);
	take_arguments(&spec, fcinfo);
	check_other_columns(&spec);
	check_key_index(&spec);
	mirror_create(&spec);
	relation_close(spec.side, NoLock);
	relation_close(spec.table, NoLock);
	PG_RETURN_VOID();
}
