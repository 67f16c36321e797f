/*
 * upsert_batch.c
 *		Brings many elements of an upsert to their rows at once.
 *
 * One statement looks up the IDs of all. Elements that share an ID in their
 * scope, or a row that holds one, are one entity. What is alone in its entity and
 * has no row is inserted, by one statement for each set of columns; what has all
 * it should have is left alone. The rest is taken in the order of the array:
 * entities are strangers to each other, so only the order within one counts.
 *
 * Any error, a conflict with another transaction too, and any doubt fails the
 * whole; the caller, who has it in a subtransaction, goes another way.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "rows/upsert.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

/* What is known about an element while the batch is at work. */
typedef struct Match
{
	int nrows;	/* that hold any of its IDs */
	Datum row;	/* the first of them */
	int entity; /* another element of the same entity, or itself */
	int size;	/* elements of the entity, where it is its own */
} Match;

/* Something that only elements of one entity have. */
typedef struct Mark
{
	char *bytes;
	int len;
	int element;
} Mark;

typedef struct Marks
{
	int n;
	int max;
	Mark *marks;
} Marks;

/*
 * The elements' values of one type as an array.
 */
static Datum
make_array(Datum *values, int n, Oid type)
{
	int16 len;
	bool byval;
	char align;

	get_typlenbyvalalign(type, &len, &byval, &align);
	return PointerGetDatum(
		construct_array(values, n, type, len, byval, align));
}

/*
 * Append a Datum's bytes, so that no two lists of Datums look alike.
 */
static void
add_datum(StringInfo bytes, Datum value, int16 len, bool byval)
{
	if (byval)
		appendBinaryStringInfo(bytes, (char *) &value, sizeof(Datum));
	else if (len == -1)
	{
		struct varlena *data = PG_DETOAST_DATUM_PACKED(value);
		uint32 size = VARSIZE_ANY_EXHDR(data);

		appendBinaryStringInfo(bytes, (char *) &size, sizeof(size));
		appendBinaryStringInfo(bytes, VARDATA_ANY(data), size);
	}
	else
	{
		Assert(len > 0); /* no column is a cstring */
		appendBinaryStringInfo(bytes, DatumGetPointer(value), len);
	}
}

/*
 * Append the bytes of a key or a scope.
 */
static void
add_columns(StringInfo bytes, const ColumnFacts *columns, const Datum *values,
			int n)
{
	for (int i = 0; i < n; i++)
	{
		int16 len;
		bool byval;

		get_typlenbyval(columns[i].type, &len, &byval);
		add_datum(bytes, values[i], len, byval);
	}
}

/*
 * Take down that an element has the mark.
 */
static void
add_mark(Marks *marks, const StringInfoData *bytes, int element)
{
	Mark *mark;

	if (marks->n == marks->max)
	{
		marks->max *= 2;
		marks->marks = repalloc(marks->marks, sizeof(Mark) * marks->max);
	}
	mark = &marks->marks[marks->n++];
	mark->bytes = palloc(bytes->len);
	memcpy(mark->bytes, bytes->data, bytes->len);
	mark->len = bytes->len;
	mark->element = element;
}

/*
 * An element's marks by its IDs: each entry that it would have in the index,
 * with the scope.
 */
static void
mark_ids(Marks *marks, UpsertElement *element, int number)
{
	TableFacts *facts = element->call->facts;
	StringInfoData bytes;
	int32 n = 0;
	Datum *entries;
	int prefix;

	initStringInfo(&bytes);
	appendStringInfoChar(&bytes, 'i');
	add_columns(&bytes, facts->scope, element->scope, facts->nscope);
	prefix = bytes.len;
	entries = (Datum *) DatumGetPointer(
		FunctionCall2(&facts->entries, PointerGetDatum(element->ids),
					  PointerGetDatum(&n)));
	for (int i = 0; i < n; i++)
	{
		bytes.len = prefix;
		add_datum(&bytes, entries[i], -1, false);
		add_mark(marks, &bytes, number);
	}
}

/*
 * An element's mark by a row that holds one of its IDs.
 */
static void
mark_row(Marks *marks, const TableFacts *facts, Datum row, int number)
{
	StringInfoData bytes;

	initStringInfo(&bytes);
	appendStringInfoChar(&bytes, 'r');
	add_columns(&bytes, facts->keys, rows_key_of_row(facts, row),
				facts->nkeys);
	add_mark(marks, &bytes, number);
}

/*
 * Look up the rows of all elements.
 */
static void
find_all(UpsertElement *elements, int n, Match *matches, Marks *marks)
{
	TableFacts *facts = elements[0].call->facts;
	MemoryContext oldcontext = CurrentMemoryContext;
	RowParams params = {0};
	Datum *values = palloc(sizeof(Datum) * n);

	for (int i = 0; i < n; i++)
		values[i] = PointerGetDatum(elements[i].ids);
	rows_add_param(&params, make_array(values, n, facts->settype));
	for (int j = 0; j < facts->nscope; j++)
	{
		for (int i = 0; i < n; i++)
			values[i] = elements[i].scope[j];
		rows_add_param(&params, make_array(values, n, facts->scope[j].type));
	}
	rows_execute(facts, QUERY_ANY_MANY, &params, false, 0);
	MemoryContextSwitchTo(oldcontext);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple tuple = SPI_tuptable->vals[i];
		TupleDesc desc = SPI_tuptable->tupdesc;
		bool isnull;
		int number = (int) DatumGetInt64(
						 SPI_getbinval(tuple, desc, 1, &isnull)) -
					 1;
		Datum row = SPI_getbinval(tuple, desc, 2, &isnull);

		row = PointerGetDatum(PG_DETOAST_DATUM_COPY(row));
		if (matches[number].nrows++ == 0)
			matches[number].row = row;
		mark_row(marks, facts, row, number);
	}
	SPI_freetuptable(SPI_tuptable);
}

/*
 * qsort order of marks.
 */
static int
compare_marks(const void *a, const void *b)
{
	const Mark *x = a;
	const Mark *y = b;
	int cmp = memcmp(x->bytes, y->bytes, Min(x->len, y->len));

	return cmp != 0 ? cmp : x->len - y->len;
}

/*
 * The element that stands for an element's entity.
 */
static int
entity_of(Match *matches, int number)
{
	while (matches[number].entity != number)
	{
		int next = matches[number].entity;

		matches[number].entity = matches[next].entity;
		number = next;
	}
	return number;
}

/*
 * Join elements that have a mark in common to entities.
 */
static void
join_entities(Match *matches, int n, Marks *marks)
{
	for (int i = 0; i < n; i++)
	{
		matches[i].entity = i;
		matches[i].size = 1;
	}
	qsort(marks->marks, marks->n, sizeof(Mark), compare_marks);
	for (int i = 1; i < marks->n; i++)
	{
		int a;
		int b;

		if (compare_marks(&marks->marks[i - 1], &marks->marks[i]) != 0)
			continue;
		a = entity_of(matches, marks->marks[i - 1].element);
		b = entity_of(matches, marks->marks[i].element);
		if (a == b)
			continue;
		matches[b].entity = a;
		matches[a].size += matches[b].size;
	}
}

/*
 * True if the element is alone in its entity.
 */
static bool
is_alone(Match *matches, int number)
{
	return matches[entity_of(matches, number)].size == 1;
}

/*
 * Insert the rows of elements that name the same columns. False if the rows that
 * come back are not theirs, one by one: a trigger had its own mind.
 */
static bool
insert_rows(UpsertElement **elements, int n)
{
	TableFacts *facts = elements[0]->call->facts;
	ColumnSet *columns = elements[0]->columns;
	Datum *values = palloc(sizeof(Datum) * n);
	Datum array;
	bool ours;

	for (int i = 0; i < n; i++)
		values[i] = JsonbPGetDatum(elements[i]->data);
	array = make_array(values, n, JSONBOID);
	upsert_execute(facts, column_set_plan(facts, columns, COLUMNS_INSERT_MANY),
				   &array, NULL, SPI_OK_INSERT_RETURNING);
	ours = SPI_processed == (uint64) n;
	for (int i = 0; i < n && ours; i++)
	{
		upsert_take_inserted(elements[i], SPI_tuptable->vals[i],
							 SPI_tuptable->tupdesc);
		ours = upsert_holds_ids(elements[i], elements[i]->row);
	}
	SPI_freetuptable(SPI_tuptable);
	return ours;
}

/*
 * Insert the rows of all elements that are new and alone, by sets of columns.
 */
static bool
insert_new(UpsertElement *elements, int n, Match *matches)
{
	UpsertElement **group = palloc(sizeof(UpsertElement *) * n);

	for (int i = 0; i < n; i++)
	{
		int size = 0;

		if (elements[i].result || matches[i].nrows > 0 ||
			!is_alone(matches, i))
			continue;
		for (int j = i; j < n; j++)
			if (elements[j].columns == elements[i].columns &&
				elements[j].result == NULL && matches[j].nrows == 0 &&
				is_alone(matches, j))
				group[size++] = &elements[j];
		if (!insert_rows(group, size))
			return false;
	}
	return true;
}

/*
 * Take an element that insert_new left. False if its row got away.
 */
static bool
take_rest(UpsertElement *element, const Match *match, bool alone)
{
	if (!alone || match->nrows != 1 || element->call->mode != UPSERT_ANY)
		return upsert_attempt(element);
	upsert_found(element, match->row, InvalidTransactionId);
	return element->result != NULL;
}

/*
 * Bring the elements to their rows. False, or any error, if that cannot be done
 * at once: the subtransaction that the caller has begun must be rolled back.
 * Call within SPI_connect, in the elements' memory context.
 */
bool
upsert_batch(UpsertElement *elements, int n)
{
	Match *matches = palloc0(sizeof(Match) * n);
	Marks marks = {0, 4 * n, palloc(sizeof(Mark) * 4 * n)};

	for (int i = 0; i < n; i++)
	{
		upsert_prepare(&elements[i]);
		mark_ids(&marks, &elements[i], i);
	}
	find_all(elements, n, matches, &marks);
	join_entities(matches, n, &marks);
	if (elements[0].call->mode != UPSERT_UPDATE &&
		!insert_new(elements, n, matches))
		return false;
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (elements[i].result == NULL &&
			!take_rest(&elements[i], &matches[i], is_alone(matches, i)))
			return false;
	}
	return true;
}
