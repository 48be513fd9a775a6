/** The accounts that this site had before passkeys: rows with a number as their key, as a SQL table has them. */
const { scryptSync, timingSafeEqual } = require('node:crypto');

const hashOf = (password, salt) => scryptSync(password, salt, 32);
const row = (id, email, password) => ({ id, email, salt: `salt of ${id}`, hash: hashOf(password, `salt of ${id}`) });

// Two people, so that a second one can come to the same browser.
const rows = [row(1, 'ada@example.com', 'difference engine'), row(2, 'eve@example.com', 'apple of eden')];

const byId = (id) => rows.find((account) => account.id === Number(id));

const byEmail = (email) => rows.find((account) => account.email === email);

const isPassword = ({ salt, hash }, password = '') => timingSafeEqual(hash, hashOf(password, salt));

module.exports = { byId, byEmail, isPassword };
