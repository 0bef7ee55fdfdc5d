// Schedules as a whole, on both databases and by a virtual clock: what is due is run once, what was missed is told, and operators have their way.
import {
  createSpine,
  defineWorkflow,
  encryptPayloads,
  type Spine,
  type SpineOptions,
  silentLogger,
} from "spine-core";
import { TestClock } from "spine-core/testing";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { PLACES, type SharedPlace } from "./testing/places.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const gates = new Map<string, PromiseWithResolvers<void>>();
const report = defineWorkflow({
  name: "demo.report",
  params: z.object({ day: z.iso.date().optional(), at: z.string().optional(), gate: z.string().optional() }),
}).step("write", async ({ params, signal }) => {
  const gate = params.gate === undefined ? undefined : gates.get(params.gate);
  const aborted = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => aborted.resolve());
  if (gate) await Promise.race([gate.promise, aborted.promise]);
  return params.day ?? null;
});
/** The machine may be busy. */
const soon = { timeout: 8_000 };
const base = { workflow: report, overlap: "allow" } as const;

describe.each(PLACES)("%s", (name, open) => {
  let place: SharedPlace;
  let clock: TestClock;
  let spine: Spine;
  const spineWith = (options: Partial<SpineOptions>) =>
    createSpine({ database: place.database(), workflows: [report], logger: silentLogger, clock, ...options });
  beforeAll(async () => {
    place = await open();
    clock = new TestClock("2026-01-05T00:30:00Z");
    spine = await spineWith({ worker: false });
    return async () => {
      await spine.stop();
      place.remove();
    };
  });
  /** What became of its ticks, oldest first: `01:00 STARTED`. */
  const ticksOf = async (name: string) =>
    (await spine.schedules.ticks(name))
      .map(
        ({ scheduledAt, status, reason }) =>
          `${scheduledAt.slice(11, 16)} ${[status, reason].filter(Boolean).join(" ")}`,
      )
      .toReversed();
  const runsOf = async (name: string) =>
    (await spine.history.list({ tag: `schedule:${name}`, limit: 50 })).items;
  /** Waits until its ticks are these. */
  const become = (name: string, ticks: readonly string[]) =>
    expect.poll(() => ticksOf(name), soon).toEqual(ticks);
  const hours = (from: number, to: number, what: string) =>
    Array.from(
      { length: to - from + 1 },
      (_, index) => `${String(from + index).padStart(2, "0")}:00 ${what}`,
    );

  test("refuses what can never run, before anything is stored", async () => {
    const wrong = async (given: object, code: string, path: string) => {
      const creating = spine.schedules.create({
        name: "wrong",
        ...base,
        cron: "0 * * * *",
        ...given,
      } as never);
      await expect(creating, path).rejects.toMatchObject({ code, detail: { issues: [{ path }] } });
    };
    await wrong({ workflow: "demo.unknown" }, "UNKNOWN_WORKFLOW", "/workflow");
    await wrong({ params: { day: "soon" } }, "VALIDATION_FAILED", "/params/day");
    await wrong({ params: 7 }, "VALIDATION_FAILED", "/params");
    await wrong({ cron: null, at: "2026-01-05T00:29:59Z" }, "VALIDATION_FAILED", "/at");
    await wrong({ endAt: "2026-01-05T00:00:00Z" }, "VALIDATION_FAILED", "/endAt");
    await wrong({ calendar: "nyse" }, "VALIDATION_FAILED", "/calendar");
    await wrong({ cron: "99 * * * *" }, "VALIDATION_FAILED", "/cron");
    await spine.schedules.create({ name: "taken", ...base, enabled: false });
    await wrong({ name: "taken" }, "SCHEDULE_EXISTS", "/name");
    await spine.schedules.remove("taken");
    expect(await spine.schedules.list()).toEqual([]);
    const { get, pause, remove, trigger } = spine.schedules;
    for (const ask of [get, pause, remove, trigger])
      await expect(ask("x")).rejects.toMatchObject({ code: "SCHEDULE_NOT_FOUND" });
    const bad = [
      { schedules: [{ ...base, name: "s", cron: "x" }] },
      { schedules: [{ ...base, name: "s", workflow: "w", cron: "0 * * * *" }] },
      { schedules: [{ ...base, name: "s", params: { day: "soon" }, cron: "0 * * * *" }] },
      { plugins: [{ name: "p", schedules: [{ ...base, name: "s", params: 7, cron: "0 * * * *" }] }] },
    ];
    for (const options of bad)
      await expect(spineWith(options)).rejects.toMatchObject({ detail: { issues: [{}] } });
  });

  test("a backfill whose end is before its beginning is refused, and a preview shows what is to come only", async () => {
    await spine.schedules.create({ name: "hourly", ...base, cron: "0 * * * *" });
    const turned = { from: "2026-01-04T00:00:00Z", to: "2026-01-03T00:00:00Z" };
    await expect(spine.schedules.backfill("hourly", turned)).rejects.toMatchObject({
      code: "VALIDATION_FAILED",
      detail: { issues: [{ path: "/to" }] },
    });
    // Nobody works for five hours. A tick of half a minute ago can still be on time.
    const later = new TestClock(clock.now());
    const other = await spineWith({ worker: false, clock: later });
    const preview = async (at: string) => {
      later.advance(Date.parse(at) - later.now());
      return await other.schedules.preview("hourly", 2);
    };
    expect(await preview("2026-01-05T05:30:00Z")).toEqual([
      "2026-01-05T06:00:00.000Z",
      "2026-01-05T07:00:00.000Z",
    ]);
    expect((await preview("2026-01-05T06:00:30Z"))[0]).toBe("2026-01-05T06:00:00.000Z");
    await other.stop();
    await spine.schedules.remove("hourly");
  });

  test("after an outage of ten hours no, one or ten runs follow, as the schedule says", async () => {
    for (const catchUp of ["none", "latest", "all"] as const)
      await spine.schedules.create({ name: catchUp, ...base, cron: "0 * * * *", catchUp });
    clock.advance(10 * HOUR);
    await spine.start();
    await become("none", hours(1, 10, "MISSED NOT_CAUGHT_UP"));
    await become("latest", [...hours(1, 9, "MISSED SUPERSEDED"), "10:00 STARTED CAUGHT_UP"]);
    await become("all", hours(1, 10, "STARTED CAUGHT_UP"));
    for (const [name, runs] of [
      ["none", 0],
      ["latest", 1],
      ["all", 10],
    ] as const) {
      expect(await runsOf(name), name).toHaveLength(runs);
      await spine.schedules.remove(name);
    }
  });

  test("a tick starts a run of its own, which says whose it is, and the row of the tick says which run", async () => {
    await spine.start();
    const { workflow, ...given } = {
      ...base,
      cron: "0 11 * * *",
      timezone: "Asia/Kolkata",
      tags: ["x"],
      queue: "q",
      priority: 3,
    };
    const params = { day: "{scheduled_date - 7d}", at: "{scheduled_at}" };
    const made = await spine.schedules.create({ name: "daily", workflow, ...given, params });
    expect(made).toMatchObject({
      status: "ACTIVE",
      nextTickAt: "2026-01-06T05:30:00.000Z",
      params,
      declaredBy: null,
      version: 1,
    });
    expect(await spine.schedules.preview("daily", 2)).toEqual([
      "2026-01-06T05:30:00.000Z",
      "2026-01-07T05:30:00.000Z",
    ]);
    expect(await spine.schedules.preview({ name: "x", workflow, every: "2h" }, 1)).toEqual([
      "2026-01-05T12:30:00.000Z",
    ]);
    clock.advance(19 * HOUR);
    await become("daily", ["05:30 STARTED"]);
    const [tick] = await spine.schedules.ticks("daily");
    const { run } = await spine.get(tick?.runId ?? "");
    expect(run).toMatchObject({
      triggeredBy: "schedule",
      tags: ["schedule:daily", "x"],
      queue: "q",
      priority: 3,
    });
    expect(run.params).toEqual({ day: "2025-12-30", at: "2026-01-06T05:30:00.000Z" });
    expect(await spine.schedules.get("daily")).toMatchObject({
      nextTickAt: "2026-01-07T05:30:00.000Z",
      version: 2,
    });
    // By hand, beside its ticks.
    await spine.schedules.pause("daily");
    const triggered = await spine.schedules.trigger("daily", { params: { day: "{scheduled_date}" } });
    expect((await triggered.result()).outputs).toEqual({ write: "2026-01-06" });
    expect((await spine.get(triggered.id)).run).toMatchObject({
      triggeredBy: "schedule",
      tags: ["schedule:daily", "x"],
    });
    expect(await spine.schedules.ticks("daily")).toHaveLength(1);
    await spine.schedules.remove("daily");
    expect(await runsOf("daily")).toHaveLength(2);
  });

  test("ticks that were missed in a pause are skipped and told, unless they are to be caught up", async () => {
    await spine.start();
    for (const name of ["skips", "catches"])
      await spine.schedules.create({
        name,
        ...base,
        every: "1h",
        catchUp: "all",
        ...(name === "catches" ? { pausedTicks: "catch-up" as const } : {}),
      });
    for (const name of ["skips", "catches"])
      expect(await spine.schedules.pause(name)).toMatchObject({ status: "PAUSED", nextTickAt: null });
    clock.advance(3 * HOUR + 2 * MINUTE);
    for (const name of ["skips", "catches"])
      expect(await spine.schedules.resume(name)).toMatchObject({ status: "ACTIVE", pausedAt: null });
    await expect
      .poll(async () => (await ticksOf("catches")).map((tick) => tick.slice(6)), soon)
      .toEqual(Array(3).fill("STARTED CAUGHT_UP"));
    expect((await ticksOf("skips")).map((tick) => tick.slice(6))).toEqual(Array(3).fill("SKIPPED PAUSED"));
    expect(await runsOf("skips")).toEqual([]);
    clock.advance(58 * MINUTE);
    await expect.poll(async () => (await ticksOf("skips")).at(-1)?.slice(6), soon).toBe("STARTED");
    for (const name of ["skips", "catches"]) await spine.schedules.remove(name);
  });

  test("other times count from the change on, which the answer says; other fields leave them as they are", async () => {
    const idle = await spineWith({ worker: false });
    await spine.stop();
    // Nobody looks for ticks now.
    const { schedules } = idle;
    await schedules.create({ name: "edited", ...base, every: "1h", overlap: "skip" });
    const before = await schedules.get("edited");
    expect(await schedules.update("edited", { priority: 5 })).toMatchObject({
      startsFrom: null,
      schedule: { nextTickAt: before.nextTickAt, priority: 5 },
    });
    // Of two who have seen the same, one changes it.
    const { revision } = await schedules.get("edited");
    const both = await Promise.allSettled(
      [6, 7].map((priority) => schedules.update("edited", { priority }, { revision })),
    );
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(both.find(({ status }) => status === "rejected")).toMatchObject({
      reason: { code: "SCHEDULE_CHANGED" },
    });
    await expect(schedules.remove("edited", { revision })).rejects.toMatchObject({
      code: "SCHEDULE_CHANGED",
    });
    await schedules.update("edited", { priority: 5 });
    expect(await schedules.get("edited"), "it is as it was again").toMatchObject({ revision });
    clock.advance(90 * MINUTE);
    const now = new Date(clock.now()).toISOString();
    const changed = await schedules.update("edited", { cron: "0 0 1 * *" });
    expect(changed, "the old tick is not looked at").toMatchObject({
      startsFrom: now,
      schedule: { every: null, cron: "0 0 1 * *", priority: 5, nextTickAt: "2026-02-01T00:00:00.000Z" },
    });
    await expect(schedules.update("edited", { cron: "x" })).rejects.toMatchObject({
      detail: { issues: [{ path: "/cron" }] },
    });
    await expect(schedules.update("edited", { crom: "x" } as never)).rejects.toMatchObject({
      detail: { issues: [{ path: "/crom" }] },
    });
    await expect(schedules.update("edited", { params: { day: "x" } })).rejects.toMatchObject({
      detail: { issues: [{ path: "/params/day" }] },
    });
    spine = idle;
    await spine.start();
    clock.advance(MINUTE);
    const { revision: seen } = await spine.schedules.create({ name: "after", ...base, every: "1m" });
    clock.advance(MINUTE);
    await expect.poll(() => ticksOf("after"), soon).toHaveLength(1);
    expect(await spine.schedules.get("after"), "a tick is no change").toMatchObject({ revision: seen });
    // The tick of the old times was due before, and is not run.
    expect(await ticksOf("edited")).toEqual([]);
    await spine.schedules.remove("after", { revision: seen });
    await spine.schedules.remove("edited");
    expect((await spine.schedules.list()).map(({ name }) => name)).not.toContain("after");
  });

  test("while its run is at work the next tick is skipped, waits, or takes its place", async () => {
    await spine.start();
    gates.set("overlap", Promise.withResolvers());
    const names = ["skip", "queue", "cancel-running"] as const;
    for (const overlap of names)
      await spine.schedules.create({
        name: overlap,
        ...base,
        every: "1h",
        overlap,
        params: { gate: "overlap" },
      });
    const turns = async (name: string) => (await ticksOf(name)).map((tick) => tick.slice(6));
    for (const ticks of [1, 2]) {
      clock.advance(HOUR);
      for (const name of names) await expect.poll(() => turns(name), soon).toHaveLength(ticks);
    }
    expect(await turns("skip")).toEqual(["STARTED", "SKIPPED OVERLAP"]);
    expect(await turns("queue")).toEqual(["STARTED", "QUEUED"]);
    expect(await spine.schedules.get("queue")).toMatchObject({ waiting: 1 });
    expect(await turns("cancel-running")).toEqual(["STARTED", "STARTED"]);
    const statuses = async (name: string) => (await runsOf(name)).map(({ status }) => status).toSorted();
    await expect.poll(() => statuses("cancel-running"), soon).toEqual(["CANCELLED", "RUNNING"]);
    gates.get("overlap")?.resolve();
    // In this process the end of a run wakes the scheduler: no time has to pass.
    await expect.poll(() => turns("queue"), soon).toEqual(["STARTED", "STARTED WAITED"]);
    await expect.poll(() => statuses("queue"), soon).toEqual(["COMPLETED", "COMPLETED"]);
    expect(await runsOf("skip")).toHaveLength(1);
    for (const name of names) await spine.schedules.remove(name);
  });

  test("a backfill starts what has no run, and nothing twice", async () => {
    await spine.start();
    await spine.schedules.create({
      name: "filled",
      ...base,
      cron: "0 0 * * *",
      params: { day: "{scheduled_date}" },
    });
    const range = { from: "2026-01-01T00:00:00Z", to: "2026-01-04T12:00:00Z" };
    const dry = await spine.schedules.backfill("filled", { ...range, dryRun: true });
    expect(dry).toMatchObject({ started: 4, ticks: Array(4).fill({ does: "START", runId: null }) });
    expect(await runsOf("filled")).toEqual([]);
    const [one, two] = await Promise.all([
      spine.schedules.backfill("filled", range),
      spine.schedules.backfill("filled", { ...range, to: "2026-01-05T12:00:00Z" }),
    ]);
    expect((one?.started ?? 0) + (two?.started ?? 0)).toBe(5);
    expect(await ticksOf("filled")).toEqual(Array(5).fill("00:00 STARTED BACKFILL"));
    expect(await runsOf("filled")).toHaveLength(5);
    const again = await spine.schedules.backfill("filled", range);
    expect(again).toMatchObject({ started: 0, ticks: Array(4).fill({ does: "HAS_RUN" }) });
    // Removed and made again, its ticks have the runs that they had.
    await spine.schedules.remove("filled");
    await spine.schedules.create({
      name: "filled",
      ...base,
      cron: "0 0 * * *",
      params: { day: "{scheduled_date}" },
    });
    await spine.schedules.backfill("filled", range);
    expect(await runsOf("filled")).toHaveLength(5);
    expect((await spine.schedules.ticks("filled")).map(({ runId }) => runId)).toEqual(
      expect.arrayContaining(again.ticks.map(({ runId }) => runId)),
    );
    await expect(
      spine.schedules.backfill("filled", { from: "2020-01-01T00:00:00Z", to: "2026-01-01T00:00:00Z" }),
    ).rejects.toMatchObject({ detail: { issues: [{ path: "/to" }] } });
    await spine.schedules.remove("filled");
  });

  test("the runs of a backfill stand in no tick's way, and none of them is cancelled for one", async () => {
    gates.set("filling", Promise.withResolvers());
    const overlaps = ["skip", "cancel-running", "queue"] as const;
    const names = overlaps.map((overlap) => `beside-${overlap}`);
    const range = { from: "2026-01-02T00:00:00Z", to: "2026-01-02T01:00:00Z" };
    for (const overlap of overlaps) {
      const params = { gate: "filling" };
      await spine.schedules.create({
        name: `beside-${overlap}`,
        ...base,
        cron: "0 * * * *",
        overlap,
        params,
      });
      expect(await spine.schedules.backfill(`beside-${overlap}`, range)).toMatchObject({ started: 2 });
    }
    clock.advance(HOUR);
    const started = ["00:00 STARTED BACKFILL", "01:00 STARTED BACKFILL"];
    for (const name of names) {
      await expect.poll(async () => (await ticksOf(name)).slice(0, 2), soon).toEqual(started);
      await expect.poll(async () => (await ticksOf(name))[2], soon).toMatch(/ STARTED CAUGHT_UP$/);
    }
    gates.get("filling")?.resolve();
    const statuses = async (name: string) => (await runsOf(name)).map(({ status }) => status);
    for (const name of names) {
      await expect.poll(() => statuses(name), soon).toEqual(["COMPLETED", "COMPLETED", "COMPLETED"]);
      await spine.schedules.remove(name);
    }
  });

  test("a tick whose parameters are refused by now is told, and holds nobody up", async () => {
    await spine.start();
    await spine.schedules.create({ name: "refused", ...base, every: "1h", params: { day: "2026-01-01" } });
    await spine.schedules.create({ name: "fine", ...base, every: "1h" });
    const row = { ...JSON.parse(await settingsIn("refused")), params: { day: "never" } };
    await spine.database.kysely
      .updateTable("schedules" as never)
      .set({ settings: JSON.stringify(row) } as never)
      .where("name" as never, "=", "refused" as never)
      .execute();
    clock.advance(HOUR);
    await expect
      .poll(async () => (await ticksOf("fine")).map((tick) => tick.slice(6)), soon)
      .toEqual(["STARTED"]);
    expect((await ticksOf("refused")).map((tick) => tick.slice(6))).toEqual(["MISSED REFUSED"]);
    expect((await spine.schedules.ticks("refused"))[0]?.detail).toContain("day");
    for (const name of ["refused", "fine"]) await spine.schedules.remove(name);
  });
  const settingsIn = async (name: string) =>
    JSON.stringify(
      (
        await spine.database.kysely
          .selectFrom("schedules" as never)
          .select("settings" as never)
          .where("name" as never, "=", name as never)
          .execute()
      )
        .map((row) => (row as { settings: unknown }).settings)
        .map((settings) => (typeof settings === "string" ? JSON.parse(settings) : settings))[0],
    );

  if (name === "SQLite") declaring();

  test("where payloads are encrypted, parameters of schedules are too; who cannot read them leaves their ticks to others", async () => {
    await spine.start();
    const keys = { use: "k", keys: { k: Buffer.alloc(32, 7) } };
    const knower = await spineWith({ payloads: encryptPayloads(keys), worker: false });
    await knower.schedules.create({ name: "coded", ...base, every: "1h", params: { gate: "a secret" } });
    await spine.schedules.create({ name: "plain", ...base, every: "1h" });
    expect(await settingsIn("coded")).not.toContain("a secret");
    expect(await knower.schedules.get("coded")).toMatchObject({ params: { gate: "a secret" } });
    await expect(spine.schedules.get("coded")).rejects.toMatchObject({ code: "PAYLOAD_KEY_MISSING" });
    clock.advance(HOUR);
    await expect.poll(() => ticksOf("plain"), soon).toHaveLength(1);
    expect(await spine.schedules.ticks("plain")).toHaveLength(1);
    await knower.start();
    await expect
      .poll(async () => (await knower.schedules.ticks("coded")).map(({ status }) => status), soon)
      .toEqual(["STARTED"]);
    const [tick] = await knower.schedules.ticks("coded");
    expect((await knower.get(tick?.runId ?? "")).run.params).toEqual({ gate: "a secret" });
    await knower.schedules.remove("coded");
    await knower.stop();
    await spine.schedules.remove("plain");
  });

  test("a tick is left to who knows its workflow; once it is late it is told as missed, and caught up all the same", async () => {
    await spine.start();
    const foreign = defineWorkflow({ name: "demo.foreign" }).step("write", () => "done");
    const knower = await spineWith({ workflows: [report, foreign], worker: false });
    await knower.schedules.create({
      name: "foreign",
      workflow: foreign,
      every: "1h",
      catchUp: "all",
      overlap: "allow",
    });
    await spine.schedules.create({ name: "own", ...base, every: "1h" });
    clock.advance(HOUR);
    await expect.poll(() => ticksOf("own"), soon).toHaveLength(1);
    expect(await ticksOf("foreign")).toEqual([]);
    clock.advance(MINUTE + 1);
    await expect
      .poll(async () => (await ticksOf("foreign")).map((tick) => tick.slice(6)), soon)
      .toEqual(["MISSED UNKNOWN_WORKFLOW"]);
    await knower.start();
    await expect
      .poll(async () => (await ticksOf("foreign")).map((tick) => tick.slice(6)), soon)
      .toEqual(["STARTED CAUGHT_UP"]);
    await expect
      .poll(async () => (await runsOf("foreign")).map(({ status }) => status), soon)
      .toEqual(["COMPLETED"]);
    await knower.stop();
    for (const name of ["foreign", "own"]) await spine.schedules.remove(name);
  });

  // Many Spines one after another, which take long to start on Postgres; the statements are those of the other tests.
  function declaring(): void {
    test("who declares schedules has them; what operators changed stays, and what is not declared any more is disabled", async () => {
      const hourly = { ...base, name: "declared", cron: "0 * * * *" };
      const declare = async (...schedules: readonly object[]) => {
        const other = await spineWith({ schedules: schedules as never });
        await other.stop();
      };
      await declare(hourly, { ...hourly, name: "other" });
      expect(await spine.schedules.get("declared")).toMatchObject({
        status: "ACTIVE",
        declaredBy: "code",
        version: 1,
      });
      await declare(hourly, { ...hourly, name: "other" });
      await spine.schedules.pause("declared");
      await spine.schedules.update("other", { priority: 7 });
      await declare(
        { ...hourly, cron: "30 * * * *", tags: ["new"] },
        { ...hourly, name: "other", tags: ["new"] },
      );
      expect(await spine.schedules.get("declared")).toMatchObject({
        status: "PAUSED",
        cron: "30 * * * *",
        nextTickAt: null,
      });
      expect(await spine.schedules.get("other")).toMatchObject({
        status: "ACTIVE",
        priority: 7,
        tags: ["new"],
      });
      await declare();
      const gone = await spine.schedules.get("other");
      expect(gone).toMatchObject({
        status: "DISABLED",
        nextTickAt: null,
        reason: expect.stringContaining("does not declare it any more") as string,
      });
      // A process that gives no list at all says nothing about it.
      await declare({ ...hourly, name: "other" });
      await (await spineWith({})).stop();
      expect(await spine.schedules.get("other")).toMatchObject({ status: "ACTIVE", priority: 7 });
      for (const name of ["declared", "other"]) await spine.schedules.remove(name);
    });
  }
});
