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
PG_CPPFLAGS = -I$(CURDIR)/src -isystem $(shell $(PG_CONFIG) --includedir-server)
PG_CFLAGS = -Wall -Wextra

# Every other file in sql/ is a regression suite.
REGRESS = $(filter-out external_ids--%,$(sort $(basename $(notdir $(wildcard sql/*.sql)))))
REGRESS_OPTS = --load-extension=external_ids

ISOLATION = $(sort $(basename $(notdir $(wildcard test/isolation/specs/*.spec))))
ISOLATION_OPTS = --inputdir=test/isolation --outputdir=test/isolation --load-extension=external_ids

TAP_TESTS = 1
PROVE_TESTS = test/t/*.pl

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# PGXS compiles %.bc with the same flags; objects depend on all headers, which
# are few, so that a changed header never leaves a stale object behind.
$(OBJS): $(wildcard src/*.h src/*/*.h)
