// Messages between runs when several processes and statements want the same rows at the same moment.
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import {
  type AdvanceCommit,
  type CommitResult,
  type NewRun,
  newId,
  type RunCommit,
  type SignalCommit,
  systemClock,
  type Transition,
} from "spine-core";
import { advanceCommit, createCommit, stepBegin } from "spine-core/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { postgres } from "../../databases/postgres.ts";
import { cuttingProxy } from "../../testing/cutting-proxy.ts";
import { createTestDatabase } from "../../testing/index.ts";
import type { PostgresHistoryStore } from "./postgres-history-store.ts";

let url = "";
/** Two processes. */
let one: PostgresHistoryStore;
let two: PostgresHistoryStore;
/** A session that is in the way. */
let other: pg.Client;
const closing: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  url = await createTestDatabase();
  one = await open(url);
  two = await open(url);
  other = new pg.Client({ connectionString: url });
  await other.connect();
  closing.push(() => other.end());
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function open(at: string): Promise<PostgresHistoryStore> {
  const database = postgres(at);
  closing.push(() => database.close());
  return (await database.connect({ clock: systemClock })).history as PostgresHistoryStore;
}

async function start(history: PostgresHistoryStore, changes: Partial<NewRun> = {}): Promise<string> {
  const commit = createCommit({ worker: "me", availableAt: null, ...changes });
  const begun = commit.run.worker === null ? [] : [stepBegin("first")];
  expect(await history.commit([{ ...commit, begun }])).toMatchObject([{ result: "committed" }]);
  return commit.run.runId;
}

function moving(runId: string, transition: Partial<Transition> = {}): AdvanceCommit {
  return advanceCommit(runId, { worker: "me", token: 1 }, transition);
}

const beginning = (runId: string) =>
  moving(runId, { begun: [{ name: newId(), kind: "lambda", attempt: 1 }] });
const ending = (runId: string) => moving(runId, { run: { status: "COMPLETED" } });

function waiting(runId: string, inbox: number): AdvanceCommit {
  return moving(runId, { run: { status: "WAITING", availableAt: null, inbox } });
}

function signal(runId: string): SignalCommit {
  return { kind: "signal", runId, signalId: newId(), name: "go", payload: "1" };
}

function cancelling(runId: string): RunCommit {
  const from = ["PENDING", "RUNNING", "WAITING"] as const;
  return {
    kind: "control",
    runId,
    from,
    change: { status: "CANCELLED" },
    reason: "test",
    withChildren: true,
  };
}

async function hold(...runIds: readonly string[]): Promise<void> {
  await other.query("BEGIN");
  await other.query("SELECT FROM spine.workflow_runs WHERE run_id = ANY ($1::uuid[]) FOR UPDATE", [runIds]);
}

/** Until so many statements of ours wait for a lock. */
async function blocked(count: number): Promise<void> {
  for (;;) {
    // Inside a transaction the first look is what all later ones see.
    await other.query("SELECT pg_stat_clear_snapshot()");
    const { rows } = await other.query(
      "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    );
    if (rows.length >= count) return;
    await delay(5);
  }
}

/** It did not go well by luck. */
async function aDeadlock(): Promise<void> {
  const count = "SELECT deadlocks::int AS count FROM pg_stat_database WHERE datname = current_database()";
  // At least one: the one that begins again may meet the other once more.
  const deadlocks = async () => (await other.query(count)).rows[0].count;
  await expect.poll(deadlocks, { timeout: 5_000 }).toBeGreaterThan(0);
}

async function noGaps(runId: string): Promise<void> {
  const events = await one.events(runId);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  expect((await one.get(runId))?.run.version).toBe(events.length);
}

const outcomes = (results: readonly (readonly CommitResult[])[]) =>
  results.flat().map(({ result }) => result);

test("two processes that each tell a run of the other one's: one of them begins again", async () => {
  const [mine, yours] = [await start(one), await start(two)];
  // Later ids: each flush has its own parent already when it waits for its child.
  const ofYours = await start(one, { parentRunId: yours, parentStep: "first" });
  const ofMine = await start(two, { parentRunId: mine, parentStep: "first" });
  await hold(ofMine, ofYours);
  const first = one.commit([beginning(mine), ending(ofYours)]);
  const second = two.commit([beginning(yours), ending(ofMine)]);
  await blocked(2);
  await other.query("COMMIT");
  expect(outcomes(await Promise.all([first, second]))).toEqual(Array(4).fill("committed"));
  await aDeadlock();
  for (const runId of [mine, yours]) {
    expect((await one.get(runId))?.run).toMatchObject({ inbox: 1, status: "RUNNING" });
    await noGaps(runId);
  }
}, 20_000);

test("within a process, the end of a child and its parent's own write are in one statement after the other", async () => {
  const parents = [await start(one), await start(one)] as const;
  const children = await Promise.all(
    parents.flatMap((parentRunId) =>
      Array.from({ length: 5 }, () => start(one, { parentRunId, parentStep: "first" })),
    ),
  );
  const { flushes } = one;
  const results = await Promise.all([
    ...children.slice(0, 5).map((runId) => one.commit([ending(runId)])),
    ...parents.map((runId) => one.commit([beginning(runId)])),
    ...children.slice(5).map((runId) => one.commit([ending(runId)])),
  ]);
  expect(new Set(outcomes(results))).toEqual(new Set(["committed"]));
  expect(one.flushes - flushes).toBeLessThan(6);
  for (const runId of parents) {
    expect((await one.get(runId))?.run).toMatchObject({ inbox: 5 });
    await noGaps(runId);
  }
});

test("a run that decides to wait while another process ends its child, or sends it a message, is due", async () => {
  for (let round = 0; round < 30; round += 1) {
    const parent = await start(one);
    const child = await start(two, { parentRunId: parent, parentStep: "first" });
    const tell = round % 2 === 0 ? ending(child) : signal(parent);
    const results = await Promise.all([one.commit([waiting(parent, 0)]), two.commit([tell])]);
    expect(outcomes(results)).toEqual(["committed", "committed"]);
    const run = (await one.get(parent))?.run;
    expect(run).toMatchObject({ status: "WAITING", inbox: 1 });
    expect(run?.availableAt).not.toBeNull();
  }
});

test("a message that waits for the row of its run is numbered by what the row says then", async () => {
  const runId = await start(one);
  await hold(runId);
  const results = [one.commit([beginning(runId)]), two.commit([signal(runId)])];
  await blocked(2);
  const more = [signal(runId), signal(runId)].map((commit) => one.commit([commit]));
  await blocked(3);
  await other.query("COMMIT");
  expect(new Set(outcomes(await Promise.all([...results, ...more])))).toEqual(new Set(["committed"]));
  expect(await one.inbox(runId, [])).toMatchObject({ count: 3, signals: [{}, {}, {}] });
  await noGaps(runId);
  await one.commit([beginning(runId)]);
  await noGaps(runId);
});

test("a child that its owner starts while the run is cancelled with its children is cancelled too", async () => {
  const parent = await start(one);
  const child = await start(one, { parentRunId: parent, parentStep: "first" });
  const grandchild = newId();
  await hold(child);
  const owner = one.commit([
    moving(child, {
      children: [
        {
          runId: grandchild,
          workflow: "demo",
          domain: null,
          partition: null,
          key: null,
          fingerprint: "f",
          params: "{}",
          paramsHash: "h",
          triggeredBy: "test",
          parentRunId: child,
          parentStep: "first",
          worker: null,
          availableAt: null,
        },
      ],
    }),
  ]);
  await blocked(1);
  const control = two.commit([cancelling(parent)]);
  await blocked(2);
  await other.query("COMMIT");
  expect(outcomes(await Promise.all([owner, control]))).toEqual(["committed", "committed"]);
  for (const runId of [parent, child, grandchild]) {
    expect((await one.get(runId))?.run, runId).toMatchObject({ status: "CANCELLED" });
    await noGaps(runId);
  }
});

test("a child ends while its run is cancelled with its children: one after the other", async () => {
  const parent = await start(one);
  const child = await start(one, { parentRunId: parent, parentStep: "first" });
  await hold(child);
  // It has the child once that is free, and wants the parent, which the control has, who wants the child.
  const end = one.commit([ending(child)]);
  await blocked(1);
  const control = two.commit([cancelling(parent)]);
  await blocked(2);
  await other.query("COMMIT");
  const [ended, cancelled] = outcomes(await Promise.all([end, control]));
  expect(cancelled).toBe("committed");
  // The server decides which of the two begins again: if it is the end, there is nothing left to end.
  const first = ended === "committed" ? "COMPLETED" : "CANCELLED";
  expect(ended).toBe(first === "COMPLETED" ? "committed" : "fenced");
  expect((await one.get(child))?.run.status).toBe(first);
  await aDeadlock();
  expect((await one.get(parent))?.run).toMatchObject({ status: "CANCELLED", inbox: 1 });
  for (const runId of [parent, child]) await noGaps(runId);
}, 20_000);

test("a message whose answer was lost is there once", async () => {
  await using proxy = await cuttingProxy(Number(new URL(url).port));
  const through = await open(url.replace(/:\d+\//, `:${proxy.port}/`));
  const runId = await start(one);
  proxy.cutAfter("counted AS");
  expect(await through.commit([signal(runId)])).toEqual([{ result: "committed", version: 4 }]);
  expect(proxy.cuts).toBe(1);
  expect(await one.inbox(runId, [])).toMatchObject({ count: 1, signals: [{ name: "go" }] });
  await noGaps(runId);
});

test("a write whose answer was lost has the number of its own event, whatever message came since", async () => {
  await using proxy = await cuttingProxy(Number(new URL(url).port));
  const through = await open(url.replace(/:\d+\//, `:${proxy.port}/`));
  const runId = await start(through);
  const { promise: until, resolve: goOn } = Promise.withResolvers<void>();
  proxy.cutAfter("moved AS", 1, until);
  const answer = through.commit([beginning(runId)]);
  await expect.poll(async () => (await one.get(runId))?.run.version).toBe(4);
  await one.commit([signal(runId)]);
  goOn();
  expect(await answer).toEqual([{ result: "committed", version: 4 }]);
  expect(proxy.cuts).toBe(1);
  // What it knows of the run from now on is right as well.
  expect(outcomes([await through.commit([beginning(runId)])])).toEqual(["committed"]);
  await noGaps(runId);
});

test("a child whose key another run has is refused, with all that would be written with it", async () => {
  await start(one, { key: "k", worker: null });
  const parent = await start(one);
  const before = await one.get(parent);
  const child: NewRun = {
    runId: newId(),
    workflow: "demo",
    domain: null,
    partition: null,
    key: "k",
    fingerprint: "f",
    params: "{}",
    paramsHash: "h",
    triggeredBy: "test",
    parentRunId: parent,
    parentStep: "first",
    worker: null,
    availableAt: null,
  };
  await expect(one.commit([moving(parent, { children: [child] })])).rejects.toMatchObject({
    code: "HISTORY_CONFLICT",
  });
  expect(await one.get(parent)).toEqual(before);
});
