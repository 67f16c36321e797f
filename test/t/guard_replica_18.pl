# Logical replication from a table with REPLICA IDENTITY FULL to one without a
# primary key: from 18 on the apply looks rows up by a unique_members index. No
# change may be lost, whatever the set: several members, empty, NULL.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ExternalIdsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $publisher = new_node('publisher', '', allows_streaming => 'logical');
$publisher->start;
my $subscriber = new_node('subscriber', "wal_retrieve_retry_interval = 100ms\n", allows_streaming => 'logical');
$subscriber->start;

# What stands on the subscriber's tables; the publisher's have no index.
my %index = (
	plain     => 'CREATE INDEX plain_key ON plain USING unique_members (external_ids, org_id)',
	uniq      => 'CREATE UNIQUE INDEX uniq_key ON uniq USING unique_members (external_ids, org_id)',
	by_value  => 'CREATE UNIQUE INDEX by_value_key ON by_value USING unique_members (external_ids external_id_set_value_ops, org_id)',
	exclusion => 'ALTER TABLE exclusion ADD CONSTRAINT exclusion_key EXCLUDE USING unique_members (external_ids WITH &&, org_id WITH =)',
);
my @tables = sort keys %index;

for my $node ($publisher, $subscriber)
{
	sql($node, 'CREATE EXTENSION external_ids');
	sql($node, "CREATE TABLE $_ (external_ids external_id_set, org_id int, note text)") for @tables;
}
sql($publisher, "ALTER TABLE $_ REPLICA IDENTITY FULL") for @tables;
sql($subscriber, $index{$_}) for @tables;
sql($publisher, "INSERT INTO $_ VALUES
	('{crm:1,erp:1}', 1, 'two'), ('{crm:2}', 1, 'one'), ('{crm:3}', NULL, 'no scope'), ('{crm:1}', 2, 'other scope'),
	('{}', 1, 'empty'), ('{}', 1, 'empty too'), ('{}', NULL, 'empty, no scope'),
	(NULL, 1, 'null'), (NULL, 1, 'null too'), (NULL, NULL, 'null, no scope')") for @tables;
sql($publisher, 'CREATE PUBLICATION pub FOR ALL TABLES');
my $connstr = $publisher->connstr . ' dbname=postgres';
sql($subscriber, "CREATE SUBSCRIPTION sub CONNECTION '$connstr' PUBLICATION pub");
$subscriber->wait_for_subscription_sync($publisher, 'sub');

# Every row of a table, and how many each side has of it.
sub rows
{
	my ($node, $table) = @_;
	return sql($node, "SELECT coalesce(external_ids::text, 'NULL'), org_id, note FROM $table ORDER BY note, 1, 2");
}

# Runs the statements on each table and compares when they are applied.
sub both
{
	my ($what, $statements) = @_;
	sql($publisher, $statements =~ s/TABLE/$_/gr) for @tables;
	$publisher->wait_for_catchup('sub');
	is(rows($subscriber, $_), rows($publisher, $_), "$_: $what") for @tables;
	return;
}

both('the first copy', '');
both('a column beside the set', q(UPDATE TABLE SET note = note || '.'));
both('a row at a time', join ';', map { "UPDATE TABLE SET note = note || '!' WHERE note = '$_.'" }
	('two', 'one', 'no scope', 'other scope', 'empty', 'empty too', 'empty, no scope', 'null', 'null too', 'null, no scope'));
both('one row again and again', join ';', map { "UPDATE TABLE SET note = note || '+' WHERE note LIKE 'null!%' OR note LIKE 'empty!%'" } 1 .. 20);
both('twice in a transaction', q(
BEGIN;
UPDATE TABLE SET note = note || 'a' WHERE note ~ '^(null|empty) too';
UPDATE TABLE SET note = note || 'b' WHERE note ~ '^(null|empty) too';
COMMIT;
));
sql($subscriber, 'VACUUM') for 1 .. 2;
both('after a VACUUM', q(UPDATE TABLE SET note = note || 'v'));
both('members are added', q(UPDATE TABLE SET external_ids = external_ids + 'new:11' WHERE note LIKE 'two%'));
both('empty becomes one', q(UPDATE TABLE SET external_ids = 'new:12' WHERE note LIKE 'empty too%'));
both('NULL becomes one', q(UPDATE TABLE SET external_ids = 'new:13' WHERE note LIKE 'null too%'));
both('and back', q(
UPDATE TABLE SET external_ids = '{}' WHERE external_ids && 'new:12';
UPDATE TABLE SET external_ids = NULL WHERE external_ids && 'new:13';
));
both('the scope', q(UPDATE TABLE SET org_id = coalesce(org_id, 6) + 1));
both('rows that look the same', q(
INSERT INTO TABLE VALUES ('{}', 9, 'same'), ('{}', 9, 'same'), (NULL, 9, 'same'), (NULL, 9, 'same');
DELETE FROM TABLE WHERE ctid = (SELECT max(ctid) FROM TABLE WHERE note = 'same' AND external_ids IS NULL);
DELETE FROM TABLE WHERE ctid = (SELECT max(ctid) FROM TABLE WHERE note = 'same' AND external_ids = '{}');
));
both('new and changed at once', q(
BEGIN;
INSERT INTO TABLE VALUES ('{}', 1, 'fresh'), ('{}', NULL, 'fresh, no scope'), (NULL, 1, 'fresh null');
UPDATE TABLE SET note = note || '.' WHERE note LIKE 'fresh%';
UPDATE TABLE SET note = note || '.' WHERE note LIKE 'fresh%';
COMMIT;
INSERT INTO TABLE VALUES ('{}', NULL, 'last');
UPDATE TABLE SET note = note || '.' WHERE note LIKE 'fresh.%';
));
both('rows go away', q(DELETE FROM TABLE WHERE note ~ '^(null|empty|one|same|fresh)'));
both('all the rest', q(DELETE FROM TABLE));

# It was this index, not a scan of the table.
is( sql($subscriber, 'SELECT count(*) FROM pg_stat_user_indexes WHERE idx_scan > 10'),
	scalar(@tables), 'the rows were found by the index');
is( sql($subscriber, 'SELECT sum(confl_update_missing + confl_delete_missing) FROM pg_stat_subscription_stats'),
	'0', 'the subscriber missed no row');

# The check of an EXCLUDE constraint is no such look-up: it does not read all the
# rows with empty sets.
my $read = "SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'exclusion_key'";
my $before = sql($subscriber, $read);
sql($publisher, q(INSERT INTO exclusion SELECT '{}', 1, 'many' FROM generate_series(1, 300)));
$publisher->wait_for_catchup('sub');
sql($publisher, q(UPDATE exclusion SET note = 'first' WHERE ctid = (SELECT min(ctid) FROM exclusion)));
$publisher->wait_for_catchup('sub');
$subscriber->poll_query_until('postgres', "SELECT ($read) > $before") or die 'nothing was read';
cmp_ok(sql($subscriber, $read) - $before, '<=', 300, 'the check reads no row with an empty set');
is(rows($subscriber, 'exclusion'), rows($publisher, 'exclusion'), 'and the rows are there');

# What the subscriber's own row holds stops the apply, and is reported as the
# conflict that it is; when it is released, the apply goes on.
sub conflict
{
	my ($what, $own, $statement) = @_;
	sql($subscriber, "INSERT INTO uniq VALUES $own");
	my $offset = -s $subscriber->logfile;
	sql($publisher, $statement);
	ok($subscriber->wait_for_log(qr/23505 .*ERROR:  .*"(public\.)?uniq": conflict=$what\b/, $offset), "$what stops the apply");
	sql($subscriber, q(DELETE FROM uniq WHERE note = 'own' OR org_id = 99));
	$publisher->wait_for_catchup('sub');
	is(rows($subscriber, 'uniq'), rows($publisher, 'uniq'), "$what: and it goes on when the member is released");
	return;
}
conflict('insert_exists', q(('{own:1,crm:7}', 1, 'own')), q(INSERT INTO uniq VALUES ('{abc:1,crm:7}', 1, 'late'), ('{}', 1, 'late')));
conflict('update_exists', q(('{own:1,crm:8}', 1, 'own')), q(UPDATE uniq SET external_ids = '{abc:1,crm:8}' WHERE external_ids && 'crm:7'));
# by the set and by another key, which two rows hold
sql($subscriber, q(CREATE UNIQUE INDEX uniq_note ON uniq (note) WHERE note = 'both'));
conflict('multiple_unique_conflicts', q(('{own:1,crm:9}', 1, 'own'), ('{own:2}', 99, 'both')),
	q(INSERT INTO uniq VALUES ('{crm:9}', 1, 'both')));

# Members that a transaction has not committed yet: the index reports them, the
# worker waits, and when they are given up, the row stays. It is then found by
# each of its members, and holds each of them.
my $session = $subscriber->background_psql('postgres');
$session->query_safe(q(BEGIN; INSERT INTO uniq VALUES ('{abc:2,mno:2}', 1, 'undone')));
sql($publisher, q(INSERT INTO uniq VALUES ('{abc:2,mno:2,xyz:2}', 1, 'stays')));
$subscriber->poll_query_until('postgres', q(SELECT count(*) = 1 FROM pg_stat_activity
	WHERE backend_type = 'logical replication apply worker' AND wait_event = 'transactionid')) or die 'the apply does not wait';
$session->query_safe('ROLLBACK');
$session->quit;
$publisher->wait_for_catchup('sub');
is(rows($subscriber, 'uniq'), rows($publisher, 'uniq'), 'a conflict with what is rolled back is none');
is(sql($subscriber, q(SELECT count(*) FROM external_ids_check('uniq_key'))), 0, 'and the row has an entry for each of its members');

sql($subscriber, 'DROP SUBSCRIPTION sub');
$subscriber->stop;
$publisher->stop;

done_testing();
