# Logical replication's apply writes rows as any client does: a claim on an ID
# that the subscriber's own row holds stops it with 23505, and it goes on when
# the ID is released.
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

create_accounts($publisher, 10);
create_accounts($subscriber, 10);
sql($publisher, q(
INSERT INTO accounts VALUES (1, '{crm:1,erp:1}'), (2, '{}');
CREATE PUBLICATION pub FOR TABLE accounts;
));
sql($subscriber, q(INSERT INTO accounts VALUES (1000, '{crm:7,local:1}')));
my $connstr = $publisher->connstr . ' dbname=postgres';
sql($subscriber, "CREATE SUBSCRIPTION sub CONNECTION '$connstr' PUBLICATION pub");
$subscriber->wait_for_subscription_sync($publisher, 'sub');

my $rows = 'SELECT id, external_ids FROM accounts ORDER BY id';
my $duplicate = qr/23505 .*ERROR:  duplicate key value violates unique constraint "accounts_external_ids_key"\n.*DETAIL:  Key \(external_ids\)=\(.*crm:7.*\) already exists\.\n.*CONTEXT:  processing remote data/;

is(sql($subscriber, $rows), "1|{crm:1,erp:1}\n2|{}\n1000|{crm:7,local:1}", 'the first rows are there');

# INSERT, UPDATE and DELETE without conflict.
sql($publisher, q(
INSERT INTO accounts VALUES (3, '{crm:3}');
UPDATE accounts SET external_ids = '{crm:2}' WHERE id = 2;
DELETE FROM accounts WHERE id = 1;
INSERT INTO accounts VALUES (4, '{crm:1}');
));
$publisher->wait_for_catchup('sub');
is( sql($subscriber, $rows), "2|{crm:2}\n3|{crm:3}\n4|{crm:1}\n1000|{crm:7,local:1}", 'inserts, updates and deletes are applied');
is(sql($subscriber, 'SELECT wrong_lookups(), held_twice(), faults()'), '0|0|0', 'and indexed');

# A claim by INSERT on what the subscriber's row holds.
my $offset = -s $subscriber->logfile;
sql($publisher, q(INSERT INTO accounts VALUES (5, '{abc:1,crm:7}')));
ok($subscriber->wait_for_log($duplicate, $offset), 'the apply of an INSERT is stopped by 23505');
is(sql($subscriber, 'SELECT count(*) FROM accounts WHERE id = 5'), '0', 'and writes nothing');
sql($subscriber, q(UPDATE accounts SET external_ids = external_ids - 'crm:7' WHERE id = 1000));
$publisher->wait_for_catchup('sub');
is( sql($subscriber, q(SET enable_seqscan = off; SELECT id FROM accounts WHERE external_ids @> 'crm:7')),
	'5', 'the ID released, the apply goes on');

# By UPDATE.
sql($subscriber, q(UPDATE accounts SET external_ids = '{local:1,crm:8}' WHERE id = 1000));
$offset = -s $subscriber->logfile;
sql($publisher, q(UPDATE accounts SET external_ids = external_ids + 'crm:8' WHERE id = 2));
(my $pattern = "$duplicate") =~ s/crm:7/crm:8/;
ok($subscriber->wait_for_log(qr/$pattern/, $offset), 'the apply of an UPDATE is stopped by 23505');
sql($subscriber, 'DELETE FROM accounts WHERE id = 1000');
$publisher->wait_for_catchup('sub');
is( sql($subscriber, $rows), sql($publisher, $rows), 'both sides are equal in the end');
is(sql($subscriber, 'SELECT wrong_lookups(), held_twice(), faults()'), '0|0|0', 'index and table agree');

# Each kind of replica identity, and a list of columns. On the subscriber the sets
# are under an index that a change has to pass.
my %identity = (by_key => 'DEFAULT', by_index => 'USING INDEX by_index_code_key', by_row => 'FULL');
for my $node ($publisher, $subscriber)
{
	for my $table (sort keys %identity, 'by_nothing')
	{
		sql($node, "CREATE TABLE $table (id int PRIMARY KEY, code text NOT NULL UNIQUE, note text, external_ids external_id_set);
			CREATE INDEX ON $table USING unique_members (external_ids)");
	}
}
for my $table (keys %identity)
{
	sql($_, "ALTER TABLE $table REPLICA IDENTITY $identity{$table}") for $publisher, $subscriber;
}
sql($publisher, 'ALTER TABLE by_nothing REPLICA IDENTITY NOTHING');
sql($publisher, "INSERT INTO $_ SELECT i, 'c' || i, 'n', external_id('crm', i) FROM generate_series(1, 20) i") for sort keys %identity, 'by_nothing';
sql($publisher, 'ALTER PUBLICATION pub ADD TABLE by_key, by_index (id, code, external_ids), by_row, by_nothing');
sql($subscriber, 'ALTER SUBSCRIPTION sub REFRESH PUBLICATION');
$subscriber->wait_for_subscription_sync($publisher, 'sub');
for my $table (sort keys %identity)
{
	sql($publisher, qq(
UPDATE $table SET external_ids = external_ids + external_id('erp', id) WHERE id <= 10;
UPDATE $table SET external_ids = '{}' WHERE id IN (3, 4);
UPDATE $table SET external_ids = NULL WHERE id = 5;
UPDATE $table SET external_ids = 'crm:3' WHERE id = 4;
DELETE FROM $table WHERE id > 15;
INSERT INTO $table VALUES (30, 'c30', 'n', '{crm:16,crm:17}')));
	$publisher->wait_for_catchup('sub');
	my $columns = $table eq 'by_index' ? 'id, code, external_ids' : '*';
	is( sql($subscriber, "SELECT $columns FROM $table ORDER BY id"),
		sql($publisher, "SELECT $columns FROM $table ORDER BY id"), "replica identity $identity{$table}: both sides are equal");
	is( sql($subscriber, "SELECT count(*) FROM external_ids_check('${table}_external_ids_idx')"), '0', 'and index and table agree');
}
sql($publisher, q(INSERT INTO by_nothing VALUES (30, 'c30', 'n', 'crm:30')));
$publisher->wait_for_catchup('sub');
is(sql($subscriber, q(SELECT count(*) FROM by_nothing WHERE external_ids @> 'crm:30')), '1', 'replica identity NOTHING: rows are inserted');
like(sql_error($publisher, q(UPDATE by_nothing SET external_ids = '{}' WHERE id = 1)), qr/^55000: .*replica identity/, 'and not changed');

# A row filter may not use what an extension brings.
like(sql_error($publisher, q(CREATE PUBLICATION filtered FOR TABLE accounts WHERE (external_ids @> 'crm:1'))),
	qr/^0A000: invalid publication WHERE expression/, 'a row filter on the column is refused by the server');

sql($subscriber, 'DROP SUBSCRIPTION sub');
$subscriber->stop;
$publisher->stop;

done_testing();
