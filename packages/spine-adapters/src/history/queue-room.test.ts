import { OPEN_QUEUE, type QueueSettings } from "spine-core";
import { expect, test } from "vitest";
import { type QueueLoad, QueueRoom, type Waiting } from "./queue-room.ts";

const NOW = 1_000_000;

function room(settings: Partial<QueueSettings>, load: Partial<QueueLoad> = {}): QueueRoom {
  return new QueueRoom(
    { settings: { ...OPEN_QUEUE, ...settings }, atWork: [], starts: [], ...load },
    "w",
    NOW,
  );
}

function waiting(changes: Partial<Waiting> = {}): Waiting {
  return { runId: "r", workflow: "demo", queue: "q", key: null, rank: 0, availableAt: NOW, ...changes };
}

const atWork = [
  { key: null, worker: "w", runs: 2 },
  { key: "a", worker: "w", runs: 1 },
  { key: "a", worker: "v", runs: 3 },
];

test("a queue without limits has room for anything at its time", () => {
  const open = room({}, { atWork, starts: [{ at: NOW, runs: 99 }] });
  expect([open.left, open.firstLeft, open.keyLeft("a")]).toEqual([Infinity, Infinity, Infinity]);
  expect(open.opensFor(waiting({ availableAt: NOW + 5 }))).toBe(NOW + 5);
});

test("runs at work take places: of all, of the worker, of their key", () => {
  expect(room({ concurrency: 10 }, { atWork }).left).toBe(4);
  expect(room({ workerConcurrency: 10 }, { atWork }).left).toBe(7);
  expect(room({ concurrency: 10, workerConcurrency: 4 }, { atWork }).left).toBe(1);
  const keyed = room({ keyConcurrency: 5 }, { atWork });
  expect([keyed.left, keyed.keyLeft("a"), keyed.keyLeft("b")]).toEqual([Infinity, 1, 5]);
});

test("less than nothing is left of a limit that was lowered: that is nothing", () => {
  const full = room({ concurrency: 1, keyConcurrency: 1 }, { atWork });
  expect([full.left, full.keyLeft("a")]).toEqual([0, 0]);
  expect(full.fullKeys()).toEqual(["a"]);
  expect(full.opensFor(waiting())).toBeNull();
});

test("a paused queue has no room, whatever else it says", () => {
  const paused = room({ paused: true });
  expect(paused.left).toBe(0);
  expect(paused.opensFor(waiting({ rank: 2 }))).toBeNull();
});

test("only a run that counts to a key is held back by it", () => {
  const keyed = room({ keyConcurrency: 1 }, { atWork });
  expect(keyed.opensFor(waiting({ key: "a", rank: 1 }))).toBeNull();
  expect(keyed.opensFor(waiting({ key: "b", rank: 1 }))).toBe(NOW);
  expect(keyed.opensFor(waiting())).toBe(NOW);
});

test("whoever is let in takes a place of each kind", () => {
  const all = room({ concurrency: 2, keyConcurrency: 1, rateLimit: { runs: 3, periodMs: 100 } });
  all.take(waiting({ key: "a", rank: 1 }));
  expect([all.left, all.keyLeft("a"), all.keyLeft("b"), all.firstLeft]).toEqual([1, 0, 1, 2]);
  all.take(waiting({ key: "b", rank: 3 }));
  // It had begun before: the rate does not count it.
  expect([all.left, all.keyLeft("b"), all.firstLeft]).toEqual([0, 0, 2]);
});

test("a rate counts what began within the period, which ends where a new one may begin", () => {
  const rateLimit = { runs: 3, periodMs: 100 };
  const starts = [
    { at: NOW - 100, runs: 50 },
    { at: NOW - 20, runs: 1 },
    { at: NOW - 99, runs: 1 },
  ];
  const rate = room({ rateLimit }, { starts });
  expect(rate.firstLeft).toBe(1);
  expect(rate.opensFor(waiting())).toBe(NOW);
  rate.take(waiting());
  expect(rate.firstLeft).toBe(0);
  expect(rate.opensFor(waiting())).toBe(NOW + 1);
  expect(rate.opensFor(waiting({ availableAt: NOW + 7 }))).toBe(NOW + 7);
  expect(rate.opensFor(waiting({ rank: 2 }))).toBe(NOW);
});

test("with more in the window than the rate allows by now, as many have to leave it", () => {
  const starts = [
    { at: NOW - 90, runs: 2 },
    { at: NOW - 50, runs: 2 },
    { at: NOW - 10, runs: 1 },
  ];
  const opens = (runs: number) =>
    room({ rateLimit: { runs, periodMs: 100 } }, { starts }).opensFor(waiting());
  expect([1, 2, 3, 4, 5, 6].map(opens)).toEqual([NOW + 90, NOW + 50, NOW + 50, NOW + 10, NOW + 10, NOW]);
});
