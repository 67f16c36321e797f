# Runs each path of docs/migrating.md, by its own statements, on the IEEE
# registries with their real duplicates, while eight writers and eight readers
# work on old and new: no error that the page does not announce, nobody blocked
# for a second, old and new equal whenever the page compares them. The forms that
# are columns have a part of the registries, the disputed assignments with it.
#
# MIGRATING_OPERATIONS is how much is written, at least, to each form that is in
# use between two steps; 100 by custom. MIGRATING_RATE is how many transactions a
# second the writers begin, and the readers: 200 leaves two processors time for the
# steps themselves; 0 is as many as can be.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin, "$FindBin::RealBin/..";

use DocTest;
use ExternalIdsTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'under valgrind nobody can be kept from waiting a second' if $ENV{VALGRIND};

my $operations = $ENV{MIGRATING_OPERATIONS} || 100;
my $rate = $ENV{MIGRATING_RATE} // 200;
my @steps = document_steps('docs/migrating.md');

# Deadlocks are announced, and end before anybody behind them has been blocked for
# a second, as what a step of the page is in the way of does.
my $node = new_node('migrating', q(
synchronous_commit = off
full_page_writes = off
deadlock_timeout = 200ms
log_lock_waits = on
));
$node->start;

# A second is what the page promises; a server with assertions takes longer.
my $blocked = sql($node, 'SHOW debug_assertions') eq 'on' ? '5s' : '1s';

# ---------------------------------------------------------------------------
# What is migrated, and who works on it
# ---------------------------------------------------------------------------

sql($node, 'CREATE DATABASE ieee');
sql($node, q(
CREATE EXTENSION external_ids;
CREATE TABLE assignments (line bigint GENERATED ALWAYS AS IDENTITY, registry text, assignment text, organisation text, address text);
) . join('', map { "\\copy assignments (registry, assignment, organisation, address) from '/usr/share/ieee-data/$_.csv' (format csv, header)\n" }
		qw(oui mam oui36 iab)) . q(
-- An account for each organisation, an ID for each of its assignments.
CREATE TABLE orgs AS
SELECT DISTINCT dense_rank() OVER (ORDER BY organisation COLLATE "C") AS id, organisation, lower(registry) AS label, assignment AS value
  FROM assignments WHERE organisation IS NOT NULL;
CREATE INDEX ON orgs (id);
CREATE INDEX ON orgs (value);
ANALYZE orgs;
CREATE TABLE accounts (id bigint PRIMARY KEY, tenant_id int NOT NULL, name text);
INSERT INTO accounts SELECT DISTINCT id, 1, organisation FROM orgs;

-- Which forms are in use. Who works holds a lock on that, so that a change of it
-- waits for work under way.
CREATE TABLE phase (old bool, new bool, contested bool);
INSERT INTO phase VALUES (true, false, false);
CREATE PROCEDURE set_phase(o bool, n bool, c bool) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(1);
  UPDATE phase SET (old, new, contested) = (o, n, c);
END $$;
CREATE SEQUENCE written_old;
CREATE SEQUENCE written_new;
CREATE SEQUENCE read_old;
CREATE SEQUENCE read_new;
CREATE SEQUENCE refused;
CREATE SEQUENCE fresh;

-- Most of the work is on few accounts, a part on all.
CREATE FUNCTION some_account() RETURNS bigint LANGUAGE sql VOLATILE AS $$
  SELECT ceil(random() * CASE WHEN random() < 0.8 THEN 50 ELSE 20000 END)::bigint $$;

CREATE FUNCTION work(writes bool) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  p phase;
  form text;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(1);
  SELECT * INTO p FROM phase;
  form := CASE WHEN p.old AND (NOT p.new OR random() < 0.5) THEN 'old' ELSE 'new' END;
  IF NOT writes THEN
    IF form = 'old' THEN PERFORM read_old(some_account()); ELSE PERFORM read_new(some_account()); END IF;
    PERFORM nextval('read_' || form);
    RETURN;
  END IF;
  IF p.contested AND random() < 0.2 THEN
    BEGIN
      IF form = 'old' THEN PERFORM claim_old(some_account(), ceil(random() * 40)::int);
      ELSE PERFORM claim_new(some_account(), ceil(random() * 40)::int); END IF;
    EXCEPTION WHEN unique_violation THEN
      PERFORM nextval('refused');
    END;
  ELSIF form = 'old' THEN PERFORM write_old(some_account(), floor(random() * 5)::int, nextval('fresh'));
  ELSE PERFORM write_new(some_account(), floor(random() * 5)::int, nextval('fresh')); END IF;
  PERFORM nextval('written_' || form);
END $$;

-- New code is the same whatever the old form was.
CREATE FUNCTION read_new(a bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM external_ids FROM accounts WHERE id = a;
  PERFORM id FROM accounts WHERE external_ids @> external_id('ma-l', '080030') AND tenant_id = 1;
END $$;
CREATE FUNCTION claim_new(a bigint, n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE accounts SET external_ids = external_ids + external_id('c', n) WHERE id = a;
END $$;
CREATE FUNCTION write_new(a bigint, what int, n bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  one external_id;
BEGIN
  SELECT m INTO one FROM accounts, unnest(external_ids_under(external_ids, 'new', 'c')) AS m WHERE id = a LIMIT 1;
  CASE what
  WHEN 0 THEN UPDATE accounts SET external_ids = external_ids + external_id('new', n) WHERE id = a;
  WHEN 1 THEN UPDATE accounts SET external_ids = external_ids - external_ids_under(external_ids, CASE WHEN n % 2 = 0 THEN 'new' ELSE 'c' END) WHERE id = a;
  WHEN 2 THEN UPDATE accounts SET external_ids = external_ids - one + external_id('new', n) WHERE id = a AND external_ids @> one;
  WHEN 3 THEN UPDATE accounts SET name = 'renamed ' || n WHERE id = a;
  ELSE INSERT INTO accounts (id, tenant_id, name, external_ids) VALUES (1000000 + n, 1, 'new', external_id('new', n));
  END CASE;
END $$;
), dbname => 'ieee');

# What is different: how the old form is loaded, read, written, and an ID claimed
# that others claim too; "old_ids" is what it means, for the last comparison.
my %forms = (
	'side table' => {
		heading => 'From a side table',
		load => q(
CREATE TABLE account_external_ids (
    account_id bigint NOT NULL REFERENCES accounts, tenant_id int NOT NULL, label text NOT NULL, value text NOT NULL,
    PRIMARY KEY (account_id, label, value));
INSERT INTO account_external_ids SELECT id, 1, label, value FROM orgs;
CREATE FUNCTION read_old(a bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM label, value FROM account_external_ids WHERE account_id = a;
END $$;
CREATE FUNCTION claim_old(a bigint, n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO account_external_ids (account_id, tenant_id, label, value) VALUES (a, 1, 'c', n);
END $$;
CREATE FUNCTION write_old(a bigint, what int, n bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  l text;
  v text;
BEGIN
  SELECT label, value INTO l, v FROM account_external_ids WHERE account_id = a AND label IN ('new', 'c') LIMIT 1;
  CASE what
  WHEN 0 THEN INSERT INTO account_external_ids (account_id, tenant_id, label, value) VALUES (a, 1, 'new', n), (a, 1, 'new', n || '+');
  WHEN 1 THEN DELETE FROM account_external_ids WHERE account_id = a AND label = CASE WHEN n % 2 = 0 THEN 'new' ELSE 'c' END;
  WHEN 2 THEN UPDATE account_external_ids SET value = n, label = 'new' WHERE account_id = a AND label = l AND value = v;
  WHEN 3 THEN UPDATE accounts SET name = 'renamed ' || n WHERE id = a;
  ELSE
    INSERT INTO accounts (id, tenant_id, name) VALUES (1000000 + n, 1, 'old');
    INSERT INTO account_external_ids (account_id, tenant_id, label, value) VALUES (1000000 + n, 1, 'new', n);
  END CASE;
END $$;) },
	'text columns' => {
		heading => 'From text columns',
		load => q(
ALTER TABLE accounts ADD crm_id text, ADD billing_id text;
-- of several, the one that another organisation has too
UPDATE accounts AS a SET
  crm_id = (SELECT value FROM orgs AS o WHERE o.id = a.id AND label = 'ma-l'
             ORDER BY (SELECT count(DISTINCT id) FROM orgs AS x WHERE (x.label, x.value) = (o.label, o.value)) DESC, value LIMIT 1),
  billing_id = (SELECT min(value) FROM orgs AS o WHERE o.id = a.id AND label <> 'ma-l');
CREATE FUNCTION read_old(a bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM crm_id, billing_id FROM accounts WHERE id = a;
END $$;
CREATE FUNCTION claim_old(a bigint, n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE accounts SET crm_id = 'c' || n WHERE id = a;
END $$;
CREATE OR REPLACE FUNCTION claim_new(a bigint, n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE accounts SET external_ids = external_ids - external_ids_under(external_ids, 'crm') + external_id('crm', 'c' || n) WHERE id = a;
END $$;
CREATE FUNCTION write_old(a bigint, what int, n bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  CASE what
  WHEN 0 THEN UPDATE accounts SET crm_id = 'new' || n WHERE id = a;
  WHEN 1 THEN UPDATE accounts SET billing_id = NULL WHERE id = a;
  WHEN 2 THEN UPDATE accounts SET crm_id = NULL, billing_id = 'new' || n WHERE id = a;
  WHEN 3 THEN UPDATE accounts SET name = 'renamed ' || n WHERE id = a;
  ELSE INSERT INTO accounts (id, tenant_id, name, crm_id) VALUES (1000000 + n, 1, 'old', 'new' || n);
  END CASE;
END $$;) },
	'text[]' => {
		heading => 'From `text[]`',
		load => q(
ALTER TABLE accounts ADD codes text[];
UPDATE accounts AS a SET codes = (SELECT array_agg(label || ':' || value ORDER BY random()) FROM orgs AS o WHERE o.id = a.id);
CREATE FUNCTION read_old(a bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM codes FROM accounts WHERE id = a;
END $$;
CREATE FUNCTION claim_old(a bigint, n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE accounts SET codes = codes || ('c:' || n) WHERE id = a;
END $$;
CREATE FUNCTION write_old(a bigint, what int, n bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  CASE what
  WHEN 0 THEN UPDATE accounts SET codes = codes || ('new:' || n) WHERE id = a;
  WHEN 1 THEN UPDATE accounts SET codes = ARRAY(SELECT c FROM unnest(codes) AS c WHERE c !~ '^c:') WHERE id = a;
  WHEN 2 THEN UPDATE accounts SET codes = ARRAY(SELECT c FROM unnest(codes) AS c WHERE c !~ '^new:') || ('new:' || n) WHERE id = a;
  WHEN 3 THEN UPDATE accounts SET name = 'renamed ' || n WHERE id = a;
  ELSE INSERT INTO accounts (id, tenant_id, name, codes) VALUES (1000000 + n, 1, 'old', ARRAY['new:' || n]);
  END CASE;
END $$;) },
	'jsonb' => {
		heading => 'From `jsonb`',
		load => q(
ALTER TABLE accounts ADD identifiers jsonb;
UPDATE accounts AS a SET identifiers =
  (SELECT jsonb_agg(jsonb_build_object('external_id', value, 'label', label) ORDER BY random()) FROM orgs AS o WHERE o.id = a.id);
CREATE FUNCTION read_old(a bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM identifiers FROM accounts WHERE id = a;
END $$;
CREATE FUNCTION claim_old(a bigint, n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE accounts SET identifiers = identifiers || jsonb_build_object('external_id', n::text, 'label', 'c') WHERE id = a;
END $$;
CREATE FUNCTION write_old(a bigint, what int, n bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  CASE what
  WHEN 0 THEN UPDATE accounts SET identifiers = identifiers || jsonb_build_object('external_id', n::text, 'label', 'new') WHERE id = a;
  WHEN 1 THEN UPDATE accounts SET identifiers = '[]' || coalesce((SELECT jsonb_agg(e) FROM jsonb_array_elements(identifiers) AS e
                WHERE e->>'label' <> 'c'), '[]') WHERE id = a;
  WHEN 2 THEN UPDATE accounts SET identifiers = jsonb_build_array(jsonb_build_object('external_id', n::text, 'label', 'new')) WHERE id = a AND id < 50;
  WHEN 3 THEN UPDATE accounts SET name = 'renamed ' || n WHERE id = a;
  ELSE INSERT INTO accounts (id, tenant_id, name, identifiers)
         VALUES (1000000 + n, 1, 'old', jsonb_build_array(jsonb_build_object('external_id', n::text, 'label', 'new')));
  END CASE;
END $$;) });

# ---------------------------------------------------------------------------
# Walking a path
# ---------------------------------------------------------------------------

my ($database, $form, $side_table);

# Eight clients that do nothing but write, or read, until they are ended.
sub start_clients
{
	my ($writes) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir;
	append_to_file("$dir/work.sql", "SELECT work($writes);\n");
	local $ENV{PGOPTIONS} = "-c lock_timeout=$blocked";
	local $ENV{PGAPPNAME} = 'client';
	my %clients = (err => "$dir/err");
	$clients{run} = IPC::Run::start(
		[
			'pgbench', '-n', '-M', 'prepared', '-c', 8, '-j', 1, '-T', 100000, '--max-tries', 1000,
			($rate ? ('-R', $rate) : ()), '-f', "$dir/work.sql", $node->connstr($database)
		],
		'<', \undef, '>', "$dir/out", '2>', "$dir/err");
	return \%clients;
}

sub phase
{
	my ($old, $new, $contested) = @_;
	sql($node, "CALL set_phase($old, $new, $contested)", dbname => $database);
	return;
}

# Waits until there was work on what is in use.
sub work_goes_on
{
	my ($name) = @_;
	my @used = split /\n/, sql($node,
		q(SELECT unnest(CASE WHEN old THEN ARRAY['written_old', 'read_old'] END || CASE WHEN new THEN ARRAY['written_new', 'read_new'] END) FROM phase),
		dbname => $database);
	my $wanted = join ' AND ', map {
		"(SELECT last_value FROM $_) >= " . (sql($node, "SELECT last_value FROM $_", dbname => $database) + $operations)
	} @used;
	ok($node->poll_query_until($database, "SELECT $wanted OR (SELECT count(*) < 16 FROM pg_stat_activity WHERE application_name = 'client')"),
		"$name: work goes on");
	return;
}

# Runs the statements of the page under a heading, of some steps. Those that give
# way to others, as the page says, are run again.
sub walk
{
	my ($heading, @numbers) = @_;
	$heading = $heading =~ /^From/ ? $heading : "$forms{$form}{heading}/$heading";
	my @blocks = grep { my $s = $_; $s->{heading} eq $heading && (!@numbers || grep { $s->{step} == $_ } @numbers) } @steps;
	ok(@blocks > 0, "$database: $heading, @numbers: there are statements");
	for my $block (@blocks)
	{
		my $sql = $block->{sql} =~ s/\baccount_external_ids\b/$side_table/gr;
		my $expected = $block->{expected} =~ s/\n+\z/\n/r;
		my $output;
		for my $try (1 .. 100)
		{
			$output = output_of($node, $database, 'sql', $sql);
			last if $output !~ /canceling statement due to lock timeout/;
			note "$database: line $block->{line} gave way";
		}
		is($output, $expected, "$database: docs/migrating.md:$block->{line}");
	}
	return;
}

sub has_duplicates
{
	my ($name) = @_;
	my ($lost, $held) = split /\|/, sql($node, 'SELECT count(*) FILTER (WHERE loses), count(DISTINCT id) FROM disputed', dbname => $database);
	cmp_ok($lost, '>', 0, "$name: the registries have duplicates");
	diag "$name: $held disputed IDs, $lost taken away";
	return;
}

# A path: "walked" does it, with the clients at work.
sub path
{
	my ($name, $use, $table, $walked) = @_;
	($database, $form, $side_table) = ($name, $use, $table);
	my $log = -s $node->logfile;
	sql($node, "CREATE DATABASE $database TEMPLATE ieee");
	sql($node, q(DELETE FROM accounts WHERE id > 8000 AND id NOT IN
(SELECT unnest(array_agg(id)) FROM orgs GROUP BY label, value HAVING count(*) > 1)), dbname => $database) if $form ne 'side table';
	sql($node, $forms{$form}{load} =~ s/\baccount_external_ids\b/$side_table/gr . '; ANALYZE', dbname => $database);
	my @clients = map { start_clients($_) } 'true', 'false';
	work_goes_on($name);
	$walked->();
	for my $clients (@clients)
	{
		ok($clients->{run}->pumpable, "$name: clients work to the end");
		$clients->{run}->kill_kill;
		is(slurp_file($clients->{err}), '', "$name: no client met an error");
	}
	# What pgbench tried again is in the log: only what the page announces.
	my $errors = join '', grep { /ERROR:  / && / client / && !/ 40P01 / } split /^/m, slurp_file($node->logfile, $log);
	is($errors, '', "$name: no error but announced deadlocks");
	my $deadlocks = () = slurp_file($node->logfile, $log) =~ /ERROR:  deadlock detected/g;
	my ($old, $new, $refused) = split /\|/, sql($node,
		'SELECT (SELECT last_value FROM written_old), (SELECT last_value FROM written_new), (SELECT last_value FROM refused)', dbname => $database);
	cmp_ok($refused, '>', 1, "$name: some claims were refused");
	diag "$name: $old writes of old code, $new of new code, $refused claims refused, $deadlocks deadlocks";
	return;
}

sub side_table_path
{
	my ($name, $table) = @_;
	path($name, 'side table', $table, sub {
		my $heading = $forms{$form}{heading};
		walk($heading, 1);
		has_duplicates($name);
		walk($heading, 2, 3);
		phase('true', 'true', 'false');
		walk($heading, 4, 5);
		phase('true', 'true', 'true');
		work_goes_on("$name: both forms");
		walk($heading, 5, 7);
		work_goes_on("$name: with the view");
		walk('Back from step 7');
		work_goes_on("$name: back from the view");
		walk($heading, 5, 7);
		phase('false', 'true', 'true');
		walk($heading, 8);
		work_goes_on("$name: at the end");
		walk('Back after the end');
		walk($heading, 5);
		phase('true', 'true', 'true');
		work_goes_on("$name: back after the end");
		walk($heading, 5);
		phase('true', 'false', 'false');
		walk('Back from step 3 or later');
		work_goes_on("$name: back at the beginning");
	});
	return;
}

sub row_path
{
	my ($name, $use) = @_;
	path($name, $use, 'account_external_ids', sub {
		my $heading = $forms{$form}{heading};
		walk($heading, 1);
		has_duplicates($name);
		walk($heading, 2, 3);
		phase('true', 'true', 'false');
		walk($heading, 4, 5);
		phase('true', 'true', 'true');
		work_goes_on("$name: both forms");
		walk($heading, 5);
		phase('true', 'false', 'false');
		walk('Back from step 3 or later');
		work_goes_on("$name: back at the beginning");
		sql($node, 'DROP TABLE disputed', dbname => $database);
		walk($heading, 1, 2, 3);
		phase('true', 'true', 'false');
		walk($heading, 4, 5);
		phase('false', 'true', 'true');
		walk($heading, 7);
		work_goes_on("$name: at the end");
	});
	return;
}

side_table_path('side', 'account_external_ids');
side_table_path('same_name', 'external_ids');
row_path('columns', 'text columns');
row_path('text_array', 'text[]');
row_path('json', 'jsonb');
$node->stop;

done_testing();
