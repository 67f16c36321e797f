# A LATIN1 database: clients of either encoding see the same ID, what LATIN1
# does not have is refused, and limits count bytes of the server encoding.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ExternalIdsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('latin1', '');
$node->start;
sql($node, "CREATE DATABASE latin1 ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'");
sql($node, 'CREATE EXTENSION external_ids');
my @latin1 = (dbname => 'latin1');
sql($node, q(
CREATE EXTENSION external_ids;
CREATE TABLE accounts (id int PRIMARY KEY, external_ids external_id_set NOT NULL);
CREATE INDEX accounts_external_ids_key ON accounts USING unique_members (external_ids);
), @latin1);

# e acute: one byte in LATIN1, two in UTF8. Euro: not in LATIN1.
my ($e_latin1, $e_utf8, $euro) = ("\xE9", "\xC3\xA9", "\xE2\x82\xAC");
my ($as_utf8, $as_latin1) = map { "SET client_encoding = '$_';\n" } qw(UTF8 LATIN1);
my $stored = q(SELECT encode(convert_to(external_ids::text, 'LATIN1'), 'hex') FROM accounts ORDER BY id);

sql($node, "${as_utf8}INSERT INTO accounts VALUES (1, 'caf$e_utf8:${e_utf8}1')", @latin1);
is(sql($node, $stored, @latin1), unpack('H*', "{caf$e_latin1:${e_latin1}1}"), 'a UTF8 client writes bytes of LATIN1');
is( sql($node, "${as_latin1}SELECT id, external_ids FROM accounts WHERE external_ids @> 'caf$e_latin1:${e_latin1}1'", @latin1),
	"1|{caf$e_latin1:${e_latin1}1}", 'a LATIN1 client sees the same ID');
is( sql($node, "${as_utf8}SELECT id, external_ids FROM accounts WHERE external_ids @= '${e_utf8}1'", @latin1),
	"1|{caf$e_utf8:${e_utf8}1}", 'a UTF8 client reads what it wrote');
like( sql_error($node, "${as_latin1}INSERT INTO accounts VALUES (2, 'caf$e_latin1:${e_latin1}1')", @latin1),
	qr/^23505: /, 'a LATIN1 client cannot claim it again');
is( sql($node, qq(${as_utf8}SELECT '[{"label": "caf\\u00e9", "external_id": "\\u00e91"}]'::external_id_set = external_ids FROM accounts), @latin1),
	't', 'escapes of JSON name the same ID');

# The wire form is in the client's encoding.
my $file = PostgreSQL::Test::Utils::tempdir . '/copy';
for my $encoding (qw(UTF8 LATIN1))
{
	is( sql($node, qq(
SET client_encoding = '$encoding';
COPY accounts TO '$file.$encoding' (FORMAT binary);
CREATE TEMP TABLE again (LIKE accounts);
COPY again FROM '$file.$encoding' (FORMAT binary);
SELECT count(*) FROM again NATURAL JOIN accounts;
), @latin1), '1', "COPY BINARY of a $encoding client out and in");
}
ok(index(slurp_file("$file.UTF8"), "\x01{caf$e_utf8:${e_utf8}1}") > 0, 'UTF8 on the wire');
ok(index(slurp_file("$file.LATIN1"), "\x01{caf$e_latin1:${e_latin1}1}") > 0, 'LATIN1 on the wire');

# Literals of a UTF8 client, in the two databases: what is expected is the text
# read back or the SQLSTATE. "=" is: the same text.
my $e1024 = $e_utf8 x 1024;
my $e512 = $e_utf8 x 512;
my $label63 = $e_utf8 x 63;
my @literals = (
	# literal, in LATIN1, in UTF8
	[ $e_utf8, '=', '=' ],
	[ "$e_utf8:$e_utf8", '=', '=' ],
	[ "$e_utf8:$e_utf8:$e_utf8", '=', '=' ],
	[ ":$e_utf8", $e_utf8, $e_utf8 ],
	[ ":{$e_utf8", '=', '=' ],
	[ "\xC2\xA0$e_utf8\xC2\xA0", '=', '=' ],    # no-break space is not ASCII
	[ "\xC3\xBF:\xC2\xAB", '=', '=' ],
	[ "crm:$euro", '22P05', '=' ],
	[ "$euro:42", '22P05', '=' ],
	[ "\xC4\x8D", '22P05', '=' ],
	[ "\xF0\x9F\x98\x80", '22P05', '=' ],
	[ "crm:$e512", '=', '=' ],
	[ "crm:${e512}x", '=', '22001' ],
	[ "crm:$e1024", '=', '22001' ],
	[ "crm:${e1024}x", '22001', '22001' ],
	[ 'crm:' . 'x' x 1024, '=', '=' ],
	[ 'crm:' . 'x' x 1025, '22001', '22001' ],
	[ "$label63:1", '=', '22001' ],
	[ "${label63}x:1", '22001', '22001' ],
	[ ($e_utf8 x 31) . 'x:1', '=', '=' ],
	[ ($e_utf8 x 32) . ':1', '=', '22001' ],
	[ "crm:a\xC2\x85b", '=', '22023' ],    # C1 is a control character in UTF8
	[ "crm:a\x7Fb", '22023', '22023' ],
	[ "crm:a\tb", '22023', '22023' ],
	[ "crm:$e_utf8 ", '22023', '22023' ],
	[ " $e_utf8:1", '22023', '22023' ],
	[ "$e_utf8:", '22023', '22023' ],
	[ "[$e_utf8", '22023', '22023' ],
	[ "crm:\xC3", '22021', '22021' ],
	[ "crm:\xE9", '22021', '22021' ],
	[ "crm:\xFF\xFE", '22021', '22021' ],
	[ qq({"external_id": "$e_utf8", "label": "$e_utf8"}), "$e_utf8:$e_utf8", "$e_utf8:$e_utf8" ],
	[ '{"external_id": "\u00e9"}', $e_utf8, $e_utf8 ],
	[ '{"external_id": "\u20ac"}', '22P05', $euro ],
	[ '{"external_id": "\ud83d\ude00"}', '22P05', "\xF0\x9F\x98\x80" ],
	[ '{"external_id": "\u0000"}', '22P05', '22P05' ],
	[ qq({"external_id": "$e1024"}), "$e1024", '22001' ]);
my $number = 0;
for my $row (@literals)
{
	my ($literal, @expected) = @$row;
	$number++;
	for my $database ('latin1', 'postgres')
	{
		my $expected = shift @expected;
		$expected = $literal if $expected eq '=';
		my $query = "${as_utf8}SELECT \$x\$$literal\$x\$::external_id";
		my $got = sql_error($node, $query, dbname => $database);
		$got = $got eq 'no error' ? sql($node, $query, dbname => $database) : substr($got, 0, 5);
		(my $name = substr($literal, 0, 20)) =~ s/([^ -~])/sprintf '\\x%02X', ord $1/ge;
		is($got, $expected, "literal $number in $database: $name");
	}
}
$node->stop;

done_testing();
