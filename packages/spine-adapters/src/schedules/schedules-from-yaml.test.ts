import { createSpine, defineWorkflow, silentLogger } from "spine-core";
import { expect, test } from "vitest";
import { sqlite } from "../databases/sqlite.ts";
import { schedulesFromYaml } from "./schedules-from-yaml.ts";

const FILE = `
schedules:
  # Of the reference system.
  - name: nightly
    pipeline: demo.report
    cron: "0 2 * * *"
    timezone: Europe/Berlin
    params: { day: "{scheduled_date}" }
  - name: often
    workflow: demo.report
    interval: 15
    catch_up: { policy: all, max: 5 }
    misfire_grace: 2m
    paused_ticks: catch-up
    start_at: 2026-01-05T09:00:00Z
  - name: by-hand
    pipeline: demo.report
    cron: null
    enabled: false
`;

test("reads schedules with all of their fields, as code would declare them", async () => {
  const schedules = schedulesFromYaml(FILE);
  expect(schedules).toEqual([
    {
      name: "nightly",
      workflow: "demo.report",
      cron: "0 2 * * *",
      timezone: "Europe/Berlin",
      params: { day: "{scheduled_date}" },
    },
    {
      name: "often",
      workflow: "demo.report",
      every: 900_000,
      catchUp: { policy: "all", max: 5 },
      misfireGrace: "2m",
      pausedTicks: "catch-up",
      startAt: "2026-01-05T09:00:00Z",
    },
    { name: "by-hand", workflow: "demo.report", enabled: false },
  ]);
  const report = defineWorkflow({ name: "demo.report" }).step("write", () => "done");
  const spine = await createSpine({
    database: sqlite(":memory:"),
    workflows: [report],
    schedules,
    logger: silentLogger,
  });
  const statuses = (await spine.schedules.list()).map(({ name, status }) => `${name} ${status}`);
  await spine.stop();
  expect(statuses).toEqual(["by-hand DISABLED", "nightly ACTIVE", "often ACTIVE"]);
  expect(schedulesFromYaml("schedules: []")).toEqual([]);
});

test.each([
  ["an unknown field", "    crom: '* * * * *'", 5, "schedules/0/crom"],
  ["a wrong cron", "    cron: '61 * * * *'", 5, "schedules/0/cron"],
  ["a field of another kind", "    cron: '* * * * *'\n    enabled: often", 6, "schedules/0/enabled"],
  ["an unknown zone", "    cron: '* * * * *'\n    timezone: Mars", 6, "schedules/0/timezone"],
  [
    "a wrong grace, as the file calls it",
    "    cron: '* * * * *'\n    misfire_grace: soon",
    6,
    "schedules/0/misfire_grace",
  ],
  ["an unknown way to catch up", "    cron: '* * * * *'\n    catch_up: some", 6, "schedules/0/catch_up"],
  ["an interval that is too short", "    interval: 0.001", 5, "schedules/0/interval"],
  ["both words for the workflow", "    pipeline: other\n    cron: '* * * * *'", 4, "schedules/0/workflow"],
  [
    "a name that is taken",
    "    cron: '* * * * *'\n  - name: one\n    workflow: w\n    cron: '* * * * *'",
    6,
    "schedules/1/name",
  ],
  ["no time", "", 3, "schedules/0/cron"],
  ["a key that is there twice", "    cron: '* * * * *'\n    cron: '* * * * *'", 6, ""],
])("refuses %s, and names the line and the field", (_what, lines, line, path) => {
  const reading = () => schedulesFromYaml(`schedules:\n  # one\n  - name: one\n    workflow: w\n${lines}\n`);
  expect(reading).toThrow(
    expect.objectContaining({
      code: "CONFIG_INVALID",
      detail: { issues: [expect.objectContaining({ line, path: `/${path}` })] },
    }),
  );
  expect(reading).toThrow(`line ${line}`);
});

test("refuses what is no list of schedules", () => {
  for (const text of ["", "- name: x", "schedules: x", "schedule: []"])
    expect(() => schedulesFromYaml(text), text).toThrow("cannot be read");
  expect(() => schedulesFromYaml(7 as never)).toThrow("`text`");
});

test("aliases of aliases, which would stand for very much, are refused", () => {
  const tens = (of: string) => `[${Array.from({ length: 10 }, () => of).join(", ")}]`;
  const text = `a: &a ${tens("x")}\nb: &b ${tens("*a")}\nc: &c ${tens("*b")}\nschedules: ${tens("*c")}\n`;
  expect(() => schedulesFromYaml(text)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
});
