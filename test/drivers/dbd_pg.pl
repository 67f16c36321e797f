# DBD::Pg. An array reference is bound as PostgreSQL's array text; another reference is not a value.
# It binds in binary only as bytea, so there is no binary form to test.
use strict;
use warnings;
use utf8;

use DBD::Pg qw(:pg_types);
use DBI;
use JSON::PP;
use Test::More;

binmode $_, ':encoding(UTF-8)' foreach Test::More->builder->output, Test::More->builder->failure_output;
my $db = DBI->connect('dbi:Pg:', undef, undef, { RaiseError => 1, PrintError => 0 });
my $json = JSON::PP->new->canonical;
my $SET = 'UPDATE accounts SET external_ids = ? WHERE id = ? RETURNING external_ids';

# A subtest for each check, and one that dies fails.
sub check
{
	my ($name, $body) = @_;
	subtest "DBD::Pg: $name" => sub {
		eval { $body->(); 1 } or fail("died: $@");
		done_testing();
	};
	return;
}

sub one
{
	my ($query, @params) = @_;
	return ($db->selectrow_array($query, undef, @params))[0];
}

sub account
{
	my ($ids) = @_;
	return one("INSERT INTO accounts (org_id, name, external_ids) VALUES (1, 'perl', ?) RETURNING id", $ids // '{}');
}

# The query must end in this SQLSTATE; gives the fields that the driver has.
sub fails
{
	my ($state, $query, @params) = @_;
	my $statement = $db->prepare($query);
	my $got = eval { $statement->execute(@params); 'a result' };
	is($got // $db->state, $state, 'SQLSTATE of ' . ($db->errstr // 'no error') =~ s/\n.*//sr);
	# Copies of the names, which the driver writes back in upper case.
	return { map { ($_ => scalar $db->pg_error_field("$_")) } qw(table constraint detail) };
}

my @strings = ('crm:42', 'a "b", c', ':x:y');

check 'text, both types and their arrays' => sub {
	is(one('SELECT ?::external_id', 'crm:ключ'), 'crm:ключ');
	is(one('SELECT ?::external_id_set', '{stripe:1,crm:42}'), '{crm:42,stripe:1}');
	is_deeply(one('SELECT ?::external_id[]::text[]', \@strings), \@strings);
	is_deeply(one('SELECT ?::external_id_set[]::text[]', [ 'crm:1', '{b,a}' ]), [ '{crm:1}', '{a,b}' ]);
	is_deeply(one('SELECT (?::external_id_set)::text::text[]', \@strings), [ 'a "b", c', ':x:y', 'crm:42' ]);
};

check "a PATCH with the API's JSON, and read back as JSON" => sub {
	my $body = [ { external_id => 'x', label => undef }, { external_id => '42', label => 'crm' } ];
	my $id = account('{crm:old}');
	my $ids = one(q{SELECT ids::jsonb FROM external_ids_set('accounts', ?::bigint, ?)}, $id, $json->encode($body));
	is_deeply($json->decode($ids), $body);
	is_deeply($json->decode(one('SELECT external_ids::json FROM accounts WHERE id = ?', $id)), $body);
};

check 'prepared @>, && and @=' => sub {
	my $id = account('{crm:prep,stripe:prep2}');
	my %bound = ('@>' => 'crm:prep', '&&' => [ 'zendesk:1', 'stripe:prep2' ], '@=' => 'prep2');
	foreach my $operator (sort keys %bound)
	{
		my $statement = $db->prepare("SELECT id FROM accounts WHERE external_ids $operator ? AND org_id = ?");
		$statement->{pg_switch_prepared} = 1;
		is_deeply($db->selectall_arrayref($statement, undef, $bound{$operator}, 1), [ [$id] ], $operator) for 1 .. 7;
	}
};

check 'COPY in and out' => sub {
	my $text = "2\tcopy\t{\"a,b\\\\\\\\\",crm:c1}\n2\tcopy\t{}\n";
	$db->do('COPY accounts (org_id, name, external_ids) FROM STDIN');
	$db->pg_putcopydata($text);
	$db->pg_putcopyend;
	$db->do(q{COPY (SELECT org_id, name, external_ids FROM accounts WHERE name = 'copy' ORDER BY id) TO STDOUT});
	my ($out, $line) = ('', '');
	$out .= $line while $db->pg_getcopydata($line) >= 0;
	is($out, $text);
};

check '23505 with constraint and DETAIL' => sub {
	account('crm:taken');
	my $e = fails('23505', q{INSERT INTO accounts (org_id, name, external_ids) VALUES (1, 'b', ?)}, 'crm:taken');
	is_deeply($e, { table => 'accounts', constraint => 'accounts_external_ids_key',
		detail => 'Key (external_ids, org_id)=({crm:taken}, 1) already exists.' });
	$e = fails('23505', q{SELECT ids FROM external_ids_add('accounts', ?::bigint, ?)}, account(), 'crm:taken');
	is("$e->{table} $e->{constraint}", 'accounts accounts_external_ids_key');
	like($e->{detail}, qr/^External ID crm:taken is held by the row with key/);
};

check '21000 with DETAIL' => sub {
	account('crm:two');
	account('stripe:two');
	my $e = fails('21000', 'SELECT id FROM external_ids_resolve_value(NULL::accounts, ?, ?)', 'two', '{"org_id": 1}');
	ok($e->{detail}, 'has a DETAIL');
};

check 'every literal of the regression suite' => sub {
	foreach my $row (@{ $db->selectall_arrayref('SELECT n, type, lit, means FROM literals ORDER BY n') })
	{
		my ($n, $type, $lit, $means) = @$row;
		my $got = eval { one("SELECT ?::$type", $lit) } // 'ERROR ' . $db->state;
		is($got, $means, "literal $n");
	}
};

check 'an array of strings is a set' => sub {
	my $id = account();
	my @ids = ('crm:l1', 'a,b', '{"external_id": "o"}', ':{');
	my $text = '{"a,b",o,":{",crm:l1}';
	is(one($SET, \@ids, $id), $text);
	is(one('SELECT id FROM accounts WHERE external_ids && ?', [ 'crm:no', 'crm:l1' ]), $id);
	is(one(q{SELECT ids FROM external_ids_set('accounts', ?::bigint, ?)}, $id, \@ids), $text);
	is(one($SET, [], $id), '{}');
	fails('22023', $SET, [ 'crm:1', undef ], $id);
	fails('22P02', $SET, [ ['crm:1'] ], $id);
};

check 'an array of parsed JSON objects' => sub {
	my $id = account();
	my $body = $json->decode('[{"external_id": "d\\"{},", "label": "crm"}, {"external_id": "43"}]');
	my $got = eval { one($SET, $body, $id) };
	is($got, undef, 'hashes in an array are refused');
	$got = eval { one($SET, $body->[1], $id) };
	is($got, undef, 'a hash is refused');
	is(one($SET, $json->encode($body), $id), '{43,"crm:d\"{},"}');
	is(one($SET, [ map { $json->encode($_) } @$body ], $id), '{43,"crm:d\"{},"}');
};

check 'strings without a type, and typed as text and varchar' => sub {
	my $id = account('crm:untyped');
	my $typed = sub {
		my ($type, $query, @params) = @_;
		my $statement = $db->prepare($query);
		$statement->bind_param(1, $params[0], { pg_type => $type });
		$statement->bind_param(2, $params[1]) if @params > 1;
		$statement->execute;
		return ($statement->fetchrow_array)[0];
	};
	is(one('SELECT id FROM accounts WHERE external_ids @> ?', 'crm:untyped'), $id);
	foreach my $type (PG_TEXT, PG_VARCHAR)
	{
		is($typed->($type, $SET, '{crm:typed,"a b"}', $id), '{"a b",crm:typed}');
		is($typed->($type, 'SELECT id FROM accounts WHERE external_ids @> ?::external_id_set', 'crm:typed'), $id);
		is($typed->($type, 'SELECT id FROM accounts WHERE external_ids @= ?', 'typed'), $id);
		foreach my $operator ('@>', '&&', '=')
		{
			is(eval { $typed->($type, "SELECT id FROM accounts WHERE external_ids $operator ?", 'crm:typed') }, undef);
			is($db->state, '42883', "$operator with a typed parameter");
		}
	}
};

done_testing();
