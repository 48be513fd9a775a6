/** Older majors under another name have no types of their own; these are close enough to mount something on. */
declare module 'express4' {
  import express from 'express';
  export default express;
}
declare module 'koa2' {
  import Koa from 'koa';
  export default Koa;
}
