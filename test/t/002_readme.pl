# Executes README.md.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";

use DocTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('readme');
$node->init;
$node->append_conf('postgresql.conf',
	"listen_addresses = ''\ntimezone = 'UTC'\nlc_messages = 'C'");
$node->start;
$node->safe_psql('postgres',
	'CREATE DATABASE readme; ALTER DATABASE readme SET search_path = public');

my (undef, $statements) = run_document($node, 'readme', 'README.md');
cmp_ok($statements, '>', 3, 'README.md has statements');

$node->stop;
done_testing();
