// JDBC (pgjdbc). setString types its parameter as varchar, setObject(.., Types.OTHER) leaves it without a type. It
// has no binary form for types that it does not know.
import java.io.*;
import java.net.*;
import java.nio.ByteBuffer;
import java.nio.channels.*;
import java.sql.*;
import java.sql.Connection;
import java.util.*;
import org.postgresql.PGConnection;
import org.postgresql.util.*;

public class Jdbc {
	static Connection db;
	static int done = 0;

	interface Body { void run() throws Exception; }

	static void check(String name, Body body) {
		done++;
		try {
			body.run();
			System.out.println("ok " + done + " - JDBC: " + name);
		} catch (Throwable e) {
			StringWriter trace = new StringWriter();
			e.printStackTrace(new PrintWriter(trace));
			System.out.println("not ok " + done + " - JDBC: " + name);
			System.out.println(trace.toString().replaceAll("(?m)^", "# "));
		}
	}

	static void is(Object got, Object want) {
		if (!Objects.deepEquals(got, want))
			throw new AssertionError("got " + show(got) + ", not " + show(want));
	}

	static String show(Object o) { return Arrays.deepToString(new Object[] {o}); }

	// A parameter without a type: what PreparedStatement.setObject(n, text, Types.OTHER) binds.
	record Untyped(String text) {}

	static Untyped untyped(String text) { return new Untyped(text); }

	static PreparedStatement bind(String query, Object... params) throws SQLException {
		PreparedStatement statement = db.prepareStatement(query);
		for (int i = 0; i < params.length; i++)
			if (params[i] instanceof Untyped u)
				statement.setObject(i + 1, u.text, Types.OTHER);
			else
				statement.setObject(i + 1, params[i]);
		return statement;
	}

	// The first column of the first row.
	static Object one(String query, Object... params) throws SQLException {
		try (PreparedStatement statement = bind(query, params); ResultSet rows = statement.executeQuery()) {
			rows.next();
			return rows.getObject(1) instanceof PGobject o ? o.getValue() : rows.getObject(1);
		}
	}

	static Object[] array(String query, Object... params) throws SQLException {
		return (Object[]) ((java.sql.Array) one(query, params)).getArray();
	}

	static PGobject typed(String type, String text) throws SQLException {
		PGobject object = new PGobject();
		object.setType(type);
		object.setValue(text);
		return object;
	}

	static long account(String ids) throws SQLException {
		return (Long) one("INSERT INTO accounts (org_id, name, external_ids) VALUES (1, 'jdbc', ?) RETURNING id", ids);
	}

	// The error that the query must end in.
	static ServerErrorMessage fails(String state, String query, Object... params) {
		try {
			throw new AssertionError("no error, but " + show(one(query, params)));
		} catch (SQLException e) {
			is(e.getSQLState() + " " + (e.getSQLState().equals(state) ? "" : e.getMessage()), state + " ");
			return ((PSQLException) e).getServerErrorMessage();
		}
	}

	static final String SET = "UPDATE accounts SET external_ids = ? WHERE id = ? RETURNING external_ids";

	public static void main(String[] args) throws Exception {
		Properties properties = new Properties();
		properties.put("user", System.getenv("PGUSER"));
		properties.put("socketFactory", UnixSockets.class.getName());
		properties.put("socketFactoryArg", System.getenv("PGHOST") + "/.s.PGSQL." + System.getenv("PGPORT"));
		properties.put("sslmode", "disable");
		db = DriverManager.getConnection("jdbc:postgresql://localhost/" + System.getenv("PGDATABASE"), properties);

		String[] strings = {"crm:42", "a \"b\", c", ":x:y"};
		check("text, both types and their arrays", () -> {
			is(one("SELECT ?::external_id", "crm:42"), "crm:42");
			is(one("SELECT ?::external_id_set", "{stripe:1,crm:42}"), "{crm:42,stripe:1}");
			is(one("SELECT ?", typed("external_id_set", "{stripe:1,crm:42}")), "{crm:42,stripe:1}");
			for (String type : new String[] {"external_id", "text"}) {
				is(array("SELECT ?::external_id[]::text[]", db.createArrayOf(type, strings)), strings);
				is(array("SELECT ?::external_id_set[]::text[]", db.createArrayOf(type + (type.equals("text") ? "" : "_set"),
					new String[] {"crm:1", "{b,a}"})), new String[] {"{crm:1}", "{a,b}"});
			}
			Object[] got = array("SELECT ?", db.createArrayOf("external_id", strings));
			for (int i = 0; i < strings.length; i++)
				is(((PGobject) got[i]).getValue(), strings[i]);
			got = array("SELECT ?", db.createArrayOf("external_id_set", new String[] {"{b,a}"}));
			is(((PGobject) got[0]).getValue(), "{a,b}");
		});

		check("a PATCH with the API's JSON, and read back as JSON", () -> {
			String body = "[{\"external_id\": \"42\", \"label\": \"crm\"}, {\"external_id\": \"x\", \"label\": null}]";
			String back = "[{\"label\": null, \"external_id\": \"x\"}, {\"label\": \"crm\", \"external_id\": \"42\"}]";
			long id = account("{crm:old}");
			String patch = "SELECT ids::jsonb FROM external_ids_set('accounts', ?, ?)";
			is(one(patch, id, untyped(body)), back);
			is(one(patch, id, typed("external_id_set", body)), back);
			is(one(patch.replace(", ?)", ", ?::external_id_set)"), id, body), back);
			is(one(SET + "::jsonb", typed("jsonb", body), id), back);
			is(one("SELECT external_ids::json::jsonb FROM accounts WHERE id = ?", id), back);
			fails("42883", patch, id, body);
			fails("42883", patch, id, typed("jsonb", body));
		});

		check("prepared @>, && and @=", () -> {
			long id = account("{crm:prep,stripe:prep2}");
			String[][] cases = {{"@>", "crm:prep"}, {"&&", "{zendesk:1,stripe:prep2}"}, {"@=", "prep2"}};
			for (String[] c : cases)
				try (PreparedStatement statement = db.prepareStatement(
						"SELECT id FROM accounts WHERE external_ids " + c[0] + " ? AND org_id = ?")) {
					// From the fifth on it is prepared on the server.
					for (int i = 0; i < 7; i++) {
						statement.setObject(1, c[1], Types.OTHER);
						statement.setInt(2, 1);
						ResultSet rows = statement.executeQuery();
						is(rows.next(), true);
						is(rows.getLong(1), id);
					}
					is(statement.unwrap(org.postgresql.PGStatement.class).isUseServerPrepare(), true);
				}
		});

		check("COPY in and out", () -> {
			String text = "2\tcopy\t{\"a,b\\\\\\\\\",crm:c1}\n2\tcopy\t{}\n";
			var copy = db.unwrap(PGConnection.class).getCopyAPI();
			is(copy.copyIn("COPY accounts (org_id, name, external_ids) FROM STDIN", new StringReader(text)), 2L);
			StringWriter out = new StringWriter();
			copy.copyOut("COPY (SELECT org_id, name, external_ids FROM accounts WHERE name = 'copy' ORDER BY id) TO STDOUT", out);
			is(out.toString(), text);
		});

		check("23505 with constraint and DETAIL", () -> {
			account("crm:taken");
			var e = fails("23505", "INSERT INTO accounts (org_id, name, external_ids) VALUES (1, 'b', ?) RETURNING id", "crm:taken");
			is(e.getTable() + " " + e.getConstraint(), "accounts accounts_external_ids_key");
			is(e.getDetail(), "Key (external_ids, org_id)=({crm:taken}, 1) already exists.");
			e = fails("23505", "SELECT ids FROM external_ids_add('accounts', ?, ?)", account("{}"), untyped("crm:taken"));
			is(e.getTable() + " " + e.getConstraint(), "accounts accounts_external_ids_key");
			is(e.getDetail().startsWith("External ID crm:taken is held by the row with key"), true);
		});

		check("21000 with DETAIL", () -> {
			account("crm:two");
			account("stripe:two");
			var e = fails("21000", "SELECT id FROM external_ids_resolve_value(NULL::accounts, ?, ?)", "two", untyped("{\"org_id\": 1}"));
			is(e.getDetail() != null, true);
		});

		check("every literal of the regression suite", () -> {
			ResultSet rows = db.createStatement().executeQuery("SELECT n, type, lit, means FROM literals ORDER BY n");
			while (rows.next())
				for (Object bound : new Object[] {rows.getString(3), untyped(rows.getString(3)), typed(rows.getString(2), rows.getString(3))}) {
					Object got;
					try {
						got = one("SELECT ?::" + rows.getString(2), bound);
					} catch (SQLException e) {
						got = "ERROR " + e.getSQLState();
					}
					if (!Objects.equals(got, rows.getString(4)))
						throw new AssertionError("literal " + rows.getInt(1) + ", " + bound + ": " + got + ", not " + rows.getString(4));
				}
		});

		check("an array of strings: external_id[] is made a set in SQL; text[] is refused as a set", () -> {
			long id = account("{}");
			for (String type : new String[] {"external_id", "text", "varchar"}) {
				var ids = db.createArrayOf(type, new String[] {"crm:l1", "a,b", "{\"external_id\": \"o\"}", ":{"});
				is(one(SET.replace("= ? W", "= external_id_set(VARIADIC ?::external_id[]) W"), ids, id), "{\"a,b\",o,\":{\",crm:l1}");
				fails("42804", SET, ids, id);
				fails("42883", "SELECT id FROM accounts WHERE external_ids && ?", ids);
			}
			// The driver itself knows no type for these.
			for (Object bound : new Object[] {List.of("crm:1"), Map.of("external_id", "1")})
				try {
					throw new AssertionError("no error, but " + one(SET, bound, id));
				} catch (PSQLException e) {
					is(e.getServerErrorMessage(), null);
				}
			fails("42804", SET, new String[] {"crm:l1"}, id);
		});

		check("an array of the API's objects as they are written in JSON", () -> {
			String[] objects = {"{\"external_id\": \"d\\\"{},\", \"label\": \"crm\"}", "{\"external_id\": \"43\"}"};
			for (String type : new String[] {"external_id", "json", "jsonb", "text"})
				is(one("SELECT external_id_set(VARIADIC ?::external_id[])", db.createArrayOf(type, objects)), "{43,\"crm:d\\\"{},\"}");
			fails("22P02", "SELECT ?::external_id_set", objects[0]);
		});

		check("strings without a type, and typed as varchar", () -> {
			long id = account("crm:untyped");
			is(one("SELECT id FROM accounts WHERE external_ids @> ?", untyped("crm:untyped")), id);
			is(one(SET, "{crm:typed,\"a b\"}", id), "{\"a b\",crm:typed}");
			is(one("SELECT id FROM accounts WHERE external_ids @> ?::external_id_set", "crm:typed"), id);
			is(one("SELECT id FROM accounts WHERE external_ids @> ?", typed("external_id", "crm:typed")), id);
			is(one("SELECT id FROM accounts WHERE external_ids @= ?", "typed"), id);
			for (String operator : new String[] {"@>", "&&", "="})
				fails("42883", "SELECT id FROM accounts WHERE external_ids " + operator + " ?", "crm:typed");
		});

		System.out.println("1.." + done);
	}

	// The driver speaks TCP only; the test's server listens on a unix socket only.
	public static class UnixSockets extends javax.net.SocketFactory {
		private final String path;

		public UnixSockets(String path) { this.path = path; }

		@Override public Socket createSocket() throws IOException {
			SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(path));
			return new Socket() {
				@Override public boolean isConnected() { return true; }
				@Override public InputStream getInputStream() { return Channels.newInputStream(channel); }
				@Override public OutputStream getOutputStream() { return Channels.newOutputStream(channel); }
				@Override public void setTcpNoDelay(boolean on) {}
				@Override public void setKeepAlive(boolean on) {}
				@Override public void setSoTimeout(int timeout) {}
				@Override public int getSoTimeout() { return 0; }
				@Override public int getSendBufferSize() { return 8192; }
				@Override public void close() throws IOException { channel.close(); }
			};
		}

		@Override public Socket createSocket(String host, int port) throws IOException { return createSocket(); }
		@Override public Socket createSocket(String host, int port, InetAddress local, int localPort) throws IOException { return createSocket(); }
		@Override public Socket createSocket(InetAddress host, int port) throws IOException { return createSocket(); }
		@Override public Socket createSocket(InetAddress host, int port, InetAddress local, int localPort) throws IOException { return createSocket(); }
	}
}
