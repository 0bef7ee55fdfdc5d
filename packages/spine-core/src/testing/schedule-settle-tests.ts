import { expect } from "vitest";
import { tickKey } from "../scheduler/schedule-store.ts";
import { scheduleRow, settle, settlementOf, storedRun, tickWrite } from "./schedule-samples.ts";
import type { Check } from "./suite.ts";

const MINUTE = 60_000;

/** What becomes of ticks, by one process and by several at the same time. */
export function scheduleSettleTests(check: Check): void {
  check("moves a schedule on with its ticks", async (context) => {
    const { stores, clock } = context;
    const store = stores.schedules;
    await store.add(scheduleRow(clock.now()));
    const [row] = await store.list();
    if (!row) throw new Error("nothing was stored");
    const at = row.nextTick ?? 0;
    const runId = await storedRun(context);
    clock.advance(MINUTE);
    const next = {
      ...row,
      settledTo: at,
      nextTick: at + MINUTE,
      nextAt: at + MINUTE,
      lateAt: at + 2 * MINUTE,
      queued: 1,
    };
    const ticks = [
      tickWrite(at - MINUTE, { reason: "SUPERSEDED", detail: "later", since: 7 }),
      tickWrite(at, { status: "STARTED", runId }),
      tickWrite(at + MINUTE, { status: "QUEUED" }),
    ];
    const settled = await settle(context, [settlementOf(row, ticks, { position: next })]);
    expect([...settled.schedules]).toEqual(["s"]);
    expect([...settled.ticks].toSorted()).toEqual(ticks.map(({ scheduledAt }) => tickKey("s", scheduledAt)));
    expect(await store.list()).toEqual([{ ...next, version: 2, updatedAt: clock.now() }]);
    const recorded = { schedule: "s", recordedAt: clock.now() };
    expect(await store.ticks("s", { limit: 10 })).toEqual(
      ticks.toReversed().map((tick) => ({ ...recorded, ...tick })),
    );
    expect(await store.ticks("s", { limit: 1, before: at + MINUTE })).toMatchObject([{ scheduledAt: at }]);
    expect(await store.ticks("s", { limit: 9, from: at })).toHaveLength(2);
    expect(await store.ticks("other", { limit: 9 })).toEqual([]);
  });

  check("changes what a schedule is only when that is said", async (context) => {
    const store = context.stores.schedules;
    await store.add(scheduleRow(context.clock.now()));
    const [row] = await store.list();
    if (!row) throw new Error("nothing was stored");
    const other = {
      ...row,
      workflow: "w2",
      calendar: "c",
      declared: '{"a":1}',
      declaredBy: "code",
      undeclaredAt: 5,
      anchor: 9,
    };
    await settle(context, [settlementOf(row, [], { position: other })]);
    expect(await store.list()).toMatchObject([
      { workflow: "demo", calendar: null, declared: null, anchor: row.anchor },
    ]);
    await settle(context, [settlementOf({ ...row, version: 2 }, [], { definition: other })]);
    expect(await store.list()).toEqual([{ ...other, version: 3 }]);
    await settle(context, [settlementOf({ ...row, version: 3 }, [], { definition: row })]);
    expect(await store.list()).toEqual([{ ...row, version: 4 }]);
  });

  check("settles nothing of a schedule that was changed meanwhile", async (context) => {
    const store = context.stores.schedules;
    for (const name of ["a", "b"]) await store.add(scheduleRow(context.clock.now(), { name }));
    const [a, b] = await store.list();
    if (!a || !b) throw new Error("nothing was stored");
    await settle(context, [settlementOf(a, [])]);
    const settled = await settle(context, [
      settlementOf(a, [tickWrite(1_000)], { ended: [1_000] }),
      settlementOf(b, [tickWrite(1_000)]),
    ]);
    expect([...settled.schedules], "a was changed").toEqual(["b"]);
    expect([[...settled.schedules], [...settled.ticks]]).toEqual([["b"], [tickKey("b", 1_000)]]);
    expect(await store.ticks("a", { limit: 9 })).toEqual([]);
    expect((await store.list()).map(({ version }) => version)).toEqual([2, 2]);
  });

  check("a tick that has a run keeps it", async (context) => {
    const store = context.stores.schedules;
    await store.add(scheduleRow(context.clock.now()));
    const [row] = await store.list();
    if (!row) throw new Error("nothing was stored");
    const [first, second] = [await storedRun(context), await storedRun(context)];
    const both = (runId: string) => [
      tickWrite(1_000, { status: "STARTED", runId }),
      tickWrite(2_000, { status: "STARTED", runId }),
    ];
    await settle(context, [
      settlementOf(row, [tickWrite(1_000, { status: "STARTED", runId: first }), tickWrite(2_000)]),
    ]);
    // Of another process, or after a clock that was put back: the schedule says that they are still to come.
    const again = await settle(context, [settlementOf({ ...row, version: 2 }, both(second))]);
    expect([...again.ticks]).toEqual([tickKey("s", 2_000)]);
    expect((await store.ticks("s", { limit: 9 })).map(({ runId }) => runId)).toEqual([second, first]);
    const late = await settle(context, [
      settlementOf({ ...row, version: 3 }, [tickWrite(1_000), tickWrite(2_000)]),
    ]);
    expect([...late.ticks]).toEqual([]);
  });

  check("one of many that settle at the same time does", async (context) => {
    const others = context.again ? [await context.again(), await context.again()] : [];
    try {
      const all = [context, ...others];
      for (const name of ["a", "b", "c"])
        await context.stores.schedules.add(scheduleRow(context.clock.now(), { name }));
      const rows = await context.stores.schedules.list();
      const settled = await Promise.all(
        [...all, ...all].map((each) =>
          settle(
            each,
            rows.map((row) => settlementOf(row, [tickWrite(1_000)])),
          ),
        ),
      );
      // A schedule that somebody else held was left to him.
      const taken = settled.flatMap(({ schedules }) => [...schedules]);
      expect(taken.toSorted()).toEqual(["a", "b", "c"]);
      expect((await context.stores.schedules.list()).map(({ version }) => version)).toEqual([2, 2, 2]);
    } finally {
      for (const other of others) await other.close();
    }
  });

  check("leaves nothing behind of a transaction that is rolled back", async (context) => {
    const store = context.stores.schedules;
    await store.add(scheduleRow(context.clock.now()));
    const rows = await store.list();
    const failing = context.database.transaction(async (transaction) => {
      await store.settle(
        transaction,
        rows.map((row) => settlementOf(row, [tickWrite(1_000)])),
      );
      throw new Error("changed my mind");
    });
    await expect(failing).rejects.toThrow("changed my mind");
    expect(await store.list()).toEqual(rows);
    expect(await store.ticks("s", { limit: 1 })).toEqual([]);
  });
}
