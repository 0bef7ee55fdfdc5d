import { expect } from "vitest";
import type { LookRequest } from "../scheduler/schedule-store.ts";
import { scheduleRow, settle, settlementOf, storedRun, tickWrite } from "./schedule-samples.ts";
import type { Check } from "./suite.ts";

const MINUTE = 60_000;
const DEMO: LookRequest = { workflows: ["demo"], calendars: [], limit: 10 };

/** What is known of schedules, and what is due. */
export function scheduleLookTests(check: Check): void {
  check("stores a schedule once, by its name", async ({ stores: { schedules }, clock }) => {
    expect(await schedules.now()).toBe(clock.now());
    const row = scheduleRow(clock.now(), { name: "b", params: { text: "ä\u0001'\"\\{}", list: [1, null] } });
    expect(await schedules.add(row)).toBe(true);
    expect(await schedules.add({ ...row, workflow: "other" })).toBe(false);
    expect(await schedules.add(scheduleRow(clock.now(), { name: "B" }))).toBe(true);
    const times = { createdAt: clock.now(), updatedAt: clock.now() };
    expect(await schedules.list(["b", "c"])).toEqual([{ ...row, version: 1, ...times }]);
    expect((await schedules.list()).map(({ name }) => name)).toEqual(["B", "b"]);
    expect(await schedules.list([])).toEqual([]);
  });

  check("removes a schedule with its ticks", async (context) => {
    const { schedules } = context.stores;
    for (const name of ["a", "b"]) await schedules.add(scheduleRow(context.clock.now(), { name }));
    await settle(
      context,
      (await schedules.list()).map((row) => settlementOf(row, [tickWrite(1_000)])),
    );
    expect(await schedules.remove("a", 99)).toBe(false);
    expect(await schedules.list(["a"])).toHaveLength(1);
    expect(await schedules.remove("a")).toBe(true);
    expect(await schedules.remove("a")).toBe(false);
    expect((await schedules.list()).map(({ name }) => name)).toEqual(["b"]);
    expect(await schedules.ticks("a", { limit: 9 })).toEqual([]);
    expect(await schedules.ticks("b", { limit: 9 })).toHaveLength(1);
  });

  check("finds what is due, the longest due first, and when the next is", async (context) => {
    const {
      stores: { schedules },
      clock,
    } = context;
    const start = clock.now();
    expect(await schedules.look(DEMO)).toEqual({ now: start, due: [], nextAt: null, waiting: false });
    await schedules.add(scheduleRow(start, { name: "five", every: "5m" }));
    await schedules.add(scheduleRow(start, { name: "two", every: "2m" }));
    await schedules.add(scheduleRow(start, { name: "off", enabled: false }));
    await schedules.add({ ...scheduleRow(start, { name: "later" }), nextAt: start + 9 * MINUTE });
    expect(await schedules.look(DEMO)).toEqual({
      now: start,
      due: [],
      nextAt: start + 2 * MINUTE,
      waiting: false,
    });
    clock.advance(2 * MINUTE - 1);
    expect((await schedules.look(DEMO)).due).toEqual([]);
    clock.advance(1);
    const look = await schedules.look(DEMO);
    expect(look.due.map(({ row }) => row.name)).toEqual(["two"]);
    expect(look.due[0]).toMatchObject({
      known: true,
      active: [],
      ended: [],
      waiting: [],
      row: { version: 1 },
    });
    expect(look.nextAt).toBe(start + 5 * MINUTE);
    clock.advance(3 * MINUTE);
    const both = await schedules.look(DEMO);
    expect(both.due.map(({ row }) => row.name)).toEqual(["two", "five"]);
    expect(both.nextAt).toBe(start + 9 * MINUTE);
    expect((await schedules.look({ ...DEMO, limit: 1 })).due.map(({ row }) => row.name)).toEqual(["two"]);
  });

  check(
    "leaves schedules to whoever knows their workflow and calendar, until they are late",
    async (context) => {
      const {
        stores: { schedules },
        clock,
      } = context;
      const start = clock.now();
      await schedules.add(scheduleRow(start, { misfireGrace: "30s", calendar: "weekdays" }));
      clock.advance(MINUTE);
      const knows = { workflows: ["x", "demo"], calendars: ["c", "weekdays"], limit: 9 };
      expect((await schedules.look(knows)).due).toMatchObject([{ known: true }]);
      for (const request of [
        { ...knows, workflows: [] },
        { ...knows, calendars: ["c"] },
        { ...knows, workflows: ["Demo"] },
      ]) {
        expect(await schedules.look(request)).toMatchObject({ due: [], nextAt: start + 90_001 });
      }
      clock.advance(30_001);
      expect((await schedules.look({ ...knows, workflows: [] })).due).toMatchObject([{ known: false }]);
      // What somebody else has recorded as missed is due at once for whoever knows it.
      const [row] = await schedules.list();
      if (!row) throw new Error("nothing was stored");
      const position = { ...row, nextAt: start + 600_000, lateAt: start + 700_000, unknown: true };
      await settle(context, [settlementOf(row, [], { position })]);
      expect((await schedules.look({ ...knows, workflows: [] })).due).toEqual([]);
      expect((await schedules.look(knows)).due).toMatchObject([{ known: true, row: { unknown: true } }]);
    },
  );

  check("tells runs that are not over from those that are, and who waits for them", async (context) => {
    const { schedules, history } = context.stores;
    await schedules.add(scheduleRow(context.clock.now()));
    const [row] = await schedules.list();
    if (!row) throw new Error("nothing was stored");
    const [first, second] = [await storedRun(context), await storedRun(context)];
    const ticks = [
      tickWrite(1_000, { status: "STARTED", runId: first }),
      tickWrite(2_000, { status: "STARTED", runId: second }),
      tickWrite(3_000, { status: "QUEUED" }),
      tickWrite(4_000, { status: "SKIPPED" }),
    ];
    const position = { ...row, nextAt: context.clock.now() + MINUTE, queued: 1 };
    await settle(context, [settlementOf(row, ticks, { position })]);
    expect(await schedules.look(DEMO)).toMatchObject({ due: [], waiting: true });
    const cancel = {
      kind: "control",
      from: ["PENDING"],
      change: { status: "CANCELLED" },
      reason: "test",
    } as const;
    await history.commit([{ ...cancel, runId: first }]);
    expect((await schedules.look(DEMO)).due).toEqual([]);
    context.clock.advance(MINUTE);
    const found = [{ active: [{ scheduledAt: 2_000, runId: second }], ended: [1_000], waiting: [3_000] }];
    expect((await schedules.look(DEMO)).due).toMatchObject(found);
    const later = { ...position, nextAt: context.clock.now() + MINUTE };
    await settle(context, [settlementOf({ ...row, version: 2 }, [], { position: later, ended: [1_000] })]);
    await history.commit([{ ...cancel, runId: second }]);
    expect((await schedules.look(DEMO)).due).toMatchObject([
      { active: [], ended: [2_000], waiting: [3_000] },
    ]);
    // Nobody takes one of a schedule that is paused.
    await settle(context, [
      settlementOf({ ...row, version: 3 }, [], { position: { ...later, pausedAt: 7 } }),
    ]);
    expect(await schedules.look(DEMO)).toMatchObject({ due: [], waiting: false });
  });

  check("removes old ticks that nobody looks at any more", async (context) => {
    const { schedules } = context.stores;
    await schedules.add(scheduleRow(context.clock.now()));
    const [row] = await schedules.list();
    if (!row) throw new Error("nothing was stored");
    const started = { status: "STARTED", runId: await storedRun(context) } as const;
    const ticks = [
      tickWrite(1_000),
      tickWrite(2_000, started),
      tickWrite(3_000),
      tickWrite(4_000),
      tickWrite(5_000),
    ];
    await settle(context, [settlementOf(row, ticks)]);
    expect(await schedules.prune({ before: 5_000, limit: 2 })).toBe(2);
    expect(await schedules.prune({ before: 5_000, limit: 2 })).toBe(1);
    expect(await schedules.prune({ before: 5_000, limit: 2 })).toBe(0);
    expect((await schedules.ticks("s", { limit: 9 })).map(({ scheduledAt }) => scheduledAt)).toEqual([
      5_000, 2_000,
    ]);
  });
}
