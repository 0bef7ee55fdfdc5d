import { describe, expect, test } from "vitest";
import { SpineError } from "../errors.ts";
import { type AuditedRun, audit, describeViolations, type Violation } from "./audit.ts";
import { workUntilDone } from "./crash-life.ts";
import { CrashObserver } from "./crash-observer.ts";
import { type CrashPoint, withCrashPoints } from "./crash-points.ts";
import { Ledger } from "./ledger.ts";
import type { Place } from "./place.ts";

/**
 * Registers a loop like that of `testCrashes`, but nobody dies: the database refuses the first durable effect once, then
 * the second, and so on, and the same process has to get over it. The only such loop for a database in memory,
 * which is part of its process and dies with it.
 */
export function testRefusals(title: string, open: () => Promise<Place>): void {
  describe(title, () => {
    test("refuses each effect once: it is done again, and nothing else", async () => {
      const violations: (Violation & { readonly at: string })[] = [];
      for (let n = 1; ; n++) {
        const ledger = new Ledger();
        const { point, runs } = await refuse(n, ledger);
        for (const violation of audit(ledger.entries, runs)) {
          violations.push({ at: `${point ?? "nothing refused"} (${n})`, ...violation });
        }
        if (!point) break;
      }
      expect(violations, describeViolations(violations)).toEqual([]);
    });

    async function refuse(n: number, ledger: Ledger) {
      const place = await open();
      let reached = 0;
      let refused: CrashPoint | null = null;
      const runs: AuditedRun[] = [];
      const attempt = () =>
        workUntilDone(
          withCrashPoints(place.database(), (point) => {
            if (point.startsWith("before")) reached += 1;
            if (reached !== n || refused) return;
            refused = point;
            throw new SpineError("DATABASE_BUSY", "refused once");
          }),
          "key",
          ledger,
          {
            look: async (spine, runId) => {
              runs.push(await new CrashObserver(spine.database, spine).look(runId));
            },
          },
        );
      // Whoever could not start, or was not told that the run is accepted, tries again; a stop is not asked for twice.
      await attempt().catch((error: unknown) => {
        const told = refused === "before beat" || refused === "before create";
        if (!told) throw error;
        return runs.length > 0 ? undefined : attempt();
      });
      place.remove();
      return { point: refused as CrashPoint | null, runs };
    }
  });
}
