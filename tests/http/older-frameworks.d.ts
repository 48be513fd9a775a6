/** Types for what has none of its own: older majors under another name, and koa-mount. They are close enough to mount something on. */
declare module 'express4' {
  import express from 'express';
  export default express;
}
declare module 'koa2' {
  import Koa from 'koa';
  export default Koa;
}
declare module 'koa-mount' {
  import type { Middleware } from 'koa';
  export default function mount(path: string, middleware: Middleware): Middleware;
}
