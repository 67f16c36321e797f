# PgxnMeta.pm
#	Checks a distribution's metadata by PGXN's meta specification 1.0.0.
#	pgxnclient does not: it reads the few keys that it needs.
package PgxnMeta;

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT = qw(meta_faults);

my $number = qr/(?:0|[1-9]\d*)/;
my $version = qr/$number\.$number\.$number(?:-[0-9A-Za-z.-]+)?/;
my $range = qr/(?:(?:[<>]=?|==|!=)?\s*$version|0)/;
my %one = (
	string => qr/.+/s,
	term => qr{[^\s[:cntrl:]/\\:]{2,}},
	tag => qr{[^[:cntrl:]/\\]{1,256}},
	version => $version,
	versions => qr/$range(?:,\s*$range)*/,
	spec => qr/1\.0\.\d+/,
	url => qr{[a-z][a-z0-9+.-]*://[^/?\#\s]+\S*}i,
	email => qr/[^\s@]+@[^\s@]+/,
	lower => qr/[^A-Z]+/,
	status => qr/stable|testing|unstable/,
	license => qr/agpl_3|apache_1_1|apache_2_0|artistic_[12]|bsd|freebsd|gfdl_1_[23]|gpl_[123]|lgpl_2_1|lgpl_3_0
		|mit|mozilla_1_[01]|openssl|perl_5|postgresql|qpl_1_0|ssleay|sun|zlib|open_source|restricted|unrestricted|unknown/x);

# A rule is the name of one of these, a list's rule in an array, or a map's rules by key: a key with
# "!" has to be there, "<term>" is any other key that is one; each map may have keys of its own with X_.
my $extension = { 'file!' => 'string', 'version!' => 'version', abstract => 'string', docfile => 'string' };
my $requirements = { map { $_ => { '<term>' => 'versions' } } qw(requires recommends suggests conflicts) };
my $distribution = {
	'name!' => 'term',
	'version!' => 'version',
	'abstract!' => 'string',
	'maintainer!' => ['string'],
	'license!' => ['license'],
	'provides!' => { '<term>' => $extension },
	'meta-spec!' => { 'version!' => 'spec', url => 'url' },
	description => 'string',
	generated_by => 'string',
	release_status => 'status',
	tags => ['tag'],
	no_index => { file => ['string'], directory => ['string'] },
	prereqs => { map { $_ => $requirements } qw(configure build test runtime develop) },
	resources => {
		homepage => 'url',
		license => ['url'],
		bugtracker => { web => 'url', mailto => 'email' },
		repository => { url => 'url', web => 'url', type => 'lower' } } };

# What is wrong with decoded metadata: a line for each fault, none if it is valid.
sub meta_faults
{
	my ($meta) = @_;
	return faults_of($meta, $distribution, 'META.json');
}

sub faults_of
{
	my ($value, $rule, $path) = @_;
	return faults_of_map($value, $rule, $path) if ref $rule eq 'HASH';
	# One may stand for a list of one.
	return map { faults_of($_, $rule->[0], $path) } ref $value eq 'ARRAY' ? @$value : $value
	  if ref $rule eq 'ARRAY';
	return if defined $value && !ref $value && $value =~ /\A(?:$one{$rule})\z/;
	return "$path: no $rule";
}

sub faults_of_map
{
	my ($map, $rules, $path) = @_;
	return "$path: no map" if ref $map ne 'HASH';
	my @faults;
	foreach my $key (map { /^(.*)!$/ } sort keys %$rules)
	{
		push @faults, "$path: no key $key" if !exists $map->{$key};
	}
	foreach my $key (sort grep { !/^x_/i } keys %$map)
	{
		my $rule = $rules->{$key} // $rules->{"$key!"};
		$rule //= $rules->{'<term>'} if $key =~ /\A$one{term}\z/;
		push @faults, defined $rule
		  ? faults_of($map->{$key}, $rule, "$path/$key")
		  : "$path: unknown key $key";
	}
	return @faults;
}

1;
