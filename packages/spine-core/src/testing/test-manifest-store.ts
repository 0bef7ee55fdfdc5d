import { expect } from "vitest";
import { newId } from "../ids.ts";
import { advanceCommit, committed, startRun } from "./history-samples.ts";
import { type DatabaseHarness, databaseSuite, type SuiteOptions } from "./suite.ts";

const WEEK = { week: "2025-01-06", tier: "T\"1'; --" };

/** The conformance suite of manifest stores: registers its tests with vitest. */
export function testManifestStore(name: string, harness: DatabaseHarness, options: SuiteOptions = {}): void {
  databaseSuite(`manifest store: ${name}`, harness, options, (check) => {
    check("keeps one entry for each stage that a partition has reached, by rank", async (context) => {
      const { manifest, history } = context.stores;
      const entry = { domain: "d", partition: WEEK, rows: null, runId: null, metrics: {} };
      expect(await manifest.list("d", WEEK)).toEqual([]);
      await manifest.advance({ ...entry, stage: "SECOND", rank: 1 });
      const runId = newId();
      const metrics = { files: 2, share: 0.5 };
      await manifest.advance({ ...entry, stage: "FIRST", rank: 0, rows: 2 ** 40, runId, metrics });
      const advancedAt = "2026-01-05T09:00:00.000Z";
      const first = { ...entry, stage: "FIRST", rank: 0, rows: 2 ** 40, runId, metrics, advancedAt };
      const second = { ...entry, stage: "SECOND", rank: 1, advancedAt };
      expect(await manifest.list("d", WEEK)).toEqual([first, second]);
      // The order of a partition's members does not matter; another domain, or partition, is another one.
      const { week, tier } = WEEK;
      expect(await manifest.list("d", { tier, week })).toEqual([first, second]);
      for (const [domain, partition] of [
        ["other", WEEK],
        ["d'", WEEK],
        ["d", { week }],
        ["d", {}],
      ] as const)
        expect(await manifest.list(domain, partition)).toEqual([]);

      // Once more, by many at once: one entry, of the last of them.
      context.clock.advance(60_000);
      const again = Array.from({ length: 12 }, (_, rows) =>
        manifest.advance({ ...entry, stage: "SECOND", rank: 1, rows }),
      );
      await Promise.all(again);
      await manifest.advance({ ...entry, stage: "SECOND", rank: 2, rows: 7 });
      expect(await manifest.list("d", WEEK)).toEqual([
        first,
        { ...second, rank: 2, rows: 7, advancedAt: "2026-01-05T09:01:00.000Z" },
      ]);

      // With a transition: it commits with it, or not at all.
      const run = await startRun(history);
      const { runId: _, ...own } = entry;
      const said = { kind: "manifest", ...own, stage: "THIRD", rank: 3 } as const;
      await committed(history, advanceCommit(run.runId, run.fence, { attachments: [said] }));
      const stale = { ...run.fence, token: 9 };
      const fenced = advanceCommit(run.runId, stale, {
        attachments: [{ ...said, stage: "FOURTH", rank: 4 }],
      });
      expect((await history.commit([fenced]))[0]?.result).not.toBe("committed");
      const stages = (await manifest.list("d", WEEK)).map(({ stage, runId: by }) => [stage, by]);
      expect(stages).toEqual([
        ["FIRST", runId],
        ["SECOND", null],
        ["THIRD", run.runId],
      ]);
    });
  });
}
