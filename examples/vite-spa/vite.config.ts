/** The development server: it serves the pages, and hands what is the API's to the API. */
import { defineConfig } from 'vite';

const api = `http://localhost:${process.env.PORT ?? 3000}`;

export default defineConfig({
  server: {
    port: 5173,
    strictPort: true, // another port is another origin
    proxy: { '/passkeys': api, '/api': api },
  },
});
