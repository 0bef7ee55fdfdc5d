import { memory } from "spine-adapters/databases";
import { createSpine, type Spine, silentLogger } from "spine-core";
import { TestClock } from "spine-core/testing";
import { beforeAll, expect, test } from "vitest";
import { ingestWeek } from "./ingest-week.ts";
import { finra } from "./plugin.ts";
import { publishedOn } from "./publication.ts";
import { TIERS } from "./tiers.ts";

const clock = new TestClock("2025-12-20T12:00:00Z");
let spine: Spine;
beforeAll(async () => {
  const scheduler = { database: memory(), plugins: [finra()], clock, logger: silentLogger };
  spine = await createSpine(scheduler);
  return () => spine.stop();
});

test("each tier has a schedule, which is not enabled before somebody says so", async () => {
  const schedules = await spine.schedules.list();
  expect(schedules.map(({ name, status, declaredBy }) => [name, status, declaredBy])).toEqual(
    ["otce", "t1", "t2"].map((tier) => [`finra.otc_transparency.${tier}`, "DISABLED", "finra"]),
  );
  const on = finra({ schedules: true });
  expect(on.schedules?.map(({ enabled }) => enabled)).toEqual([true, true, true]);
  const sample = finra({ schedules: { source: "SAMPLE" } });
  expect(sample.schedules?.map(({ enabled, params }) => [enabled, params])).toContainEqual([
    false,
    { tier: "T1", week_ending: "{scheduled_date - 21d}", source: "SAMPLE" },
  ]);
});

test.each(TIERS)(
  "a year of ticks of %s are the evenings of the days on which FINRA publishes, each for its own week",
  async (tier) => {
    const name = `finra.otc_transparency.${tier.toLowerCase()}`;
    const [schedule] = (finra({ schedules: true }).schedules ?? []).filter((each) => each.name === name);
    if (!schedule) throw new Error("no schedule");
    const ticks = await spine.schedules.preview(schedule, 53);
    expect(ticks).toHaveLength(53);
    const days = ticks.map((tick) => {
      const local = new Intl.DateTimeFormat("sv-SE", {
        timeZone: "America/New_York",
        dateStyle: "short",
        timeStyle: "short",
      });
      return local.format(new Date(tick)).split(" ");
    });
    expect(new Set(days.map(([, time]) => time))).toEqual(new Set(["18:00"]));
    for (const [day = ""] of days) {
      const lag = { T1: 21, T2: 35, OTCE: 35 }[tier];
      const week = new Date(Date.parse(`${day}T00:00:00Z`) - lag * 86_400_000).toISOString().slice(0, 10);
      const params = ingestWeek.params.parse({ tier, week_ending: week }) as { week_start: string };
      expect(publishedOn(params.week_start, tier)).toBe(day);
    }
    // Holidays on which it moved: of Martin Luther King, Presidents' Day, Memorial Day and Labor Day at least.
    expect(
      days.filter(([day = ""]) => new Date(`${day}T00:00:00Z`).getUTCDay() !== 1).length,
    ).toBeGreaterThanOrEqual(4);
  },
);
