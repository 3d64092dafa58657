import { defineConfig } from "vite";

export default defineConfig({
  build: {
    // The module as a file, so that it is fetched.
    assetsInlineLimit: 0,
    outDir: "out/vite",
    rollupOptions: { input: ["vite.html", "vite-slim.html"] },
  },
});
