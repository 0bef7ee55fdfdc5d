import { defineConfig, type Options } from "tsup";

/** JavaScript only: the declarations come from `tsc -b`, which writes into the same dist folders. */
function pkg(name: string, entry: Record<string, string>): Options {
  return {
    name,
    entry: Object.fromEntries(
      Object.entries(entry).map(([out, src]) => [out, `packages/${name}/src/${src}`]),
    ),
    outDir: `packages/${name}/dist`,
    format: ["esm"],
    dts: false,
    sourcemap: true,
    clean: false,
    target: "es2024",
    platform: "node",
    silent: true,
    // tsup's default would rewrite "node:sqlite" to "sqlite", which does not exist.
    removeNodeProtocol: false,
    skipNodeModulesBundle: true,
    external: [/^[^./]/],
    // What the root tsconfig says of JSX is nothing: esbuild would write `React.createElement`, and no file imports React.
    esbuildOptions: (options) => {
      options.jsx = "automatic";
    },
  };
}

export default defineConfig([
  pkg("spine-core", { index: "index.ts", "testing/index": "testing/index.ts" }),
  pkg("spine-adapters", {
    "alerts/index": "alerts/index.ts",
    "databases/index": "databases/index.ts",
    // The file of a thread: thread-beats.ts finds it beside the entry that it is built into.
    "databases/beat-thread": "history/postgres/beat-thread.ts",
    "schedules/index": "schedules/index.ts",
    "sources/index": "sources/index.ts",
    "testing/index": "testing/index.ts",
  }),
  pkg("spine-http", { index: "index.ts", "client/index": "client/index.ts" }),
  pkg("spine-react", {
    index: "index.ts",
    "components/index": "components/index.ts",
    "queries/index": "queries/index.ts",
  }),
  // One file of all that it imports; hosts read the sources of a style in their own tools, by its class.
  {
    ...pkg("spine-react", { "components/styles": "components/styles.css" }),
    name: "spine-react styles",
    sourcemap: false,
    external: [],
  },
  pkg("spine-finra", {
    index: "index.ts",
    "client/index": "client/index.ts",
    "http/index": "http/index.ts",
    "react/index": "react/index.ts",
    "testing/index": "testing/index.ts",
  }),
]);
