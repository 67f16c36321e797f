# All that can happen to children and accounts at once, by 16 clients, with COPY
# beside, at each isolation level. At the end no child waits whose ID an account
# holds, and none is linked to an account that did not hold its ID when it was
# linked; deadlocks are rare, and retried.
#
# LINK_OPERATIONS is the number of operations at each isolation level, 16000 by
# custom. The full run is
#     LINK_OPERATIONS=200000 make test LAYER=tap TESTS=link_mix
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ExternalIdsTest;
use LinkTest;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my $operations = $ENV{LINK_OPERATIONS} || 16000;
my @levels = ('read committed', 'repeatable read', 'serializable');

my $node = new_link_node('link_mix');

sql($node, q(
-- What accounts and children draw from: 2 labels, 400 values, 2 organisations.
CREATE FUNCTION any_id() RETURNS external_id LANGUAGE sql VOLATILE AS $$
  SELECT external_id(CASE WHEN random() < 0.5 THEN 'crm' ELSE 'erp' END, ceil(400 * random())::bigint) $$;

-- A child by chance, of those there are.
CREATE FUNCTION any_child(sequence regclass) RETURNS bigint LANGUAGE sql VOLATILE AS $$
  SELECT ceil(pg_sequence_last_value(sequence) * random())::bigint $$;

-- A statement that may come too late.
CREATE FUNCTION replace_ids(account bigint, ids external_id_set) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM external_ids_set('accounts', account, ids);
EXCEPTION WHEN unique_violation THEN
END $$;
CREATE FUNCTION update_account(account bigint, ids external_id_set, org int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE accounts SET external_ids = ids, org_id = org WHERE id = account;
EXCEPTION WHEN unique_violation THEN
END $$;
CREATE FUNCTION insert_account(account bigint, ids external_id_set) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO accounts VALUES (account, 1, ids) ON CONFLICT (id) DO NOTHING;
EXCEPTION WHEN unique_violation THEN
END $$;

-- Releases an ID of one account and claims it for another, in two statements.
-- Both rows are locked in one order, else moves would deadlock by themselves.
CREATE FUNCTION move_id(source bigint, target bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  moved external_id_set;
BEGIN
  PERFORM 1 FROM accounts WHERE id IN (source, target) ORDER BY id FOR NO KEY UPDATE;
  SELECT m INTO moved FROM accounts, unnest(external_ids) m WHERE id = source LIMIT 1;
  IF FOUND THEN
    PERFORM external_ids_remove('accounts', source, moved);
    PERFORM external_ids_add('accounts', target, moved);
  END IF;
EXCEPTION WHEN unique_violation THEN
END $$;
));

my $draw = "\\set account random(1, 600)\n\\set other random(1, 600)\n\\set short random(601, 650)\n";
my %mix = (
	# Children: in statements of several rows in no order, alone, of all tables
	# at once; with an ID nobody has used, one of the pool, or none; changed,
	# moved to the other organisation, unlinked by hand, verified later.
	child_rows => [ 8, q(INSERT INTO contacts (org_id, external_id) SELECT 1 + i % 2, any_id() FROM generate_series(1, 10) i ORDER BY random();) ],
	child_text => [ 5, q(INSERT INTO tickets (org_id, external_id, verified) SELECT 1 + i % 2, ceil(400 * random()), random() < 0.8 FROM generate_series(1, 5) i;) ],
	child_follow => [ 5, q(INSERT INTO followers (tenant, external_id) SELECT 1 + i % 2, any_id() FROM generate_series(1, 5) i ORDER BY random();) ],
	child_fresh => [ 8, q(WITH t AS MATERIALIZED (SELECT fresh() AS t),
c AS (INSERT INTO contacts (external_id) SELECT external_id('t', t) FROM t),
f AS (INSERT INTO followers (external_id) SELECT external_id('t', t) FROM t)
INSERT INTO tickets (external_id) SELECT t FROM t;) ],
	child_update => [ 3, q(UPDATE contacts SET external_id = any_id() WHERE id = (SELECT any_child('contacts_id_seq'));) ],
	child_scope => [ 2, q(UPDATE followers SET tenant = 3 - tenant WHERE id = (SELECT any_child('followers_id_seq'));) ],
	child_unlinked => [ 2, q(UPDATE contacts SET account_id = NULL WHERE id = (SELECT any_child('contacts_id_seq'));) ],
	child_verified => [ 3, q(UPDATE tickets SET verified = NOT verified WHERE id = (SELECT any_child('tickets_id_seq'));) ],
	child_savepoint => [ 3, q(BEGIN;
INSERT INTO contacts (external_id) VALUES (external_id('t', fresh()));
SAVEPOINT s;
INSERT INTO followers (external_id) SELECT any_id() FROM generate_series(1, 5);
ROLLBACK TO s;
INSERT INTO followers (external_id) VALUES (external_id('t', fresh()));
COMMIT;) ],
	child_rollback => [ 2, q(BEGIN;
INSERT INTO tickets (external_id) SELECT fresh() FROM generate_series(1, 3);
ROLLBACK;) ],

	# Accounts: by the row functions and by plain statements; IDs of the pool,
	# IDs nobody has used, and both.
	add => [ 6, q(SELECT claim(:account, any_id() + any_id());) ],
	add_fresh => [ 8, q(SELECT claim(:account, external_id('t', fresh()) + any_id());) ],
	remove => [ 6, q(SELECT external_ids_remove('accounts', id, (SELECT external_ids_agg(m) FROM (SELECT m FROM unnest(external_ids) m ORDER BY random() LIMIT 2) m))
FROM accounts WHERE id = :account AND external_ids <> '{}';) ],
	replace => [ 3, q(SELECT replace_ids(:account, any_id() + any_id());) ],
	update => [ 3, q(SELECT update_account(:account, any_id() + any_id(), 1 + :other % 2);) ],
	move => [ 5, q(SELECT move_id(:account, :other);) ],
	move_fresh => [ 3, q(SELECT move_to_new(external_id('t', fresh() - 1));) ],
	insert => [ 3, q(SELECT insert_account(:short, any_id() + external_id('t', fresh()));) ],
	delete => [ 2, q(DELETE FROM accounts WHERE id = :short;) ],
	parent_savepoint => [ 2, q(BEGIN;
SAVEPOINT s;
SELECT claim(:account, any_id());
ROLLBACK TO s;
SELECT claim(:account, external_id('t', fresh()));
COMMIT;) ],
	parent_rollback => [ 2, q(BEGIN;
SELECT claim(:account, external_id('t', fresh()) + any_id());
ROLLBACK;) ]);

# A session that loads by COPY as long as it is called, one COPY after the
# other, each until it succeeds. "next_copy" makes the text of one.
sub copy_session
{
	my ($count, $next_copy) = @_;
	my ($handle, $text, $err);
	return sub {
		my ($last) = @_;
		while (1)
		{
			if ($handle)
			{
				return if !$last && $handle->pumpable && eval { $handle->pump_nb; $handle->pumpable };
				my $done = $handle->finish;
				if (!$done && $err !~ /^ERROR:  (40001|40P01)$/m)
				{
					$count->{unexpected} .= $err;
					$done = 1;
				}
				$count->{ $done ? 'done' : 'retried' }++;
				$text = undef if $done;
				$handle = undef;
				return if $last && $done;
			}
			return if $last && !$text;
			$text //= $next_copy->() . "\\q\n";
			$err = '';
			$handle = IPC::Run::start(
				[ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=sqlstate', '-d', $node->connstr('postgres') ],
				'<', \$text, '>', \my $out, '2>', \$err);
		}
	};
}

# Accounts that nobody else makes, and children of them, of the pool, and of
# none: both by COPY, ten rows each.
my $imported = 0;
sub copy_accounts
{
	my $from = $imported;
	$imported += 10;
	return "COPY accounts (external_ids) FROM STDIN;\n" . join('', map { "{imp:$_,more:$_}\n" } $from + 1 .. $imported) . "\\.\n";
}

sub copy_children
{
	my $table = (sort keys %form)[ int(rand(3)) ];
	my $label = $form{$table}{type} eq 'text' ? '' : 'imp:';
	return "COPY $table (external_id) FROM STDIN;\n" . join('', map { $label . ($imported - 15 + int(rand(30))) . "\n" } 1 .. 10) . "\\.\n";
}

for my $level (@levels)
{
	my $name = "mix, $level";
	sql($node, 'TRUNCATE accounts, history CASCADE; ALTER TABLE accounts ALTER id RESTART WITH 1000;');
	create_children($_, \&link_children) for sort keys %form;
	sql($node, "INSERT INTO accounts (id, org_id, external_ids) SELECT i, 1 + i % 2, '{}' FROM generate_series(1, 600) i");
	my $deadlocks = deadlocks_logged($node);
	my %copies = (done => 0, retried => 0, unexpected => '');
	my @sessions = (copy_session(\%copies, \&copy_accounts), copy_session(\%copies, \&copy_children));
	my %load = pgbench($node,
		clients => 16, operations => $operations, isolation => $level, tries => 10000,
		scripts => { map { ($_ => $draw . $mix{$_}[1]) } keys %mix },
		weights => { map { ($_ => $mix{$_}[0]) } keys %mix },
		beside => sub { $_->() for @sessions; select undef, undef, undef, 0.005; });
	$_->('last') for @sessions;
	$deadlocks = deadlocks_logged($node) - $deadlocks;

	ok($load{ok}, "$name: no client met an unexpected error") or diag $load{err};
	is($load{processed}, $load{operations}, "$name: every operation was done in the end");
	is($copies{unexpected}, '', "$name: COPY met no unexpected error");
	cmp_ok($copies{done}, '>', 3, "$name: COPY ran beside");
	# Some transactions are of several statements, whose order no lock can
	# foresee. There are about 1 in 10,000, of which a short run may have more.
	my $allowed = $load{processed} / 5000 + ($load{processed} < 100000 ? 4 : 0);
	cmp_ok($deadlocks, '<', $allowed, "$name: fewer than one deadlock in 5,000 operations");
	my $summary = '';
	for my $table (sort keys %form)
	{
		is(lost($table), 0, "$name: no link of $table is lost");
		is(wrong($table), 0, "$name: no link of $table is wrong");
		is(stale($table), 0, "$name: no link of $table is stale") if $form{$table}{follow};
		my ($children, $linked) = split /\|/, sql($node, "SELECT count(*), count(account_id) FROM $table");
		cmp_ok($linked, '>', $children / 10, "$name: $table were linked");
		cmp_ok($linked, '<', $children, "$name: $table wait");
		$summary .= ", $linked of $children $table linked";
	}
	diag "$name: $load{processed} operations, $copies{done} COPY, $deadlocks deadlocks, $load{retries} retries$summary";
	note $load{out};
}
$node->stop;

done_testing();
