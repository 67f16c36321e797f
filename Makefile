# external_ids: PGXS build. `make demo` and `make test` prepare everything they
# need by themselves; `make`, `make install` and `make installcheck` are PGXS's.

EXTENSION = external_ids
EXTVERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" external_ids.control)

MODULE_big = external_ids
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/*/*.c)))
DATA = $(sort $(wildcard sql/external_ids--*.sql))
PGFILEDESC = "external_ids - external identifiers on the rows of any table"

# The server's headers as system headers: strict warnings are for our code.
PG_CONFIG ?= pg_config
PG_CPPFLAGS = -I$(CURDIR)/src -isystem $(shell $(PG_CONFIG) --includedir-server 2>/dev/null)
# Where it was built is not in what is built.
PG_CFLAGS = -Wall -Wextra -fdebug-prefix-map=$(CURDIR)=. -fmacro-prefix-map=$(CURDIR)=.

# Every other file in sql/ is a regression suite; *_18 is for 18 and later.
PG_MAJOR := $(shell $(PG_CONFIG) --version 2>/dev/null | sed 's/^PostgreSQL \([0-9]*\).*/\1/')
NOT_YET := $(addprefix %_,$(shell seq $$(($(PG_MAJOR) + 1)) 99))
REGRESS = $(filter-out external_ids--% $(NOT_YET),$(sort $(basename $(notdir $(wildcard sql/*.sql)))))
REGRESS_OPTS = --load-extension=external_ids

ISOLATION = $(filter-out $(NOT_YET),$(sort $(basename $(notdir $(wildcard test/isolation/specs/*.spec)))))
ISOLATION_OPTS = --inputdir=test/isolation --outputdir=test/isolation --load-extension=external_ids
EXTRA_CLEAN = test/isolation/results test/isolation/output_iso

TAP_TESTS = 1
PROVE_TESTS = test/t/*.pl

# Without a server's pg_config only the targets that prepare the machine work.
PGXS := $(wildcard $(shell $(PG_CONFIG) --pgxs 2>/dev/null))
ifneq ($(PGXS),)
include $(PGXS)
else
all install installcheck clean:
	@echo "$(PG_CONFIG) was not found: name it with PG_CONFIG=, or run 'bash test/prepare'." >&2; exit 1
endif

# PGXS compiles %.bc with the same flags; objects depend on all headers, which
# are few, so that a changed header never leaves a stale object behind.
$(OBJS): $(wildcard src/*.h src/*/*.h)

# On a private server in a temporary folder; nothing is installed but what
# test/prepare finds missing. LAYER=, TESTS= and BENCH= choose: see test/run.
.PHONY: demo test test-drivers test-matrix test-packages bench bench-mysql dist fuzz race sanitize valgrind coverage format format-check
demo test bench:
	@bash test/run $@

# Beside MySQL's UNIQUE multi-valued index, in a folder that debootstrap fills with both servers.
bench-mysql:
	@bash test/prepare servers && bash test/server make mysql && bash test/server run mysql bash test/run $@

# Drivers and the recipes of docs/recipes: psycopg, JDBC, node-postgres, Go, Ruby, Perl.
test-drivers:
	@bash test/run drivers

# The long runs of what `make test` does in small.
fuzz:
	@FUZZ_RUNS=$${FUZZ_RUNS:-10000000} LAYER=tap TESTS=fuzz bash test/run test
race:
	@RACE_OPERATIONS=$${RACE_OPERATIONS:-1000000} LAYER=tap TESTS=race_model bash test/run test

# The tests with the extension built by gcc's address and undefined-behaviour sanitizers,
# on a server with assertions.
sanitize:
	@SANITIZE=1 SERVERS=18-assert bash test/matrix

# The tests under valgrind, on a server that is built for it: some thirty times as slow,
# so a layer at a time.
valgrind:
	@bash test/prepare servers && bash test/server make 18-valgrind && VALGRIND=1 bash test/server run 18-valgrind bash test/run test

# Which lines of src the tests run.
coverage:
	@bash test/coverage

# `make test` on every supported server, SERVERS="15 18" on some: test/matrix.
test-matrix:
	@bash test/matrix

# The archive for PGXN, of HEAD; and what it, Debian's package, install and uninstall do.
dist:
	@bash test/packages dist dist
test-packages:
	@bash test/packages check

# The style in .clang-format, by clang-format 14 or later.
SOURCES = $(sort $(wildcard src/*.[ch] src/*/*.[ch] test/fuzz/*.[ch]))
format:
	clang-format -i $(SOURCES)
format-check:
	clang-format --dry-run --Werror $(SOURCES)
