# What a table of external IDs should do, without a database: the model of race_model.pl.
#
# Operations come in the order in which they were committed. Whoever changes a row or
# claims an ID makes others wait until it has ended, so that order is the order in
# which they took effect. What was refused, and an upsert that found its row unchanged,
# locked nothing and has no place in that order: what it says must have been true at
# some moment between its beginning and its end.
package RaceModel;

use strict;
use warnings;

sub new
{
	my ($class, $lasting) = @_;
	return bless {
		row => { map { $_ => {} } 1 .. $lasting },    # id => { ID => 1 }
		holder => {},    # ID => id
		past => {},      # ID => [ [ id, LSN since, xid until ] ], the last without an end
		sets => {},      # id => [ [ set, LSN since, xid until ] ], likewise
		gone => {},      # id => xid that deleted it
		told => {}, counts => {}, faults => []
	}, $class;
}

# Lines of "lsn|xid|data" as test_decoding writes them.
sub replay
{
	my ($self, $changes) = @_;
	for (split /\n/, $changes)
	{
		my ($lsn, $xid, $data) = split /\|/, $_, 3;
		if ($data =~ /^message: transactional: 1 prefix: race, sz: \d+ content:(.*)/)
		{
			$self->{told}{$xid} = $1;
		}
		elsif (defined(my $told = delete $self->{told}{$xid}))
		{
			my %o = (xid => $xid, lsn => number($lsn));
			(@o{qw(op a b given code ended began level answer)}) = split /\|/, $told, 9;
			$o{given} = [ members($o{given}) ];
			$o{ended} = number($o{ended});
			$self->{counts}{ $o{code} eq '00000' ? $o{op} : "refused $o{code}" }++;
			my $fault = $o{code} eq '00000' ? $self->done(\%o) : $self->refused(\%o);
			push @{ $self->{faults} }, "$fault: $told" if $fault && @{ $self->{faults} } < 20;
		}
	}
	return;
}

sub take_counts { my ($self) = @_; my $counts = $self->{counts}; $self->{counts} = {}; return $counts }
sub faults { my ($self) = @_; return @{ $self->{faults} } }

# As the table's rows would be shown.
sub table
{
	my ($self) = @_;
	return join "\n", map { "$_ " . text($self->{row}{$_}) } sort { $a <=> $b } keys %{ $self->{row} };
}

# Deadlocks in the server's log in which nobody had IDs and wanted more.
sub deadlocks
{
	my ($self, $log) = @_;
	return grep { !/race\('(?:set|add|move|upsert|merge)'/ } $log =~ /ERROR:  deadlock detected\n.*?DETAIL:  (.*?)HINT:/sg;
}

# ---------------------------------------------------------------------------
# What was done
# ---------------------------------------------------------------------------

# Repeats an operation. Returns what is wrong with it.
sub done
{
	my ($self, $o) = @_;
	my ($op, $answer, $row) = ($o->{op}, $o->{answer}, $self->{row});
	my ($a, $b) = map { $row->{$_} } @$o{qw(a b)};
	my %given = map { $_ => 1 } @{ $o->{given} };

	return $op eq 'upsert' || $op eq 'create' ? 'no answer' : undef if $answer eq '' && $op ne 'merge';
	return $self->upserted($o, \%given) if $op eq 'upsert';
	return $self->put($o, $answer, \%given, 'new') if $op eq 'create';
	if ($op eq 'sweep' || $op eq 'delete')
	{
		return join '', map { $self->delete_row($o, $_) // '' } split /,/, $answer;
	}
	return 'a row that is not there' if !$a || ($op =~ /^(?:move|merge)$/ && !$b);
	return 'the row had IDs' if $op eq 'claim' && %$a;
	if ($op eq 'move' || $op eq 'merge')
	{
		my %moved = $op eq 'merge' ? %$a : map { $_ => 1 } grep { $a->{$_} } keys %given;
		return undef if $o->{a} == $o->{b};
		my %left = map { $_ => 1 } grep { !$moved{$_} } keys %$a;
		my $fault = $self->put($o, $o->{a}, \%left) // $self->put($o, $o->{b}, { %$b, %moved });
		my $should = $op eq 'merge' ? { %$b, %moved } : \%moved;
		return $fault // (text($should) eq $answer ? undef : 'should be ' . text($should));
	}
	my %should =
	    $op eq 'add' ? (%$a, %given)
	  : $op eq 'remove' ? (map { $_ => 1 } grep { !$given{$_} } keys %$a)
	  :                   %given;
	return $self->put($o, $o->{a}, \%should) // (text(\%should) eq $answer ? undef : 'should be ' . text(\%should));
}

sub upserted
{
	my ($self, $o, $given) = @_;
	my ($result, $id, $ids) = split / /, $o->{answer};
	if ($result eq 'unchanged')
	{
		my %had = map { $_ => 1 } members($ids);
		return 'the row lacks some' if grep { !$had{$_} } keys %$given;
		return (grep { $_->[0] eq $ids } meanwhile($o, $self->{sets}{$id})) ? undef : 'the row did not have these';
	}
	my %found = map { $self->{holder}{$_} => 1 } grep { $self->{holder}{$_} } keys %$given;
	return 'several rows have these IDs: ' . join ', ', sort keys %found if keys %found > 1;
	if (!%found)
	{
		return 'no row has these IDs' if $result ne 'created';
		return $self->put($o, $id, $given, 'new') // ($ids eq text($given) ? undef : 'other IDs');
	}
	return 'should have found row ' . (keys %found)[0] if !$found{$id} || !$self->{row}{$id};
	my %should = (%{ $self->{row}{$id} }, %$given);
	return 'the row has them all' if $result ne 'updated' || keys %should == keys %{ $self->{row}{$id} };
	return $self->put($o, $id, \%should) // ($ids eq text(\%should) ? undef : 'should be ' . text(\%should));
}

# Gives a row a set.
sub put
{
	my ($self, $o, $id, $set, $new) = @_;
	my $row = $self->{row};
	return 'the row was there' if $new && $row->{$id};
	return "row $id is not there" if !$new && !$row->{$id};
	my $old = $row->{$id} // {};
	$self->release($o, $_) for grep { !$set->{$_} } keys %$old;
	for my $member (grep { !$old->{$_} } keys %$set)
	{
		return "$member is held by row $self->{holder}{$member}" if $self->{holder}{$member};
		$self->{holder}{$member} = $id;
		push @{ $self->{past}{$member} }, [ $id, $o->{lsn}, undef ];
	}
	$row->{$id} = $set;
	$self->put_set($o, $id, text($set));
	return undef;
}

# Ends the set that a row has, and begins the next, if any.
sub put_set
{
	my ($self, $o, $id, $set) = @_;
	my $sets = $self->{sets}{$id} //= [];
	end_span($o, $sets);
	push @$sets, [ $set, $o->{lsn}, undef ] if defined $set;
	return;
}

# Ends the last of some spans. Of many the oldest go: no operation takes as long.
sub end_span
{
	my ($o, $spans) = @_;
	$spans->[-1][2] = $o->{xid} if @$spans;
	splice @$spans, 0, 200 if @$spans > 400;
	return;
}

sub delete_row
{
	my ($self, $o, $id) = @_;
	my $old = delete $self->{row}{$id} or return "row $id is not there";
	$self->release($o, $_) for keys %$old;
	$self->put_set($o, $id, undef);
	$self->{gone}{$id} = $o->{xid};
	return undef;
}

sub release
{
	my ($self, $o, $member) = @_;
	delete $self->{holder}{$member};
	end_span($o, $self->{past}{$member});
	return;
}

# ---------------------------------------------------------------------------
# What was refused
# ---------------------------------------------------------------------------

# Returns what is wrong with a refusal.
sub refused
{
	my ($self, $o) = @_;
	my ($op, $code) = @$o{qw(op code)};
	return $op =~ /^(?:create|sweep)$/ ? 'cannot have waited for its own' : undef if $code eq '40P01';
	return $o->{level} eq 'read committed' ? 'there was nothing to retry' : undef if $code eq '40001';
	if ($code eq '23505')
	{
		return 'only moves what a row has' if $op =~ /^(?:remove|release|delete|move|merge|sweep)$/;
		my %holders = $self->holders_meanwhile($o);
		delete $holders{ $o->{a} };
		return %holders ? undef : 'nobody else held any of these';
	}
	if ($code eq '21000' && $op eq 'upsert')
	{
		my %holders = $self->holders_meanwhile($o);
		return keys %holders > 1 ? undef : 'not two rows held these';
	}
	return $o->{a} == $o->{b} ? undef : 'two rows' if $code eq '22023' && $op eq 'merge';
	if ($code eq 'P0002' && $op eq 'merge')
	{
		return (grep { $self->was_gone($o, $_) } @$o{qw(a b)}) ? undef : 'both rows were there';
	}
	return 'unexpected';
}

# The rows that held any of the given IDs at some moment of an operation.
sub holders_meanwhile
{
	my ($self, $o) = @_;
	return map { $_->[0] => 1 } map { meanwhile($o, $self->{past}{$_}) } @{ $o->{given} };
}

# Of spans [ what, LSN since, xid until ] those with a moment of an operation: begun by
# what had been committed when it ended, and not ended by what it saw when it began.
sub meanwhile
{
	my ($o, $spans) = @_;
	return grep { $_->[1] <= $o->{ended} && !(defined $_->[2] && visible($_->[2], $o->{began})) } @{ $spans // [] };
}

# Was a row missing at some moment of an operation?
sub was_gone
{
	my ($self, $o, $id) = @_;
	return 1 if $o->{level} ne 'read committed';    # a table that was rewritten looks empty to an old snapshot
	return defined $self->{gone}{$id} || !$self->{row}{$id};
}

# Is what transaction $xid did visible in a snapshot "xmin:xmax:xid,xid"?
sub visible
{
	my ($xid, $snapshot) = @_;
	my ($xmin, $xmax, $running) = split /:/, $snapshot, 3;
	return $xid < $xmin || ($xid < $xmax && !grep { $_ == $xid } split /,/, $running);
}

sub number { my ($high, $low) = split m{/}, $_[0]; return hex($high) * 2**32 + hex $low }
sub members { my ($text) = @_; return $text =~ /[^{},]+/g }
sub text { my ($set) = @_; return '{' . join(',', sort keys %$set) . '}' }

1;
