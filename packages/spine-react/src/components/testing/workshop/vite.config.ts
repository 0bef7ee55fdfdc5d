import { join } from "node:path";
import { defineConfig } from "vite";

const root = import.meta.dirname;

export default defineConfig({
  root,
  logLevel: "error",
  resolve: { conditions: ["spine-source", "module", "browser", "development|production"] },
  build: {
    rolldownOptions: { input: ["index.html", "xss.html", "long.html"].map((page) => join(root, page)) },
    modulePreload: { polyfill: false },
  },
});
