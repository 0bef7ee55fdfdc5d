import { gzipSync } from "node:zlib";
import { build } from "vite";

export interface BrowserBundle {
  readonly code: string;
  /** In bytes, minified and compressed as servers send it. */
  readonly size: number;
  /** The files that are in it, their paths without what is before `packages/` or `node_modules/`. */
  readonly modules: readonly string[];
}

interface Chunk {
  readonly type: string;
  readonly code?: string;
  readonly moduleIds?: readonly string[];
}

/** What a browser would load of an entry, from the sources of the packages. */
export async function browserBundle(entry: string): Promise<BrowserBundle> {
  const { output } = (await build({
    configFile: false,
    logLevel: "silent",
    // As a host builds it, also within a test.
    mode: "production",
    define: { "process.env.NODE_ENV": '"production"' },
    oxc: { jsx: { runtime: "automatic", development: false } },
    resolve: { conditions: ["spine-source", "module", "browser", "production"] },
    build: {
      write: false,
      target: "es2022",
      // With all that it exports: of a library nothing would be left without.
      rolldownOptions: { input: entry, preserveEntrySignatures: "strict" },
    },
  })) as unknown as { readonly output: readonly Chunk[] };
  const chunks = output.filter(({ type }) => type === "chunk");
  const code = chunks.map((chunk) => chunk.code ?? "").join("\n");
  return {
    code,
    size: gzipSync(code, { level: 9 }).length,
    modules: chunks.flatMap(({ moduleIds = [] }) =>
      moduleIds.map((id) => id.replaceAll("\\", "/").replace(/^.*?(?=packages\/|node_modules\/)/, "")),
    ),
  };
}
