import { spawn, spawnSync } from "node:child_process";
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
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

// A project of its own with an `npm` and a `node` that only pretend: what counts is when they are called and what is said.
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "spine-ensure-"));
  for (const folder of ["tools", "bin"]) mkdirSync(join(root, folder));
  for (const file of ["ensure.mjs", "install-lock.mjs"]) {
    copyFileSync(join(import.meta.dirname, file), join(root, "tools", file));
  }
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

/** Starts the hook beside others; what it wrote to standard error, and how it ended. */
async function begin(
  onSays: (stderr: string) => void = () => {},
): Promise<{ readonly code: number | null; readonly stderr: string }> {
  const env = { ...process.env, PATH: `${join(root, "bin")}:${process.env.PATH}` };
  const child = spawn(process.execPath, [join(root, "tools", "ensure.mjs")], {
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (data: Buffer) => {
    stderr += data.toString();
    onSays(stderr);
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, stderr };
}

const counted = `echo one >> calls; sleep 1; ${installs}`;
const calls = () => readFileSync(join(root, "calls"), "utf8").trim().split("\n").length;
const lock = () => join(root, ".install-lock");

unix("several first commands at once install once, and the others wait for it", async () => {
  command("npm", counted);
  const all = await Promise.all([begin(), begin(), begin()]);
  expect(all.map(({ code }) => code)).toEqual([0, 0, 0]);
  expect(calls()).toBe(1);
  expect(all.filter(({ stderr }) => stderr.includes("installed 2 packages"))).toHaveLength(1);
  expect(all.some(({ stderr }) => stderr.includes("another command is installing"))).toBe(true);
  expect(existsSync(lock())).toBe(false);
});

unix("what a killed command left locked is taken over, by one of those that wait", async () => {
  command("npm", counted);
  const { pid } = spawnSync(process.execPath, ["--version"]);
  mkdirSync(lock());
  writeFileSync(join(lock(), "owner"), `${pid} ${hostname()}`);
  const all = await Promise.all([begin(), begin(), begin()]);
  expect(all.map(({ code }) => code)).toEqual([0, 0, 0]);
  expect(calls()).toBe(1);
  expect(existsSync(lock())).toBe(false);
});

unix.each([
  ["nobody's for a while", null, 60],
  ["held for longer than any install", `${process.pid} ${hostname()}`, 3_600],
  ["held for long on another machine", "1 elsewhere", 3_600],
])("a lock that is %s is taken over", (_what, owner, seconds) => {
  command("npm", installs);
  mkdirSync(lock());
  if (owner !== null) writeFileSync(join(lock(), "owner"), owner);
  const then = Date.now() / 1000 - seconds;
  utimesSync(lock(), then, then);
  expect(ensure()).toMatchObject({ status: 0, stderr: expect.stringContaining("installed 2 packages") });
  expect(existsSync(lock())).toBe(false);
});

unix("a lock that is somebody's is waited for", async () => {
  command("npm", installs);
  mkdirSync(lock());
  writeFileSync(join(lock(), "owner"), `${process.pid} ${hostname()}`);
  let installed: boolean | undefined;
  const { code, stderr } = await begin((said) => {
    if (installed !== undefined || !said.includes(`its lock: ${lock()}`)) return;
    installed = existsSync(join(root, "node_modules"));
    rmSync(lock(), { recursive: true });
  });
  expect([code, installed], stderr).toEqual([0, false]);
  expect(stderr).toContain("installed 2 packages");
});

unix("says what to do when npm fails", () => {
  command("npm", "echo npm error network >&2; exit 7");
  const { status, stdout, stderr } = ensure();
  expect(status).toBe(1);
  expect(stdout).toBe("");
  expect(stderr).toContain("npm error network");
  expect(stderr).toContain("npm ci failed (exit 7)");
  expect(stderr).toContain("npm ping");
  expect(existsSync(lock())).toBe(false);
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
