// Runs before `npm run bench`: installs the peers into bench/node_modules when they are missing or stale. Writes to
// stderr only, so that stdout belongs to the figures.
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL(".", import.meta.url));
// npm writes this file last, so an install that was interrupted counts as missing.
const stamp = `${folder}node_modules/.package-lock.json`;

if (!existsSync(stamp) || statSync(stamp).mtimeMs < statSync(`${folder}package-lock.json`).mtimeMs) {
  process.stderr.write("installing the peers of the benchmarks (a few seconds) …\n");
  const npm = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: folder,
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (npm.status !== 0) {
    process.stderr.write(
      "npm ci failed in bench/; its message is above. `npm ping` says whether the registry answers.\n",
    );
    process.exit(1);
  }
}
