-- Debezium, and whatever else reads pgoutput: a publication, and what an event holds of a set.
--
-- pgoutput sends a set as its text, {crm:42,stripe:cus_1}. Debezium leaves out columns of types that it
-- does not know, unless the connector has
--     "include.unknown.datatypes": "true"
-- and then hands the text on as bytes ("binary.handling.mode" says how they are written).
CREATE PUBLICATION accounts_changes FOR TABLE accounts;

-- An event's `before` has the old set only with this; else it has the primary key alone. A set of over 2 kB that
-- an UPDATE leaves alone is not sent again: Debezium writes its "unavailable.value.placeholder" in `after`.
-- (An index of unique_members cannot be the replica identity, and need not be.)
ALTER TABLE accounts REPLICA IDENTITY FULL;

-- Consumers that want JSON, which Debezium knows: a copy of the set, kept by the server. A generated column would
-- do only from 18 on, where a publication can be told to send it (publish_generated_columns = stored).
ALTER TABLE accounts ADD COLUMN external_ids_json jsonb;
CREATE FUNCTION accounts_external_ids_copy() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
	NEW.external_ids_json := NEW.external_ids::jsonb;
	RETURN NEW;
END $$;
CREATE TRIGGER accounts_external_ids_copy BEFORE INSERT OR UPDATE ON accounts
	FOR EACH ROW EXECUTE FUNCTION accounts_external_ids_copy();
