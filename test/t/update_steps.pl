# From each release but 0.1, which update.pl begins with, to this version: a
# database that uses all of the release, made by its library, works under this
# library before ALTER EXTENSION UPDATE and after, and then has the very catalog
# entries of a new installation.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Utils;
use Test::More;
use UpdateTest;

my $version = current_version();
my $node;
foreach my $release (grep { $_ ne '0.1' && $_ ne $version } released_versions())
{
	my $database = "from_$release";
	my $sources = released_sources($release);
	if ($node) { install_sources($sources); $node->restart }
	else { $node = new_update_node('update_steps', $sources) }
	sql('postgres', qq{CREATE DATABASE "$database" TEMPLATE template0});
	sql($database, 'CREATE SCHEMA ext; CREATE EXTENSION external_ids SCHEMA ext');
	is(sql($database, q{SELECT extversion FROM pg_extension WHERE extname = 'external_ids'}), $release, "a database of $release");
	output_of($database, $_) foreach qw(upgrade_objects.sql upgrade_links.sql);
	my $facts = output_of($database, 'upgrade_facts.sql');
	cmp_ok(scalar(() = $facts =~ /\n/g), '>', 150, 'has facts');
	checks($database, $release);

	install_sources();
	is(output_of($database, 'upgrade_facts.sql'), $facts, "$release with the new library: the same facts");
	checks($database, "$release with the new library");
	checks($database, "its links", 'upgrade_link_checks.sql');
}
plan skip_all => 'there is no release between 0.1 and this version' unless $node;

my $catalog = fresh_catalog();
foreach my $release (grep { $_ ne '0.1' && $_ ne $version } released_versions())
{
	my $database = "from_$release";
	sql($database, 'ALTER EXTENSION external_ids UPDATE');
	is(sql($database, q{SELECT extversion FROM pg_extension WHERE extname = 'external_ids'}), $version, "$release: updated");
	same_catalog($database, $catalog);
	checks($database, "from $release");
	checks($database, "from $release, links", 'upgrade_link_checks.sql');
}
$node->stop;
done_testing();
