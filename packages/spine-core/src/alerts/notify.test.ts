import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AlertNotification } from "./alert.ts";
import type { AlertGroup, GroupedAlert, NotifyPolicy } from "./alert-group.ts";
import { acknowledgeIn, decide, emptyGroup, type RaisedAlert, raiseIn, resolveIn } from "./notify.ts";

const MINUTE = 60_000;
const POLICY: NotifyPolicy = { groupWaitMs: 30_000, groupIntervalMs: 5 * MINUTE, repeatMs: 240 * MINUTE };
const loud = () => false;

function raised(fingerprint: string, at: number, more: Partial<RaisedAlert> = {}): RaisedAlert {
  const text = { title: `${fingerprint} broke`, message: "", source: "test" };
  const of = { workflow: null, partition: null, runId: null, labels: { a: fingerprint } };
  return { fingerprint, severity: "ERROR", ...text, ...of, at, ...more };
}

const empty = () => emptyGroup({ groupId: "g", channels: ["chat"], labels: { team: "data" }, since: 0 });

/** A group that time passes for: it is looked at when it says so, and when something happens. */
class Life {
  group: AlertGroup | null = empty();
  now = 0;
  nextAt: number | null = null;
  readonly told: (Omit<AlertNotification, "key"> & { readonly ms: number })[] = [];
  isMuted: (alert: GroupedAlert) => boolean = loud;

  happen(change: (group: AlertGroup) => AlertGroup): void {
    this.group = change(this.group ?? empty());
    this.look();
  }

  look(): void {
    if (!this.group) return;
    const { group, notification, nextAt } = decide(this.group, this.now, POLICY, this.isMuted);
    if (notification) this.told.push({ ...notification, ms: this.now });
    // Otherwise whoever sleeps until then wakes for nothing, again and again.
    if (nextAt !== null) expect(nextAt).toBeGreaterThan(this.now);
    this.group = group;
    this.nextAt = nextAt;
  }

  pass(ms: number): void {
    const end = this.now + ms;
    while (this.nextAt !== null && this.nextAt <= end) {
      this.now = this.nextAt;
      this.look();
    }
    this.now = end;
  }

  get reasons(): readonly string[] {
    return this.told.map(({ reason, ms }) => `${reason} ${ms / 1_000}`);
  }
}

describe("when a group is told", () => {
  test("after the wait, then again when more of it fires, in part when a part is over, and at its end", () => {
    const life = new Life();
    life.happen((group) => raiseIn(group, raised("a", 0)));
    life.pass(10_000);
    life.happen((group) => raiseIn(group, raised("b", life.now)));
    life.pass(MINUTE);
    expect(life.told[0]).toMatchObject({ firing: 2, title: "data: 2 alerts", reason: "FIRST" });
    life.happen((group) => raiseIn(group, raised("c", life.now, { severity: "CRITICAL" })));
    life.pass(10 * MINUTE);
    life.happen((group) => resolveIn(group, "a", life.now));
    life.pass(10 * MINUTE);
    life.happen((group) => resolveIn(resolveIn(group, "b", life.now), "c", life.now));
    life.pass(10 * MINUTE);
    expect(life.reasons).toEqual(["FIRST 30", "NEW_ALERTS 330", "SOME_RESOLVED 700", "RESOLVED 1300"]);
    expect(life.told[1]).toMatchObject({ firing: 3, severity: "CRITICAL" });
    expect(life.told[3]).toMatchObject({ status: "RESOLVED", firing: 0, resolved: 2 });
    expect(life.group).toBeNull();
  });

  test("what is raised again and again is told at ever longer intervals, with the count of what was not told", () => {
    const life = new Life();
    for (let minute = 0; minute < 10 * 60; minute += 1) {
      life.happen((group) => raiseIn(group, raised("a", life.now)));
      life.pass(MINUTE);
    }
    // 5, 10, 20, 40, 80, 160 minutes, and then every four hours.
    expect(life.told.map(({ ms }) => ms / MINUTE)).toEqual([0.5, 5.5, 15.5, 35.5, 75.5, 155.5, 315.5, 555.5]);
    expect(life.told.reduce((sum, { suppressed }) => sum + suppressed, 1)).toBe(556);
    expect(life.told.slice(1).every(({ reason }) => reason === "REPEATED")).toBe(true);
  });

  test("what only goes on firing is told every four hours, and what somebody has taken on is not", () => {
    const life = new Life();
    life.happen((group) => raiseIn(group, raised("a", 0)));
    life.pass(9 * 60 * MINUTE);
    expect(life.reasons).toEqual(["FIRST 30", "REPEATED 14430", "REPEATED 28830"]);
    expect(life.told[1]).toMatchObject({ suppressed: 0 });
    life.happen((group) => acknowledgeIn(group, "a", { by: "ann", note: null, at: life.now }));
    life.pass(24 * 60 * MINUTE);
    expect(life.told).toHaveLength(3);
    life.happen((group) => resolveIn(group, "a", life.now));
    life.pass(MINUTE);
    expect(life.told[3]).toMatchObject({ reason: "RESOLVED", alerts: [{ acknowledgedBy: "ann" }] });
  });

  test("what ends before anybody was told is nobody's concern", () => {
    const life = new Life();
    life.happen((group) => raiseIn(group, raised("a", 0)));
    life.happen((group) => resolveIn(group, "a", 5));
    life.pass(60 * MINUTE);
    expect(life.told).toEqual([]);
    expect(life.group).toBeNull();
  });

  test("what is over and fires again before that is told goes on", () => {
    const life = new Life();
    life.happen((group) => raiseIn(group, raised("a", 0)));
    life.pass(MINUTE);
    life.happen((group) => resolveIn(group, "a", life.now));
    life.happen((group) => raiseIn(group, raised("a", life.now)));
    life.pass(6 * MINUTE);
    expect(life.reasons).toEqual(["FIRST 30", "REPEATED 330"]);
    expect(life.told[1]).toMatchObject({ firing: 1, suppressed: 1, alerts: [{ raised: 2 }] });
  });

  test("what is muted waits, and is told when that is over; what was told before it was muted is told to be over", () => {
    const life = new Life();
    life.isMuted = ({ fingerprint }) => fingerprint === "b";
    life.happen((group) => raiseIn(raiseIn(group, raised("a", 0)), raised("b", 0)));
    life.pass(20 * MINUTE);
    expect(life.told).toMatchObject([{ reason: "FIRST", firing: 1 }]);
    life.isMuted = loud;
    life.pass(6 * MINUTE);
    expect(life.told[1]).toMatchObject({ reason: "NEW_ALERTS", firing: 2 });
    life.isMuted = () => true;
    life.happen((group) => resolveIn(resolveIn(group, "a", life.now), "b", life.now));
    life.pass(10 * MINUTE);
    expect(life.told[2]).toMatchObject({ reason: "RESOLVED", resolved: 2 });
  });

  test("a group knows 500 alerts one by one, and counts what is beyond", () => {
    const life = new Life();
    life.happen((group) => {
      let next = group;
      for (let n = 0; n < 700; n += 1) next = raiseIn(next, raised(`a${n}`, 0));
      return next;
    });
    life.pass(MINUTE);
    expect(life.told).toMatchObject([{ firing: 500, suppressed: 200 }]);
    expect(life.told[0]?.alerts).toHaveLength(20);
  });

  test("whatever happens: nothing raised is lost from the counts, none is told twice too soon, and its end is told", () => {
    const step = fc.record({
      what: fc.constantFrom("raise", "resolve", "wait"),
      who: fc.constantFrom("a", "b", "c"),
      ms: fc.integer({ min: 1, max: 20 * MINUTE }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const life = new Life();
        let count = 0;
        for (const { what, who, ms } of steps) {
          if (what === "raise") {
            life.happen((group) => raiseIn(group, raised(who, life.now)));
            count += 1;
          } else if (what === "resolve") life.happen((group) => resolveIn(group, who, life.now));
          life.pass(ms);
        }
        for (const who of ["a", "b", "c"]) life.happen((group) => resolveIn(group, who, life.now));
        life.pass(60 * MINUTE);
        expect(life.group).toBeNull();
        const status = life.told.map(({ status: is }) => is);
        if (status.length > 0) expect(status.at(-1)).toBe("RESOLVED");
        for (const [index, { ms }] of life.told.entries()) {
          const before = life.told[index - 1];
          // A group that is over begins anew: it waits for the wait only.
          const least = before?.reason === "RESOLVED" ? 30_000 : 5 * MINUTE;
          if (before) expect(ms - before.ms).toBeGreaterThanOrEqual(least);
        }
        expect(life.told.reduce((sum, { suppressed }) => sum + suppressed, 0)).toBeLessThanOrEqual(count);
      }),
      { numRuns: 300 },
    );
  });
});
