// docs/recipes/knex_accounts.js
const assert = require('assert');
const Module = require('module');
const path = require('path');

// The recipe lies elsewhere, its packages here.
process.env.NODE_PATH = path.join(__dirname, 'node_modules');
Module._initPaths();
const recipe = require('../../docs/recipes/knex_accounts.js');
const { run } = require('./lib/tap.js');

const knex = require('knex')({ client: 'pg', connection: { host: process.env.PGHOST }, pool: { min: 0, max: 2 } });
const API = JSON.parse('[{"external_id": "42", "label": "crm"}, {"external_id": "a \\"b\\\\c, {d}", "label": null}]');
const checks = [];
const check = (name, body) => checks.push([name, body]);
let id;

check('the migration, up and down', async () => {
	await knex.raw('DROP TABLE accounts');
	await knex.schema.createTable('accounts', (t) => {
		t.bigIncrements('id');
		t.integer('org_id').notNullable();
		t.text('name').notNullable();
	});
	await recipe.migration.up(knex);
	const { rows } = await knex.raw("SELECT indexdef FROM pg_indexes WHERE indexname = 'accounts_external_ids_key'");
	assert.match(rows[0].indexdef, /USING unique_members \(external_ids, org_id\)/);
	await recipe.migration.down(knex);
	await recipe.migration.up(knex);
	await recipe.registerTypes(knex);
});

check('set, read, find', async () => {
	const [created] = await knex('accounts').insert({ org_id: 1, name: 'Acme', external_ids: ['stripe:cus_1'] }).returning('*');
	id = created.id;
	assert.deepEqual(created.external_ids, ['stripe:cus_1']);
	const [none] = await knex('accounts').insert({ org_id: 1, name: 'none' }).returning('*');
	assert.deepEqual(none.external_ids, []);
	assert.deepEqual((await recipe.set(knex, id, API))[0].external_ids, ['a "b\\c, {d}', 'crm:42']);
	assert.equal((await recipe.find(knex, 1, 'crm:42')).id, id);
	assert.equal(await recipe.find(knex, 2, 'crm:42'), undefined);
	assert.deepEqual((await recipe.findAny(knex, 1, ['crm:0', 'crm:42'])).map((a) => a.id), [id]);
	assert.equal((await recipe.findByValue(knex, 1, '42')).id, id);
	assert.equal(await recipe.findByValue(knex, 1, 'crm:42'), undefined);
});

check('a conflict', async () => {
	const claim = knex('accounts').insert({ org_id: 1, name: 'b', external_ids: ['crm:42'] });
	const error = await claim.then(() => assert.fail('no error'), (e) => e);
	assert.equal(recipe.conflict(error), 'Key (external_ids, org_id)=({crm:42}, 1) already exists.');
	assert.equal(recipe.conflict(await knex('accounts').insert({ org_id: 1 }).catch((e) => e)), undefined);
});

check("one integration's label", async () => {
	const [account] = await recipe.replaceLabel(knex, id, 'crm', ['crm:43', { external_id: '44', label: 'crm' }]);
	assert.deepEqual(account.external_ids, ['a "b\\c, {d}', 'crm:43', 'crm:44']);
});

run(checks).finally(() => knex.destroy());
