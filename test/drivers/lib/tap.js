// TAP for the tests in JavaScript: checks are [name, async function].
exports.run = async (checks) => {
	let n = 0;
	console.log(`1..${checks.length}`);
	for (const [name, body] of checks) {
		try {
			await body();
			console.log(`ok ${++n} - ${name}`);
		} catch (e) {
			console.log(`not ok ${++n} - ${name}\n${String(e.stack).replace(/^/gm, '# ')}`);
		}
	}
};
