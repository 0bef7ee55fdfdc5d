import { expect, test } from "vitest";
import type { Check } from "./database/diagnosis.ts";
import { deliveryChecks, diagnose, unattendedCheck, workChecks } from "./diagnose.ts";
import { SpineError } from "./errors.ts";
import type { Workload } from "./history/workload.ts";
import { TestClock } from "./testing/test-clock.ts";

const NOW = Date.parse("2026-01-05T09:00:00.000Z");
const worker = (name: string, alive = true, runs = 0) => ({ worker: name, alive, runs });
const due = (workflow: string, secondsAgo: number, runs = 1) => ({
  workflow,
  runs,
  oldestDueAt: new Date(NOW - secondsAgo * 1_000).toISOString(),
});

function statuses(
  workload: Workload,
  known: readonly string[] = ["a"],
): Readonly<Record<string, Check["status"]>> {
  return Object.fromEntries(workChecks(workload, known, NOW).map(({ name, status }) => [name, status]));
}

const FINE = {
  workers: "ok",
  "lost workers": "ok",
  "waiting runs": "ok",
  "unknown workflows": "ok",
};

test("a worker, and nothing that waits for long: all is well", () => {
  expect(statuses({ due: [], workers: [worker("w")] })).toEqual(FINE);
  expect(statuses({ due: [due("a", 59)], workers: [worker("w", true, 3)] })).toEqual(FINE);
});

test("no worker is a warning, and an error once something is due", () => {
  expect(statuses({ due: [], workers: [] })).toEqual({ ...FINE, workers: "warning" });
  expect(statuses({ due: [due("a", 1)], workers: [] })).toEqual({ ...FINE, workers: "error" });
});

test("runs of a process that is gone: somebody will take them over, or nobody is there to", () => {
  const gone = worker("g", false, 2);
  expect(statuses({ due: [], workers: [worker("w"), gone] })).toEqual({ ...FINE, "lost workers": "warning" });
  expect(statuses({ due: [], workers: [gone] })).toEqual({
    ...FINE,
    workers: "warning",
    "lost workers": "error",
  });
  expect(statuses({ due: [], workers: [worker("w"), worker("g", false, 0)] })).toEqual(FINE);
  const [, check] = workChecks({ due: [], workers: [worker("w"), gone] }, ["a"], NOW);
  expect(check?.message).toBe("2 runs are in the hands of 1 process that is gone.");
});

test("a run that has waited for more than a minute", () => {
  const workload = { due: [due("a", 61, 4), due("a2", 3)], workers: [worker("w")] };
  expect(statuses(workload, ["a", "a2"])).toEqual({ ...FINE, "waiting runs": "warning" });
  const check = workChecks(workload, ["a", "a2"], NOW)[2];
  expect(check).toMatchObject({ data: { runs: 5, waitMs: 61_000, workflow: "a" } });
  expect(check?.message).toContain('the oldest (of "a") for 61 s');
});

test("workflows that this process does not know are named, a few of them", () => {
  const names = ["b", "c", "d", "e", "f", "g", "h"];
  const workload = { due: names.map((name) => due(name, 1, 2)), workers: [worker("w")] };
  expect(statuses(workload)).toEqual({ ...FINE, "unknown workflows": "warning" });
  const check = workChecks(workload, ["a"], NOW)[3];
  expect(check?.message).toContain(
    '14 runs wait whose workflow this process does not know: "b", "c", "d", "e", "f", and 2 more',
  );
  expect(check?.remedy).toContain("No other process works");
  expect(check?.data).toEqual({ workflows: names, runs: 14 });
  const others = workChecks({ ...workload, workers: [worker("w"), worker("v")] }, ["a"], NOW)[3];
  expect(others?.remedy).toContain("If another process knows them");
});

test("runs that are a process's own and that it does not work on are named", () => {
  expect(unattendedCheck([])).toMatchObject({ name: "own runs", status: "ok" });
  const check = unattendedCheck(["r1", "r2"]);
  expect(check).toMatchObject({ status: "warning", data: { runs: ["r1", "r2"] } });
  expect(check.message).toBe("2 runs are in the hands of this process, and it does not work on them.");
  expect(check.remedy).toContain("gives them back");
});

test("a run that is tied to another version than this process has", () => {
  const workload = { due: [{ ...due("a", 1, 3), foreign: 2 }, due("b", 1)], workers: [worker("w")] };
  expect(workChecks(workload, ["a", "b"], NOW)[3]).toMatchObject({
    status: "warning",
    message: '2 runs wait whose workflow this process does not know: "a" (another version).',
    data: { workflows: ["a"], runs: 2 },
  });
});

test("a database that cannot be asked is a finding, not an exception", async () => {
  const away = () => Promise.reject(new SpineError("DATABASE_UNAVAILABLE", "Nobody answers."));
  const { ok, checks } = await diagnose({
    database: { dialect: "postgres", diagnose: away } as never,
    stores: { hints: { pollMs: 200 }, history: { workload: away } } as never,
    workflows: [],
    clock: new TestClock(),
    working: true,
    unattended: async () => [],
  });
  expect(ok).toBe(false);
  expect(checks.map(({ name, status }) => `${name} ${status}`)).toEqual(["database error", "work error"]);
  expect(checks[0]).toMatchObject({
    message: "The database could not be asked: Nobody answers.",
    data: { code: "DATABASE_UNAVAILABLE" },
  });
});

test("tables that are gone are not taken for a database that is away", async () => {
  const refused = () => Promise.reject(new SpineError("DATABASE_FAILED", "There is no such table."));
  const schema: Check = { name: "schema", status: "error", message: "Gone.", remedy: "Start it.", data: {} };
  const work = async (found: readonly Check[]) => {
    const { checks } = await diagnose({
      database: { dialect: "postgres", diagnose: async () => found } as never,
      stores: { hints: { pollMs: 5_000 }, history: { workload: refused } } as never,
      workflows: [],
      clock: new TestClock(),
      working: true,
      unattended: async () => [],
    });
    return checks.find(({ name }) => name === "work");
  };
  expect(await work([schema])).toMatchObject({
    message: "What there is to do cannot be read from Spine's tables: There is no such table.",
    remedy: expect.stringContaining("First do what the check `schema` says") as string,
    data: { code: "DATABASE_FAILED" },
  });
  expect((await work([]))?.remedy).toContain("restore them from a backup");
});

test("who works and cannot be told of work is warned; who does not work is not", async () => {
  const names = async (working: boolean) => {
    const { checks } = await diagnose({
      database: { dialect: "postgres", diagnose: async () => [] } as never,
      stores: {
        hints: { pollMs: 200 },
        history: { workload: async () => ({ due: [], workers: [] }) },
      } as never,
      workflows: [],
      clock: new TestClock(),
      working,
      unattended: async () => [],
    });
    return checks.filter(({ name }) => name === "waking").map(({ status }) => status);
  };
  expect([await names(true), await names(false)]).toEqual([["warning"], []]);
});

test("messages that were given up lately, and those that nobody takes, are told with their channels", () => {
  const ended = (hoursAgo: number, channel: string) =>
    ({ channel, error: "it refused", endedAt: new Date(NOW - hoursAgo * 3_600_000).toISOString() }) as never;
  const none = { now: NOW, deliveries: new Map([["chat", NOW - 60_000]]) };
  expect(deliveryChecks([ended(25, "chat")], none).map(({ status }) => status)).toEqual(["ok", "ok"]);
  const gone = { now: NOW, deliveries: new Map([["gone", NOW - 301_000]]) };
  const [dead, untaken] = deliveryChecks([ended(1, "chat"), ended(2, "chat"), ended(3, "mail")], gone);
  expect(dead).toMatchObject({ status: "warning", data: { deliveries: 3, channels: ["chat", "mail"] } });
  expect(dead?.message).toBe(
    '3 messages about alerts could not be delivered within a day ("chat", "mail"); of the newest: it refused',
  );
  expect(untaken).toMatchObject({ status: "warning", data: { channels: ["gone"] } });
});
