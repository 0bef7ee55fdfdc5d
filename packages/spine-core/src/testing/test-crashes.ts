import { describe, expect, test } from "vitest";
import { describeViolations, type Violation } from "./audit.ts";
import { afterDeath, auditRun, noteDeath, workUntilDone } from "./crash-life.ts";
import { CrashObserver } from "./crash-observer.ts";
import { type CrashPoint, DURABLE_EFFECTS, withCrashPoints } from "./crash-points.ts";
import { Ledger } from "./ledger.ts";
import { mortal } from "./mortal.ts";
import type { Place } from "./place.ts";

/** Effects in a life that is one of many, and lives after which a run has to be at its end. */
const FEW = 12;
const MOST_DEATHS = 20;

/**
 * Registers the Nth-write loop of a database: a run of several kinds of step on a Spine that dies at its first durable
 * effect, at its second, and so on until one lives through; after each death another Spine on the same data finishes the
 * run, and an auditor compares what it saw from outside with what is there.
 */
export function testCrashes(title: string, open: () => Promise<Place>): void {
  // Each has a place of its own: nobody takes over what the others left. Most of the time they wait for the database.
  describe.concurrent(title, () => {
    test("dies before each effect: what was under way is done again, nothing else", async () => {
      await inPlace(open, (place, observer) => everyDeath(place, observer, "before"));
    });
    test("dies after each effect, before its answer: nothing is done twice", async () => {
      await inPlace(open, (place, observer) => everyDeath(place, observer, "after"));
    });
    test("dies again and again, each time a few effects further", async () => {
      await inPlace(open, manyDeaths);
    });
  });
}

type When = "before" | "after";

async function inPlace(
  open: () => Promise<Place>,
  work: (place: Place, observer: CrashObserver) => Promise<void>,
): Promise<void> {
  const place = await open();
  const observer = await CrashObserver.open(place);
  try {
    await work(place, observer);
  } finally {
    await observer.close();
    place.remove();
  }
}

/** Dies at effect 1, 2, … of as many runs, until a run passes clean. */
async function everyDeath(place: Place, observer: CrashObserver, when: When): Promise<void> {
  const violations: (Violation & { readonly at: string })[] = [];
  const deaths: CrashPoint[] = [];
  for (let n = 1; ; n++) {
    const key = `${when} ${n}`;
    const ledger = new Ledger();
    const point = await liveUntil(place, when, n, key, ledger);
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

/** Dies on the way of one run, and so does whoever takes it over. */
async function manyDeaths(place: Place, observer: CrashObserver): Promise<void> {
  const ledger = new Ledger();
  let deaths = 0;
  for (; deaths < MOST_DEATHS; deaths++) {
    const when = deaths % 2 === 0 ? "after" : "before";
    const point = await liveUntil(place, when, FEW, "again", ledger);
    if (!point) break;
    await noteDeath(observer, "again", ledger, point);
  }
  const violations = await auditRun(observer, "again", ledger);
  expect(violations, describeViolations(violations)).toEqual([]);
  expect(deaths).toBeGreaterThan(1);
  expect(deaths).toBeLessThan(MOST_DEATHS);
}

/** The point at which the Spine died; null when it lived until its end. */
async function liveUntil(
  place: Place,
  when: When,
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
