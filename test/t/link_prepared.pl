# Late binding and two-phase commit: one side is prepared, perhaps through a
# crash, and the other side waits for it; then the prepared one ends.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ExternalIdsTest;
use LinkTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_link_node('link_prepared');
create_children('contacts', \&link_children);

my %statement = (
	child => q(INSERT INTO contacts (external_id) VALUES ('crm:1')),
	parent => q(INSERT INTO accounts (external_ids) VALUES ('crm:1')));

# Starts a statement of another session that should wait for a lock, and
# returns code that gives what came of it.
sub start_waiting
{
	my ($statement, $level) = @_;
	my ($out, $err) = ('', '');
	local $ENV{PGOPTIONS} = '-c default_transaction_isolation=' . $level =~ s/ /\\ /gr;
	my $handle = IPC::Run::start(
		[
			'psql', '-XAtq', '-v', 'VERBOSITY=sqlstate', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-c', $statement ],
		'<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	my $waits = '';
	while ($waits ne 't')
	{
		eval { $handle->pump_nb };
		last unless $handle->pumpable;
		$waits = sql($node, q(SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE backend_type = 'client backend' AND wait_event_type = 'Lock')));
	}
	return ($waits, sub { $handle->finish; return $err; });
}

for my $level ('read committed', 'repeatable read', 'serializable')
{
	for my $prepared ('child', 'parent')
	{
		my $waiting = $prepared eq 'child' ? 'parent' : 'child';
		for my $end ('COMMIT', 'ROLLBACK')
		{
			# A crash in between once for each side: the log brings the lock back.
			my $crash = $level eq 'read committed' && $end eq 'COMMIT';
			my $name = "$level: $end of a prepared $prepared" . ($crash ? ' after a crash' : '');
			sql($node, qq(
TRUNCATE contacts, accounts;
BEGIN ISOLATION LEVEL $level;
$statement{$prepared};
PREPARE TRANSACTION 'first';
));
			if ($crash)
			{
				$node->stop('immediate');
				$node->start;
			}
			my ($waits, $result) = start_waiting($statement{$waiting}, $level);
			sql($node, "$end PREPARED 'first'");
			my $error = $result->();
			# The stricter levels may have the waiting side try again, and only they;
			# serializable may see before the wait that it is no use.
			ok($waits eq 't' || ($level eq 'serializable' && $error =~ /40001/), "$name: the $waiting waits");
			my $retry = $level ne 'read committed' && $error =~ /40001/;
			sql($node, $statement{$waiting}) if $retry;
			is($error, '', "$name: the $waiting meets no error") unless $retry;
			my $expected = $end eq 'COMMIT' ? '1|1|1' : $prepared eq 'child' ? '0|0|1' : '1|0|0';
			is(sql($node, 'SELECT (SELECT count(*) FROM contacts), (SELECT count(account_id) FROM contacts), (SELECT count(*) FROM accounts)'),
				$expected, "$name: children, linked ones and accounts");
		}
	}
}
$node->stop;

done_testing();
