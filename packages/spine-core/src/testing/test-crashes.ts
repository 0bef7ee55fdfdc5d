import { describe, expect, test } from "vitest";
import { describeViolations, type Violation } from "./audit.ts";
import { afterDeath, auditRun, noteDeath, workUntilDone } from "./crash-life.ts";
import { CrashObserver } from "./crash-observer.ts";
import { type CrashPoint, type DurableEffect, withCrashPoints } from "./crash-points.ts";
import type { CrashSubject } from "./crash-subject.ts";
import { everyRows } from "./crash-workflow.ts";
import { Ledger } from "./ledger.ts";
import { mortal } from "./mortal.ts";
import type { Place } from "./place.ts";

/** Effects in a life that is one of many, and lives after which a run has to be at its end. */
const FEW = 12;
const MOST_DEATHS = 25;
/** Deaths at a time, each in a place of its own: most of the time they wait until the dead is known to be dead. */
const LANES = 4;

/**
 * Registers the Nth-write loop of a database: a run on a Spine that dies at its first durable effect of a kind, at its
 * second, and so on until one lives through; after each death another Spine on the same data finishes the run, and an
 * auditor compares what it saw from outside with what is there.
 */
export function testCrashes(
  title: string,
  open: () => Promise<Place>,
  { subject = everyRows, when = ["before", "after"], stride = 1, again = true, reason }: CrashOptions = {},
): void {
  const check = (isAsked: boolean, name: string, body: () => Promise<void>) => {
    if (isAsked) test(name, body);
    else test.skip(`${name} (${reason ?? "it is not asked for"})`, () => {});
  };
  // Each has places of its own: nobody takes over what the others left.
  describe.concurrent(title, () => {
    check(
      when.includes("before"),
      "dies before each effect: what was under way is done again, nothing else",
      async () => {
        await everyDeath(open, subject, "before", stride);
      },
    );
    check(
      when.includes("after"),
      "dies after each effect, before its answer: nothing is done twice",
      async () => {
        await everyDeath(open, subject, "after", stride);
      },
    );
    check(again, "dies again and again, each time a few effects further", async () => {
      await inPlace(open, subject, manyDeaths);
    });
  });
}

export interface CrashOptions {
  /** The workflow that is run: by default one of steps that move rows, one after another. */
  readonly subject?: CrashSubject;
  /** Both when left out. */
  readonly when?: readonly When[];
  /** False: no run dies more than once. */
  readonly again?: boolean;
  /** Why some of it is left out, for the report. */
  readonly reason?: string;
  /** Only every so many moments, where a death takes long; each when left out. */
  readonly stride?: number;
}

type When = "before" | "after";

async function inPlace<T>(
  open: () => Promise<Place>,
  subject: CrashSubject,
  work: (place: Place, observer: CrashObserver) => Promise<T>,
): Promise<T> {
  const place = await open();
  const observer = await CrashObserver.open(place, subject);
  try {
    return await work(place, observer);
  } finally {
    await observer.close();
    place.remove();
  }
}

type Found = readonly (Violation & { readonly at: string })[];

/**
 * Dies at the first, second, … effect of each kind, until a run passes clean. By kind, because how often an idle Spine looks
 * for work is a matter of time: counted together with all the others, an effect could be missed.
 */
async function everyDeath(
  open: () => Promise<Place>,
  subject: CrashSubject,
  when: When,
  stride: number,
): Promise<void> {
  const died = new Set<DurableEffect>();
  const lanes = Array.from({ length: LANES }, (_, lane) =>
    inPlace(open, subject, (place, observer) => laneOfDeaths(place, observer, { when, lane, stride }, died)),
  );
  const violations = (await Promise.all(lanes)).flat();
  expect(violations, describeViolations(violations)).toEqual([]);
  // Each kind is there at least once.
  expect([...died].sort()).toEqual([...subject.effects].sort());
}

/** Its share of the deaths: they are dealt out in turn. */
async function laneOfDeaths(
  place: Place,
  observer: CrashObserver,
  { when, lane, stride }: { readonly when: When; readonly lane: number; readonly stride: number },
  died: Set<DurableEffect>,
): Promise<Found> {
  const violations: (Violation & { readonly at: string })[] = [];
  for (const effect of observer.subject.effects) {
    const at: CrashPoint = `${when} ${effect}`;
    for (let nth = 1 + lane * stride, alive = false; !alive; nth += LANES * stride) {
      const key = `${at} ${nth}`;
      const ledger = new Ledger();
      alive = !(await diesAt(place, observer, (point) => point === at, nth, key, ledger));
      if (!alive) died.add(effect);
      const found = alive
        ? await auditRun(observer, key, ledger)
        : await afterDeath(place, observer, key, ledger, at);
      violations.push(...found.map((violation) => ({ at: key, ...violation })));
    }
  }
  return violations;
}

/** Dies on the way of one run, and so does whoever takes it over. */
async function manyDeaths(place: Place, observer: CrashObserver): Promise<void> {
  const ledger = new Ledger();
  let deaths = 0;
  for (; deaths < MOST_DEATHS; deaths++) {
    const when = deaths % 2 === 0 ? "after" : "before";
    const died = await diesAt(place, observer, (point) => point.startsWith(when), FEW, "again", ledger);
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
  { subject }: CrashObserver,
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
  await Promise.race([workUntilDone(database, key, ledger, { subject }), life.dead]);
  return reached >= n;
}
