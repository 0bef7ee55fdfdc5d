import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";

test("the example starts runs in each way, and a second time finds them all", async () => {
  const folder = mkdtempSync(join(tmpdir(), "spine-starting-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const run = async () => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [
        "--conditions=spine-source",
        "--no-warnings",
        join(import.meta.dirname, "main.ts"),
        join(folder, "orders.db"),
      ],
      { env: { ...process.env, SPINE_LOG_LEVEL: "SILENT" } },
    );
    return stdout.split("\n").filter((line) => line !== "" && !line.startsWith("{"));
  };
  const lines = ["sent 2026-1", "3 more", "order 5: 2 steps"];
  expect(await run()).toEqual(lines);
  expect(await run()).toEqual(lines);
});
