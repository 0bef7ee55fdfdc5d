// What only one test or benchmark needs lives in a folder with its own lock file, and is installed when that is run.
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { withInstallLock } from "./install-lock.mjs";

/**
 * Installs what a folder's lock file names when it is missing or stale; two test runs at once wait for each other. Ends the process
 * where that does not work.
 *
 * @param folder its absolute path
 * @param what for the line that says why it takes a moment
 */
export async function ensureFolder(folder, what) {
  // npm writes this file last, so an install that was interrupted counts as missing.
  const stamp = join(folder, "node_modules/.package-lock.json");
  const lockFile = join(folder, "package-lock.json");
  const isStale = () => !existsSync(stamp) || statSync(stamp).mtimeMs < statSync(lockFile).mtimeMs;
  if (!isStale()) return;
  const say = (text) => process.stderr.write(`${text}\n`);
  await withInstallLock(join(folder, ".install-lock"), say, () => {
    if (!isStale()) return;
    say(`installing ${what} …`);
    const npm = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"], {
      cwd: folder,
      stdio: ["ignore", 2, 2],
      shell: process.platform === "win32",
    });
    if (npm.status === 0) return;
    say(`npm ci failed in ${folder}; its message is above. \`npm ping\` says whether the registry answers.`);
    process.exit(1);
  });
}
