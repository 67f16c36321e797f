# Binary parameters and results, as drivers send and read them: the extended
# query protocol, spoken over the node's socket. binary.pl has COPY BINARY.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ExternalIdsTest;
use IO::Socket::UNIX;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('wire', '');
$node->start;
sql($node, 'CREATE EXTENSION external_ids');

my $socket = IO::Socket::UNIX->new(Peer => $node->host . '/.s.PGSQL.' . $node->port)
  or die "no connection: $!";

# Reads messages up to ReadyForQuery: [type, body] each.
sub receive
{
	my @messages;
	for (;;)
	{
		my ($head, $body) = ('', '');
		read($socket, $head, 5) == 5 or die 'the server hung up';
		my ($type, $len) = unpack('aN', $head);
		$len == 4 or read($socket, $body, $len - 4) == $len - 4 or die 'the server hung up';
		push @messages, [ $type, $body ];
		return @messages if $type eq 'Z';
	}
}

sub message
{
	my ($type, $body) = @_;
	return $type . pack('N', 4 + length $body) . $body;
}

my $user = getpwuid($<);
my $startup = pack('N', 196608) . "user\0$user\0database\0postgres\0\0";
print $socket pack('N', 4 + length $startup) . $startup;
receive();

# Runs a query with one parameter and one column, both binary. Returns the
# column, undef for NULL, or "ERROR code: message".
sub ask
{
	my ($query, $value) = @_;
	my $parameter = defined $value ? pack('N', length $value) . $value : pack('N', 0xFFFFFFFF);
	print $socket message('P', "\0$query\0" . pack('n', 0)),
	  message('B', "\0\0" . pack('nnn', 1, 1, 1) . $parameter . pack('nn', 1, 1)),
	  message('E', "\0" . pack('N', 0)), message('S', '');
	my ($row, $error);
	for my $got (receive())
	{
		my ($type, $body) = @$got;
		if ($type eq 'D')
		{
			my $len = unpack('x2N', $body);
			$row = $len == 0xFFFFFFFF ? undef : substr($body, 6, $len);
		}
		elsif ($type eq 'E')
		{
			my %field = map { substr($_, 0, 1) => substr($_, 1) } split /\0/, $body;
			$error = "ERROR $field{C}: $field{M}";
		}
	}
	return $error // $row;
}

# The form: a version byte and the text.
is(ask('SELECT $1::external_id', "\x01crm:42"), "\x01crm:42", 'an external_id comes back as it went');
is(ask('SELECT $1::external_id', "\x01:urn:a:b"), "\x01:urn:a:b", 'so does one with a leading colon');
is(ask('SELECT $1::external_id_set', "\x01{crm:42,stripe:cus_9}"), "\x01{crm:42,stripe:cus_9}", 'and a set');
is(ask('SELECT $1::external_id_set', "\x01{b:1,a:2,b:1}"), "\x01{a:2,b:1}", 'a set comes back canonical');
is(ask('SELECT $1::external_id_set', "\x01{}"), "\x01{}", 'the empty set');
is(ask('SELECT $1::external_id_set', undef), undef, 'NULL');
is(ask('SELECT $1::external_id_set', "\x01" . '[{"external_id": "42", "label": "crm"}]'),
	"\x01{crm:42}", "the API's JSON in the text");
is(ask('SELECT $1::external_id_set', "\x01" . '{"crm:42","{\"external_id\": \"a,b\", \"label\": null}"}'),
	qq(\x01{"a,b",crm:42}), 'what an array codec sends: strings and objects, each quoted');
my $long = 'x' x 1024;
is(ask('SELECT $1::external_id', "\x01l:$long"), "\x01l:$long", 'a value of 1024 bytes');

# An array of external_id in array's own binary form.
my $oid = sql($node, q(SELECT 'external_id'::regtype::oid));
my $array = pack('N5', 1, 0, $oid, 2, 1) . join '', map { pack('N', length $_) . $_ } "\x01crm:42", "\x01x";
is(ask('SELECT $1::external_id[]', $array), $array, 'external_id[]');
is(ask('SELECT external_id_set(VARIADIC $1::external_id[])', $array), "\x01{x,crm:42}", 'an array as a set');

# What is refused. Nothing of the stored form is taken over the wire.
for my $case (
	[ "\x02crm:42", '22023', 'another version' ],
	[ "\x00", '22023', 'version 0: the stored empty set' ],
	[ "42\x00crm", '22023', 'a stored member' ],
	[ '', '08P01', 'no version byte' ],
	[ "\x01", '22023', 'no text' ],
	[ "\x01crm:4\x002", '22021', 'a zero byte' ],
	[ "\x01crm:\xff", '22021', 'bytes that are not UTF8' ],
	[ "\x01crm:a\x07b", '22023', 'a control character' ],
	[ "\x01crm:$long.", '22001', 'a value of 1025 bytes' ],
	[ "\x01" . ('l' x 64) . ':x', '22001', 'a label of 64 bytes' ])
{
	my ($value, $code, $what) = @$case;
	for my $type ('external_id', 'external_id_set')
	{
		like(ask("SELECT \$1::$type", $value), qr/^ERROR $code: /, "$type: $what");
	}
}
like(ask('SELECT $1::external_id_set', "\x01{crm:1,NULL}"), qr/^ERROR 22023: /, 'a set with NULL');
like(ask('SELECT $1::external_id_set', "\x01{crm:1"), qr/^ERROR 22P02: /, 'a set that does not end');
is(ask('SELECT $1::external_id', "\x01crm:42"), "\x01crm:42", 'the session is as it was');

# Conversion: the text is in the client's encoding.
print $socket message('Q', "SET client_encoding = LATIN1\0");
receive();
is(ask('SELECT $1::external_id', "\x01crm:caf\xe9"), "\x01crm:caf\xe9", 'a LATIN1 client');
is(ask('SELECT convert_to(external_id_value($1), $$UTF8$$)', "\x01crm:caf\xe9"), "caf\xc3\xa9",
	'its text is UTF8 here');

# Row functions with untyped parameters: the key is text, the rest is found out.
sql($node, q(
CREATE TABLE accounts (id int PRIMARY KEY, org int, external_ids external_id_set NOT NULL DEFAULT '{}');
CREATE INDEX accounts_external_ids_key ON accounts USING unique_members (external_ids, org);
INSERT INTO accounts VALUES (17, 1), (18, 1);
));
is(ask(q(SELECT ids FROM external_ids_set('accounts', $1, '[{"external_id": "42", "label": "crm"}]')), '17'),
	"\x01{crm:42}", 'an untyped key');
is(ask(q(SELECT added FROM external_ids_add('accounts', 17, $1)), "\x01{crm:43}"), "\x01{crm:43}", 'untyped IDs');
is(ask(q(SELECT external_ids FROM external_ids_find(NULL::accounts, $1, '{"org": 1}')), '43'),
	"\x01{crm:42,crm:43}", 'an untyped ID to find');
like(ask(q(SELECT ids FROM external_ids_add('accounts', $1, 'crm:42')), '18'), qr/^ERROR 23505: /, 'a conflict');
close $socket;

$node->stop;
done_testing();
