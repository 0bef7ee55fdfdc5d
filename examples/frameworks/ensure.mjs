// Installs the frameworks into examples/frameworks/node_modules when they are missing or stale: for the test beside it. Two test
// runs at once wait for each other.
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { withInstallLock } from "../../tools/install-lock.mjs";

const folder = fileURLToPath(new URL(".", import.meta.url));
// npm writes this file last, so an install that was interrupted counts as missing.
const stamp = `${folder}node_modules/.package-lock.json`;

const isStale = () =>
  !existsSync(stamp) || statSync(stamp).mtimeMs < statSync(`${folder}package-lock.json`).mtimeMs;

if (isStale()) {
  await withInstallLock(
    `${folder}.install-lock`,
    (text) => process.stderr.write(`${text}\n`),
    () => {
      if (isStale()) install();
    },
  );
}

function install() {
  process.stderr.write("installing the frameworks that spine-http is tested in (half a minute) …\n");
  const args = ["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
  const npm = spawnSync("npm", args, {
    cwd: folder,
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (npm.status === 0) return;
  process.stderr.write(
    "npm ci failed in examples/frameworks; its message is above. `npm ping` says whether the registry answers.\n",
  );
  process.exit(1);
}
