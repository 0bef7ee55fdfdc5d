import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeViolations, type Violation } from "./audit.ts";
import { afterDeath, auditRun, workUntilDone } from "./crash-life.ts";
import { CrashObserver } from "./crash-observer.ts";
import { type CrashPoint, DURABLE_EFFECTS, withCrashPoints } from "./crash-points.ts";
import { Ledger } from "./ledger.ts";
import { mortal } from "./mortal.ts";
import type { Place } from "./place.ts";

/**
 * Registers the Nth-write loop of a database: a run of several kinds of step on a Spine that dies at its first durable
 * effect, at its second, and so on until one lives through; after each death another Spine on the same data finishes the
 * run, and an auditor compares what it saw from outside with what is there.
 */
export function testCrashes(title: string, open: () => Promise<Place>): void {
  describe(title, () => {
    let place: Place;
    let observer: CrashObserver;
    beforeAll(async () => {
      place = await open();
      observer = await CrashObserver.open(place);
    });
    afterAll(async () => {
      await observer.close();
      place.remove();
    });

    test("dies before each effect: what was under way is done again, nothing else", async () => {
      await everyDeath("before");
    });
    test("dies after each effect, before its answer: nothing is done twice", async () => {
      await everyDeath("after");
    });

    async function everyDeath(when: "before" | "after"): Promise<void> {
      const violations: (Violation & { readonly at: string })[] = [];
      const deaths: CrashPoint[] = [];
      for (let n = 1; ; n++) {
        const key = `${when} ${n}`;
        const ledger = new Ledger();
        const point = await liveUntil(when, n, key, ledger);
        if (point) deaths.push(point);
        const found = point
          ? await afterDeath(place, observer, key, ledger, point)
          : await auditRun(observer, key, ledger);
        violations.push(...found.map((violation) => ({ at: `${point ?? "no death"} (${n})`, ...violation })));
        if (!point) break;
      }
      expect(violations, describeViolations(violations)).toEqual([]);
      // It died at every kind of effect but one: nobody cancels this run.
      const kinds = DURABLE_EFFECTS.filter((effect) => effect !== "control");
      expect(new Set(deaths)).toEqual(new Set(kinds.map((effect) => `${when} ${effect}`)));
    }

    /** The point at which the Spine died; null when it lived until its end. */
    async function liveUntil(
      when: "before" | "after",
      n: number,
      key: string,
      ledger: Ledger,
    ): Promise<CrashPoint | null> {
      const life = mortal(place.database());
      let reached = 0;
      let died: CrashPoint | null = null;
      const database = withCrashPoints(life.database, (point) => {
        if (!point.startsWith(when)) return;
        reached += 1;
        if (reached !== n) return;
        died = point;
        return life.die();
      });
      await Promise.race([workUntilDone(database, key, ledger), life.dead]);
      return died;
    }
  });
}
