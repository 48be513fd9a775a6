/** Says in one sentence that this Node.js is too old. Imported first, so that it comes before anything that an old one lacks. */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < 22 || (major === 22 && minor < 16)) {
  throw new Error(`Latchkey needs Node.js 22.16 or newer; this is ${process.version}.`);
}
