# The wire form: a version byte and the text. COPY BINARY out and in gives equal
# tables; nothing else than the version and legal text is accepted.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ExternalIdsTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('binary', '');
$node->start;
my $file = PostgreSQL::Test::Utils::tempdir . '/copy';

sql($node, q(
CREATE EXTENSION external_ids;
CREATE TABLE there (n int, id external_id, ids external_id_set, many external_id[]);
INSERT INTO there VALUES
  (1, 'crm:42', '{crm:42,erp:7}', '{crm:1,erp:2}'),
  (2, '42', '{}', '{}'),
  (3, NULL, NULL, NULL),
  (4, ':urn:uuid:1', '{":urn:uuid:1",":{x",":[y"}', '{NULL,":{x"}'),
  (5, 'crm:a "b" \ {c}, d', external_id_set('crm:a "b" \ {c}, d', 'NULL', 'crm:null'), NULL),
  (6, 'größe:日本語', '{größe:日本語,😀}', NULL);
INSERT INTO there SELECT 7, repeat('x', 63) || ':' || repeat('y', 1024),
  external_ids_agg(external_id('crm', i) + external_id(NULL, i)) FROM generate_series(1, 20000) i;
CREATE TABLE back (LIKE there);
));
sql($node, "COPY there TO '$file' (FORMAT binary); COPY back FROM '$file' (FORMAT binary)");
is( sql($node, q(SELECT count(*), count(*) FILTER (WHERE (t.*) IS NOT DISTINCT FROM (b.*)) FROM there t JOIN back b USING (n))),
	'7|7', 'COPY BINARY out and in gives equal rows');
is( sql($node, q(SELECT bool_and(t.ids::text IS NOT DISTINCT FROM b.ids::text AND t.id::text IS NOT DISTINCT FROM b.id::text) FROM there t JOIN back b USING (n))),
	't', 'and equal texts');
is( sql($node, q(SELECT external_id_send('crm:42'), external_id_set_send('{erp:7,crm:42}'))),
	'\\x01' . unpack('H*', 'crm:42') . '|\\x01' . unpack('H*', '{crm:42,erp:7}'),
	'a version byte and the text');

# A file of one row with one field, the bytes given.
sub copy_in
{
	my ($type, $bytes, $length) = @_;
	my $rows = "PGCOPY\n\xFF\r\n\0" . pack('NN', 0, 0);
	$rows .= pack('nN', 1, $length // length $bytes) . $bytes;
	$rows .= pack('n', 0xFFFF) if !defined $length;
	unlink $file;
	append_to_file($file, $rows);
	my $copy = "CREATE TEMP TABLE one (x $type); COPY one FROM '$file' (FORMAT binary); SELECT x FROM one";
	my $error = sql_error($node, $copy);
	return $error eq 'no error' ? sql($node, $copy) : $error;
}

my $version = qr/^22023: unknown version of the external ID wire form\nDETAIL:  The version byte is/;
my @cases = (
	# type, bytes, expected, name
	[ 'external_id', "\x01crm:42", qr/^crm:42$/, 'legal' ],
	[ 'external_id', "\x01{\"external_id\": \"42\"}", qr/^42$/, 'legal: an API object' ],
	[ 'external_id_set', "\x01{erp:7,crm:42,erp:7}", qr/^\{crm:42,erp:7\}$/, 'legal: made canonical' ],
	[ 'external_id_set', "\x01crm:42", qr/^\{crm:42\}$/, 'legal: one member' ],
	[ 'external_id_set', "\x01[{\"external_id\": \"42\", \"label\": \"crm\"}]", qr/^\{crm:42\}$/, 'legal: JSON' ],
	[ 'external_id_set', "\x01{}", qr/^\{\}$/, 'legal: empty set' ],
	[ 'external_id', "\x02crm:42", $version, 'a later version' ],
	[ 'external_id_set', "\x02{crm:42}", $version, 'a later version' ],
	[ 'external_id', "\x00crm:42", $version, 'version 0' ],
	[ 'external_id_set', "\x00", $version, 'the stored form of the empty set' ],
	[ 'external_id', "crm:42", $version, 'text without version' ],
	[ 'external_id_set', "{crm:42}", $version, 'text without version' ],
	[ 'external_id', "42\x00crm", $version, 'the stored form of an ID' ],
	[ 'external_id', '', qr/^08P01: no data left in message/, 'no byte at all' ],
	[ 'external_id_set', '', qr/^08P01: no data left in message/, 'no byte at all' ],
	[ 'external_id', "\x01", qr/^22023: external ID value is empty\nDETAIL/, 'no text' ],
	[ 'external_id_set', "\x01", qr/^22023: external ID set is an empty text\nDETAIL.*\nHINT/, 'no text' ],
	[ 'external_id', "\x01crm:4\x002", qr/^22021: invalid byte sequence for encoding "UTF8": 0x00/, 'NUL inside' ],
	[ 'external_id', "\x01crm:42\x00", qr/^22021: invalid byte sequence for encoding "UTF8": 0x00/, 'NUL at the end' ],
	[ 'external_id_set', "\x01{crm:4\x002}", qr/^22021: invalid byte sequence for encoding "UTF8": 0x00/, 'NUL inside' ],
	[ 'external_id_set', "\x01{crm:42}\x00", qr/^22021: invalid byte sequence for encoding "UTF8": 0x00/, 'NUL at the end' ],
	[ 'external_id', "\x01crm:\xE9", qr/^22021: invalid byte sequence for encoding "UTF8": 0xe9/, 'LATIN1 bytes' ],
	[ 'external_id_set', "\x01{crm:\xC3}", qr/^22021: invalid byte sequence for encoding "UTF8": 0xc3/, 'half a character' ],
	[ 'external_id', "\x01crm:\xC0\x80", qr/^22021: invalid byte sequence for encoding "UTF8": 0xc0 0x80/, 'NUL in disguise' ],
	[ 'external_id', "\x01crm:\xED\xA0\x80", qr/^22021: invalid byte sequence for encoding "UTF8": 0xed 0xa0 0x80/, 'a surrogate' ],
	[ 'external_id', "\x01crm:" . 'x' x 1025, qr/^22001: external ID value is too long\nDETAIL:  The value "x+\.\.\." has 1025 bytes, the limit is 1024\./, 'an over-long value' ],
	[ 'external_id', "\x01" . 'x' x 64 . ':1', qr/^22001: external ID label is too long\nDETAIL:  The label "x+" has 64 bytes, the limit is 63\./, 'an over-long label' ],
	[ 'external_id_set', "\x01{crm:1,crm:" . 'x' x 1025 . '}', qr/^22001: external ID value is too long\nDETAIL:  .* has 1025 bytes in element 2, the limit is 1024\./, 'an over-long value in a set' ],
	[ 'external_id_set', "\x01" . 'x' x 1000000, qr/^22001: external ID value is too long/, '1 MB without sense' ],
	[ 'external_id_set', "\x01" . '{' x 1000000, qr/^22P02: malformed array of external IDs\nDETAIL/, '1 MB of braces' ],
	[ 'external_id_set', "\x01" . '[' x 1000000, qr/^22023: wrong type of JSON value for external IDs\nDETAIL.*\nHINT/, '1 MB of brackets' ],
	[ 'external_id', "\x01crm:a\tb", qr/^22023: external ID value contains a control character\nDETAIL:  .*0x09 at its byte 2\.\nHINT/, 'a control character' ],
	[ 'external_id', "\x01crm:42\n", qr/^22023: external ID value begins or ends with white space\nDETAIL.*\nHINT/, 'white space at the end' ],
	[ 'external_id_set', "\x01{crm:42", qr/^22P02: malformed array of external IDs\nDETAIL:  The closing brace is missing, at byte 8 in element 1\./, 'text that ends early' ],
	[ 'external_id_set', "\x01{crm:1,NULL}", qr/^22023: external ID set contains a null element\nDETAIL:  A null stands in element 2\.\nHINT/, 'a null element' ],
	[ 'external_id_set', "\x01[{\"external_id\": 42}]", qr/^22023: wrong type of JSON value for external IDs\nDETAIL:  Found a number at \$\[0\]\.external_id, expected a string\.\nHINT/, 'a number' ]);
like(copy_in(@$_[ 0, 1 ]), $_->[2], "$_->[0]: $_->[3]") for @cases;

like(copy_in('external_id', "\x01crm:42", 100), qr/^22P04: unexpected EOF in COPY data/, 'a file that ends in the field');
like(copy_in('external_id_set', "\x01{crm", 7), qr/^22P04: unexpected EOF in COPY data/, 'a file that ends in the field');
is(sql($node, 'SELECT count(*) FROM back'), '7', 'the server is still up');
$node->stop;

done_testing();
