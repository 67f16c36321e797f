/*
 * triggers.c
 *		Making triggers, which is what links and mirrors are.
 *
 * All of it is done by statements, so that event triggers see it, partitions get
 * theirs, and the server makes its own checks.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_constraint.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "rows/triggers.h"
#include "utils/guc.h"

/*
 * The name "wanted", cut where it has more than so many bytes, at a character's
 * end; behind it "_number", if that is above 0. Palloc'd.
 */
char *
numbered_name(const char *wanted, int number, int bytes)
{
	char *suffix = number > 0 ? psprintf("_%d", number) : "";
	int len = pg_mbcliplen(wanted, strlen(wanted), bytes - strlen(suffix));

	return psprintf("%.*s%s", len, wanted, suffix);
}

/*
 * Has the table a trigger of the name, or a constraint, whose name a constraint
 * trigger takes too?
 */
bool
trigger_name_used(Oid relid, const char *name)
{
	return OidIsValid(get_trigger_oid(relid, name, true)) ||
		   ConstraintNameIsUsed(CONSTRAINT_RELATION, relid, name);
}

/*
 * Before the first create_by(): what is left to look up by name is the server's
 * own, until AtEOXact_GUC(true, the result).
 */
int
begin_creating(void)
{
	int nestlevel = NewGUCNestLevel();

	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return nestlevel;
}

/*
 * Run a CREATE statement, within SPI_connect, and make what it did visible.
 */
void
create_by(const char *sql)
{
	int code = SPI_execute(sql, false, 0);

	if (code < 0)
		elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(code));
	CommandCounterIncrement();
}
