import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateWeek, SAMPLE_WEEK, writeWeekFile } from "spine-finra/testing";
import { expect, test } from "vitest";

test("the example of spine-finra's README loads a week and reads it back", async () => {
  const folder = mkdtempSync(join(tmpdir(), "spine-finra-plugin-"));
  try {
    const week = { weekStart: SAMPLE_WEEK, tier: "OTCE", symbols: 80 } as const;
    const { expected } = generateWeek(week);
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [
        "--conditions=spine-source",
        join(import.meta.dirname, "main.ts"),
        await writeWeekFile({ folder, ...week }),
      ],
      { cwd: folder, encoding: "utf8", env: { ...process.env, FORCE_COLOR: undefined } },
    );
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(new RegExp(`^${expected.rows} ${expected.rows}\n`));
    expect(stdout).toContain(`shares: '${expected.shares}'`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
