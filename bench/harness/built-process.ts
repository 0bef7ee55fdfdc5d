import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "vite";

const ROOT = join(import.meta.dirname, "../..");
const FOLDER = join(import.meta.dirname, "../dist");

/** Builds the packages as they are published. Once before measurements that use `builtProcess`. */
export function buildPackages(): void {
  execFileSync("npm", ["run", "build", "--silent"], { cwd: ROOT, stdio: ["ignore", "ignore", "inherit"] });
}

/**
 * A process of a workload as a host has it: JavaScript, on the packages as they are published. What it takes to start and
 * the memory that it takes are then Spine's, not those of a compiler.
 */
export async function builtProcess(module: URL): Promise<URL> {
  const name = `${module.pathname.split("/").at(-1)?.replace(/\.ts$/, "")}.mjs`;
  if (!existsSync(join(FOLDER, name))) {
    await build({
      configFile: false,
      root: join(import.meta.dirname, ".."),
      logLevel: "error",
      build: {
        ssr: module.pathname,
        outDir: FOLDER,
        emptyOutDir: false,
        target: "node22",
        minify: false,
        rolldownOptions: {
          external: [/^spine-/, "kysely", "zod", "pg"],
          output: { entryFileNames: name, codeSplitting: false },
        },
      },
    });
  }
  return pathToFileURL(join(FOLDER, name));
}
