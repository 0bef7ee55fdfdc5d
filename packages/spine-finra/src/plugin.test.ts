import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type QualityCheck, Rejection } from "spine-core";
import { expect, it } from "vitest";
import { ingestWeek } from "./ingest-week.ts";
import { finra } from "./plugin.ts";
import { generateWeek } from "./testing/generate-week.ts";
import { RAGGED_ROW } from "./testing/week-rows.ts";
import { writeWeekFile } from "./testing/write-week-file.ts";
import { TIERS } from "./tiers.ts";
import { OtcTradeActivity, toTradeActivity } from "./trade-activity.ts";
import type { WeeklyFileRow } from "./weekly-file-columns.ts";

it("brings the source that the workflow names, and the workflow", () => {
  const plugin = finra();
  expect(plugin.name).toBe("finra");
  expect(plugin.sources?.map(({ name }) => name)).toEqual(["finra.otc_transparency"]);
  expect(plugin.workflows).toEqual([ingestWeek]);
  expect(ingestWeek.steps[0]).toMatchObject({ kind: "fetch", from: "finra.otc_transparency" });
});

it.each(TIERS)("takes a generated week of %s through source, transform and checks", async (tier) => {
  const folder = await mkdtemp(join(tmpdir(), "spine-finra-"));
  try {
    const options = { weekStart: "2026-03-02", tier } as const;
    const { expected } = generateWeek(options);
    const file = await writeWeekFile({ ...options, folder });
    const params = ingestWeek.params.parse({ tier, week_ending: "2026-03-06", file }) as Parameters<
      typeof toTradeActivity
    >[1]["params"] & { readonly file: string };
    const [source] = finra({ fileRoots: [folder] }).sources ?? [];
    const quality = ingestWeek.steps.find((step) => step.kind === "quality");
    const checks = (quality?.checks ?? []) as unknown as readonly QualityCheck<OtcTradeActivity>[];
    const refused = Object.values(expected.rejected).reduce((sum, n) => sum + n, 0);
    const input = { params, rows: expected.rows, rejected: refused };
    const running = checks.map((check) => ({ check, counting: check.start(input) }));
    const rejected: Record<string, number> = {};
    const count = (code: string) => {
      rejected[code] = (rejected[code] ?? 0) + 1;
    };
    for await (const page of source?.stream({ path: params.file } as never) ?? []) {
      for (const { code } of page.rejects ?? []) count(code);
      for (const row of page.rows as unknown as readonly WeeklyFileRow[]) {
        const made = toTradeActivity(row, { params });
        if (made instanceof Rejection) count(made.code);
        else for (const { counting } of running) counting.add(OtcTradeActivity.parse(made));
      }
    }
    expect(rejected).toEqual(expected.rejected);
    expect(rejected[RAGGED_ROW]).toBe(1);
    const results = running.map(({ check, counting }) => [check.name, counting.finish()] as const);
    expect(results[0]?.[1].actual).toBe(expected.rows);
    for (const [name, { status }] of results) {
      expect([name, status]).toEqual([
        name,
        name === "trades ≤ shares" ? expect.stringMatching(/PASS|WARN/) : "PASS",
      ]);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
