// Whether a claim began the attempts of a run itself: its row looks much alike when somebody else did.
import type { HistoryStore, Transition } from "spine-core";
import { advanceCommit, createCommit, type OpenedDatabase, TestClock } from "spine-core/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { postgresHarness } from "../../testing/postgres-harness.ts";

let opened: OpenedDatabase;
let history: HistoryStore;

beforeEach(async () => {
  opened = await postgresHarness.open({ clock: new TestClock() });
  history = opened.stores.history;
});
afterEach(() => opened.close());

async function enqueue(): Promise<string> {
  const commit = createCommit();
  await history.commit([commit]);
  return commit.run.runId;
}

async function claim(worker: string) {
  await history.beat(worker, "alive");
  const { runs } = await history.claim({ worker, workflows: ["demo"], limit: 1 });
  return runs[0];
}

async function advance(runId: string, worker: string, token: number, transition: Partial<Transition>) {
  const [result] = await history.commit([advanceCommit(runId, { worker, token }, transition)]);
  expect(result?.result).toBe("committed");
}

const begun = ["a", "b"].map((name) => ({ name, kind: "lambda", attempt: 1 }));

test("not of one whose owner began them, and died", async () => {
  const runId = await enqueue();
  const other = await opened.again?.();
  if (!other) throw new Error("It is one database for two processes.");
  const mine = history;
  history = other.stores.history;
  await claim("first");
  await advance(runId, "first", 2, { begun });
  await other.close();
  history = mine;
  // As many events as a claim has that begins two attempts.
  expect(await claim("second")).toMatchObject({ begun: false, run: { version: 5, crashes: 1 } });
});

test("not of one whose waiting attempts are all that it has", async () => {
  const runId = await enqueue();
  await claim("first");
  await advance(runId, "first", 2, { begun });
  await advance(runId, "first", 2, { waiting: [{ name: "a", attempt: 1, until: null, reason: null }] });
  await advance(runId, "first", 2, {
    waiting: [{ name: "b", attempt: 1, until: null, reason: null }],
    run: { status: "WAITING", availableAt: 0 },
  });
  expect(await claim("second")).toMatchObject({
    begun: false,
    steps: [{ status: "WAITING" }, { status: "WAITING" }],
  });
});
