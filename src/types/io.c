/*
 * io.c
 *		Input, output, receive and send of both types.
 *
 * The wire form is a version byte and the text form, read and written in the
 * client's encoding, as jsonb's is.
 */
#include "postgres.h"

#include "fmgr.h"
#include "libpq/pqformat.h"

#include "compat.h"
#include "types/check.h"

#define WIRE_VERSION 1

PG_FUNCTION_INFO_V1(external_id_in);
PG_FUNCTION_INFO_V1(external_id_out);
PG_FUNCTION_INFO_V1(external_id_recv);
PG_FUNCTION_INFO_V1(external_id_send);
PG_FUNCTION_INFO_V1(external_id_set_in);
PG_FUNCTION_INFO_V1(external_id_set_out);
PG_FUNCTION_INFO_V1(external_id_set_recv);
PG_FUNCTION_INFO_V1(external_id_set_send);

/* external_id_in(cstring) returns external_id; soft errors from 16 */
Datum
external_id_in(PG_FUNCTION_ARGS)
{
	char *text = PG_GETARG_CSTRING(0);
	Place place;
	Member member;

	place_init(&place, INPUT_ERROR_CONTEXT(fcinfo));
	if (!id_parse(text, strlen(text), &place, &member))
		PG_RETURN_NULL();
	PG_RETURN_POINTER(set_from_member(&member));
}

/* external_id_out(external_id) returns cstring */
Datum
external_id_out(PG_FUNCTION_ARGS)
{
	ExternalIdSet *id = PG_GETARG_EXTERNAL_ID_SET_P(0);

	PG_RETURN_CSTRING(external_id_to_cstring(id));
}

/* external_id_set_in(cstring) returns external_id_set; soft errors from 16 */
Datum
external_id_set_in(PG_FUNCTION_ARGS)
{
	char *text = PG_GETARG_CSTRING(0);
	Place place;
	ExternalIdSet *set;

	place_init(&place, INPUT_ERROR_CONTEXT(fcinfo));
	set = set_parse(text, strlen(text), &place);
	if (set == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(set);
}

/* external_id_set_out(external_id_set) returns cstring */
Datum
external_id_set_out(PG_FUNCTION_ARGS)
{
	ExternalIdSet *set = PG_GETARG_EXTERNAL_ID_SET_P(0);

	PG_RETURN_CSTRING(external_id_set_to_cstring(set));
}

/*
 * Reads the wire form's version and returns its text in the server encoding,
 * palloc'd and verified. Errors: unknown version, invalid bytes.
 */
static char *
wire_read(StringInfo buf, int *len)
{
	CheckWireVersion(pq_getmsgbyte(buf));
	return pq_getmsgtext(buf, buf->len - buf->cursor, len);
}

/* The wire form of "text". */
static bytea *
wire_write(const char *text)
{
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendbyte(&buf, WIRE_VERSION);
	pq_sendtext(&buf, text, strlen(text));
	return pq_endtypsend(&buf);
}

/* external_id_recv(internal) returns external_id */
Datum
external_id_recv(PG_FUNCTION_ARGS)
{
	int len;
	char *text = wire_read((StringInfo) PG_GETARG_POINTER(0), &len);
	Place place;
	Member member;

	place_init(&place, NULL);
	(void) id_parse(text, len, &place, &member); /* raises what is wrong */
	PG_RETURN_POINTER(set_from_member(&member));
}

/* external_id_send(external_id) returns bytea */
Datum
external_id_send(PG_FUNCTION_ARGS)
{
	ExternalIdSet *id = PG_GETARG_EXTERNAL_ID_SET_P(0);

	PG_RETURN_BYTEA_P(wire_write(external_id_to_cstring(id)));
}

/* external_id_set_recv(internal) returns external_id_set */
Datum
external_id_set_recv(PG_FUNCTION_ARGS)
{
	int len;
	char *text = wire_read((StringInfo) PG_GETARG_POINTER(0), &len);
	Place place;

	place_init(&place, NULL);
	PG_RETURN_POINTER(set_parse(text, len, &place));
}

/* external_id_set_send(external_id_set) returns bytea */
Datum
external_id_set_send(PG_FUNCTION_ARGS)
{
	ExternalIdSet *set = PG_GETARG_EXTERNAL_ID_SET_P(0);

	PG_RETURN_BYTEA_P(wire_write(external_id_set_to_cstring(set)));
}
