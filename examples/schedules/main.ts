import { memory } from "spine-adapters/databases";
import { schedulesFromYaml } from "spine-adapters/schedules";
import { createSpine, defineWorkflow } from "spine-core";
import { z } from "zod";

const report = defineWorkflow({
  name: "demo.report",
  params: z.object({ day: z.iso.date(), title: z.string().default("daily") }),
}).step("write", ({ params }) => `${params.title} ${params.day}`);

await using spine = await createSpine({
  database: memory(),
  workflows: [report],
  // Days of business by name.
  calendars: { "berlin-office": (day) => !day.endsWith("-12-24") },
  schedules: [
    {
      name: "nightly",
      workflow: report,
      params: { day: "{scheduled_date - 1d}" }, // the day before that of the tick
      cron: "30 2 * * 1-5", // minute, hour, day, month, weekday; six fields begin with seconds
      timezone: "Europe/Berlin",
      calendar: "berlin-office",
      catchUp: { policy: "all", max: 10, window: "7d" }, // after an outage: each night that was missed
      overlap: "queue", // a run that takes long is waited for
    },
    // The same from a file.
    ...schedulesFromYaml(`
schedules:
  - name: by-hand
    pipeline: demo.report
    params: { day: "{scheduled_date}", title: by hand }
    enabled: false
`),
  ],
});
console.log((await spine.schedules.list()).map(({ name, status }) => `${name} ${status}`).join(", "));
console.log(`${(await spine.schedules.preview("nightly", 3)).length} more nights`);

// While it runs: made, changed, paused; kept in the database, for all processes on it.
await spine.schedules.create({
  name: "often",
  workflow: report,
  params: { day: "{scheduled_date}" },
  every: "15m",
});
const { startsFrom } = await spine.schedules.update("often", { every: "1h" });
console.log(`its times count from the change on: ${startsFrom !== null}`);
await spine.schedules.pause("often");

// By hand, beside the ticks: also of one that is paused, or not enabled.
const run = await spine.schedules.trigger("by-hand");
console.log((await run.result()).outputs.write === `by hand ${new Date().toISOString().slice(0, 10)}`);

// What was there before the schedule was.
const filled = await spine.schedules.backfill("nightly", {
  from: "2026-01-05T00:00:00+01:00",
  to: "2026-01-09T12:00:00+01:00",
});
console.log(`${filled.started} runs`);
for (const { scheduledAt, status, reason } of (await spine.schedules.ticks("nightly")).slice(-2))
  console.log(scheduledAt, status, reason);
