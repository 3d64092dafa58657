import { defineConfig } from "vite";

/** Where `npm run dev` finds the server of the demo. */
const SERVER = process.env["SERVER"] ?? "http://127.0.0.1:8780";

export default defineConfig({
  base: "./",
  build: { target: "es2022", modulePreload: { polyfill: false } },
  server: {
    proxy: {
      "/symbols": SERVER,
      "/history": SERVER,
      "/ledger": SERVER,
      "/feed": { target: SERVER, ws: true },
    },
  },
});
