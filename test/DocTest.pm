# DocTest.pm
#	Executes a document: every ```sql block runs, in order, in one psql session
#	each; the ```text block that follows it is its output, compared to the letter.
#	A ```sh block is run by a shell, in a temporary folder, with the database as
#	libpq's default. Lines of a ```log block are in the server's log.
#
# DOCS_FILL names a folder in which to write the document with the real outputs
# put in: to be read before it is taken over.
package DocTest;

use strict;
use warnings;

use Exporter qw(import);
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(run_document document_steps output_of);

# The fenced blocks of a document, in order: language, text, line of the fence.
sub blocks_of
{
	my ($file, $document) = @_;
	my (@blocks, $language, $text, $start);
	my $number = 0;
	foreach my $line (split /\n/, $document)
	{
		$number++;
		if ($line =~ /^```(\w*)\s*$/)
		{
			if (defined $language)
			{
				is($1, '', "$file:$number: a closing fence") if $1 ne '';
				push @blocks, [ $language, $text, $start ];
				undef $language;
			}
			else
			{
				($language, $text, $start) = ($1, '', $number);
			}
		}
		elsif (defined $language)
		{
			$text .= "$line\n";
		}
	}
	ok(!defined $language, "every block of $file is closed");
	return @blocks;
}

# What psql or the shell prints for the text, results and errors in the order they come.
sub output_of
{
	my ($node, $database, $kind, $text) = @_;
	my $output = '';
	my @psql = (
		'psql', '-X', '-q', '-v', 'VERBOSITY=default', '-v', 'SHOW_CONTEXT=never',
		'-P', 'pager=off', '-d', $node->connstr($database));
	my @shell = ('sh', '-e', '-c', "cd $PostgreSQL::Test::Utils::tmp_check; $text");
	local @ENV{qw(PGHOST PGPORT PGDATABASE)} = ($node->host, $node->port, $database);
	local $ENV{PGCLIENTENCODING} = 'UTF8';
	IPC::Run::run($kind eq 'sh' ? \@shell : \@psql, '<', $kind eq 'sh' ? \'' : \$text, '>&', \$output,
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	# psql puts an empty line after each result; the document need not.
	$output =~ s/\n+\z/\n/;
	return $output;
}

# Puts an output where the document has another one, or none.
sub fill_in
{
	my ($filled, $kind, $text, $next, $output) = @_;
	my $block = "```$kind\n$text```\n";
	my $at = index($$filled, $block) + length $block;
	if (defined $next && $next->[0] eq 'text')
	{
		my $old = "```text\n$next->[1]```\n";
		substr($$filled, index($$filled, $old, $at), length $old) = "```text\n$output```\n";
	}
	else
	{
		substr($$filled, $at, 0) = "\n```text\n$output```\n";
	}
	return;
}

# The sql blocks of a document by heading: hashes with heading ("From X/Back"),
# step (the number after the last "**" that begins a line), sql, the expected
# output, line.
sub document_steps
{
	my ($file) = @_;
	my $document = slurp_file($file);
	my @blocks = blocks_of($file, $document);
	my @lines = split /\n/, $document;
	my ($number, $heading, $sub, $step) = (0, '', '', 0);
	my @steps;
	for my $i (0 .. $#blocks)
	{
		my ($kind, $sql, $line) = @{ $blocks[$i] };
		while ($number < $line)
		{
			my $text = $lines[ $number++ ];
			($heading, $sub, $step) = ($1, '', 0) if $text =~ /^## (.*)/;
			($sub, $step) = ("/$1", 0) if $text =~ /^### (.*)/;
			$step = $1 if $text =~ /^\*\*(\d+)\./;
		}
		my $next = $blocks[ $i + 1 ];
		push @steps, { heading => $heading . $sub, step => $step, sql => $sql, line => $line,
			expected => defined $next && $next->[0] eq 'text' ? $next->[1] : '' }
		  if $kind eq 'sql';
	}
	return @steps;
}

# Runs a document's statements in a database and compares the outputs. Returns
# the document's text and how many blocks were run.
sub run_document
{
	my ($node, $database, $file) = @_;
	my $document = slurp_file($file);
	my @blocks = blocks_of($file, $document);
	my $filled = $document;
	my $run = 0;
	for (my $i = 0; $i < @blocks; $i++)
	{
		my ($kind, $text, $line) = @{ $blocks[$i] };
		foreach my $logged ($kind eq 'log' ? split(/\n/, $text) : ())
		{
			like(slurp_file($node->logfile), qr/\Q$logged\E$/m, "$file:$line: the log has it");
		}
		next if $kind ne 'sql' && $kind ne 'sh';
		my $next = $blocks[ $i + 1 ];
		my $expected = (defined $next && $next->[0] eq 'text') ? $next->[1] : '';
		my $output = output_of($node, $database, $kind, $text);
		$run++;
		die "$file:$line: the server is gone: $output"
		  if $output =~ /server closed the connection|connection to server on/;
		$expected =~ s/\n+\z/\n/;
		is($output, $expected, "$file:$line");
		fill_in(\$filled, $kind, $text, $next, $output) if $output ne $expected;
	}
	if ($ENV{DOCS_FILL})
	{
		my $path = "$ENV{DOCS_FILL}/" . $file =~ s{.*/}{}r;
		open my $out, '>', $path or die "$path: $!";
		print $out $filled;
		close $out;
	}
	return ($document, $run);
}

1;
