"""psycopg 3. Its parameters are bound on the server; a str has no type, a list is an array of what is in it."""
import json

import psycopg
from psycopg import sql
from psycopg.adapt import Dumper, Loader
from psycopg.pq import Format
from psycopg.types.json import Json, Jsonb
from tap import check, end, is_

conn = psycopg.connect("", autocommit=True)

def one(query, *params, **options):
    return conn.execute(query, params, **options).fetchone()[0]


def fails(state, query, *params):
    """The error that the query must end in."""
    try:
        got = conn.execute(query, params).fetchall()
    except psycopg.Error as e:
        assert e.sqlstate == state, f"SQLSTATE {e.sqlstate}, not {state}: {e}"
        return e
    raise AssertionError(f"no error, but {got!r}")


def account(ids="{}", org=1):
    return one("INSERT INTO accounts (org_id, name, external_ids) VALUES (%s, 'psycopg', %s) RETURNING id", org, ids)


ARRAY = ["crm:42", 'a "b", c', ":x:y"]

@check("psycopg: text, both types and their arrays")
def _():
    is_(one("SELECT %s::external_id", "crm:42"), "crm:42")
    is_(one("SELECT %s::external_id_set", "{stripe:1,crm:42}"), "{crm:42,stripe:1}")
    is_(one("SELECT %s::external_id[]::text[]", ARRAY), ARRAY)
    is_(one("SELECT %s::external_id_set[]::text[]", ["crm:1", "{b,a}"]), ["{crm:1}", "{a,b}"])


class Wire(bytes):
    """What external_id and external_id_set are on the wire: a version byte and the text."""


@check("psycopg: binary, both types and their arrays")
def _():
    types = psycopg.types.TypeInfo.fetch(conn, "external_id"), psycopg.types.TypeInfo.fetch(conn, "external_id_set")
    for info, text in zip(types, ("crm:ключ", "{a,crm:42}")):
        class WireDumper(Dumper):
            format = Format.BINARY
            oid = info.oid

            def dump(self, obj):
                return bytes(obj)

        class WireLoader(Loader):
            format = Format.BINARY

            def load(self, data):
                return Wire(data)

        with psycopg.connect("", autocommit=True) as own:
            info.register(own)
            own.adapters.register_dumper(Wire, WireDumper)
            own.adapters.register_loader(info.oid, WireLoader)
            value = Wire(b"\x01" + text.encode())
            cursor = own.cursor(binary=True)
            is_(cursor.execute("SELECT %b", [value]).fetchone()[0], value)
            is_(cursor.execute("SELECT %b", [[value, value]]).fetchone()[0], [value, value])
            is_(cursor.execute("SELECT %b::text", [value]).fetchone()[0], text)
            try:
                cursor.execute("SELECT %b", [Wire(b"\x02a")])
                raise AssertionError("an unknown version was read")
            except psycopg.Error as e:
                is_(e.sqlstate, "22023")


@check("psycopg: a PATCH with the API's JSON, and read back as JSON")
def _():
    body = [{"external_id": "42-p", "label": "crm"}, {"external_id": "x-p", "label": None}]
    id = account("{crm:old-p}")
    for bound in (json.dumps(body),):
        ids, added, removed = conn.execute(
            "SELECT ids::jsonb, added::jsonb, removed FROM external_ids_set('accounts', %s::bigint, %s)", [id, bound]).fetchone()
        is_(sorted(ids, key=str), sorted(body, key=str))
        is_(added, ids)
        is_(removed, "{crm:old-p}")
    for typed in (Json(body), Jsonb(body)):
        fails("42883", "SELECT * FROM external_ids_set('accounts', %s::bigint, %s)", id, typed)
        conn.execute("SELECT * FROM external_ids_set('accounts', %s::bigint, %s::external_id_set)", [id, typed])
        conn.execute("UPDATE accounts SET external_ids = %s WHERE id = %s", [typed, id])
    is_(sorted(one("SELECT external_ids::json FROM accounts WHERE id = %s", id), key=str), sorted(body, key=str))


@check("psycopg: prepared @>, && and @=")
def _():
    id = account("{crm:prep-p,stripe:prep2-p}")
    for query, param in (("@> %s", "crm:prep-p"), ("&& %s", "{zendesk:1,stripe:prep2-p}"), ("@= %s", "prep2-p")):
        for _ in range(7):
            is_(one(f"SELECT id FROM accounts WHERE external_ids {query} AND org_id = %s", param, 1, prepare=True), id)


@check("psycopg: COPY in and out")
def _():
    rows = [(2, "copy", "{crm:c1-p,\"a,b\\\\-p\"}"), (2, "copy", "{}")]
    with conn.cursor() as cursor:
        with cursor.copy("COPY accounts (org_id, name, external_ids) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        with cursor.copy("COPY (SELECT org_id, name, external_ids FROM accounts WHERE name = 'copy' ORDER BY id) TO STDOUT") as copy:
            copy.set_types(["int4", "text", "text"])
            is_(list(copy.rows()), [(2, "copy", '{"a,b\\\\-p",crm:c1-p}'), (2, "copy", "{}")])


@check("psycopg: 23505 with constraint and DETAIL")
def _():
    account("{crm:taken-p}")
    e = fails("23505", "INSERT INTO accounts (org_id, name, external_ids) VALUES (1, 'b', %s) RETURNING id", "crm:taken-p")
    assert isinstance(e, psycopg.errors.UniqueViolation)
    is_((e.diag.table_name, e.diag.constraint_name), ("accounts", "accounts_external_ids_key"))
    is_(e.diag.message_detail, "Key (external_ids, org_id)=({crm:taken-p}, 1) already exists.")
    e = fails("23505", "SELECT * FROM external_ids_add('accounts', %s::bigint, %s)", account(), "crm:taken-p")
    is_((e.diag.table_name, e.diag.constraint_name), ("accounts", "accounts_external_ids_key"))
    assert "External ID crm:taken-p is held" in e.diag.message_detail, e.diag.message_detail


@check("psycopg: 21000 with DETAIL")
def _():
    account("{crm:two-p}"), account("{stripe:two-p}")
    e = fails("21000", "SELECT * FROM external_ids_resolve_value(NULL::accounts, %s, %s)", "two-p", '{"org_id": 1}')
    assert isinstance(e, psycopg.errors.CardinalityViolation)
    assert e.diag.message_detail, "no DETAIL"


@check("psycopg: every literal of the regression suite")
def _():
    for n, type, lit, means in conn.execute("SELECT n, type, lit, means FROM literals ORDER BY n").fetchall():
        try:
            got = one(sql.SQL("SELECT %s::{}").format(sql.Identifier(type)), lit)
        except psycopg.Error as e:
            got = f"ERROR {e.sqlstate}"
        assert got == means, f"literal {n}, {lit!r}: {got!r}, not {means!r}"


@check("psycopg: a list of strings is a set; a tuple is bound as a row and refused")
def _():
    id = account()
    strings = ["crm:l1-p", "a,b-p", '{"external_id": "o-p"}', ":{"]
    text = '{"a,b-p",o-p,":{",crm:l1-p}'
    is_(one("UPDATE accounts SET external_ids = %s WHERE id = %s RETURNING external_ids", strings, id), text)
    is_(one("SELECT id FROM accounts WHERE external_ids && %s", ["crm:no", "crm:l1-p"]), id)
    is_(one("SELECT ids FROM external_ids_set('accounts', %s::bigint, %s)", id, strings), text)
    is_(one("SELECT external_id_set(VARIADIC %s)", strings), text)
    is_(one("UPDATE accounts SET external_ids = %s WHERE id = %s RETURNING external_ids", [], id), "{}")
    for row in (("crm:1", "crm:2"), ("crm:1",), ()):
        fails("22P02", "UPDATE accounts SET external_ids = %s WHERE id = %s RETURNING id", row, id)
    fails("22023", "UPDATE accounts SET external_ids = %s WHERE id = %s RETURNING id", ["crm:1", None], id)


@check("psycopg: a list of dicts: refused by psycopg; in Jsonb it means what it says")
def _():
    id = account()
    try:
        conn.execute("UPDATE accounts SET external_ids = %s WHERE id = %s", [[{"external_id": "1"}], id])
        raise AssertionError("psycopg took it")
    except psycopg.ProgrammingError:
        pass
    is_(one("UPDATE accounts SET external_ids = %s WHERE id = %s RETURNING external_ids",
            Jsonb([{"external_id": "d-p", "label": "crm"}]), id), "{crm:d-p}")


@check("psycopg: strings without a type, and typed as text")
def _():
    id = account("crm:untyped-p")
    is_(one("SELECT id FROM accounts WHERE external_ids @> %s", "crm:untyped-p"), id)
    with psycopg.connect("", autocommit=True) as own:
        own.adapters.register_dumper(str, psycopg.types.string.StrDumper)
        run = lambda query, *params: own.execute(query, params).fetchone()[0]
        is_(run("UPDATE accounts SET external_ids = %s WHERE id = %s RETURNING external_ids", "{crm:typed-p,\"a b-p\"}", id),
            '{"a b-p",crm:typed-p}')
        is_(run("SELECT id FROM accounts WHERE external_ids @> %s::external_id_set", "crm:typed-p"), id)
        is_(run("SELECT id FROM accounts WHERE external_ids @= %s", "typed-p"), id)
        for query in ("SELECT id FROM accounts WHERE external_ids @> %s", "SELECT id FROM accounts WHERE external_ids = %s"):
            try:
                raise AssertionError(f"{query}: {run(query, 'crm:typed-p')}")
            except psycopg.errors.UndefinedFunction:
                pass


end()
