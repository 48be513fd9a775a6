export {};
// replay.js
import { createAgent } from '@latchkey/testing';

const agent = createAgent('http://localhost:3000');
const passkey = await agent.signUp(`monitoring ${Date.now()}`);
const { attemptId, publicKey } = await agent.signInOptions();
const credential = passkey.authenticate(publicKey);
for (const _ of [1, 2, 3, 4, 5]) {
  const reply = await agent.post('/authentication/verify', { attemptId, credential });
  console.log(reply.status);
}