/*
 * client.c
 *		Executes one prepared statement for each line of a file, by several clients
 *		at once, and prints how many rows there were and how long it took:
 *
 *			client SOCKET-OR-CONNINFO DATABASE STATEMENT FILE CLIENTS
 *
 * Built twice, with libpq, and with -DWITH_MYSQL and libmysqlclient, so that
 * both servers are asked in the same way: a line's tab-separated fields are the
 * parameters, as text; a result is read as a whole; each statement is its own
 * transaction.  Connections are made before the clock starts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef WITH_MYSQL
#include <mysql.h>
#else
#include <libpq-fe.h>
#endif

#define MAX_PARAMS 4
#define MAX_LINE 8192

static void
fail(const char *what)
{
	fprintf(stderr, "client: %s\n", what);
	exit(1);
}

#ifdef WITH_MYSQL
static MYSQL_STMT *statement;

static void
prepare(const char *socket, const char *database, const char *sql)
{
	MYSQL	   *connection = mysql_init(NULL);

	if (!mysql_real_connect(connection, NULL, "root", NULL, database, 0, socket, 0))
		fail(mysql_error(connection));
	statement = mysql_stmt_init(connection);
	if (mysql_stmt_prepare(statement, sql, strlen(sql)) != 0)
		fail(mysql_stmt_error(statement));
}

/* Rows that came or were changed. */
static long
execute(int n, char **values)
{
	MYSQL_BIND	params[MAX_PARAMS];
	long		rows;

	memset(params, 0, sizeof(params));
	for (int i = 0; i < n; i++)
	{
		params[i].buffer_type = MYSQL_TYPE_STRING;
		params[i].buffer = values[i];
		params[i].buffer_length = strlen(values[i]);
	}
	if (mysql_stmt_bind_param(statement, params) != 0 || mysql_stmt_execute(statement) != 0 ||
		(mysql_stmt_field_count(statement) > 0 && mysql_stmt_store_result(statement) != 0))
		fail(mysql_stmt_error(statement));
	rows = mysql_stmt_field_count(statement) > 0 ? mysql_stmt_num_rows(statement) : mysql_stmt_affected_rows(statement);
	mysql_stmt_free_result(statement);
	return rows;
}
#else
static PGconn *connection;

static void
prepare(const char *conninfo, const char *database, const char *sql)
{
	const char *keywords[] = {"dbname", "dbname", NULL};
	const char *values[] = {conninfo, database, NULL};
	PGresult   *result;

	connection = PQconnectdbParams(keywords, values, 1);
	if (PQstatus(connection) != CONNECTION_OK)
		fail(PQerrorMessage(connection));
	result = PQprepare(connection, "", sql, 0, NULL);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		fail(PQerrorMessage(connection));
	PQclear(result);
}

/* Rows that came or were changed. */
static long
execute(int n, char **values)
{
	PGresult   *result = PQexecPrepared(connection, "", n, (const char *const *) values, NULL, NULL, 0);
	long		rows;

	if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
		fail(PQerrorMessage(connection));
	rows = atol(PQcmdTuples(result));
	PQclear(result);
	return rows;
}
#endif

/* Executes for every line of the file that is this client's; returns the rows. */
static long
run_lines(FILE *file, int client, int clients)
{
	static char line[MAX_LINE];
	char	   *values[MAX_PARAMS];
	long		rows = 0;

	for (int number = 0; fgets(line, sizeof(line), file) != NULL; number++)
	{
		int			n = 0;

		if (number % clients != client)
			continue;
		line[strcspn(line, "\n")] = '\0';
		for (char *value = strtok(line, "\t"); value != NULL && n < MAX_PARAMS; value = strtok(NULL, "\t"))
			values[n++] = value;
		rows += execute(n, values);
	}
	return rows;
}

int
main(int argc, char **argv)
{
	int			ready[2],
				start[2],
				done[2],
				clients,
				status;
	long		rows = 0,
				some;
	char		byte = 0;
	struct timespec from,
				to;

	if (argc != 6 || (clients = atoi(argv[5])) < 1 || pipe(ready) || pipe(start) || pipe(done))
		fail("usage: client SOCKET-OR-CONNINFO DATABASE STATEMENT FILE CLIENTS");
	for (int i = 0; i < clients; i++)
	{
		FILE	   *file;

		if (fork() != 0)
			continue;
		close(start[1]);
		if ((file = fopen(argv[4], "r")) == NULL)
			fail("the file cannot be read");
		prepare(argv[1], argv[2], argv[3]);
		/* The clock starts when the pipe is closed. */
		if (write(ready[1], &byte, 1) != 1 || read(start[0], &byte, 1) != 0)
			fail("no start");
		some = run_lines(file, i, clients);
		return write(done[1], &some, sizeof(some)) != sizeof(some);
	}
	close(ready[1]);
	close(done[1]);
	for (int i = 0; i < clients; i++)
		if (read(ready[0], &byte, 1) != 1)
			fail("a client could not begin");
	clock_gettime(CLOCK_MONOTONIC, &from);
	close(start[1]);
	while (read(done[0], &some, sizeof(some)) == sizeof(some))
		rows += some;
	clock_gettime(CLOCK_MONOTONIC, &to);
	while (wait(&status) > 0)
		if (status != 0)
			fail("a client failed");
	printf("%ld %.6f\n", rows, (to.tv_sec - from.tv_sec) + (to.tv_nsec - from.tv_nsec) / 1e9);
	return 0;
}
