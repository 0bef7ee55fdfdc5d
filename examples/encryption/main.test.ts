import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("the example of docs/encryption.md runs, and leaves no name in its database", () => {
  const folder = mkdtempSync(join(tmpdir(), "spine-example-"));
  try {
    const main = fileURLToPath(new URL("main.ts", import.meta.url));
    const file = join(folder, "patients.db");
    const run = spawnSync(process.execPath, ["--conditions=spine-source", main, file], { encoding: "utf8" });
    expect(run.stderr.split("\n").filter((line) => line.includes("ERROR"))).toEqual([]);
    expect(run.stdout).toBe("Ada, ward 7\n{ patient: 'Ada' }\n");
    expect(readFileSync(file, "latin1")).not.toContain("ward 7");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
