import { expect } from "vitest";
import type { HistoryStore, NewRun } from "../history/history-store.ts";
import { idAt } from "./history-list-tests.ts";
import { advanceCommit, committed, createCommit, startRun, stepBegin, stepEnd } from "./history-samples.ts";
import { type DatabaseHarness, databaseSuite, type SuiteOptions } from "./suite.ts";
import type { TestClock } from "./test-clock.ts";

const NONE = { PENDING: 0, RUNNING: 0, WAITING: 0, PAUSED: 0, COMPLETED: 0, FAILED: 0, CANCELLED: 0 };
const DAY = 86_400_000;

/** The conformance suite of run statistics: registers its tests with vitest. */
export function testRunStatistics(name: string, harness: DatabaseHarness, options: SuiteOptions = {}): void {
  databaseSuite(`run statistics: ${name}`, harness, options, (check) => {
    check("counts what a list would find, up to a cap", async ({ stores, clock }) => {
      const { history, statistics } = stores;
      const commits = Array.from({ length: 12 }, (_, index) =>
        createCommit({
          runId: idAt(clock.now() + index),
          workflow: index % 2 === 0 ? "a" : "b",
          tags: index < 4 ? ["t"] : [],
          params: JSON.stringify({ n: index === 5 ? "needle" : "hay" }),
        }),
      );
      await history.commit(commits);
      expect(await statistics.count({})).toEqual({ count: 12, capped: false });
      expect(await statistics.count({}, { cap: 12 })).toEqual({ count: 12, capped: false });
      expect(await statistics.count({}, { cap: 11 })).toEqual({ count: 11, capped: true });
      expect(await statistics.count({ status: ["PENDING", "FAILED"], workflow: "a" })).toEqual({
        count: 6,
        capped: false,
      });
      expect(await statistics.count({ status: [] })).toEqual({ count: 0, capped: false });
      expect(await statistics.count({ tag: "t", workflow: "b" }, { cap: 1 })).toEqual({
        count: 1,
        capped: true,
      });
      expect(await statistics.count({ since: clock.now() + 3, until: clock.now() + 5 })).toEqual({
        count: 2,
        capped: false,
      });
      expect(await statistics.count({ search: "needle" })).toEqual({ count: 1, capped: false });
    });

    check("sums up the runs of a window", async ({ stores, clock }) => {
      const { history, statistics } = stores;
      const now = clock.now();
      await finish(history, clock, { runId: idAt(now - 8 * DAY) }, 5_000, "FAILED");
      for (const [index, ms] of [100, 200, 300, 400].entries()) {
        await finish(
          history,
          clock,
          { runId: idAt(now - 50 + index) },
          ms,
          index === 0 ? "FAILED" : "COMPLETED",
        );
      }
      await finish(history, clock, { runId: idAt(now - 10), workflow: "other" }, 1_000, "CANCELLED");
      await committed(history, createCommit({ runId: idAt(now - 5) }));

      const totals = await statistics.totals({});
      expect(totals).toEqual({
        runs: 6,
        capped: false,
        oldest: expect.stringMatching(/^2026-01-05T09:00:05\.000Z$/),
        byStatus: { ...NONE, FAILED: 1, COMPLETED: 3, CANCELLED: 1, PENDING: 1 },
        successRate: 0.75,
        duration: { p50: 300, p95: 1_000, max: 1_000 },
        rows: {
          fetch: { in: 50, out: 45, rejected: 5 },
          load: { in: 45, out: 45, rejected: 0 },
        },
      });
      expect(await statistics.totals({ since: now - 9 * DAY, until: now - 7 * DAY })).toMatchObject({
        runs: 1,
        successRate: 0,
        duration: { p50: 5_000, p95: 5_000, max: 5_000 },
      });
      expect(await statistics.totals({ workflow: "other" })).toMatchObject({
        runs: 1,
        successRate: null,
        rows: { fetch: { in: 10, out: 9, rejected: 1 } },
      });
    });

    check("sums up the newest runs of a window that holds more than the cap", async ({ stores, clock }) => {
      const { history, statistics } = stores;
      const now = clock.now();
      const old = Array.from({ length: 1_100 }, (_, index) =>
        createCommit({ runId: idAt(now - 5_000 + index) }),
      );
      await history.commit(old);
      await finish(history, clock, { runId: idAt(now) }, 10, "COMPLETED");
      await finish(history, clock, { runId: idAt(now + 1) }, 20, "COMPLETED");
      const pending = (count: number) => ({ ...NONE, COMPLETED: 2, PENDING: count });
      expect(await statistics.totals({ cap: 2 })).toMatchObject({
        runs: 2,
        capped: true,
        byStatus: pending(0),
      });
      expect(await statistics.totals({ cap: 1_050 })).toMatchObject({
        runs: 1_050,
        capped: true,
        byStatus: pending(1_048),
        rows: { fetch: { in: 20 } },
      });
      expect(await statistics.totals({ cap: 1_102 })).toMatchObject({ runs: 1_102, capped: false });
    });

    check("says when there is nothing to sum up", async ({ stores: { statistics } }) => {
      expect(await statistics.count({})).toEqual({ count: 0, capped: false });
      expect(await statistics.totals({})).toEqual({
        runs: 0,
        capped: false,
        oldest: null,
        byStatus: NONE,
        successRate: null,
        duration: null,
        rows: {},
      });
    });

    check("refuses what makes no sense, and says which part", async ({ stores: { statistics } }) => {
      for (const cap of [0, 1.5, 100_001, Number.NaN]) {
        const refused = { category: "VALIDATION", detail: { issues: [{ path: "/cap" }] } };
        await expect(statistics.count({}, { cap })).rejects.toMatchObject(refused);
        await expect(statistics.totals({ cap })).rejects.toMatchObject(refused);
      }
      await expect(statistics.totals({ since: 5, until: 4 })).rejects.toMatchObject({
        detail: { issues: [{ path: "/since" }] },
      });
      await expect(statistics.count({ search: "" })).rejects.toMatchObject({ category: "VALIDATION" });
    });
  });
}

/** A run of two steps, of which a first attempt failed, that took a time. */
async function finish(
  history: HistoryStore,
  clock: TestClock,
  changes: Partial<NewRun>,
  ms: number,
  status: "COMPLETED" | "FAILED" | "CANCELLED",
): Promise<void> {
  const { runId, fence } = await startRun(history, changes, ["load"]);
  clock.advance(ms);
  const lost = stepEnd("load", { status: "FAILED", rows: { in: 7, out: 7, rejected: 7 } });
  const begun = [{ ...stepBegin("fetch"), kind: "fetch" }];
  await committed(history, advanceCommit(runId, fence, { ended: [lost], begun }));
  const fetched = stepEnd("fetch", { rows: { in: 10, out: 9, rejected: 1 } });
  const again = [{ ...stepBegin("load", 2), kind: "load" }];
  await committed(history, advanceCommit(runId, fence, { ended: [fetched], begun: again }));
  const loaded = stepEnd("load", { attempt: 2, rows: { in: 9, out: 9, rejected: 0 } });
  await committed(history, advanceCommit(runId, fence, { ended: [loaded], run: { status } }));
}
