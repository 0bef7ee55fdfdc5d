import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

test("the packages work as they would be published", () => {
  const script = join(import.meta.dirname, "check-packages.mjs");
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], { encoding: "utf8" });
  expect(status, stdout + stderr).toBe(0);
});
