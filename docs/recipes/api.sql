-- For PostgREST, Hasura and PostGraphile: functions with the row type spelled out.
--
-- Each of them builds its API from the catalogs and needs a concrete `RETURNS SETOF accounts`;
-- the polymorphic external_ids_resolve and external_ids_find show no such type. A STABLE SQL
-- function of one statement is inlined, so further filters of a request are pushed into it.
-- Their rights are the caller's (SECURITY INVOKER), so row security holds.

-- PostgREST: GET /rpc/account_by_external_id?org=7&id=crm:42
-- PostGraphile: allAccounts-like field accountByExternalId; Hasura: track the function as a query.
CREATE FUNCTION account_by_external_id(org int, id text) RETURNS SETOF accounts
LANGUAGE sql STABLE ROWS 1
BEGIN ATOMIC
	SELECT a.* FROM accounts AS a
	 WHERE a.external_ids @> account_by_external_id.id::external_id AND a.org_id = org;
END;

-- The same by a bare value, whatever its label.
CREATE FUNCTION account_by_external_value(org int, value text) RETURNS SETOF accounts
LANGUAGE sql STABLE ROWS 1
BEGIN ATOMIC
	SELECT a.* FROM accounts AS a WHERE a.external_ids @= value AND a.org_id = org;
END;

-- What a PATCH with the API's JSON calls; no row if the account is not there.
CREATE FUNCTION set_account_external_ids(org int, id bigint, ids jsonb, label text DEFAULT NULL) RETURNS SETOF accounts
LANGUAGE sql VOLATILE ROWS 1
BEGIN ATOMIC
	SELECT FROM external_ids_set('accounts', set_account_external_ids.id, ids::external_id_set,
		label => label, scope => jsonb_build_object('org_id', org));
	SELECT a.* FROM accounts AS a WHERE a.id = set_account_external_ids.id AND a.org_id = org;
END;

-- A column of JSON where the client wants objects, and a computed field for Hasura and PostGraphile.
CREATE FUNCTION accounts_external_ids_json(account accounts) RETURNS jsonb
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
	SELECT account.external_ids::jsonb;
END;
