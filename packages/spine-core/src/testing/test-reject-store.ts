import { expect } from "vitest";
import type { RejectChoice } from "../data/reject-store.ts";
import type { DatabaseTransaction } from "../database/database-transaction.ts";
import type { RunStatus } from "../history/records.ts";
import { advanceCommit, committed, startRun, stepEnd } from "./history-samples.ts";
import {
  type Check,
  type DatabaseHarness,
  databaseSuite,
  type SuiteOptions,
  type TestContext,
} from "./suite.ts";

/** The conformance suite of reject stores: registers its tests with vitest. */
export function testRejectStore(name: string, harness: DatabaseHarness, options: SuiteOptions = {}): void {
  databaseSuite(`reject store: ${name}`, harness, options, (check) => {
    listTests(check);
    markTests(check);
    takeTests(check);
  });
}

function listTests(check: Check): void {
  check("lists rejects in their order, by step, reason and state, page by page", async (context) => {
    const { rejects } = context.stores;
    const { runId, step } = await refused(context, 5);
    const positions = async (more: object) =>
      (await rejects.list({ runId, ...more })).map(({ index }) => index);
    expect(await rejects.list({ runId, limit: 1 })).toEqual([
      {
        runId,
        step,
        index: 0,
        code: "EVEN",
        message: "Row 0.",
        line: 2,
        file: "a.psv",
        raw: { n: 0, text: "é\u2028" },
        state: "OPEN",
        redrivenBy: null,
        discarded: null,
      },
    ]);
    expect(await positions({})).toEqual([0, 1, 2, 3, 4]);
    expect(await positions({ code: "ODD" })).toEqual([1, 3]);
    expect(await positions({ step: "other" })).toEqual([]);
    expect(await positions({ step, after: 1, limit: 2 })).toEqual([2, 3]);
    expect(await positions({ state: "DISCARDED" })).toEqual([]);
    expect(await rejects.list({ runId: "none" })).toEqual([]);
    await expect(rejects.list({ runId, after: 1 })).rejects.toMatchObject({ code: "VALIDATION_FAILED" });
  });
}

function markTests(check: Check): void {
  check("puts aside what is OPEN, and takes that back", async (context) => {
    const { rejects } = context.stores;
    const choice = await refused(context, 4);
    const why = { reason: "a test", by: "ann" };
    expect(await rejects.discard({ ...choice, code: "ODD", indexes: [0, 1] }, why)).toBe(1);
    expect(await rejects.discard({ ...choice, step: "other" }, why)).toBe(0);
    expect(await rejects.discard({ ...choice, indexes: [] }, why)).toBe(0);
    expect(await rejects.discard(choice, { reason: "the rest", by: null })).toBe(3);
    const at = new Date(context.clock.now()).toISOString();
    const marks = (await rejects.list({ ...choice, state: "DISCARDED" })).map(({ discarded }) => discarded);
    expect(marks.slice(0, 2)).toEqual([
      { reason: "the rest", by: null, at },
      { ...why, at },
    ]);
    expect(await rejects.restore({ ...choice, indexes: [1, 2] })).toBe(2);
    expect(await rejects.restore({ ...choice, indexes: [1, 2] })).toBe(0);
    expect(await states(context, choice)).toEqual(["DISCARDED", "OPEN", "OPEN", "DISCARDED"]);
  });
}

function takeTests(check: Check): void {
  check("what a run has taken is as the run is, and OPEN again when that fails", async (context) => {
    const { stores, database } = context;
    const choice = await refused(context, 3);
    const within = <T>(work: (transaction: DatabaseTransaction) => Promise<T>) => database.transaction(work);
    const take = (runId: string, indexes: readonly number[]) =>
      within((transaction) => stores.rejects.take({ ...choice, indexes }, runId, transaction));
    const taken = (runId: string) => within((transaction) => stores.rejects.taken(runId, transaction));
    const first = await startRun(stores.history);
    const second = await startRun(stores.history);

    await stores.rejects.discard({ ...choice, indexes: [2] }, { reason: "a test", by: null });
    expect(await take(first.runId, [0, 1, 2])).toBe(2);
    expect(await take(second.runId, [0, 1, 2])).toBe(0);
    expect(await stores.rejects.discard(choice, { reason: "too late", by: null })).toBe(0);
    expect(await states(context, choice)).toEqual(["REDRIVING", "REDRIVING", "DISCARDED"]);
    expect(await taken(first.runId)).toBe(2);

    await end(context, first, "FAILED");
    expect(await states(context, choice)).toEqual(["OPEN", "OPEN", "DISCARDED"]);
    expect(await take(second.runId, [0])).toBe(1);
    expect([await taken(first.runId), await taken(second.runId)]).toEqual([1, 1]);
    // Put aside, it is not the failed run's any more, should that be retried.
    expect(await stores.rejects.discard({ ...choice, indexes: [1] }, { reason: "no", by: null })).toBe(1);
    expect(await taken(first.runId)).toBe(0);

    await end(context, second, "COMPLETED");
    const list = await stores.rejects.list({ ...choice, state: "REDRIVEN" });
    expect(list.map(({ index, redrivenBy }) => [index, redrivenBy])).toEqual([[0, second.runId]]);
    expect(await take(first.runId, [0])).toBe(0);
  });

  check("what is taken in a transaction that is rolled back is not taken", async (context) => {
    const { stores, database } = context;
    const choice = await refused(context, 1);
    const { runId } = await startRun(stores.history);
    const undone = database.transaction(async (transaction) => {
      expect(await stores.rejects.take(choice, runId, transaction)).toBe(1);
      throw new Error("undone");
    });
    await expect(undone).rejects.toThrow("undone");
    expect(await states(context, choice)).toEqual(["OPEN"]);
  });
}

/** A run whose step has refused so many rows. */
async function refused({ stores }: TestContext, count: number): Promise<RejectChoice> {
  const { runId } = await startRun(stores.history);
  const writer = { runId, step: "clean", token: 1 };
  const { dataset } = await stores.datasets.open(writer);
  const rejects = Array.from({ length: count }, (_, n) => ({
    code: n % 2 === 0 ? "EVEN" : "ODD",
    message: `Row ${n}.`,
    line: n + 2,
    raw: { n, text: "é\u2028" },
  }));
  await stores.datasets.append(writer, dataset, {
    index: 0,
    rows: [],
    lines: null,
    file: "a.psv",
    rejects,
    cursor: 0,
  });
  return { runId, step: "clean" };
}

async function states({ stores }: TestContext, choice: RejectChoice): Promise<readonly string[]> {
  return (await stores.rejects.list(choice)).map(({ state }) => state);
}

async function end(
  { stores: { history } }: TestContext,
  { runId, fence }: Awaited<ReturnType<typeof startRun>>,
  status: Extract<RunStatus, "COMPLETED" | "FAILED">,
): Promise<void> {
  await committed(
    history,
    advanceCommit(runId, fence, { ended: [stepEnd("first", { status })], run: { status } }),
  );
}
