// node-postgres. An array is bound as PostgreSQL's array text, an object as JSON, a Buffer in binary.
const assert = require('assert');
const { pipeline } = require('stream/promises');
const { Readable } = require('stream');
const { Client, types } = require('pg');
const { from, to } = require('pg-copy-streams');
const { run } = require('./lib/tap.js');

const checks = [];
const check = (name, body) => checks.push([name, body]);
let db;

const one = async (text, ...values) => Object.values((await db.query({ text, values })).rows[0])[0];
const account = async (ids = '{}') =>
	one("INSERT INTO accounts (org_id, name, external_ids) VALUES (1, 'node', $1) RETURNING id", ids);
// The error that the query must end in.
async function fails(code, text, ...values) {
	try {
		var { rows } = await db.query(text, values);
	} catch (e) {
		assert.equal(e.code, code, e);
		return e;
	}
	assert.fail('no error, but ' + JSON.stringify(rows));
}
const same = (got, want) => {
	const sorted = (body) => body.map((m) => `${m.label}:${m.external_id}`).sort();
	assert.deepEqual(sorted(got), sorted(want));
	assert.ok(got.every((m) => Object.keys(m).sort().join() === 'external_id,label'));
};

const STRINGS = ['crm:42', 'a "b", c', ':x:y'];

check('text, both types and their arrays', async () => {
	assert.equal(await one('SELECT $1::external_id', 'crm:42'), 'crm:42');
	assert.equal(await one('SELECT $1::external_id_set', '{stripe:1,crm:42}'), '{crm:42,stripe:1}');
	assert.deepEqual(await one('SELECT $1::external_id[]::text[]', STRINGS), STRINGS);
	assert.deepEqual(await one('SELECT $1::external_id_set[]::text[]', ['crm:1', '{b,a}']), ['{crm:1}', '{a,b}']);
	// Their arrays come as text until the driver is told the types, as of any type that it does not know.
	const oid = await one("SELECT 'external_id[]'::regtype::oid");
	assert.equal(await one('SELECT $1::external_id[]', ['a']), '{a}');
	types.setTypeParser(oid, types.getTypeParser(1009));
	assert.deepEqual(await one('SELECT $1::external_id[]', STRINGS), STRINGS);
	types.setTypeParser(await one("SELECT 'external_id_set'::regtype::oid"), types.getTypeParser(1009));
	assert.deepEqual(await one('SELECT $1::external_id_set', STRINGS), ['a "b", c', ':x:y', 'crm:42']);
	types.setTypeParser(await one("SELECT 'external_id_set'::regtype::oid"), String);
});

check('binary, both types and their arrays', async () => {
	for (const [type, text] of [['external_id', 'crm:ключ'], ['external_id_set', '{a,crm:42}']]) {
		const member = Buffer.concat([Buffer.from([1]), Buffer.from(text)]);
		const oid = await one('SELECT $1::regtype::oid', type);
		const head = Buffer.alloc(20 + 4);
		[1, 0, Number(oid), 1, 1, member.length].forEach((n, i) => head.writeUInt32BE(n, 4 * i));
		const array = Buffer.concat([head, member]);
		for (const [as, bytes, means] of [[type, member, text], [type + '[]', array, [text]]]) {
			assert.deepEqual(await one(`SELECT $1::${as}::text${as.slice(type.length)}`, bytes), means);
		}
		// On the way back the driver takes all bytes for UTF-8, which spoils an array's head, of whatever type.
		const { rows } = await db.query({
			text: `SELECT $1::${type} AS v`, values: [member], binary: true, types: { getTypeParser: () => (v) => v },
		});
		assert.ok(rows[0].v.equals(member), `${type}: ${rows[0].v}`);
		await fails('22023', `SELECT $1::${type}`, Buffer.from('\x02a'));
	}
});

check("a PATCH with the API's JSON, and read back as JSON", async () => {
	const body = [{ external_id: '42', label: 'crm' }, { external_id: 'x', label: null }];
	const id = await account('{crm:old}');
	// As the text of the request, and as it was parsed.
	for (const bound of [JSON.stringify(body), body]) {
		const { rows: [row] } = await db.query(
			"SELECT ids::jsonb, removed FROM external_ids_set('accounts', $1::bigint, $2)", [id, bound]);
		same(row.ids, body);
		assert.equal(row.removed, bound === body ? '{}' : '{crm:old}');
	}
	same(await one('SELECT external_ids::json FROM accounts WHERE id = $1', id), body);
});

check('prepared @>, && and @=', async () => {
	const id = await account('{crm:prep,stripe:prep2}');
	for (const [operator, value] of [['@>', 'crm:prep'], ['&&', ['zendesk:1', 'stripe:prep2']], ['@=', 'prep2']])
		for (let i = 0; i < 7; i++) {
			const { rows } = await db.query({
				name: 'by ' + operator, text: `SELECT id FROM accounts WHERE external_ids ${operator} $1 AND org_id = $2`, values: [value, 1],
			});
			assert.deepEqual(rows, [{ id }]);
		}
});

check('COPY in and out', async () => {
	const text = '2\tcopy\t{"a,b\\\\\\\\",crm:c1}\n2\tcopy\t{}\n';
	await pipeline(Readable.from([text]), db.query(from('COPY accounts (org_id, name, external_ids) FROM STDIN')));
	let out = '';
	for await (const chunk of db.query(to("COPY (SELECT org_id, name, external_ids FROM accounts WHERE name = 'copy' ORDER BY id) TO STDOUT")))
		out += chunk;
	assert.equal(out, text);
});

check('23505 with constraint and DETAIL', async () => {
	await account('crm:taken');
	let e = await fails('23505', "INSERT INTO accounts (org_id, name, external_ids) VALUES (1, 'b', $1)", 'crm:taken');
	assert.deepEqual([e.table, e.constraint], ['accounts', 'accounts_external_ids_key']);
	assert.equal(e.detail, 'Key (external_ids, org_id)=({crm:taken}, 1) already exists.');
	e = await fails('23505', "SELECT * FROM external_ids_add('accounts', $1::bigint, $2)", await account(), 'crm:taken');
	assert.deepEqual([e.table, e.constraint], ['accounts', 'accounts_external_ids_key']);
	assert.match(e.detail, /^External ID crm:taken is held by the row with key/);
});

check('21000 with DETAIL', async () => {
	await account('crm:two');
	await account('stripe:two');
	const e = await fails('21000', 'SELECT * FROM external_ids_resolve_value(NULL::accounts, $1, $2)', 'two', { org_id: 1 });
	assert.ok(e.detail, 'no DETAIL');
});

check('every literal of the regression suite', async () => {
	const { rows } = await db.query('SELECT n, type, lit, means FROM literals ORDER BY n');
	for (const { n, type, lit, means } of rows) {
		const got = await one(`SELECT $1::${type}`, lit).catch((e) => 'ERROR ' + e.code);
		assert.equal(got, means, `literal ${n}, ${JSON.stringify(lit)}`);
	}
});

check('an array of strings is a set', async () => {
	const id = await account();
	const strings = ['crm:l1', 'a,b', '{"external_id": "o"}', ':{'];
	const text = '{"a,b",o,":{",crm:l1}';
	assert.equal(await one('UPDATE accounts SET external_ids = $1 WHERE id = $2 RETURNING external_ids', strings, id), text);
	assert.equal(await one('SELECT id FROM accounts WHERE external_ids && $1', ['crm:no', 'crm:l1']), id);
	assert.equal(await one("SELECT ids FROM external_ids_set('accounts', $1::bigint, $2)", id, strings), text);
	assert.equal(await one('UPDATE accounts SET external_ids = $1 WHERE id = $2 RETURNING external_ids', [], id), '{}');
	for (const [code, bad] of [['22023', ['crm:1', null]], ['22023', [undefined]], ['22P02', [['crm:1']]], ['22P02', { 0: 'crm:1' }]])
		await fails(code, 'UPDATE accounts SET external_ids = $1 WHERE id = $2', bad, id);
});

check('an array of parsed JSON objects means what it says', async () => {
	const id = await account();
	const body = JSON.parse('[{"external_id": "d\\"{},", "label": "crm"}, {"external_id": "43"}, {"external_id": "y", "label": ""}]');
	assert.equal(await one('UPDATE accounts SET external_ids = $1 WHERE id = $2 RETURNING external_ids', body, id),
		'{43,y,"crm:d\\"{},"}');
	assert.equal(await one('SELECT $1::external_id', body[0]), 'crm:d"{},');
	// One object is not a set, a number is not an external ID.
	await fails('22P02', 'UPDATE accounts SET external_ids = $1 WHERE id = $2', body[0], id);
	await fails('22023', 'UPDATE accounts SET external_ids = $1 WHERE id = $2', [{ external_id: 42 }], id);
});

check('strings without a type, and typed as text and varchar', async () => {
	const id = await account('crm:untyped');
	assert.equal(await one('SELECT id FROM accounts WHERE external_ids @> $1', 'crm:untyped'), id);
	for (const type of ['text', 'varchar']) {
		assert.equal(await one(`UPDATE accounts SET external_ids = $1::${type} WHERE id = $2 RETURNING external_ids`,
			'{crm:typed,"a b"}', id), '{"a b",crm:typed}');
		assert.equal(await one(`SELECT id FROM accounts WHERE external_ids @> $1::${type}::external_id_set`, 'crm:typed'), id);
		assert.equal(await one(`SELECT id FROM accounts WHERE external_ids @= $1::${type}`, 'typed'), id);
		for (const operator of ['@>', '&&', '='])
			await fails('42883', `SELECT id FROM accounts WHERE external_ids ${operator} $1::${type}`, 'crm:typed');
		await fails('42883', `SELECT * FROM external_ids_set('accounts', $1::bigint, $2::${type})`, id, 'crm:typed');
	}
});

(async () => {
	db = new Client({ host: process.env.PGHOST });
	await db.connect();
	await run(checks.map(([name, body]) => ['node-postgres: ' + name, body]));
	await db.end();
})();
