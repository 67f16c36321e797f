--
-- What every driver's program finds. The four tables of literals are those of
-- sql/types.sql, which test/drivers/setup puts in front of this.
--
CREATE EXTENSION external_ids;
CREATE TABLE accounts (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	org_id int NOT NULL,
	name text NOT NULL,
	external_ids external_id_set NOT NULL DEFAULT '{}'
);
CREATE INDEX accounts_external_ids_key ON accounts USING unique_members (external_ids, org_id);

-- The text that a literal stands for, or the SQLSTATE with which it is refused.
CREATE FUNCTION pg_temp.reading(type text, literal text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SELECT ($1::%s)::text', type) INTO STRICT result USING literal;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	RETURN 'ERROR ' || SQLSTATE;
END $$;
CREATE TABLE literals AS
	SELECT row_number() OVER () AS n, type, lit, pg_temp.reading(type, lit) AS means
	FROM (SELECT 'external_id' AS type, lit FROM legal_id
		UNION ALL SELECT 'external_id', lit FROM bad_id
		UNION ALL SELECT 'external_id_set', lit FROM legal_set
		UNION ALL SELECT 'external_id_set', lit FROM bad_set) AS l;
DO $$
BEGIN
	-- The drivers' checks are worth nothing over an empty table.
	ASSERT (SELECT count(*) FILTER (WHERE means LIKE 'ERROR %') > 100
		AND count(*) FILTER (WHERE means NOT LIKE 'ERROR %') > 90 FROM literals), 'too few literals';
END $$;
