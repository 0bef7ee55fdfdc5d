import { defineConfig } from "vite";

// `npx vite examples/trading-desktop` serves the page while it is worked on, with the API of an `npm start` beside it.
export default defineConfig({
  root: import.meta.dirname,
  // From the sources of the packages, as everything in this repository runs.
  resolve: { conditions: ["spine-source"] },
  // "use client", which packages carry for servers, is nothing to warn of.
  logLevel: "error",
  build: {
    target: "es2022",
    // Everything is a file of this server's: its policy lets no `data:` in.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { "/spine": "http://127.0.0.1:4111" } },
});
