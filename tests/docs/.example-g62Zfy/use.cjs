const { store, ready } = require('./store.cjs');
      ready.then(async () => console.log(await store.passkeys.listByUser('nobody')));