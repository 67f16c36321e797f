-- @title replace the set, one of three IDs is new: many accounts in one transaction, one statement each
-- @rounds 5
-- @chart bars time us side side_changed columns columns_en gin rum
-- @data us side columns columns_en gin rum
-- @writes us side columns columns_en gin rum
-- @ops :patches
-- @before us
DROP TABLE IF EXISTS own.patches;
CREATE TABLE own.patches AS
SELECT id, org_id, ARRAY[ids[1], ids[2], 'stripe:r' || :round || '_' || id]::text::external_id_set AS ids FROM source.accounts ORDER BY md5('p' || id) LIMIT :patches;
VACUUM ANALYZE own.patches;
VACUUM us.accounts;
CHECKPOINT;
-- @sql us
DO $$ DECLARE p record; BEGIN
    FOR p IN SELECT * FROM own.patches LOOP
        UPDATE us.accounts SET external_ids = p.ids WHERE id = p.id;
    END LOOP;
END $$;
-- @after us
SELECT count(*) = :patches FROM own.patches p JOIN us.accounts a ON a.id = p.id AND a.external_ids = p.ids;
-- @before side
DROP TABLE IF EXISTS own.patches;
CREATE TABLE own.patches AS
SELECT id, org_id, ARRAY[ids[1], ids[2], 'stripe:r' || :round || '_' || id] AS ids FROM source.accounts ORDER BY md5('p' || id) LIMIT :patches;
VACUUM ANALYZE own.patches;
VACUUM side.accounts, side.account_external_ids;
CHECKPOINT;
-- @sql side
DO $$ DECLARE p record; BEGIN
    FOR p IN SELECT * FROM own.patches LOOP
        PERFORM side.patch(p.id, p.org_id, p.ids);
    END LOOP;
END $$;
-- @after side
SELECT count(*) = :patches FROM own.patches p WHERE ARRAY(SELECT external_id::text FROM side.account_external_ids WHERE account_id = p.id ORDER BY 1) = ARRAY(SELECT unnest(p.ids) ORDER BY 1);
-- @before side_changed
DROP TABLE IF EXISTS own.patches;
CREATE TABLE own.patches AS
SELECT id, org_id, ARRAY[ids[1], ids[2], 'stripe:r' || :round || '_' || id] AS ids FROM source.accounts ORDER BY md5('p' || id) LIMIT :patches;
VACUUM ANALYZE own.patches;
VACUUM side.accounts, side.account_external_ids;
CHECKPOINT;
-- @sql side_changed
DO $$ DECLARE p record; BEGIN
    FOR p IN SELECT * FROM own.patches LOOP
        PERFORM side.patch_changed(p.id, p.org_id, p.ids);
    END LOOP;
END $$;
-- @after side_changed
SELECT count(*) = :patches FROM own.patches p WHERE ARRAY(SELECT external_id::text FROM side.account_external_ids WHERE account_id = p.id ORDER BY 1) = ARRAY(SELECT unnest(p.ids) ORDER BY 1);
-- @before columns
DROP TABLE IF EXISTS own.patches;
CREATE TABLE own.patches AS
SELECT id, org_id, ARRAY[ids[1], ids[2], 'stripe:r' || :round || '_' || id] AS ids FROM source.accounts ORDER BY md5('p' || id) LIMIT :patches;
VACUUM ANALYZE own.patches;
VACUUM columns.accounts;
CHECKPOINT;
-- @sql columns
DO $$ DECLARE p record; BEGIN
    FOR p IN SELECT id, ids[3] AS stripe FROM own.patches LOOP
        UPDATE columns.accounts SET stripe = p.stripe WHERE id = p.id;
    END LOOP;
END $$;
-- @before columns_en
DROP TABLE IF EXISTS own.patches;
CREATE TABLE own.patches AS
SELECT id, org_id, ARRAY[ids[1], ids[2], 'stripe:r' || :round || '_' || id] AS ids FROM source.accounts ORDER BY md5('p' || id) LIMIT :patches;
VACUUM ANALYZE own.patches;
VACUUM columns_en.accounts;
CHECKPOINT;
-- @sql columns_en
DO $$ DECLARE p record; BEGIN
    FOR p IN SELECT id, ids[3] AS stripe FROM own.patches LOOP
        UPDATE columns_en.accounts SET stripe = p.stripe WHERE id = p.id;
    END LOOP;
END $$;
-- @each gin gin_cleaned gin_direct
-- @before <n>
-- GIN's pending list leaves the work to who looks up next, or VACUUM: gin_cleaned does that too, gin_direct is without it.
SELECT format('ALTER INDEX gin.accounts_external_ids SET (fastupdate = %s)', '<n>' <> 'gin_direct') \gexec
DROP TABLE IF EXISTS own.patches;
CREATE TABLE own.patches AS
SELECT id, org_id, ARRAY[ids[1], ids[2], 'stripe:r' || :round || '_' || id] AS ids FROM source.accounts ORDER BY md5('p' || id) LIMIT :patches;
VACUUM ANALYZE own.patches;
VACUUM gin.accounts;
CHECKPOINT;
-- @sql <n>
DO $$ DECLARE p record; BEGIN
    FOR p IN SELECT * FROM own.patches LOOP
        UPDATE gin.accounts SET external_ids = p.ids WHERE id = p.id;
    END LOOP;
END $$;
SELECT gin_clean_pending_list('gin.accounts_external_ids') WHERE '<n>' = 'gin_cleaned';
-- @end
-- @before rum
-- A tenth of them, or RUM would take most of the time.
DROP TABLE IF EXISTS own.patches;
CREATE TABLE own.patches AS
SELECT id, org_id, ARRAY[ids[1], ids[2], 'stripe:r' || :round || '_' || id] AS ids FROM source.accounts WHERE id IN (SELECT id FROM rum.accounts) ORDER BY md5('p' || id) LIMIT greatest(:patches / 10, 1);
VACUUM ANALYZE own.patches;
VACUUM rum.accounts;
CHECKPOINT;
-- @sql rum
DO $$ DECLARE p record; BEGIN
    FOR p IN SELECT * FROM own.patches LOOP
        UPDATE rum.accounts SET external_ids = p.ids WHERE id = p.id;
    END LOOP;
END $$;
-- @measure rum ops
SELECT count(*) FROM own.patches;

-- @goal E2 time side / us >= 2.5 replace the set, one of three IDs is new, by (b)
-- @goal E2 time side_changed / us >= 2.5 the same, by (b) that touches only what changed
-- @goal E2 time columns / us >= 0.95 by an update of one column of (e), COLLATE "C"
-- @goal E2 time columns_en / us >= 0.95 by an update of one column of (e), linguistic collation
-- @goal E6 time gin / us >= 1.0 replace the set, one of three IDs is new, by (c)
-- @goal E6 time gin_cleaned / us >= 1.0 the same, by (c) and its pending list worked off
-- @goal - time gin_direct / us - the same, by (c) without its pending list
-- @goal E6 time rum / us >= 1.0 replace the set, one of three IDs is new, by (d)
