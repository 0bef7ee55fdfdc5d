import { OPEN_QUEUE, type QueueSettings } from "spine-core";
import { describe, expect, test } from "vitest";
import { distinct, type Loads, letIn, queuesToReadByKey, readsOf } from "./let-in.ts";
import type { Waiting } from "./queue-room.ts";

const now = 1_000_000;
const places = { worker: "w", limit: 3, now };

function loads(settings: Readonly<Record<string, Partial<QueueSettings>>>): Loads {
  return new Map(
    Object.entries(settings).map(([name, change]) => [
      name,
      { settings: { ...OPEN_QUEUE, ...change }, atWork: [], starts: [] },
    ]),
  );
}

let made = 0;
function waiting(changes: Partial<Waiting> = {}): Waiting {
  made += 1;
  const runId = `r${String(made).padStart(4, "0")}`;
  return { runId, workflow: "demo", queue: "q", key: null, rank: 0, availableAt: now, ...changes };
}

describe("letIn", () => {
  test("takes the most urgent first: rank, then time, then id", () => {
    const runs = [
      waiting({ rank: 4 }),
      waiting({ rank: 3, availableAt: now - 1 }),
      waiting({ rank: 0, availableAt: now - 2, queue: "p" }),
      waiting({ rank: -4, queue: "p" }),
      waiting({ rank: 1, availableAt: now - 2 }),
    ];
    const { chosen, nextAt } = letIn([...runs].reverse(), new Map(), places);
    expect(chosen).toEqual([runs[3], runs[2], runs[4]]);
    expect(nextAt).toBe(now - 1);
  });

  test("a full queue does not use up places of others", () => {
    const crowd = Array.from({ length: 9 }, () => waiting({ rank: -400 }));
    const others = [waiting({ queue: "p" }), waiting({ queue: "" })];
    const { chosen } = letIn([...crowd, ...others], loads({ q: { concurrency: 1 } }), places);
    expect(chosen).toEqual([crowd[0], ...others]);
  });

  test("nothing is due, and nothing can be let in: two answers", () => {
    const later = [waiting({ availableAt: now + 9 }), waiting({ availableAt: now + 5 })];
    expect(letIn(later, new Map(), places)).toMatchObject({ chosen: [], nextAt: now + 5 });
    expect(letIn(later, loads({ q: { paused: true } }), places)).toMatchObject({ chosen: [], nextAt: null });
    expect(letIn([], new Map(), places)).toMatchObject({ chosen: [], nextAt: null });
  });

  test("what comes next is asked when it is known who came in", () => {
    const runs = [waiting(), waiting({ availableAt: now + 1 })];
    expect(letIn(runs, loads({ q: { concurrency: 1 } }), places).nextAt).toBeNull();
    const rateLimit = { runs: 1, periodMs: 100 };
    expect(letIn(runs, loads({ q: { rateLimit } }), places).nextAt).toBe(now + 100);
  });

  test("takes nothing where there is no place, and says that there is something", () => {
    expect(letIn([waiting()], new Map(), { ...places, limit: 0 })).toMatchObject({ chosen: [], nextAt: now });
  });
});

describe("what has to be looked at", () => {
  const line = { queue: "q", workflow: "demo", rank: 0 };

  test("in each line what there is room for, and one more", () => {
    const most = (settings: Partial<QueueSettings>, rank = 0) =>
      readsOf([{ ...line, rank }], loads({ q: settings }), places).map((read) => read.most);
    expect(most({})).toEqual([4]);
    expect(most({ concurrency: 1 })).toEqual([2]);
    expect(most({ paused: true })).toEqual([]);
    expect(most({ rateLimit: { runs: 2, periodMs: 1 } })).toEqual([3]);
    // Runs that have begun are not counted by the rate.
    expect(most({ rateLimit: { runs: 2, periodMs: 1 } }, 2)).toEqual([4]);
    expect(most({ keyConcurrency: 1 })).toEqual([4]);
    expect(most({ keyConcurrency: 1 }, 1)[0]).toBeGreaterThan(4);
  });

  test("goes from key to key only where runs of full keys hide the others", () => {
    const limits = loads({ q: { keyConcurrency: 1 } });
    const reads = readsOf([{ ...line, rank: 1 }], limits, places);
    const look = (runs: readonly Waiting[]) =>
      queuesToReadByKey(reads, runs, letIn(runs, limits, places), places);
    const flood = Array.from({ length: reads[0]?.most ?? 0 }, () => waiting({ key: "a", rank: 1 }));
    expect(look(flood)).toEqual(["q"]);
    expect(look(flood.slice(1))).toEqual([]);
    const others = ["b", "c"].map((key) => waiting({ key, rank: 1 }));
    expect(look([...flood.slice(2), ...others])).toEqual([]);
    // All places are taken: what is hidden matters only where it could be more urgent.
    const elsewhere = (rank: number) => ["b", "c", "d"].map((key) => waiting({ queue: "p", key, rank }));
    expect(look([...flood, ...elsewhere(5)])).toEqual(["q"]);
    expect(look([...flood, ...elsewhere(-3)])).toEqual([]);
  });

  test("a run that was found twice counts once", () => {
    const run = waiting();
    expect(distinct([run, { ...run }, waiting()])).toHaveLength(2);
  });
});
