// knex, with node-postgres: the migration, and what an accounts service asks.
//
// The driver needs no adapter on the way in: an array of strings, or the API's parsed
// body as it is, is a set. On the way out a set is text until the driver is told:
const { types } = require('pg');

const INDEX = 'accounts_external_ids_key';

// Once per process, with any connection: a set arrives as an array of strings.
exports.registerTypes = async (knex) => {
	const { rows: [{ set, one }] } = await knex.raw("SELECT 'external_id_set'::regtype::int AS set, 'external_id[]'::regtype::int AS one");
	const textArray = types.getTypeParser(1009);
	types.setTypeParser(set, textArray);
	types.setTypeParser(one, textArray);
};

exports.migration = {
	up: async (knex) => {
		await knex.raw('CREATE EXTENSION IF NOT EXISTS external_ids');
		await knex.schema.alterTable('accounts', (t) => {
			t.specificType('external_ids', 'external_id_set').notNullable().defaultTo('{}');
			// On a table in use: CREATE INDEX CONCURRENTLY by knex.raw, in a migration with config = { transaction: false }.
			t.index(['external_ids', 'org_id'], INDEX, 'unique_members');
		});
	},
	down: (knex) => knex.schema.alterTable('accounts', (t) => t.dropColumn('external_ids')),
};

// ids: an array of strings, or the API's [{ external_id, label }, ...].
exports.set = (knex, id, ids) => knex('accounts').where({ id }).update({ external_ids: ids }).returning('*');

exports.find = (knex, orgId, externalId) =>
	knex('accounts').where({ org_id: orgId }).whereRaw('external_ids @> ?', [externalId]).first();

// A binding that is an array stays one value as an element of the bindings' own array.
exports.findAny = (knex, orgId, externalIds) =>
	knex('accounts').where({ org_id: orgId }).whereRaw('external_ids && ?', [externalIds]);

// By a value, whatever its label.
exports.findByValue = (knex, orgId, value) =>
	knex('accounts').where({ org_id: orgId }).whereRaw('external_ids @= ?', [value]).first();

// Replaces what one integration has given, and leaves the others'.
exports.replaceLabel = (knex, id, label, ids) => knex('accounts').where({ id }).update({
	external_ids: knex.raw('external_ids - external_ids_under(external_ids, ?) + ?', [label, ids]),
}).returning('*');

// What the server says on who holds an external ID, to answer a request with 409; undefined for any other error.
exports.conflict = (error) => error.code === '23505' && error.constraint === INDEX ? error.detail : undefined;
