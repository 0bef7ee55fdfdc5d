import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

// `npm test` is the one command that says whether a change is good, so it covers `npm run check` too.
const checks = ["check:format", "check:types", "check:boundaries", "check:unused"];

test.each(checks)(
  "npm run %s",
  (name) => {
    const { status, stdout, stderr } = spawnSync("npm", ["run", "--silent", name], {
      cwd: join(import.meta.dirname, ".."),
      encoding: "utf8",
      // Vitest forces colours on its children, and biome colours each letter of its diffs.
      env: { ...process.env, FORCE_COLOR: undefined, NO_COLOR: undefined },
      shell: process.platform === "win32",
    });
    expect(status, `npm run ${name}\n${stdout}${stderr}`).toBe(0);
  },
  300_000,
);
