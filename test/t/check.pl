# external_ids_check on indexes whose pages were broken by hand, each kind of
# fault; beside writes and VACUUM, where it must find none; and with amcheck,
# which looks at the same index as the btree that it is.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ExternalIdsTest;
use PostgreSQL::Test::Utils;
use Test::More;

# The pages that are patched have no right checksum afterwards, which is not
# what is tested.
my $node = new_node('check', "ignore_checksum_failure = on\nautovacuum = off\n");
$node->start;
sql($node, 'CREATE EXTENSION external_ids; CREATE EXTENSION amcheck');

# ---------------------------------------------------------------------------
# Broken pages
# ---------------------------------------------------------------------------

# Table and index $name, with IDs crm:v0001 and on, one on a row; the files'
# names, to be patched while the server is down.
sub make
{
	my ($name, $rows) = @_;
	sql($node, qq(
CREATE TABLE $name (id int, ids external_id_set);
CREATE INDEX ${name}_key ON $name USING unique_members (ids);
INSERT INTO $name SELECT i, external_id('crm', 'v' || to_char(i, 'FM0000')) FROM generate_series(1, $rows) i;
VACUUM FREEZE $name;
));
	return map { $node->data_dir . '/' . sql($node, "SELECT pg_relation_filepath('$_')") } $name, "${name}_key";
}

# Writes $to over $from, which is as long and stands $times times in the file.
sub patch
{
	my ($file, $times, $from, $to) = @_;
	my $bytes = slurp_file($file);
	my $found = () = $bytes =~ /\Q$from\E/g;
	die "$from stands $found times in $file" if $found != $times || length $from != length $to;
	$bytes =~ s/\Q$from\E/$to/g;
	rewrite($file, $bytes);
	return;
}

sub rewrite
{
	my ($file, $bytes) = @_;
	open my $handle, '+<:raw', $file or die "$file: $!";
	print $handle $bytes;
	close $handle or die "$file: $!";
	return;
}

# Calls $code with each item of the index's pages of a level until it says true:
# with the place of the line pointer, and the place and length of the item.
sub some_item
{
	my ($bytes, $level, $code) = @_;
	for (my $page = 8192; $page < length $bytes; $page += 8192)
	{
		my ($lower, $upper, $special) = unpack 'SSS', substr($bytes, $page + 12, 6);
		next if $level != unpack 'L', substr($bytes, $page + $special + 8, 4);
		for (my $pointer = $page + 24; $pointer < $page + $lower; $pointer += 4)
		{
			my $item = unpack 'L', substr($bytes, $pointer, 4);
			return if $code->($pointer, $page + ($item & 0x7FFF), $item >> 17);
		}
	}
	die 'there is no such item';
}

# Marks the line pointer of the entry with $value as dead: the entry is gone.
sub remove_entry
{
	my ($file, $value) = @_;
	my $bytes = slurp_file($file);
	some_item($bytes, 0, sub {
		my ($pointer, $offset, $length) = @_;
		return 0 if substr($bytes, $offset, $length) !~ /\Q$value\E/;
		substr($bytes, $pointer, 4) = pack 'L', 3 << 15 | unpack 'L', substr($bytes, $pointer, 4);
		return 1;
	});
	rewrite($file, $bytes);
	return;
}

# Writes $to over the number in the first key above the leaves, and gives the
# number that stood there.
sub patch_pivot
{
	my ($file, $to) = @_;
	my $bytes = slurp_file($file);
	my $was;
	some_item($bytes, 1, sub {
		my ($pointer, $offset, $length) = @_;
		substr($bytes, $offset, $length) =~ /v(\d{4})/ or return 0;
		$was = $1;
		substr($bytes, $offset + $-[1], 4) = $to;
		return 1;
	});
	rewrite($file, $bytes);
	return $was;
}

my %file;
@{ $file{$_} }{qw(heap index)} = make($_, 20) for qw(sound twice removed other disorder);
@{ $file{astray} }{qw(heap index)} = make('astray', 2000);
$node->stop;

# Two rows with one ID, in the table and in the index.
patch($file{twice}{$_}, 1, "v0005\0crm", "v0004\0crm") for qw(heap index);
remove_entry($file{removed}{index}, "v0007\0crm");
# An entry of another label than its row has.
patch($file{other}{index}, 1, "v0009\0crm", "v0009\0crn");
# An entry that stands before lesser ones.
patch($file{disorder}{$_}, 1, "v0011\0crm", "v9999\0crm") for qw(heap index);
# What stands between the new pivot and the old one is looked for on the wrong page.
my $pivot = patch_pivot($file{astray}{index}, '0100');
$node->start;

# What the checker says of an index, a line for each fault.
sub check
{
	my ($name) = @_;
	return sql($node, qq(SELECT fault, id, "row", detail FROM external_ids_check('${name}_key') ORDER BY 1, "row"));
}

# What amcheck says of it, as the btree that it is: in a session that has not
# opened it, and taken back. 15's btree has no support function 6, where ours is.
# Where rows have one ID at most, it can compare them with the entries too.
sub amcheck
{
	my ($name, $with_heap) = @_;
	return sql_error($node, qq(
BEGIN;
UPDATE pg_class SET relam = 403 WHERE oid = '${name}_key'::regclass;
DELETE FROM pg_amproc WHERE amprocnum = 6;
SELECT bt_index_parent_check('${name}_key', $with_heap);
ROLLBACK));
}

is(check('sound'), '', 'a sound index has no fault');
is(amcheck('sound', 'true'), 'no error', 'nor in the eyes of amcheck');
is(check('twice'), 'duplicate|{crm:v0004}|(0,5)|Key (ids)=({crm:v0004}) is held by row (0,4) too.', 'an ID that two rows hold');
is(check('removed'), 'missing entry|{crm:v0007}|(0,7)|Key (ids)=({crm:v0007}) of the row has no entry.', 'an entry that was removed');
like(amcheck('removed', 'true'), qr/^XX001: .*lacks matching index tuple/, 'which amcheck finds too');
is( check('other'),
	"missing entry|{crm:v0009}|(0,9)|Key (ids)=({crm:v0009}) of the row has no entry.\n"
	  . 'unexpected entry|{crn:v0009}|(0,9)|Key (ids)=({crn:v0009}) points at a row that does not hold it.',
	'an entry with another ID than its row');
# Which of its neighbours a search then misses is up to its bisection.
my $disorder = check('disorder');
like($disorder, qr/^wrong order\|\{crm:v0012\}\|\(0,12\)\|Key \(ids\)=\(\{crm:v0012\}\) is not behind the entry before it\.$/m, 'an entry out of order');
is(scalar(() = $disorder =~ /^wrong/mg), 1, 'that one');
like($disorder, qr/^missing entry/m, 'and what cannot be found because of it');
like(amcheck('disorder', 'true'), qr/^XX002: item order invariant violated/, 'which amcheck finds too');
is( sql($node, q{SELECT fault, min(id), max(id), count(*) FROM external_ids_check('astray_key') GROUP BY 1}),
	sprintf('missing entry|{crm:v0100}|{crm:v%04d}|%d', $pivot - 1, $pivot - 100),
	"entries that the way to the leaf passes by, up to $pivot");

sql($node, 'REINDEX TABLE removed; REINDEX TABLE other; REINDEX TABLE astray; REINDEX TABLE disorder');
is(join('', map { check($_) } qw(removed other disorder astray)), '', 'after REINDEX they are sound');

# ---------------------------------------------------------------------------
# Beside writes and VACUUM: no fault that is none
# ---------------------------------------------------------------------------
sql($node, 'DROP EXTENSION external_ids CASCADE; DROP TABLE sound, twice, removed, other, disorder, astray');
create_accounts($node, 400);
sql($node, q(
INSERT INTO accounts SELECT i, external_id('erp', i) FROM generate_series(1, 300) i;
CREATE FUNCTION move(account bigint, a int, b int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE accounts SET external_ids = external_id('crm', a) + external_id('crm', b) WHERE id = account;
EXCEPTION WHEN unique_violation THEN
END $$;
));
my ($rounds, $faults) = (0, 0);
my %load = pgbench(
	$node,
	clients => 8,
	operations => 16000,
	scripts => {
		move => q(
\set account random(1, 300)
\set a random(1, 400)
\set b random(1, 400)
SELECT move(:account, :a, :b);),
		clear => q(
\set account random(1, 300)
UPDATE accounts SET external_ids = '{}' WHERE id = :account;),
	},
	weights => { move => 9, clear => 1 },
	tries => 5,
	beside => sub {
		$faults += sql($node, q{SELECT count(*) FROM external_ids_check('accounts_external_ids_key')});
		sql($node, 'VACUUM accounts') if ++$rounds % 3 == 0;
	});
ok($load{ok}, 'the load met no other error') or diag $load{err};
cmp_ok($rounds, '>', 3, "$rounds checks ran beside it");
is($faults, 0, 'and found no fault');
is(amcheck('accounts_external_ids', 'false'), 'no error', 'nor does amcheck, afterwards');
$node->stop;
done_testing();
