import { execFile } from "node:child_process";
import { hash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { join, relative } from "node:path";
import { promisify } from "node:util";

const here = import.meta.dirname;
const root = join(here, "../..");
const cache = join(root, "node_modules/.cache/trading-desktop");
/** All that the page is made of; packages that are not of this repository stand in the lock file. */
const SOURCES = [
  "examples/trading-desktop",
  "packages/spine-react",
  "packages/spine-http/package.json",
  "packages/spine-http/src/client",
  "packages/spine-finra/package.json",
  "packages/spine-finra/src",
  "package-lock.json",
];
const LEFT_OUT = /^(node_modules|dist|testing)$|\.(test|stories)\.tsx?$/;
/** Builds that are kept: those of other states of the sources, so that going back to one is quick. */
const KEPT = 3;
const ABANDONED_MS = 60_000;

/** The folder of the built page. It is built once for the content of its sources, in about a second. */
export async function builtDesktop(): Promise<string> {
  const folder = join(cache, keyOf(SOURCES.flatMap((path) => filesIn(join(root, path)))));
  if (existsSync(folder)) return folder;
  process.stderr.write("building the page …\n");
  mkdirSync(cache, { recursive: true });
  const built = mkdtempSync(join(cache, ".building-"));
  try {
    // In a process of its own: whoever calls keeps no bundler in memory, and tests do not make it a build for tests.
    const vite = [
      join(root, "node_modules/vite/bin/vite.js"),
      "build",
      here,
      "--outDir",
      built,
      "--emptyOutDir",
    ];
    const env = { ...process.env, NODE_ENV: "production" };
    await promisify(execFile)(process.execPath, vite, { cwd: root, env });
    putInPlace(built, folder);
  } catch (error) {
    rmSync(built, { recursive: true, force: true });
    throw error;
  }
  removeOld();
  return folder;
}

/** Whole, or not at all; where another process was quicker, its build stays. */
function putInPlace(built: string, folder: string): void {
  try {
    renameSync(built, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
    rmSync(built, { recursive: true, force: true });
  }
}

function removeOld(): void {
  const builds = readdirSync(cache)
    .map((name) => ({ name, at: statSync(join(cache, name)).mtimeMs }))
    // What another process is at work on is not in the way.
    .filter(({ name, at }) => !name.startsWith(".building-") || Date.now() - at > ABANDONED_MS);
  for (const { name } of builds.sort((a, b) => b.at - a.at).slice(KEPT))
    rmSync(join(cache, name), { recursive: true, force: true });
}

function keyOf(files: readonly string[]): string {
  const parts = files.map((file) => `${relative(root, file)} ${hash("sha256", readFileSync(file))}`);
  return hash("sha256", parts.join("\n")).slice(0, 16);
}

function filesIn(path: string): readonly string[] {
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .filter(({ name }) => !LEFT_OUT.test(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(({ name }) => filesIn(join(path, name)));
}
