# TAP for the tests in Ruby: a line for each block that check() is given.
STDOUT.sync = true
$done = 0

def check(name)
  $done += 1
  yield
  puts "ok #{$done} - #{name}"
rescue Exception => e # also what is() raises
  puts "not ok #{$done} - #{name}", e.full_message(highlight: false).gsub(/^/, '# ')
end

def is(got, want)
  raise "got #{got.inspect}, not #{want.inspect}" unless got == want
end

# The plan, at the end of the program.
def done
  puts "1..#{$done}"
end
