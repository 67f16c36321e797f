# Executes docs/drivers.md; it has every recipe, and its table names what test/drivers tests.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";

use DocTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('drivers_doc');
$node->init;
$node->append_conf('postgresql.conf', "listen_addresses = ''\ntimezone = 'UTC'\nlc_messages = 'C'");
$node->start;
my ($document, $statements) = run_document($node, 'postgres', 'docs/drivers.md');
cmp_ok($statements, '>', 3, 'docs/drivers.md has statements');

foreach my $recipe (map { s{^docs/}{}r } glob 'docs/recipes/*')
{
	like($document, qr/\(\Q$recipe\E\)/, "docs/drivers.md has $recipe");
}
ok(-e "docs/$1", "$1 is there") while $document =~ /\]\(((?:recipes|\.\.)\/[^)]+)\)/g;

$node->stop;
done_testing();
