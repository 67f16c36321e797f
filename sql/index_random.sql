--
-- unique_members: random queries over random tables. What an index scan and a
-- bitmap scan answer is compared to a sequential scan's; what an insert or an
-- update did, to what the rows say. Repeatable: setseed.
--
SET client_min_messages = warning;
CREATE ROLE regress_index_random;
-- What only makes up rows and queries does so as fast as ever.
GRANT SET ON PARAMETER debug_discard_caches TO regress_index_random;
CREATE SCHEMA index_random AUTHORIZATION regress_index_random;
SET ROLE regress_index_random;
SET search_path = index_random, public;
SET max_parallel_workers_per_gather = 0;
SET jit = off;
-- So many of the rows, writes and queries: fewer where debug_discard_caches makes each of them slow.
SELECT coalesce(current_setting('index_random.percent', true), '100')::int AS percent \gset
-- From 16 on the planner sorts early for an aggregate; the plans here are without.
DO $$ BEGIN PERFORM set_config(name, 'off', false) FROM pg_settings WHERE name = 'enable_presorted_aggregate'; END $$;

-- The tables: index columns, the equality that is unique, how many labels,
-- values, orgs and regions there are, members per row at most. Low fillfactors
-- and padded values make many leaf pages.
CREATE TABLE kinds (tab text, columns text, same text, labels int, vals int, orgs int, regions int, members int, rows int, fill int, padding int);
INSERT INTO kinds VALUES
	('few_values',	'ids, org',										'&&',	300,	8,		150,	3,	3, 1200, 20, 20),
	('one_scope',	'ids',											'&&',	40,		400,	20,		3,	4, 1200, 60, 40),
	('two_scopes',	'ids, org, region',								'&&',	20,		20,		30,		12,	3, 1200, 10, 10),
	('text_scope',	'ids, region',									'&&',	8,		50,		10,		60,	5, 900, 15, 60),
	('value_scope',	'ids external_id_set_value_ops, org',			'&=',	30,		12,		300,	4,	3, 1200, 15, 0),
	('excluded',	'ids WITH &&, org WITH =',						'&&',	60,		10,		50,		3,	4, 1000, 15, 20),
	('value_only',	'ids external_id_set_value_ops',				'&=',	5,		3000,	4,		4,	4, 900, 50, 200),
	('value_two',	'ids external_id_set_value_ops, region, org',	'&=',	3,		30,		40,		8,	2, 1000, 10, 30);

UPDATE kinds SET rows = rows * :percent / 100;

CREATE FUNCTION pick(n int) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT floor(random() * n)::int';

CREATE FUNCTION random_value(k kinds) RETURNS text LANGUAGE sql VOLATILE AS $$SELECT repeat('v', (k).padding) || pick((k).vals)$$;

-- A random set; values are numbers and their prefixes, some IDs have no label.
CREATE FUNCTION random_set(k kinds, n int) RETURNS external_id_set LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	s external_id_set := '{}';
BEGIN
	FOR i IN 1..n LOOP
		s := s + external_id(nullif('l' || pick((k).labels), 'l0'), random_value(k));
	END LOOP;
	RETURN s;
END $$;

-- A random new content for a row: mostly some IDs, at times none or NULL.
CREATE FUNCTION random_row(k kinds, OUT ids external_id_set, OUT org int, OUT region text) LANGUAGE plpgsql VOLATILE SET debug_discard_caches = 0 AS $$
BEGIN
	ids := CASE WHEN random() < 0.02 THEN NULL ELSE random_set(k, pick((k).members + 1)) END;
	org := CASE WHEN random() < 0.03 THEN NULL ELSE pick((k).orgs) END;
	region := CASE WHEN random() < 0.03 THEN NULL ELSE 'r' || pick((k).regions) END;
END $$;

-- Runs n random inserts (or updates of random rows), and counts those that the
-- index should have refused or accepted, by a sequential scan.
CREATE FUNCTION write(k kinds, n int, updates boolean) RETURNS int LANGUAGE plpgsql VOLATILE
	SET enable_indexscan = off SET enable_bitmapscan = off AS $$
DECLARE
	r record;
	target int := -1;
	conflict boolean;
	refused boolean;
	wrong int := 0;
	scope text := CASE WHEN (k).columns ~ 'org' THEN ' AND org = $3' ELSE '' END || CASE WHEN (k).columns ~ 'region' THEN ' AND region = $4' ELSE '' END;
BEGIN
	FOR i IN 1..n LOOP
		r := random_row(k);
		IF updates THEN
			target := pick((k).rows);
		END IF;
		EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE ids %s $2 AND id <> $1 %s)', (k).tab, (k).same, scope)
			INTO conflict USING target, r.ids, r.org, r.region;
		BEGIN
			refused := false;
			IF updates THEN
				EXECUTE format('UPDATE %I SET ids = $2, org = $3, region = $4 WHERE id = $1', (k).tab) USING target, r.ids, r.org, r.region;
				GET DIAGNOSTICS target = ROW_COUNT;
				conflict := conflict AND target > 0;
			ELSE
				EXECUTE format('INSERT INTO %I VALUES ($1, $2, $3, $4)', (k).tab) USING i, r.ids, r.org, r.region;
			END IF;
		EXCEPTION WHEN unique_violation OR exclusion_violation THEN
			refused := true;
		END;
		IF refused <> conflict THEN
			wrong := wrong + 1;
		END IF;
	END LOOP;
	RETURN wrong;
END $$;

-- How many IDs (or values) two rows hold in one scope.
CREATE FUNCTION held_twice(k kinds) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	n int;
BEGIN
	EXECUTE format('SELECT count(*) FROM (SELECT FROM %I t, LATERAL (SELECT DISTINCT %s AS m FROM external_ids_each(ids) e) e WHERE true %s GROUP BY m %s HAVING count(*) > 1) q',
		(k).tab, CASE (k).same WHEN '&&' THEN 'concat(e.label, '':'', e.value)' ELSE 'e.value' END,
		CASE WHEN (k).columns ~ 'org' THEN ' AND org IS NOT NULL' ELSE '' END || CASE WHEN (k).columns ~ 'region' THEN ' AND region IS NOT NULL' ELSE '' END,
		CASE WHEN (k).columns ~ 'org' THEN ', org' ELSE '' END || CASE WHEN (k).columns ~ 'region' THEN ', region' ELSE '' END) INTO n;
	RETURN n;
END $$;

-- A random condition on the set; "known" is some row's set.
CREATE FUNCTION set_condition(k kinds, known external_id_set) RETURNS text LANGUAGE plpgsql VOLATILE SET debug_discard_caches = 0 AS $$
DECLARE
	s external_id_set := random_set(k, 1 + pick(4));
	member external_id_set := coalesce((SELECT m FROM unnest(known) m ORDER BY random() LIMIT 1), random_set(k, 1));
BEGIN
	CASE pick(CASE (k).same WHEN '&&' THEN 9 ELSE 11 END)
		WHEN 0 THEN RETURN format('ids && %L', s);
		WHEN 1 THEN RETURN format('ids && %L', s + member);
		WHEN 2 THEN RETURN format('ids @> %L', member);
		WHEN 3 THEN RETURN format('ids @> %L', coalesce(known, random_set(k, 2)));
		WHEN 4 THEN RETURN format('ids = %L', coalesce(known, '{}'));
		WHEN 5, 6 THEN RETURN format('ids @= %L', (SELECT e.value FROM external_ids_each(member) e));
		WHEN 7 THEN RETURN format('ids @= %L', random_value(k));
		WHEN 8 THEN RETURN CASE WHEN random() < 0.2 THEN 'ids @> ''{}''' ELSE format('ids @> %L', random_set(k, 1)) END;
		ELSE RETURN format('ids &= %L', s + member);
	END CASE;
END $$;

-- A random condition on the scope, mostly one that the known row satisfies.
CREATE FUNCTION scope_condition(k kinds, org int, region text) RETURNS text LANGUAGE plpgsql VOLATILE SET debug_discard_caches = 0 AS $$
BEGIN
	IF org IS NULL OR random() < 0.3 THEN
		org := pick((k).orgs);
	END IF;
	IF region IS NULL OR random() < 0.3 THEN
		region := 'r' || pick((k).regions);
	END IF;
	CASE pick(14)
		WHEN 0, 1, 2 THEN RETURN format(' AND org = %s', org);
		WHEN 3 THEN RETURN format(' AND org = %s::int8 AND region = %L', org, region);
		WHEN 4 THEN RETURN format(' AND org <= %s::int2', org);
		WHEN 5 THEN RETURN format(' AND org BETWEEN %s AND %s', org - 9, org + 9);
		WHEN 6 THEN RETURN format(' AND org IN (%s, %s, NULL)', org, pick((k).orgs));
		WHEN 7 THEN RETURN ' AND org IS NULL';
		WHEN 8, 9 THEN RETURN format(' AND region = %L', region);
		WHEN 10 THEN RETURN format(' AND region ~>=~ %L AND org > %s', region, org / 2);
		WHEN 11 THEN RETURN format(' AND region = ANY (%L) AND org < %s', ARRAY[region, 'r1'], org + 5);
		ELSE RETURN '';
	END CASE;
END $$;

-- Runs n random queries and compares: how many gave a wrong answer, how many
-- did not use the index as they should, how many found rows.
CREATE FUNCTION compare(k kinds, n int, OUT queries int, OUT wrong int, OUT unused int, OUT hits int) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	r record;
	query text;
	line text;
	used boolean;
	expected text;
	answer text;
BEGIN
	queries := 0; wrong := 0; unused := 0; hits := 0;
	FOR i IN 1..n LOOP
		EXECUTE format('SELECT ids, org, region FROM %I ORDER BY random() LIMIT 1', (k).tab) INTO r;
		query := format('SELECT array_agg(id ORDER BY id)::text FROM (SELECT id FROM %I WHERE %s%s%s) q', (k).tab, set_condition(k, r.ids),
			CASE WHEN random() < 0.3 THEN ' AND ' || set_condition(k, r.ids) || CASE WHEN random() < 0.3 THEN ' AND ' || set_condition(k, NULL) ELSE '' END ELSE '' END,
			scope_condition(k, r.org, r.region));
		queries := queries + 1;
		SET LOCAL enable_seqscan = on; SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off;
		EXECUTE query INTO expected;
		hits := hits + (expected IS NOT NULL)::int;
		SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = on;
		FOR pass IN 1..2 LOOP
			used := false;
			FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
				-- From 17 on nothing is scanned for what contradicts itself.
				used := used OR line ~ '^ *One-Time Filter: false$';
				used := used OR line ~ (CASE pass WHEN 1 THEN 'Index Scan using ' ELSE 'Bitmap Index Scan on ' END || (k).tab || '_key');
			END LOOP;
			EXECUTE query INTO answer;
			IF answer IS DISTINCT FROM expected THEN
				wrong := wrong + 1;
				RAISE WARNING '% instead of %: %', answer, expected, query;
			ELSIF NOT used THEN
				unused := unused + 1;
				RAISE WARNING 'index not used: %', query;
			END IF;
			SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = on;
		END LOOP;
	END LOOP;
END $$;

SELECT setseed(0.5);
SELECT format('CREATE TABLE %I (id int PRIMARY KEY, ids external_id_set, org int, region text) WITH (autovacuum_enabled = off)', tab),
	format(CASE WHEN columns ~ 'WITH' THEN 'ALTER TABLE %2$I ADD CONSTRAINT %1$I EXCLUDE' ELSE 'CREATE INDEX %1$I ON %2$I' END ||
		' USING unique_members (%3$s) WITH (fillfactor = %4$s)', tab || '_key', tab, columns, fill) FROM kinds \gexec
SELECT sum(write(k, k.rows, false)) AS "0 wrong" FROM kinds k;
SELECT sum(held_twice(k)) AS "0 twice" FROM kinds k;
SELECT format('ANALYZE %I', tab) FROM kinds \gexec

-- after inserts
SELECT sum(queries) = 8 * (80 * :percent / 100) AS t, sum(wrong) AS wrong, sum(unused) AS unused, sum(hits) > sum(queries) / 4 OR :percent < 100 AS t FROM kinds k, compare(k, 80 * :percent / 100);
-- after updates and deletes, no vacuum, twice: the first pass kills dead entries
SELECT sum(write(k, 400 * :percent / 100, true)) AS "0 wrong" FROM kinds k;
SELECT format('DELETE FROM %I WHERE id %% 9 = 1', tab) FROM kinds \gexec
SELECT sum(queries) = 8 * (80 * :percent / 100) AS t, sum(wrong) AS wrong, sum(unused) AS unused, sum(hits) > sum(queries) / 4 OR :percent < 100 AS t FROM kinds k, compare(k, 80 * :percent / 100);
SELECT sum(write(k, 400 * :percent / 100, true)) AS "0 wrong" FROM kinds k;
SELECT sum(held_twice(k)) AS "0 twice" FROM kinds k;
SELECT sum(queries) = 8 * (80 * :percent / 100) AS t, sum(wrong) AS wrong, sum(unused) AS unused, sum(hits) > sum(queries) / 4 OR :percent < 100 AS t FROM kinds k, compare(k, 80 * :percent / 100);
-- after vacuum
SELECT format('VACUUM (INDEX_CLEANUP ON, TRUNCATE OFF) %I', tab) FROM kinds \gexec
SELECT sum(queries) = 8 * (40 * :percent / 100) AS t, sum(wrong) AS wrong, sum(unused) AS unused, sum(hits) > sum(queries) / 4 OR :percent < 100 AS t FROM kinds k, compare(k, 40 * :percent / 100);
-- after more updates, and a build
SELECT sum(write(k, 200 * :percent / 100, true)) AS "0 wrong" FROM kinds k;
SELECT format('REINDEX INDEX %I', tab || '_key') FROM kinds \gexec
SELECT sum(held_twice(k)) AS "0 twice" FROM kinds k;
SELECT sum(queries) = 8 * (40 * :percent / 100) AS t, sum(wrong) AS wrong, sum(unused) AS unused, sum(hits) > sum(queries) / 4 OR :percent < 100 AS t FROM kinds k, compare(k, 40 * :percent / 100);

-- the indexes did span many leaf pages, if all was done
SELECT bool_and(pg_relation_size(tab || '_key') > 10 * current_setting('block_size')::int) OR :percent < 100 AS t FROM kinds;
RESET ROLE;
DROP SCHEMA index_random CASCADE;
REVOKE SET ON PARAMETER debug_discard_caches FROM regress_index_random;
DROP ROLE regress_index_random;
