export {};
import { expressApp as app, passkeys, expressPasskeys } from 'given';
import express from 'express';

const { routes, wellKnown } = expressPasskeys(passkeys);

app.use(routes());
app.use(wellKnown());
app.use(express.static('dist'));
app.get('/{*page}', (_req, res) => res.sendFile('index.html', { root: 'dist' })); // Express 4: app.get('*', …)