// lib/pq, Go's database/sql. A string is bound without a type; with binary_parameters, []byte goes in binary.
package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"strings"

	"github.com/lib/pq"
)

var (
	db   *sql.DB
	done int
)

const setIDs = "UPDATE accounts SET external_ids = $1 WHERE id = $2 RETURNING external_ids"

// check prints one line of TAP; a check fails by a panic.
func check(name string, body func()) {
	done++
	defer func() {
		if fault := recover(); fault != nil {
			fmt.Printf("not ok %d - lib/pq: %s\n# %v\n", done, name, fault)
			fmt.Println("# " + strings.ReplaceAll(string(debug.Stack()), "\n", "\n# "))
			return
		}
		fmt.Printf("ok %d - lib/pq: %s\n", done, name)
	}()
	body()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func is(got, want interface{}) {
	if !reflect.DeepEqual(got, want) {
		panic(fmt.Sprintf("got %#v, not %#v", got, want))
	}
}

// one is the first column of the first row, as text.
func one(query string, params ...interface{}) string {
	var text string
	must(db.QueryRow(query, params...).Scan(&text))
	return text
}

func strs(query string, params ...interface{}) []string {
	var list []string
	must(db.QueryRow(query, params...).Scan((*pq.StringArray)(&list)))
	return list
}

// fails gives the error that the query must end in.
func fails(code, query string, params ...interface{}) *pq.Error {
	var text sql.NullString
	err := db.QueryRow(query, params...).Scan(&text)
	var e *pq.Error
	if !errors.As(err, &e) {
		panic(fmt.Sprintf("no error of the server, but %v %v", err, text))
	}
	if string(e.Code) != code {
		panic(fmt.Sprintf("%s, not %s: %v", e.Code, code, e))
	}
	return e
}

func account(ids string) string {
	return one("INSERT INTO accounts (org_id, name, external_ids) VALUES (1, 'go', $1) RETURNING id", ids)
}

type member struct {
	ExternalID string  `json:"external_id"`
	Label      *string `json:"label"`
}

func main() {
	var err error
	db, err = sql.Open("postgres", "host="+os.Getenv("PGHOST"))
	must(err)
	list := []string{"crm:42", `a "b", c`, ":x:y"}

	check("text, both types and their arrays", func() {
		is(one("SELECT $1::external_id", "crm:42"), "crm:42")
		is(one("SELECT $1::external_id_set", "{stripe:1,crm:42}"), "{crm:42,stripe:1}")
		is(strs("SELECT $1::external_id[]", pq.Array(list)), list)
		is(strs("SELECT $1::external_id_set", pq.Array(list)), []string{`a "b", c`, ":x:y", "crm:42"})
		is(strs("SELECT $1::external_id_set[]", pq.Array([]string{"crm:1", "{b,a}"})), []string{"{crm:1}", "{a,b}"})
	})

	check("binary parameters, both types and their arrays", func() {
		binary, err := sql.Open("postgres", "binary_parameters=yes host="+os.Getenv("PGHOST"))
		must(err)
		defer binary.Close()
		for name, text := range map[string]string{"external_id": "crm:ключ", "external_id_set": "{a,crm:42}"} {
			var got string
			wire := append([]byte{1}, text...)
			must(binary.QueryRow("SELECT $1::"+name, wire).Scan(&got))
			is(got, text)
			must(binary.QueryRow("SELECT $1::"+name, text).Scan(&got))
			is(got, text)
			array := []byte{0, 0, 0, 1, 0, 0, 0, 0}
			oid := binary.QueryRow("SELECT int4send($1::regtype::oid::int)", name)
			var head []byte
			must(oid.Scan(&head))
			array = append(append(array, head...), 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, byte(len(wire)))
			var members []string
			must(binary.QueryRow("SELECT $1::"+name+"[]", append(array, wire...)).Scan((*pq.StringArray)(&members)))
			is(members, []string{text})
			// JSON as []byte is then taken for the binary form, and refused.
			err := binary.QueryRow("SELECT $1::"+name, []byte(`[{"external_id": "42"}]`)).Scan(&got)
			is(string(err.(*pq.Error).Code), "22023")
		}
	})

	check("a PATCH with the API's JSON, and read back as JSON", func() {
		body := `[{"external_id": "x", "label": null}, {"external_id": "42", "label": "crm"}]`
		var want, got []member
		must(json.Unmarshal([]byte(body), &want))
		id := account("{crm:old}")
		for _, bound := range []interface{}{body, []byte(body), json.RawMessage(body)} {
			ids := one("SELECT ids::jsonb FROM external_ids_set('accounts', $1::bigint, $2)", id, bound)
			must(json.Unmarshal([]byte(ids), &got))
			is(got, want)
		}
		must(json.Unmarshal([]byte(one("SELECT external_ids::json FROM accounts WHERE id = $1", id)), &got))
		is(got, want)
	})

	check("prepared @>, && and @=", func() {
		id := account("{crm:prep,stripe:prep2}")
		for operator, bound := range map[string]interface{}{
			"@>": "crm:prep", "&&": pq.Array([]string{"zendesk:1", "stripe:prep2"}), "@=": "prep2"} {
			statement, err := db.Prepare("SELECT id FROM accounts WHERE external_ids " + operator + " $1 AND org_id = $2")
			must(err)
			for i := 0; i < 7; i++ {
				var got string
				must(statement.QueryRow(bound, 1).Scan(&got))
				is(got, id)
			}
			must(statement.Close())
		}
	})

	check("COPY in, and a SELECT of what it brought", func() {
		// The driver has COPY FROM only.
		tx, err := db.Begin()
		must(err)
		statement, err := tx.Prepare(pq.CopyIn("accounts", "org_id", "name", "external_ids"))
		must(err)
		for _, ids := range []interface{}{`{crm:c1,"a,b\\"}`, pq.Array([]string{}), `[{"external_id": "j"}]`} {
			_, err = statement.Exec(2, "copy", ids)
			must(err)
		}
		_, err = statement.Exec()
		must(err)
		must(statement.Close())
		must(tx.Commit())
		is(strs("SELECT array_agg(external_ids::text ORDER BY id) FROM accounts WHERE name = 'copy'"),
			[]string{`{"a,b\\",crm:c1}`, "{}", "{j}"})
	})

	check("23505 with constraint and DETAIL", func() {
		account("crm:taken")
		e := fails("23505", "INSERT INTO accounts (org_id, name, external_ids) VALUES (1, 'b', $1) RETURNING id", "crm:taken")
		is(e.Code.Name(), "unique_violation")
		is(e.Table+" "+e.Constraint, "accounts accounts_external_ids_key")
		is(e.Detail, "Key (external_ids, org_id)=({crm:taken}, 1) already exists.")
		e = fails("23505", "SELECT ids FROM external_ids_add('accounts', $1::bigint, $2)", account("{}"), "crm:taken")
		is(e.Table+" "+e.Constraint, "accounts accounts_external_ids_key")
		is(strings.HasPrefix(e.Detail, "External ID crm:taken is held by the row with key"), true)
	})

	check("21000 with DETAIL", func() {
		account("crm:two")
		account("stripe:two")
		e := fails("21000", "SELECT id FROM external_ids_resolve_value(NULL::accounts, $1, $2)", "two", `{"org_id": 1}`)
		is(e.Code.Name(), "cardinality_violation")
		is(e.Detail != "", true)
	})

	check("every literal of the regression suite", func() {
		rows, err := db.Query("SELECT n, type, lit, means FROM literals ORDER BY n")
		must(err)
		for rows.Next() {
			var n int
			var name, lit, means, got string
			must(rows.Scan(&n, &name, &lit, &means))
			if err := db.QueryRow("SELECT $1::"+name, lit).Scan(&got); err != nil {
				got = "ERROR " + string(err.(*pq.Error).Code)
			}
			if got != means {
				panic(fmt.Sprintf("literal %d, %q: %q, not %q", n, lit, got, means))
			}
		}
		must(rows.Err())
	})

	check("an array of strings is a set; a bare slice is refused by database/sql", func() {
		id := account("{}")
		bound := pq.Array([]string{"crm:l1", "a,b", `{"external_id": "o"}`, ":{"})
		text := `{"a,b",o,":{",crm:l1}`
		is(one(setIDs, bound, id), text)
		is(one("SELECT id FROM accounts WHERE external_ids && $1", pq.Array([]string{"crm:no", "crm:l1"})), id)
		is(one("SELECT ids FROM external_ids_set('accounts', $1::bigint, $2)", id, bound), text)
		is(one(setIDs, pq.Array([]string{}), id), "{}")
		fails("22023", setIDs, pq.Array([]sql.NullString{{}}), id)
		_, err := db.Exec(setIDs, []string{"crm:1"}, id)
		is(err != nil && strings.Contains(err.Error(), "unsupported type []string"), true)
	})

	check("an array of parsed JSON objects is refused by the driver; marshalled, it means what it says", func() {
		id := account("{}")
		var body []member
		must(json.Unmarshal([]byte(`[{"external_id": "d\"{},", "label": "crm"}, {"external_id": "43"}]`), &body))
		for _, bound := range []interface{}{body, pq.Array(body), []map[string]string{{"external_id": "1"}}} {
			var e *pq.Error
			_, err := db.Exec(setIDs, bound, id)
			is(err != nil && !errors.As(err, &e), true)
		}
		marshalled, err := json.Marshal(body)
		must(err)
		is(one(setIDs, marshalled, id), `{43,"crm:d\"{},"}`)
		objects := []string{}
		for _, m := range body {
			object, err := json.Marshal(m)
			must(err)
			objects = append(objects, string(object))
		}
		is(one(setIDs, pq.Array(objects), id), `{43,"crm:d\"{},"}`)
	})

	check("strings without a type, and typed as text and varchar", func() {
		id := account("crm:untyped")
		is(one("SELECT id FROM accounts WHERE external_ids @> $1", "crm:untyped"), id)
		for _, as := range []string{"text", "varchar"} {
			is(one(strings.Replace(setIDs, "$1", "$1::"+as, 1), `{crm:typed,"a b"}`, id), `{"a b",crm:typed}`)
			is(one("SELECT id FROM accounts WHERE external_ids @> $1::"+as+"::external_id_set", "crm:typed"), id)
			is(one("SELECT id FROM accounts WHERE external_ids @= $1::"+as, "typed"), id)
			for _, operator := range []string{"@>", "&&", "="} {
				fails("42883", "SELECT id FROM accounts WHERE external_ids "+operator+" $1::"+as, "crm:typed")
			}
		}
	})

	fmt.Printf("1..%d\n", done)
}
