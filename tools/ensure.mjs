// Runs before `npm start`, `npm test` and `npm run check`, on any Node >= 18: installs the locked dependencies when they
// are missing or stale. It writes to stderr only, so that stdout belongs to the command that follows.
import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, readdirSync, readFileSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { withInstallLock } from "./install-lock.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const modules = join(root, "node_modules");
// npm writes this file last, so an install that was interrupted counts as missing.
const stamp = join(modules, ".package-lock.json");
const windows = process.platform === "win32";

// Two first commands at once must not install over each other: the second one waits, and finds the work done.
if (isStale()) {
  await withInstallLock(join(root, ".install-lock"), say, () => {
    if (isStale()) install();
  });
}
checkNode();

function isStale() {
  return !existsSync(stamp) || statSync(stamp).mtimeMs < statSync(join(root, "package-lock.json")).mtimeMs;
}

function install() {
  say("installing dependencies (half a minute on a new machine) …");
  const begun = Date.now();
  const args = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
  const npm = spawnSync("npm", args, { cwd: root, stdio: ["ignore", 2, 2], shell: windows });
  if (npm.error)
    fail(`npm could not be started (${npm.error.message}). It comes with Node.js: https://nodejs.org`);
  if (npm.status !== 0) {
    fail(
      `npm ci failed (${npm.signal ?? `exit ${npm.status}`}); its message is above. ` +
        "Without network, or behind a proxy, see that `npm ping` answers (`npm config get registry` shows where it " +
        "asks), then run the command again.",
    );
  }
  const packages = Object.keys(JSON.parse(readFileSync(stamp, "utf8")).packages).length;
  const seconds = ((Date.now() - begun) / 1000).toFixed(1);
  say(`installed ${packages} packages, ${Math.round(bytesOf(modules) / 1e6)} MB, in ${seconds} s`);
}

// Where npm has no Node for the platform, scripts run on the system's one, which may be too old.
function checkNode() {
  if (isSupported(process.version)) return;
  const path = [join(modules, ".bin"), process.env.PATH].join(delimiter);
  const node = spawnSync("node", ["--version"], {
    env: { ...process.env, PATH: path },
    encoding: "utf8",
    shell: windows,
  });
  const version = node.stdout?.trim() || process.version;
  if (isSupported(version)) return;
  fail(
    `Spine needs Node.js 22.19 or newer and this is ${version}. npm has no Node package for ` +
      `${process.platform}-${process.arch}: install Node 24 (https://nodejs.org, or \`nvm install 24\`), then run the ` +
      "command again.",
  );
}

function isSupported(version) {
  const [major, minor] = version.replace("v", "").split(".").map(Number);
  return major > 22 || (major === 22 && minor >= 19);
}

/** What the folder takes on the disk, as `du` counts it; links into the workspaces are not followed. */
function bytesOf(path) {
  const stat = lstatSync(path);
  const own = stat.blocks === undefined ? stat.size : stat.blocks * 512;
  if (!stat.isDirectory()) return own;
  return readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), own);
}

function say(text) {
  process.stderr.write(`${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(1);
}
