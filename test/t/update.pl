# From 0.1 to this version: a database made by the library of 0.1, built from its
# tagged sources, works under this library, before ALTER EXTENSION UPDATE and
# after; the update gives the very catalog entries that a new installation has;
# the stored forms do not change. 0.1 was for server 15: on later servers there
# is no library of it, and its script runs with this library from the start.
# update_steps.pl goes from the other releases.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use UpdateTest;

my $pg_config = $ENV{PG_CONFIG} // 'pg_config';
my ($major) = `$pg_config --version` =~ /^PostgreSQL (\d+)/;
my $old_library = $major == 15;
my $dir = PostgreSQL::Test::Utils::tempdir;
my $version = current_version();

# ---------------------------------------------------------------------------
# What 0.1 was
# ---------------------------------------------------------------------------
my $released = released_sources('0.1');

note "server $major has no library of 0.1: its script runs with this one" unless $old_library;
my $node = new_update_node('update', $old_library ? $released : undef);

# The pages of an index, without what tells when they were written and the
# checksum that comes of it.
my $pages_of = q{(SELECT string_agg(substr(pg_read_binary_file(pg_relation_filepath(%1$s), i * 8192, 8192), 11), '' ORDER BY i)
    FROM generate_series(0, pg_relation_size(%1$s) / 8192 - 1) AS i)};

# amcheck's opinion on the unique_members indexes, as the btrees that they are;
# each in a session that has not opened it, and taken back. 15's btree has no
# support function 6, which is where ours is.
sub amcheck
{
	my ($database, $when) = @_;
	my @indexes = split /\n/, sql($database,
		q{SELECT c.oid FROM pg_class c JOIN pg_am a ON a.oid = relam WHERE amname = 'unique_members' AND relkind = 'i' ORDER BY 1});
	my @faults;
	foreach my $index (@indexes)
	{
		my ($rc, $out, $err) = $node->psql($database,
			"BEGIN; UPDATE pg_class SET relam = 403 WHERE oid = $index; DELETE FROM pg_amproc WHERE amprocnum = 6; SELECT public.bt_index_parent_check($index); ROLLBACK");
		push @faults, $err if $rc != 0 || $err ne '';
	}
	ok(@indexes > 8 && !@faults, "$when: amcheck finds no fault in " . @indexes . ' indexes') or diag join "\n", @faults;
	return;
}

# A session that goes on; ask() gives what it answers to one line of SQL.
sub session
{
	my ($database) = @_;
	my %session = (in => '', out => '');
	$session{psql} = IPC::Run::start(
		[ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-d', $node->connstr($database) ],
		'<', \$session{in}, '>&', \$session{out}, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	return \%session;
}

sub ask
{
	my ($session, $sql) = @_;
	$session->{out} = '';
	$session->{in} .= "$sql;\n\\echo the end\n";
	$session->{psql}->pump until $session->{out} =~ /^the end$/m;
	return $session->{out} =~ s/^the end\n//mr =~ s/\n\z//r;
}

# ---------------------------------------------------------------------------
# With the library of 0.1
# ---------------------------------------------------------------------------
sql('postgres', 'CREATE DATABASE old TEMPLATE template0');
sql('old', q{CREATE SCHEMA ext; CREATE EXTENSION external_ids SCHEMA ext VERSION '0.1'; CREATE EXTENSION amcheck});
output_of('old', 'upgrade_objects.sql');

# An index of rows that came one by one, beside those that were built at once.
my $one_by_one = q{SET search_path = "App Data", ext;
CREATE TABLE %1$s (ids external_id_set, org_id int);
CREATE INDEX %1$s_key ON %1$s USING unique_members (ids, org_id);
INSERT INTO %1$s SELECT ids, org_id FROM plain ORDER BY id;
INSERT INTO %1$s SELECT outside, 77 FROM large WHERE id = 2;
UPDATE %1$s SET ids = ids + external_id('more', org_id) + external_id(NULL, ctid::text) WHERE ids @> 'crm:7' OR ids @> 'crm:8'};
sql('old', sprintf $one_by_one, 'by_old');
# A copy in which nothing is checked, for the pages: each index built by 0.1, but that one.
sql('postgres', 'CREATE DATABASE untouched TEMPLATE old');
my $build = q{SELECT string_agg('REINDEX INDEX ' || c.oid::regclass, '; ') FROM pg_class c JOIN pg_am a ON a.oid = c.relam
 WHERE amname = 'unique_members' AND c.relkind = 'i' AND relname <> 'by_old_key'};
sql('untouched', sql('untouched', $build));
sql('untouched', qq{CHECKPOINT; CREATE TABLE public.pages AS SELECT c.oid AS index, c.relname AS name, @{[sprintf $pages_of, 'c.oid::regclass']} AS pages
  FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE amname = 'unique_members' AND c.relkind = 'i'});
my $facts = output_of('old', 'upgrade_facts.sql');
cmp_ok(scalar(() = $facts =~ /\n/g), '>', 150, '0.1: the database has facts');
checks('old', '0.1');
amcheck('old', '0.1');
sql('old', qq{COPY "App Data".$_ TO '$dir/$_.old' (FORMAT binary)}) foreach qw(systems large accounts);
sql('postgres', 'CREATE DATABASE later TEMPLATE old');

# Two sessions that have the library loaded, and one that will use it in a transaction.
my ($session, $other) = (session('old'), session('later'));
is(ask($_, q{SELECT '{crm:2,crm:1}'::ext.external_id_set}), '{crm:1,crm:2}', 'a session loads the library') foreach $session, $other;
is(ask($session, q{BEGIN; SELECT ids FROM ext.external_ids_add('"App Data".accounts', 3001, 'old:1')}), '{old:1}', 'and begins to write');

# ---------------------------------------------------------------------------
# The new library, the extension still 0.1
# ---------------------------------------------------------------------------
my $library = stage() . `$pg_config --pkglibdir` =~ s/\n//r . '/external_ids.so';
my $before = slurp_file($library);
install_sources();
SKIP:
{
	skip 'there is but one library', 2 unless $old_library;
	isnt(slurp_file($library), $before, 'the library is replaced while the server runs');
	unlike($before, qr/external_ids_upsert_many/, 'the one before was that of 0.1');
}
is(sql('old', q{SELECT extversion FROM pg_extension WHERE extname = 'external_ids'}), '0.1', 'the extension is still 0.1');
is(output_of('old', 'upgrade_facts.sql'), $facts, '0.1 with the new library: the same facts');
checks('later', '0.1 with the new library'); # the other has its locks
is(ask($session, q{INSERT INTO "App Data".by_value VALUES (601, 'old:1', NULL); COMMIT; SELECT external_ids FROM "App Data".accounts WHERE id = 3001}),
	'{old:1}', 'the old session goes on, and commits');
like(update_error('old', q{INSERT INTO "App Data".accounts VALUES (9001, 1, 'eu', NULL, '', 'old:1')}), qr/^23P01: /, 'what it wrote is enforced by the new library');
sql('old', q{UPDATE "App Data".accounts SET external_ids = '{}' WHERE id = 3001; DELETE FROM "App Data".by_value WHERE id = 601});

# A whole installation of 0.1 under the new library: the suites that 0.1 had.
my @suites = qw(types operators json limits opclasses index_ddl index_plan index_random index_scan index_unique rows_facts rows_set rows_resolve);
sql('postgres', 'CREATE DATABASE suites TEMPLATE template0');
sql('suites', q{CREATE EXTENSION external_ids VERSION '0.1'});
my $regress_out = '';
my $status = IPC::Run::run(
	[
		$ENV{PG_REGRESS}, '--inputdir=.', "--outputdir=$dir", '--bindir=' . bindir(), '--host=' . $node->host,
		'--port=' . $node->port, '--use-existing', '--dbname=suites', '--max-connections=1', @suites
	],
	'<', \undef, '>&', \$regress_out);
ok($status, "0.1 with the new library: all @{[scalar @suites]} suites of 0.1 pass")
  or diag $regress_out, -e "$dir/regression.diffs" ? slurp_file("$dir/regression.diffs") : '';
is(sql('suites', q{SELECT extversion FROM pg_extension WHERE extname = 'external_ids'}), '0.1', 'and were run with 0.1');

# ---------------------------------------------------------------------------
# ALTER EXTENSION UPDATE
# ---------------------------------------------------------------------------
SKIP:
{
	skip 'there is but one library', 2 unless $old_library;
	like(ask($other, q{ALTER EXTENSION external_ids UPDATE}), qr/ERROR:\s+42883: could not find function "\w+" in file ".*external_ids/,
		'a session with the old library cannot update, and says why');
	is(ask($other, q{SELECT extversion FROM pg_extension WHERE extname = 'external_ids'}), '0.1', 'nothing has changed');
}
sql($_, 'ALTER EXTENSION external_ids UPDATE') foreach qw(old later untouched);
is(sql('old', q{SELECT extversion FROM pg_extension WHERE extname = 'external_ids'}), $version, 'updated');
is(output_of('old', 'upgrade_facts.sql'), $facts, "$version: the same facts");
checks('old', $version);

# The session from before the update, still with the old library.
is(ask($session, q{SELECT added FROM ext.external_ids_add('"App Data".accounts', 3001, 'old:2')}), '{old:2}', 'the old session still writes');
like(ask($session, q{SELECT ext.external_ids_set('"App Data".accounts', 1, '{crm:6}')}), qr/ERROR:\s+23505: .*\n.*crm:6/, 'and enforces');
SKIP:
{
	skip 'there is but one library', 1 unless $old_library;
	like(ask($session, q{SELECT ext.external_ids_upsert(NULL::"App Data".accounts, 'crm:1', '{}')}),
		qr/ERROR:\s+42883: could not find function "external_ids_upsert" in file/, 'what is new needs a new session, which it says');
}
sql('old', q{UPDATE "App Data".accounts SET external_ids = '{}' WHERE id = 3001});

# The same catalog entries.
my $catalog = fresh_catalog();
same_catalog($_, $catalog) foreach qw(old later);

# All that is new works on what 0.1 made.
output_of('old', 'upgrade_links.sql');
checks('old', 'links on the tables of 0.1', 'upgrade_link_checks.sql');
$node->restart;
checks('old', 'after a restart');
checks('later', 'updated later');

# ---------------------------------------------------------------------------
# The stored forms
# ---------------------------------------------------------------------------
amcheck('old', "$version, indexes of 0.1 that both versions wrote to");

# An index has the same pages whichever version built or filled it.
my $differ = qq{CHECKPOINT;
SELECT string_agg(name, ' ') FROM public.pages
 WHERE pages IS DISTINCT FROM @{[sprintf $pages_of, q{index::regclass}]}};
cmp_ok(sql('untouched', 'SELECT count(*) FILTER (WHERE length(pages) > 10 * 8192) FROM public.pages'), '>', 4, 'there are indexes of many pages');
is(sql('untouched', $differ), '', 'the pages of the indexes are as 0.1 left them');
sql('untouched', sql('untouched', $build));
is(sql('untouched', $differ), '', "$version builds the same pages");
sql('untouched', sprintf $one_by_one, 'by_new');
sql('untouched', 'CHECKPOINT');
is(sql('untouched', qq{SELECT length(pages) > 100000, pages = @{[sprintf $pages_of, q{'"App Data".by_new_key'::regclass}]} FROM public.pages WHERE name = 'by_old_key'}),
	't|t', "$version inserts into the same pages");
amcheck('untouched', "$version, indexes that it built");

# COPY BINARY: the same bytes, and each reads the other's.
sql('untouched', qq{COPY "App Data".$_ TO '$dir/$_.new' (FORMAT binary)}) foreach qw(systems large accounts);
foreach my $table (qw(systems large accounts))
{
	ok(slurp_file("$dir/$table.old") eq slurp_file("$dir/$table.new"), "COPY BINARY of $table gives the same bytes");
}
sql('old', q{SET search_path = "App Data", ext; CREATE TABLE large_back (LIKE large); CREATE TABLE large_old (LIKE large)});
sql('old', qq{COPY "App Data".large_back FROM '$dir/large.old' (FORMAT binary)});
my $same = q{SELECT count(*) FROM "App Data".%s b JOIN "App Data".large l USING (id) WHERE (b.ids::text, b.outside::text) = (l.ids::text, l.outside::text) AND b.ids OPERATOR(ext.=) l.ids};
is(sql('old', sprintf $same, 'large_back'), '3', "$version reads what 0.1 wrote");
SKIP:
{
	skip 'there is but one library', 2 unless $old_library;
	# restart ended the sessions; a server with the library of 0.1 put back reads the new one's.
	install_sources($released);
	my $old = session('old');
	is(ask($old, qq{COPY "App Data".large_old FROM '$dir/large.new' (FORMAT binary)}), '', "0.1 reads what $version wrote");
	is(ask($old, sprintf $same, 'large_old'), '3', 'and finds it equal');
	like(ask($old, q{SELECT ext.external_ids_upsert(NULL::"App Data".accounts, 'crm:1', '{}')}),
		qr/ERROR:\s+42883: could not find function "external_ids_upsert" in file/, 'the library alone put back says what it lacks');
	$old->{in} .= "\\q\n";
	$old->{psql}->finish;
	install_sources();
}

# ---------------------------------------------------------------------------
# Downgrade; drop
# ---------------------------------------------------------------------------
like(update_error('old', q{ALTER EXTENSION external_ids UPDATE TO '0.1'}),
	qr/^22023: extension "external_ids" has no update path from version "\Q$version\E" to version "0.1"/, 'there is no way back, which is said');
like(update_error('old', 'DROP EXTENSION external_ids'), qr/^2BP01: /, 'what is in use is not dropped');
sql('old', 'SET client_min_messages = error; DROP EXTENSION external_ids CASCADE');
is(sql('old', q{SELECT count(*), sum(id) FROM "App Data".accounts}), '3004|4513510', 'with CASCADE it is, and rows stay');

# In a database with nothing else, no catalog may name an object made since initdb.
sql('postgres', 'CREATE DATABASE gone TEMPLATE template0');
my $left = sql('gone', q{SELECT string_agg(format($$SELECT %L AS catalog FROM pg_catalog.%I WHERE %s$$, relname, relname, conditions), ' UNION ALL ')
  FROM (SELECT c.relname, string_agg(format('%I >= 16384', attname), ' OR ') AS conditions
          FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
         WHERE c.relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r' AND NOT relisshared AND c.oid <> 'pg_largeobject'::regclass
           AND attname IN ('oid', 'objid', 'objoid', 'aggfnoid', 'attrelid', 'indexrelid') GROUP BY 1) AS c});
$left = "SELECT string_agg(catalog || ' ' || n, ', ') FROM (SELECT catalog, count(*) AS n FROM ($left) AS c GROUP BY 1 ORDER BY 1) AS n";
is(sql('gone', $left), '', 'a new database has nothing of its own');
sql('gone', q{CREATE EXTENSION external_ids VERSION '0.1'; ALTER EXTENSION external_ids UPDATE});
like(sql('gone', $left), qr/pg_proc \d\d/, 'updated, it has');
sql('gone', 'DROP EXTENSION external_ids');
is(sql('gone', $left), '', 'dropped, nothing is left');

$node->stop;
done_testing();
