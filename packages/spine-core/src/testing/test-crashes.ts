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
 * effect of a kind, at its second, and so on until one lives through; after each death another Spine on the same data finishes the
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

/**
 * Dies at the first, second, … effect of each kind, until a run passes clean. By kind, because how often an idle Spine looks
 * for work is a matter of time: counted together with all the others, an effect could be missed.
 */
async function everyDeath(place: Place, observer: CrashObserver, when: When): Promise<void> {
  const violations: (Violation & { readonly at: string })[] = [];
  for (const effect of DURABLE_EFFECTS) {
    const at: CrashPoint = `${when} ${effect}`;
    let nth = 1;
    for (let alive = false; !alive; nth++) {
      const key = `${at} ${nth}`;
      const ledger = new Ledger();
      alive = !(await diesAt(place, (point) => point === at, nth, key, ledger));
      const found = alive
        ? await auditRun(observer, key, ledger)
        : await afterDeath(place, observer, key, ledger, at);
      violations.push(...found.map((violation) => ({ at: key, ...violation })));
    }
    // Every kind is there at least once, but for two: nobody cancels this run, or sends it anything.
    if (effect !== "control" && effect !== "signal")
      expect(nth, `no ${effect} was reached`).toBeGreaterThan(2);
  }
  expect(violations, describeViolations(violations)).toEqual([]);
}

/** Dies on the way of one run, and so does whoever takes it over. */
async function manyDeaths(place: Place, observer: CrashObserver): Promise<void> {
  const ledger = new Ledger();
  let deaths = 0;
  for (; deaths < MOST_DEATHS; deaths++) {
    const when = deaths % 2 === 0 ? "after" : "before";
    const died = await diesAt(place, (point) => point.startsWith(when), FEW, "again", ledger);
    if (!died) break;
    await noteDeath(observer, "again", ledger, `${when} effect ${FEW}`);
  }
  const violations = await auditRun(observer, "again", ledger);
  expect(violations, describeViolations(violations)).toEqual([]);
  expect(deaths).toBeGreaterThan(1);
  expect(deaths).toBeLessThan(MOST_DEATHS);
}

/** True when the Spine died at the n-th of these points; false when it lived until its end. */
async function diesAt(
  place: Place,
  isOne: (point: CrashPoint) => boolean,
  n: number,
  key: string,
  ledger: Ledger,
): Promise<boolean> {
  const life = mortal(place.database());
  let reached = 0;
  const database = withCrashPoints(life.database, (point) => {
    if (isOne(point)) reached += 1;
    if (reached === n && isOne(point)) return life.die();
  });
  await Promise.race([workUntilDone(database, key, ledger), life.dead]);
  return reached >= n;
}
