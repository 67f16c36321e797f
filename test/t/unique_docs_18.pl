# Executes docs/unique.md, which is about what only 18 and later have.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin, "$FindBin::RealBin/..";

use DocTest;
use ExternalIdsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('unique_docs', '');
$node->start;
my (undef, $statements) = run_document($node, 'postgres', 'docs/unique.md');
cmp_ok($statements, '>', 3, 'docs/unique.md has statements');
$node->stop;
done_testing();
