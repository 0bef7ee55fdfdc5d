import { expect, test } from "vitest";
import { silentHints } from "../history/hints.ts";
import type { RunGlance } from "../history/history-store.ts";
import { TestClock } from "../testing/test-clock.ts";
import { RunWatch } from "./run-watch.ts";

const soon = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));

function watching(pollMs = 5_000) {
  const clock = new TestClock();
  const runs = new Map<string, RunGlance>();
  const looks: (readonly string[])[] = [];
  const told: string[] = [];
  let failure: Error | null = null;
  const follows: boolean[] = [];
  const watch = new RunWatch({
    clock,
    listen: () => {},
    hints: { ...silentHints(pollMs), follow: (wanted) => follows.push(wanted) },
    history: {
      async glance(runIds) {
        looks.push(runIds);
        if (failure) throw failure;
        return runIds.flatMap((runId) => runs.get(runId) ?? []);
      },
    },
  });
  const put = (runId: string, version: number) =>
    runs.set(runId, { runId, version, status: "RUNNING", token: 1, inbox: 0 });
  const follow = (runId: string, name = runId) =>
    watch.watch(runId, {
      seen: (run) => told.push(`${name} ${run?.version ?? "missing"}`),
      failed: (error) => told.push(`${name} ${String(error)}`),
    });
  return { watch, clock, put, follow, looks, told, follows, fail: (error: Error) => (failure = error) };
}

test("tells each watcher how the run stands, then each change, once", async () => {
  const { watch, put, follow, told } = watching();
  put("a", 3);
  const stop = follow("a");
  follow("missing");
  await soon();
  expect(told.splice(0)).toEqual(["a 3", "missing missing"]);
  watch.touch("a");
  await soon();
  expect(told).toEqual([]);
  put("a", 4);
  watch.hear({ changed: ["a", "b"] });
  await soon();
  expect(told.splice(0)).toEqual(["a 4"]);
  stop();
  put("a", 5);
  watch.hear({ changed: "any" });
  await soon();
  expect(told).toEqual([]);
});

test("what changes together is looked at in one query, and nobody's run in none", async () => {
  const { watch, put, follow, looks } = watching();
  for (let n = 0; n < 1_000; n += 1) {
    put(`run ${n}`, 1);
    follow(`run ${n}`);
  }
  watch.touch("a stranger");
  await soon();
  expect(looks.map(({ length }) => length)).toEqual([1_000]);
});

test("finds by looking what nobody told, at the latest after a second", async () => {
  const { clock, put, follow, told, looks } = watching();
  put("a", 1);
  const stop = follow("a");
  await soon();
  put("a", 2);
  clock.advance(999);
  await soon();
  expect(told).toEqual(["a 1"]);
  clock.advance(1);
  await soon();
  expect(told).toEqual(["a 1", "a 2"]);
  stop();
  const before = looks.length;
  clock.advance(60_000);
  await soon();
  expect(looks.length).toBe(before);
});

test("wants to be told by others while it watches, and no longer", async () => {
  const { follow, follows } = watching();
  const stops = [follow("a"), follow("b")];
  expect(follows).toEqual([true]);
  for (const stop of stops) stop();
  expect(follows).toEqual([true, false]);
});

test("who comes second is told too, although nothing has changed", async () => {
  const { put, follow, told } = watching();
  put("a", 1);
  follow("a", "first");
  await soon();
  follow("a", "second");
  await soon();
  expect(told).toContain("second 1");
});

test("a look that fails is told to those who waited for it; later ones look anew", async () => {
  const { watch, put, follow, told, fail } = watching();
  put("a", 1);
  fail(new Error("away"));
  follow("a");
  await soon();
  expect(told.splice(0)).toEqual([expect.stringContaining("away")]);
  expect(watch.size).toBe(0);
});

test("closing tells all, and those who come later", async () => {
  const { watch, put, follow, told } = watching();
  put("a", 1);
  follow("a");
  watch.close(new Error("closed") as never);
  follow("b");
  expect(told).toEqual([expect.stringContaining("closed"), expect.stringContaining("closed")]);
});
