import { expect } from "vitest";
import { alertFingerprint } from "../alerts/fingerprint.ts";
import { alertSample, loadSample, partitionSample, qualitySample } from "./attachment-samples.ts";
import { advanceCommit, committed, outcome, startRun, stepEnd, wholeRun } from "./history-samples.ts";
import type { Check } from "./suite.ts";

/** What commits together with a transition. */
export function historyAttachmentTests(check: Check): void {
  check("commits attachments with their transition", async ({ stores: { history, partitions } }) => {
    const { runId, fence } = await startRun(history);
    await committed(
      history,
      advanceCommit(runId, fence, {
        attachments: [loadSample("l1"), partitionSample("l1"), qualitySample()],
      }),
    );
    await committed(
      history,
      advanceCommit(runId, fence, { attachments: [loadSample("l2"), partitionSample("l2")] }),
    );
    expect(await partitions.list("trades")).toEqual([
      {
        table: "trades",
        partition: { week: "2025-01-06", tier: "T1" },
        runId,
        loadId: "l2",
        hash: "hash-l2",
        rows: 10,
        loadedAt: "2026-01-05T09:00:00.000Z",
      },
    ]);
    // The order of a partition's members does not matter.
    expect(await partitions.get("trades", { tier: "T1", week: "2025-01-06" })).toMatchObject({
      loadId: "l2",
    });
    expect(await partitions.get("trades", { tier: "T2", week: "2025-01-06" })).toBeUndefined();
    expect(await partitions.get("other", { tier: "T1", week: "2025-01-06" })).toBeUndefined();
  });

  check(
    "commits alerts with their transition, and what checks found by workflow",
    async ({ stores, database }) => {
      const { history, alerts, quality } = stores;
      const { runId, fence } = await startRun(history);
      const other = await startRun(history, { workflow: "other" });
      const [one, two] = [alertSample({ b: "2", a: "1" }), alertSample({ a: "1", b: "2" })];
      const scoped = {
        ...qualitySample(),
        result: { ...qualitySample().result, actual: "1.50", scope: "T1" },
      };
      await committed(history, advanceCommit(runId, fence, { attachments: [one, qualitySample()] }));
      await committed(history, advanceCommit(runId, fence, { attachments: [scoped, two] }));
      await committed(
        history,
        advanceCommit(other.runId, other.fence, { attachments: [qualitySample(), alertSample()] }),
      );
      const [newer, older, ...none] = await alerts.list({ runId });
      expect(none).toEqual([]);
      const { kind: _kind, ...sample } = one;
      expect(older).toEqual({
        ...sample,
        runId,
        fingerprint: alertFingerprint({ a: "1", b: "2" }),
        raisedAt: "2026-01-05T09:00:00.000Z",
      });
      expect(newer).toMatchObject({ alertId: two.alertId, fingerprint: older?.fingerprint });
      const all = await alerts.list();
      expect(all.map((alert) => alert.runId)).toEqual([other.runId, runId, runId]);
      expect(await alerts.list({ limit: 1, after: two.alertId })).toEqual([older]);
      expect(await alerts.list({ runId: "no-such-run" })).toEqual([]);

      const [workflow, step, name] = [(await history.get(runId))?.run.workflow ?? "", "quality", "row_count"];
      const trend = await quality.trend({ workflow, check: name });
      expect(trend.map((point) => [point.runId, point.step, point.actual])).toEqual([
        [runId, step, "1.50"],
        [runId, step, "10"],
      ]);
      expect(await quality.trend({ workflow, check: name, before: trend[0]?.key ?? "" })).toEqual(
        trend.slice(1),
      );
      const [first, second] = await quality.results(runId);
      expect(first).toEqual({
        ...qualitySample().result,
        actual: "10",
        runId,
        step,
        at: "2026-01-05T09:00:00.000Z",
      });
      expect(second).toMatchObject({ actual: "1.50", scope: "T1" });

      // Only completed runs before are compared with: of each its newest value.
      const later = "ffffffff-ffff-7fff-bfff-ffffffffffff";
      const asked = { workflow, step, check: name, scope: null, before: later, limit: 5 };
      expect(await quality.prior(asked)).toEqual([]);
      await committed(
        history,
        advanceCommit(runId, fence, { ended: [stepEnd("first")], run: { status: "COMPLETED" } }),
      );
      expect(await quality.prior(asked)).toEqual(["1.50"]);
      expect(await quality.prior({ ...asked, before: runId })).toEqual([]);
      expect(await quality.prior({ ...asked, scope: "T1" })).toEqual(["1.50"]);
      expect(await quality.prior({ ...asked, scope: "T2" })).toEqual([]);
      expect(await quality.prior({ ...asked, step: "another" })).toEqual([]);

      // With a transition that does not come about there is no alert.
      const stale = { ...other.fence, token: 9 };
      await history.commit([advanceCommit(other.runId, stale, { attachments: [alertSample()] })]);
      const undone = database.transaction(async (transaction) => {
        const commit = advanceCommit(other.runId, other.fence, { attachments: [alertSample()] });
        await history.commit([commit], { transaction });
        throw new Error("no");
      });
      await expect(undone).rejects.toThrow("no");
      expect(await alerts.list({ runId: other.runId })).toHaveLength(1);
    },
  );

  check("keeps what a step logs, in its order, and reads on behind what is known", async ({ stores }) => {
    const { history, logs } = stores;
    const { runId, fence } = await startRun(history);
    const log = (message: string, fields: string | null = null) =>
      ({
        kind: "log",
        step: "first",
        attempt: 1,
        level: "INFO",
        message,
        fields,
        at: 1_767_603_600_250,
      }) as const;
    await committed(history, advanceCommit(runId, fence, { attachments: [log("a"), log("b", '{"n":1}')] }));
    await Promise.all([
      history.commit([advanceCommit(runId, fence, { attachments: [log("c")] })]),
      history.commit([advanceCommit(runId, fence, { attachments: [log("d")] })]),
    ]);
    const all = await logs.read(runId);
    expect(all.map(({ message }) => message)).toEqual(["a", "b", "c", "d"]);
    expect(all[1]).toEqual({
      seq: expect.any(Number),
      step: "first",
      attempt: 1,
      level: "INFO",
      message: "b",
      fields: { n: 1 },
      at: "2026-01-05T09:00:00.250Z",
    });
    expect(await logs.read(runId, { after: all[1]?.seq ?? 0, limit: 1 })).toEqual([all[2]]);
    expect(await logs.read("no-such-run")).toEqual([]);
    await expect(logs.read(runId, { limit: 0 })).rejects.toMatchObject({ category: "VALIDATION" });
    const stale = { ...fence, token: 9 };
    await history.commit([advanceCommit(runId, stale, { attachments: [log("stale")] })]);
    expect(await logs.read(runId)).toHaveLength(4);
  });

  check("commits inside a transaction, and not when that is rolled back", async (context) => {
    const { database } = context;
    const { history, partitions } = context.stores;
    const { runId, fence } = await startRun(history);
    const commit = advanceCommit(runId, fence, {
      ended: [stepEnd("first")],
      run: { status: "COMPLETED" },
      attachments: [loadSample("l1"), partitionSample("l1")],
    });
    const before = await wholeRun(history, runId);
    const rolledBack = database.transaction(async (transaction) => {
      const [result] = await history.commit([commit], { transaction });
      expect(outcome(result)).toBe("committed");
      expect(await partitions.get("trades", partitionSample("l1").partition, { transaction })).toBeDefined();
      throw new Error("no");
    });
    await expect(rolledBack).rejects.toThrow("no");
    expect(await wholeRun(history, runId)).toEqual(before);
    expect(await partitions.list("trades")).toEqual([]);

    await database.transaction(async (transaction) => {
      const stale = advanceCommit(runId, { ...fence, token: 0 }, commit.transition);
      const results = await history.commit([stale, commit], { transaction });
      expect(results.map(outcome)).toEqual(["fenced", "committed"]);
    });
    expect((await history.get(runId))?.run.status).toBe("COMPLETED");
    expect(await partitions.list("trades")).toHaveLength(1);
  });
}
