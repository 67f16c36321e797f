# A session's memory does not grow with the number of calls: look-ups, sets that are
# replaced, upserts, claims that are refused, inputs that fail, rows that are linked.
#
# LEAK_CALLS is the number of calls of each, 20000 by custom, LEAK_NAMES the names of
# some. The full run, some two hours, is
#     LEAK_CALLS=10000000 LEAK_NAMES="resolve set failed_text failed_json" make test LAYER=tap TESTS=leaks
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ExternalIdsTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $calls = $ENV{LEAK_CALLS} || 20000;

my $node = new_node('leaks', "synchronous_commit = off\nfsync = off\nautovacuum_naptime = 1s\nmax_wal_size = 2GB\n");
$node->start;
create_accounts($node, 10);
sql($node, q(
INSERT INTO accounts SELECT i, external_id_set(external_id('crm', i), external_id('erp', i)) FROM generate_series(1, 100) i;
CREATE TABLE contacts (id int PRIMARY KEY, external_id external_id, account_id bigint);
SELECT external_ids_link('contacts', 'external_id', 'account_id', 'accounts');
INSERT INTO contacts VALUES (1, 'crm:1');
));

# What is called, with i running.
my %call = (
	look => q(PERFORM id FROM accounts WHERE external_ids @> external_id('crm', i % 100)),
	resolve => q(PERFORM FROM external_ids_resolve(NULL::accounts, external_id('crm', i % 100))),
	resolve_value => q(PERFORM FROM external_ids_resolve_value(NULL::accounts, (i % 100)::text)),
	resolve_many => q(PERFORM FROM external_ids_resolve_many(NULL::accounts, ARRAY[external_id('crm', i % 100), 'x', NULL])),
	set => q(PERFORM external_ids_set('accounts', 1 + i % 100, external_id('erp', i % 7 * 1000 + i % 100), label => 'erp')),
	upsert => q(PERFORM external_ids_upsert(NULL::accounts, external_id('crm', 1 + i % 100), '{}', ids_mode => 'add')),
	refused => q(BEGIN PERFORM external_ids_add('accounts', 1, 'crm:2'); EXCEPTION WHEN unique_violation THEN END),
	failed_text => q(BEGIN PERFORM ('{"' || i || '",,}')::external_id_set; EXCEPTION WHEN invalid_text_representation THEN END),
	failed_json => q(BEGIN PERFORM jsonb_build_array(i)::external_id_set; EXCEPTION WHEN data_exception THEN END),
	linked => q(UPDATE contacts SET external_id = external_id('crm', 1 + i % 100)),
	check => q(IF i % 100 = 0 THEN PERFORM external_ids_check('accounts_external_ids_key'); END IF));

# Each in one session: some calls, the session's memory, all the calls, its memory
# again. The table is vacuumed beside, for what is left of a row slows look-ups.
for my $name ($ENV{LEAK_NAMES} ? split ' ', $ENV{LEAK_NAMES} : sort keys %call)
{
	my $procedure = qq(
CREATE PROCEDURE pg_temp.calls(n bigint) LANGUAGE plpgsql AS \$\$
BEGIN
  FOR i IN 1..n LOOP
    $call{$name};
    IF i % 1000 = 0 THEN COMMIT; END IF;
  END LOOP;
END \$\$;);
	my $memory = 'SELECT sum(total_bytes) FROM pg_backend_memory_contexts;';
	my ($before, $after) = split /\n/, $node->safe_psql('postgres', "$procedure CALL pg_temp.calls(2000); $memory CALL pg_temp.calls($calls); $memory",
		timeout => $PostgreSQL::Test::Utils::timeout_default + $calls / 500);
	cmp_ok($after, '<=', $before + 65536, "$name: $calls calls leave no memory behind");
	note "$name: $before, then $after bytes";
}
$node->stop;

done_testing();
