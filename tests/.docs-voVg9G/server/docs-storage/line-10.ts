export {};
import { rp, users, store, createPasskeys } from 'given';
const passkeys = createPasskeys({ rp, users, store }); // everything below is about `store`