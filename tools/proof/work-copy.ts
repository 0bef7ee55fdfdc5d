import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, sep } from "node:path";

/** What tests of the packages need beside them. */
const FILES = [
  "package.json",
  "tsconfig.json",
  "tsconfig.base.json",
  "vitest.config.ts",
  "tools/test-reporter.ts",
  "tools/longest-first.ts",
  "tools/path-spellings.ts",
];

/** A copy of the packages' sources in a temporary folder, to be changed at will; the installed packages are links. */
export interface WorkCopy extends Disposable {
  readonly root: string;
}

export function makeWorkCopy(from: string): WorkCopy {
  // The real path: the packages are links, and modules are known by where these lead.
  const root = realpathSync(mkdtempSync(join(tmpdir(), "spine-proof-")));
  const copy = (path: string) =>
    cpSync(join(from, path), join(root, path), {
      recursive: true,
      filter: (source) => !/^(?:node_modules|dist)$/.test(basename(source)),
    });
  for (const path of [...FILES, "packages"]) copy(path);
  linkInstalled(join(from, "node_modules"), join(root, "node_modules"), root);
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) };
}

/** Every installed package, except that ours are those of the copy. */
function linkInstalled(installed: string, links: string, root: string): void {
  mkdirSync(links);
  const ours = new Set(readdirSync(join(root, "packages")));
  for (const name of readdirSync(installed)) {
    if (name.startsWith(".")) continue;
    const target = ours.has(name) ? join(root, "packages", name) : join(installed, name);
    symlinkSync(target, join(links, name), sep === "\\" ? "junction" : "dir");
  }
}
