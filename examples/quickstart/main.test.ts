import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const here = fileURLToPath(new URL(".", import.meta.url));

test("the README's example runs, and run twice it is one load", () => {
  const folder = mkdtempSync(join(tmpdir(), "spine-quickstart-"));
  try {
    copyFileSync(join(here, "prices.csv"), join(folder, "prices.csv"));
    const run = () =>
      spawnSync(process.execPath, ["--conditions=spine-source", join(here, "main.ts"), "prices.csv"], {
        cwd: folder,
        encoding: "utf8",
      });
    const first = run();
    expect(first.stderr.split("\n").filter((line) => line.includes("ERROR"))).toEqual([]);
    expect(first.stdout).toBe("3 prices, 1 rejected\n");
    expect(run().stdout).toBe("3 prices, 1 rejected\n");
    const database = new DatabaseSync(join(folder, "quickstart.db"), { readOnly: true });
    expect(database.prepare("select symbol, date, close from prices order by symbol, date").all()).toEqual([
      { symbol: "ACME", date: "2026-01-05", close: "101.5" },
      { symbol: "ACME", date: "2026-01-06", close: "102.25" },
      { symbol: "BOLT", date: "2026-01-05", close: "17.05" },
    ]);
    database.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("its key finds a failed run too: the stored error again, though the file is there by now", () => {
  const folder = mkdtempSync(join(tmpdir(), "spine-quickstart-"));
  try {
    const run = () =>
      spawnSync(process.execPath, ["--conditions=spine-source", join(here, "main.ts"), "prices.csv"], {
        cwd: folder,
        encoding: "utf8",
      });
    expect(run().stderr).toContain("SOURCE_NOT_FOUND");
    copyFileSync(join(here, "prices.csv"), join(folder, "prices.csv"));
    const again = run();
    expect(again.status).toBe(1);
    expect(again.stderr).toContain("SOURCE_NOT_FOUND");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
