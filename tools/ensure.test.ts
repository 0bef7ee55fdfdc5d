import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

// A project of its own with an `npm` and a `node` that only pretend: what counts is when they are called and what is said.
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "spine-ensure-"));
  for (const folder of ["tools", "bin"]) mkdirSync(join(root, folder));
  copyFileSync(join(import.meta.dirname, "ensure.mjs"), join(root, "tools", "ensure.mjs"));
  writeFileSync(join(root, "package-lock.json"), "{}");
});

afterEach(() => rmSync(root, { recursive: true }));

function command(name: string, script: string): void {
  writeFileSync(join(root, "bin", name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(root, "bin", name), 0o755);
}

const installs =
  'echo "$@" > called; mkdir -p node_modules/a; echo \'{ "packages": { "a": {}, "b": {} } }\' > node_modules/.package-lock.json';

function ensure(...nodeOptions: string[]) {
  const env = { ...process.env, PATH: `${join(root, "bin")}:${process.env.PATH}` };
  const args = [...nodeOptions, join(root, "tools", "ensure.mjs")];
  return spawnSync(process.execPath, args, { cwd: tmpdir(), env, encoding: "utf8" });
}

const unix = test.skipIf(process.platform === "win32");

test("every script of the repository installs first what is missing", () => {
  const { scripts } = JSON.parse(readFileSync(join(import.meta.dirname, "..", "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  const isHook = (name: string) => name.startsWith("pre") && name.slice(3) in scripts;
  const commands = Object.keys(scripts).filter((name) => !isHook(name));
  expect(commands).toContain("format");
  for (const name of commands) {
    expect(scripts[`pre${name}`], name).toMatch(/^node tools\/ensure\.mjs( && |$)/);
  }
});

unix("installs the locked packages when there are none, and says what it took", () => {
  command("npm", installs);
  const { status, stdout, stderr } = ensure();
  expect(status).toBe(0);
  expect(stdout).toBe("");
  expect(stderr).toMatch(/^installing .*\ninstalled 2 packages, \d+ MB, in \d+\.\d s\n$/);
});

unix("does and says nothing when the installation is current", () => {
  command("npm", installs);
  ensure();
  rmSync(join(root, "called"));
  const { status, stdout, stderr } = ensure();
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "", stderr: "" });
  expect(existsSync(join(root, "called"))).toBe(false);
});

unix("installs again when the lock file is newer", () => {
  command("npm", installs);
  ensure();
  const later = Date.now() / 1000 + 60;
  utimesSync(join(root, "package-lock.json"), later, later);
  expect(ensure().stderr).toContain("installed 2 packages");
});

unix("says what to do when npm fails", () => {
  command("npm", "echo npm error network >&2; exit 7");
  const { status, stdout, stderr } = ensure();
  expect(status).toBe(1);
  expect(stdout).toBe("");
  expect(stderr).toContain("npm error network");
  expect(stderr).toContain("npm ci failed (exit 7)");
  expect(stderr).toContain("npm ping");
});

unix("says what to do when the Node that will run the scripts is too old", () => {
  command("npm", installs);
  command("node", "echo v20.20.2");
  writeFileSync(
    join(root, "old-node.mjs"),
    'Object.defineProperty(process, "version", { value: "v20.20.2" });',
  );
  const { status, stderr } = ensure("--import", join(root, "old-node.mjs"));
  expect(status).toBe(1);
  expect(stderr).toContain("Spine needs Node.js 22.19 or newer and this is v20.20.2");
  expect(stderr).toContain("install Node 24");
});
