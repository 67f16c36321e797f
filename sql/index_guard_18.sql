--
-- Where PostgreSQL 18 takes a UNIQUE index for more than unique_members
-- promises: refused, or right all the same. See src/index/README.
--
SET client_min_messages = warning;
CREATE ROLE regress_index_guard_18;
CREATE SCHEMA index_guard_18 AUTHORIZATION regress_index_guard_18;
CREATE FOREIGN DATA WRAPPER index_guard_18;
CREATE SERVER index_guard_18 FOREIGN DATA WRAPPER index_guard_18;
GRANT USAGE ON FOREIGN SERVER index_guard_18 TO regress_index_guard_18;
SET ROLE regress_index_guard_18;
SET search_path = index_guard_18, public;

-- Runs a statement; 'ok', or SQLSTATE, table and constraint of what it raises.
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	t text;
	c text;
BEGIN
	EXECUTE statement;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS t = TABLE_NAME, c = CONSTRAINT_NAME;
	RETURN concat_ws(' ', SQLSTATE, nullif(t, ''), nullif(c, ''));
END $$;

CREATE TABLE accounts (id int PRIMARY KEY, external_ids external_id_set NOT NULL, org_id int NOT NULL, note text);
CREATE UNIQUE INDEX accounts_key ON accounts USING unique_members (external_ids, org_id);
CREATE TABLE singles (id int PRIMARY KEY, external_ids external_id_set NOT NULL, note text);
CREATE UNIQUE INDEX singles_key ON singles USING unique_members (external_ids);
CREATE TABLE by_value (id int PRIMARY KEY, external_ids external_id_set NOT NULL, note text);
CREATE UNIQUE INDEX by_value_key ON by_value USING unique_members (external_ids external_id_set_value_ops);
CREATE TABLE parted (external_ids external_id_set NOT NULL, org_id int NOT NULL) PARTITION BY LIST (org_id);
CREATE UNIQUE INDEX parted_key ON parted USING unique_members (external_ids, org_id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);

--
-- The library is loaded by whatever comes first in a session
--
\c
SET client_min_messages = warning;
SET ROLE regress_index_guard_18;
SET search_path = index_guard_18, public;
CREATE TABLE child (x external_id, org_id int, FOREIGN KEY (x, org_id) REFERENCES accounts (external_ids, org_id));
\c
SET client_min_messages = warning;
SET ROLE regress_index_guard_18;
SET search_path = index_guard_18, public;
ALTER TABLE accounts REPLICA IDENTITY USING INDEX accounts_key;
\c
SET client_min_messages = warning;
SET ROLE regress_index_guard_18;
SET search_path = index_guard_18, public;
CREATE MATERIALIZED VIEW account_view AS SELECT * FROM accounts;
CREATE UNIQUE INDEX account_view_key ON account_view USING unique_members (external_ids, org_id);

--
-- Foreign keys that reference members, in every shape
--
CREATE TABLE child (x external_id, xs external_id_set, org_id int);
SELECT * FROM (VALUES
	('from one external ID',		'0A000',	outcome('ALTER TABLE child ADD FOREIGN KEY (x, org_id) REFERENCES accounts (external_ids, org_id)')),
	('from a set',					'0A000',	outcome('ALTER TABLE child ADD FOREIGN KEY (xs, org_id) REFERENCES accounts (external_ids, org_id)')),
	('columns the other way round',	'0A000',	outcome('ALTER TABLE child ADD FOREIGN KEY (org_id, x) REFERENCES accounts (org_id, external_ids)')),
	('without a scope',				'0A000',	outcome('ALTER TABLE child ADD CONSTRAINT named FOREIGN KEY (x) REFERENCES singles (external_ids)')),
	('by value',					'0A000',	outcome('ALTER TABLE child ADD FOREIGN KEY (x) REFERENCES by_value (external_ids)')),
	('NOT VALID',					'0A000',	outcome('ALTER TABLE child ADD FOREIGN KEY (x) REFERENCES singles (external_ids) NOT VALID')),
	('NOT ENFORCED',				'0A000',	outcome('ALTER TABLE child ADD FOREIGN KEY (x) REFERENCES singles (external_ids) NOT ENFORCED')),
	('DEFERRABLE',					'0A000',	outcome('ALTER TABLE child ADD FOREIGN KEY (x) REFERENCES singles (external_ids) DEFERRABLE')),
	('with a new table',			'0A000',	outcome('CREATE TABLE child_2 (x external_id REFERENCES singles (external_ids) ON DELETE CASCADE)')),
	('with a new column',			'0A000',	outcome('ALTER TABLE child ADD COLUMN y external_id REFERENCES singles (external_ids)')),
	('to the same table',			'0A000',	outcome('ALTER TABLE singles ADD FOREIGN KEY (external_ids) REFERENCES singles (external_ids)')),
	('to a partitioned table',		'0A000',	outcome('ALTER TABLE child ADD FOREIGN KEY (x, org_id) REFERENCES parted (external_ids, org_id)')),
	('to a partition',				'0A000',	outcome('ALTER TABLE child ADD FOREIGN KEY (x, org_id) REFERENCES parted_1 (external_ids, org_id)')),
	('from a partitioned table',	'0A000',	outcome('CREATE TABLE child_3 (x external_id, FOREIGN KEY (x) REFERENCES singles (external_ids)) PARTITION BY LIST (x)')),
	('with PERIOD',					'42830',	outcome('ALTER TABLE child ADD FOREIGN KEY (x, PERIOD org_id) REFERENCES accounts (external_ids, PERIOD org_id)')),
	('to the primary key',			'ok',		outcome('CREATE TABLE child_4 (id int REFERENCES accounts)')),
	('whose order is another',		'42830',	outcome('ALTER TABLE child ADD FOREIGN KEY (org_id) REFERENCES accounts (org_id)'))
) v (what, expected, result);
SELECT count(*) AS "0" FROM pg_constraint WHERE conrelid = 'child'::regclass AND contype = 'f';

-- a set that is unique as a whole may be referenced
CREATE TABLE wholes (external_ids external_id_set UNIQUE);
CREATE UNIQUE INDEX wholes_key ON wholes USING unique_members (external_ids);
SELECT outcome('CREATE TABLE child_5 (xs external_id_set REFERENCES wholes (external_ids))') AS ok;

-- an EXCLUDE constraint on which PERIOD would build
CREATE TABLE periods (external_ids external_id_set, org_id int,
	EXCLUDE USING unique_members (external_ids WITH &&, org_id WITH =));
SELECT outcome('ALTER TABLE child ADD FOREIGN KEY (xs, PERIOD org_id) REFERENCES periods (external_ids, PERIOD org_id)') AS "42704";

--
-- Replica identity, constraints on the index, CLUSTER
--
SELECT * FROM (VALUES
	('replica identity',			'0A000',	outcome('ALTER TABLE accounts REPLICA IDENTITY USING INDEX accounts_key')),
	('of a partitioned table',		'0A000',	outcome('ALTER TABLE parted REPLICA IDENTITY USING INDEX parted_key')),
	('of a partition',				'0A000',	outcome('ALTER TABLE parted_1 REPLICA IDENTITY USING INDEX parted_1_external_ids_org_id_idx')),
	('by the primary key',			'ok',		outcome('ALTER TABLE accounts REPLICA IDENTITY USING INDEX accounts_pkey')),
	('and back',					'ok',		outcome('ALTER TABLE accounts REPLICA IDENTITY DEFAULT')),
	('UNIQUE by the index',			'42809',	outcome('ALTER TABLE accounts ADD UNIQUE USING INDEX accounts_key')),
	('PRIMARY KEY by the index',	'42809',	outcome('ALTER TABLE wholes ADD PRIMARY KEY USING INDEX wholes_key')),
	('ON CONFLICT ON CONSTRAINT',	'42704',	outcome('INSERT INTO accounts VALUES (1, DEFAULT, 1) ON CONFLICT ON CONSTRAINT accounts_key DO NOTHING')),
	('CLUSTER',						'0A000',	outcome('CLUSTER accounts USING accounts_key')),
	('NULLS NOT DISTINCT',			'0A000',	outcome('CREATE UNIQUE INDEX ON accounts USING unique_members (external_ids, org_id) NULLS NOT DISTINCT')),
	('... of a partitioned table',	'0A000',	outcome('CREATE UNIQUE INDEX ON parted USING unique_members (external_ids, org_id) NULLS NOT DISTINCT')),
	('INCLUDE',						'0A000',	outcome('CREATE UNIQUE INDEX ON accounts USING unique_members (external_ids) INCLUDE (org_id)')),
	('WITHOUT OVERLAPS',			'42804',	outcome('ALTER TABLE accounts ADD UNIQUE (org_id, external_ids WITHOUT OVERLAPS)'))
) v (what, expected, result);
SELECT count(*) AS "0" FROM pg_index WHERE indisreplident AND indrelid IN ('accounts'::regclass, 'parted'::regclass, 'parted_1'::regclass);

-- REINDEX CONCURRENTLY hands on what the index was, and that alone
REINDEX INDEX CONCURRENTLY accounts_key;
SELECT indisunique, indisreplident, indisvalid FROM pg_index WHERE indexrelid = 'accounts_key'::regclass;
SELECT pg_get_indexdef('accounts_key'::regclass);
-- so does a copy of the table
CREATE TABLE accounts_like (LIKE accounts INCLUDING INDEXES);
SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'accounts_like'::regclass AND NOT indisprimary;
-- and a column's new type
ALTER TABLE accounts_like ALTER COLUMN org_id TYPE bigint;
SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'accounts_like'::regclass AND NOT indisprimary;

--
-- Materialised views
--
SELECT * FROM (VALUES
	('UNIQUE',				'0A000 account_view',	outcome('CREATE UNIQUE INDEX ON account_view USING unique_members (external_ids, org_id)')),
	('UNIQUE, partial',		'0A000 account_view',	outcome('CREATE UNIQUE INDEX ON account_view USING unique_members (external_ids, org_id) WHERE id > 0')),
	('not UNIQUE',			'ok',					outcome('CREATE INDEX ON account_view USING unique_members (external_ids, org_id)')),
	('a UNIQUE btree',		'ok',					outcome('CREATE UNIQUE INDEX ON account_view (id)')),
	('both refresh',		'ok',					outcome('REFRESH MATERIALIZED VIEW CONCURRENTLY account_view'))
) v (what, expected, result);

--
-- Partition keys: uniqueness must not end at a partition
--
SELECT * FROM (VALUES
	('the set is the key',			'0A000',	outcome('CREATE TABLE p1 (external_ids external_id_set) PARTITION BY LIST (external_ids);
														 CREATE UNIQUE INDEX ON p1 USING unique_members (external_ids)')),
	('by hash',						'0A000',	outcome('CREATE TABLE p2 (external_ids external_id_set) PARTITION BY HASH (external_ids);
														 CREATE UNIQUE INDEX ON p2 USING unique_members (external_ids)')),
	('the scope lacks the key',		'0A000',	outcome('CREATE TABLE p3 (external_ids external_id_set, org_id int, day date) PARTITION BY LIST (day);
														 CREATE UNIQUE INDEX ON p3 USING unique_members (external_ids, org_id)')),
	('the scope has it',			'ok',		outcome('CREATE TABLE p4 (external_ids external_id_set, org_id int) PARTITION BY LIST (org_id);
														 CREATE UNIQUE INDEX ON p4 USING unique_members (external_ids, org_id)')),
	('ATTACH of a table without',	'ok',		outcome('CREATE TABLE p4_1 (external_ids external_id_set, org_id int);
														 ALTER TABLE p4 ATTACH PARTITION p4_1 FOR VALUES IN (1)')),
	('ATTACH with a plain one',		'ok',		outcome('CREATE TABLE p4_2 (external_ids external_id_set, org_id int);
														 CREATE INDEX ON p4_2 USING unique_members (external_ids, org_id);
														 ALTER TABLE p4 ATTACH PARTITION p4_2 FOR VALUES IN (2)')),
	('a foreign partition',			'42809',	outcome('CREATE FOREIGN TABLE p4_3 PARTITION OF p4 FOR VALUES IN (3) SERVER index_guard_18')),
	('ATTACH of a foreign table',	'42809',	outcome('CREATE FOREIGN TABLE p4_4 (external_ids external_id_set, org_id int) SERVER index_guard_18;
														 ALTER TABLE p4 ATTACH PARTITION p4_4 FOR VALUES IN (4)'))
) v (what, expected, result);
-- the plain one was not taken for the UNIQUE one
SELECT c.relname, count(*) FILTER (WHERE i.indisunique AND h.inhparent IS NOT NULL) AS attached, count(*)
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid LEFT JOIN pg_inherits h ON h.inhrelid = i.indexrelid
WHERE c.relname IN ('p4_1', 'p4_2') GROUP BY 1 ORDER BY 1;
-- a partition that would keep members unique for itself alone
CREATE TABLE p5 (external_ids external_id_set, day date) PARTITION BY LIST (day);
CREATE TABLE p5_1 (external_ids external_id_set, day date);
CREATE UNIQUE INDEX p5_1_key ON p5_1 USING unique_members (external_ids);
ALTER TABLE p5 ATTACH PARTITION p5_1 FOR VALUES IN ('2026-01-01');
SELECT outcome($$INSERT INTO p5 VALUES ('crm:1', '2026-01-01')$$) AS "0A000 p5_1";

--
-- What the planner concludes. Each query runs on a table with the index and on
-- its copy without; two rows have the empty set, two none, two share nothing.
--
INSERT INTO accounts VALUES
	(1, '{}', 1, 'a'), (2, '{}', 1, 'b'), (3, '{}', 2, 'c'), (4, '{}', 2, 'c'),
	(5, '{crm:1,erp:1}', 1, 'd'), (6, '{crm:2}', 1, 'e'), (7, '{crm:1}', 2, 'd'), (8, '{crm:3,erp:3}', 1, 'e');
INSERT INTO singles SELECT id, CASE WHEN id = 7 THEN 'x:7' ELSE external_ids END, note FROM accounts;
INSERT INTO by_value SELECT id, external_ids, note FROM singles WHERE id <> 5;
CREATE TABLE nulls (id int PRIMARY KEY, external_ids external_id_set, note text);
CREATE UNIQUE INDEX nulls_key ON nulls USING unique_members (external_ids);
INSERT INTO nulls SELECT id, nullif(external_ids, '{}'), note FROM singles UNION ALL VALUES (21, '{}'::external_id_set, 'z'), (22, '{}', 'z');
CREATE TABLE outers (id int, e external_id_set, org_id int);
INSERT INTO outers VALUES (1, '{}', 1), (2, '{}', 2), (3, '{crm:1}', 1), (4, '{crm:1,erp:1}', 1), (5, '{crm:2}', 1), (6, NULL, 1), (7, 'crm:9', 1);
CREATE TABLE parted_by (id int, external_ids external_id_set NOT NULL, org_id int NOT NULL, note text) PARTITION BY LIST (org_id);
CREATE UNIQUE INDEX ON parted_by USING unique_members (external_ids, org_id);
CREATE TABLE parted_by_1 PARTITION OF parted_by FOR VALUES IN (1);
CREATE TABLE parted_by_2 PARTITION OF parted_by FOR VALUES IN (2);
INSERT INTO parted_by SELECT * FROM accounts;
ANALYZE accounts, singles, by_value, nulls, outers, parted_by;
DO $$
DECLARE t text;
BEGIN
	FOREACH t IN ARRAY '{accounts,singles,by_value,nulls,parted_by}'::text[] LOOP
		EXECUTE format('CREATE TABLE %I AS SELECT * FROM %I', t || '_copy', t);
		EXECUTE format('ANALYZE %I', t || '_copy');
	END LOOP;
END $$;

CREATE TABLE shapes (query text, scoped bool);
INSERT INTO shapes VALUES
	('SELECT external_ids, note, count(*) FROM T GROUP BY external_ids, note', false),
	('SELECT external_ids, note, id, count(*) FROM T GROUP BY external_ids, note, id', false),
	('SELECT external_ids, org_id, note, count(*) FROM T GROUP BY external_ids, org_id, note', true),
	('SELECT DISTINCT external_ids, note FROM T', false),
	('SELECT DISTINCT external_ids FROM T', false),
	('SELECT DISTINCT ON (external_ids) external_ids FROM T ORDER BY external_ids', false),
	('SELECT count(DISTINCT external_ids) FROM T', false),
	('SELECT external_ids FROM T UNION SELECT external_ids FROM T', false),
	('SELECT external_ids FROM T INTERSECT ALL SELECT external_ids FROM T', false),
	('SELECT o.id FROM outers o LEFT JOIN T ON o.e = T.external_ids', false),
	('SELECT o.id FROM outers o LEFT JOIN T ON o.e && T.external_ids', false),
	('SELECT o.id FROM outers o LEFT JOIN T ON o.e = T.external_ids AND o.org_id = T.org_id', true),
	('SELECT o.id FROM outers o LEFT JOIN T ON T.external_ids = ''{}''', false),
	('SELECT o.id, T.id FROM outers o JOIN T ON o.e = T.external_ids', false),
	('SELECT o.id, T.id FROM outers o JOIN T ON o.e && T.external_ids', false),
	('SELECT o.id, T.id FROM outers o JOIN T ON o.e = T.external_ids AND o.org_id = T.org_id', true),
	('SELECT o.id, T.id FROM outers o FULL JOIN T ON o.e = T.external_ids', false),
	('SELECT a.id, a.note FROM T a JOIN T b ON a.external_ids = b.external_ids', false),
	('SELECT a.id, b.note FROM T a JOIN T b USING (external_ids) WHERE b.note <> ''z''', false),
	('SELECT a.id FROM T a JOIN T b ON a.external_ids = b.external_ids AND a.org_id = b.org_id', true),
	('SELECT o.id FROM outers o WHERE o.e IN (SELECT external_ids FROM T)', false),
	('SELECT o.id FROM outers o WHERE (o.e, o.org_id) IN (SELECT external_ids, org_id FROM T)', true),
	('SELECT o.id FROM outers o WHERE o.e IN (SELECT external_ids FROM T WHERE note < ''d'')', false),
	('SELECT o.id FROM outers o WHERE o.e NOT IN (SELECT external_ids FROM T WHERE external_ids IS NOT NULL)', false),
	('SELECT o.id FROM outers o WHERE EXISTS (SELECT FROM T WHERE T.external_ids = o.e)', false),
	('SELECT o.id FROM outers o WHERE EXISTS (SELECT FROM T WHERE T.external_ids && o.e)', false),
	('SELECT o.id FROM outers o WHERE NOT EXISTS (SELECT FROM T WHERE T.external_ids = o.e)', false),
	('SELECT o.id FROM outers o JOIN (SELECT DISTINCT external_ids FROM T) d ON d.external_ids = o.e', false),
	('SELECT o.id FROM outers o JOIN (SELECT external_ids, count(*) n FROM T GROUP BY 1) d ON d.external_ids = o.e AND n > 1', false),
	('SELECT o.id, x.id FROM outers o LEFT JOIN LATERAL (SELECT T.id FROM T WHERE T.external_ids = o.e) x ON true', false),
	('SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY external_ids ORDER BY id) r FROM T) w WHERE r = 1', false);

-- What a query gives, rows in order, under settings that leave it one way to join.
CREATE FUNCTION answer(query text, settings text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM set_config('enable_' || w, CASE WHEN settings ~ w THEN 'off' ELSE 'on' END, true)
	FROM unnest('{hashjoin,mergejoin,nestloop,hashagg,seqscan,material}'::text[]) w;
	EXECUTE format('SELECT string_agg(q::text, '' '' ORDER BY q::text) FROM (%s) q', query) INTO result;
	RETURN result;
END $$;

SELECT name, count(*) AS queries, count(*) FILTER (WHERE is_right) AS right, string_agg(DISTINCT query, E'\n') FILTER (WHERE NOT is_right) AS wrong
FROM (SELECT t.name, query, answer(regexp_replace(query, '\mT\M', t.name, 'g'), settings)
		IS NOT DISTINCT FROM answer(regexp_replace(query, '\mT\M', t.name || '_copy', 'g'), settings) AS is_right
	FROM shapes, unnest('{accounts,singles,by_value,nulls,parted_by}'::text[]) t (name),
		unnest('{none,hashjoin mergejoin,nestloop hashjoin,nestloop mergejoin,seqscan,hashagg,hashjoin mergejoin material}'::text[]) settings
	WHERE NOT scoped OR t.name IN ('accounts', 'parted_by') OFFSET 0) answers
GROUP BY 1 ORDER BY 1;

-- a plan made before the index was there, and after: 1 and 2, once each
CREATE TABLE later (external_ids external_id_set NOT NULL);
INSERT INTO later VALUES ('{}'), ('{}'), ('crm:1'), ('crm:2');
CREATE TABLE few (id int, e external_id_set);
INSERT INTO few VALUES (1, '{}'), (2, 'crm:1'), (3, 'crm:9');
ANALYZE later, few;
SET plan_cache_mode = force_generic_plan;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
PREPARE q AS SELECT id FROM few WHERE e IN (SELECT external_ids FROM later) ORDER BY 1;
EXECUTE q;
CREATE UNIQUE INDEX ON later USING unique_members (external_ids);
EXECUTE q;
-- the first plan of a session
\c
SET client_min_messages = warning;
SET ROLE regress_index_guard_18;
SET search_path = index_guard_18, public;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SELECT id FROM few WHERE e IN (SELECT external_ids FROM later) ORDER BY 1;
RESET enable_hashjoin;
RESET enable_mergejoin;

-- a common member with one set proves none with another
CREATE TABLE partial (external_ids external_id_set NOT NULL);
CREATE UNIQUE INDEX ON partial USING unique_members (external_ids);
CREATE INDEX partial_crm_1 ON partial (external_ids) WHERE external_ids && 'crm:1';
INSERT INTO partial VALUES ('{crm:1,erp:1}'), ('{crm:2,erp:2}');
SET enable_seqscan = off;
SELECT * FROM partial WHERE external_ids && '{crm:1,crm:2}' ORDER BY 1;
RESET enable_seqscan;
-- nor does it make rows comparable
SELECT outcome($$SELECT (external_ids, external_ids) && (external_ids, external_ids) FROM partial$$) AS "0A000";

-- nothing of this takes the index away from ON CONFLICT
INSERT INTO singles VALUES (100, '{crm:1,new:1}', 'g') ON CONFLICT (external_ids) DO NOTHING RETURNING id;
INSERT INTO singles VALUES (101, '{erp:1}', 'g') ON CONFLICT (external_ids) DO UPDATE SET note = excluded.note RETURNING id, note;

RESET ROLE;
-- amcheck, where the server has it, knows that it is no btree's index
SELECT outcome('CREATE EXTENSION amcheck; SELECT bt_index_check(''singles_key'')') AS "0A000";

DROP SERVER index_guard_18;
DROP FOREIGN DATA WRAPPER index_guard_18;
DROP SCHEMA index_guard_18 CASCADE;
DROP ROLE regress_index_guard_18;
