export {};
// vite.config.ts
import { defineConfig } from 'vite';

const api = 'http://localhost:3000';

export default defineConfig({
  server: {
    port: 5173,
    strictPort: true, // another port is another origin
    proxy: { '/passkeys': api, '/api': api },
  },
});