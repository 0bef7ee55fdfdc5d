import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateWeek, SAMPLE_WEEK } from "spine-finra/testing";
import { expect, test } from "vitest";

test("the example of spine-finra's README loads a week from the local server, and says SAMPLE", () => {
  const folder = mkdtempSync(join(tmpdir(), "spine-finra-query-api-"));
  try {
    const { expected } = generateWeek({ weekStart: SAMPLE_WEEK, tier: "T1" });
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ["--conditions=spine-source", join(import.meta.dirname, "main.ts")],
      { cwd: folder, encoding: "utf8", env: { ...process.env, FORCE_COLOR: undefined } },
    );
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(new RegExp(`^SAMPLE ${expected.rows} Generated data`));
    expect(stdout).toContain(`shares: '${expected.shares}'`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
