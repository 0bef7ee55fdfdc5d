// What the history on Postgres promises when things go wrong: processes, connections, and the server itself.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import {
  type AdvanceCommit,
  type CreateCommit,
  createSpine,
  defineWorkflow,
  type RunCommit,
  Step,
  type StepContext,
  silentLogger,
  systemClock,
} from "spine-core";
import { advanceCommit, createCommit, stepBegin, stepEnd } from "spine-core/testing";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { postgres } from "../../databases/postgres.ts";
import { cuttingProxy } from "../../testing/cutting-proxy.ts";
import { createTestDatabase } from "../../testing/index.ts";
import { startPostgres } from "../../testing/postgres-server.ts";
import type { PostgresHistoryStore } from "./postgres-history-store.ts";

const WORKER = join(import.meta.dirname, "../../testing/postgres-worker-process.ts");
const ME = "me";

let url = "";
let history: PostgresHistoryStore;

beforeEach(async () => {
  url = await createTestDatabase();
  history = await open(url);
});

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function open(at: string): Promise<PostgresHistoryStore> {
  const database = postgres(at);
  closing.push(() => database.close());
  return (await database.connect({ clock: systemClock })).history as PostgresHistoryStore;
}

async function client(): Promise<pg.Client> {
  const connected = new pg.Client({ connectionString: url });
  await connected.connect();
  closing.push(() => connected.end());
  return connected;
}

function create(worker: string | null = ME, steps: readonly string[] = ["first"]): CreateCommit {
  return createCommit(
    { worker },
    steps.map((name) => stepBegin(name)),
  );
}

function ending(runId: string, name = "first", output: string | null = "1", token = 1): AdvanceCommit {
  const transition = { ended: [stepEnd(name, { output })], begun: [stepBegin(`${name}+`)] };
  return advanceCommit(runId, { worker: ME, token }, transition);
}

async function started(steps?: readonly string[]): Promise<string> {
  const commit = create(ME, steps);
  expect(await history.commit([commit])).toMatchObject([{ result: "committed" }]);
  return commit.run.runId;
}

async function noGaps(runId: string): Promise<void> {
  const events = await history.events(runId);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  expect((await history.get(runId))?.run.version).toBe(events.length);
}

function stepsOf(count: number, work: (context: StepContext) => unknown) {
  return Array.from({ length: count }, (_, index) => Step.lambda(`s${index}`, work));
}

/** Until a statement of ours waits for a lock. */
async function waiting(on: pg.Client): Promise<void> {
  for (;;) {
    // Inside a transaction the first look is what all later ones see.
    await on.query("SELECT pg_stat_clear_snapshot()");
    const { rows } = await on.query(
      "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    );
    if (rows.length > 0) return;
    await delay(5);
  }
}

describe("one statement for many commits", () => {
  test("two writes of one run in one flush: version, events and numbers are exact", async () => {
    const runId = await started(["first", "other"]);
    const { flushes } = history;
    const results = await Promise.all([
      history.commit([ending(runId, "first")]),
      history.commit([ending(runId, "other")]),
    ]);
    expect(history.flushes).toBe(flushes + 1);
    expect(results.flat()).toEqual([
      { result: "committed", version: 6 },
      { result: "committed", version: 8 },
    ]);
    expect((await history.get(runId))?.steps.map(({ seq, name, status }) => [seq, name, status])).toEqual([
      [1, "first", "COMPLETED"],
      [2, "other", "COMPLETED"],
      [3, "first+", "RUNNING"],
      [4, "other+", "RUNNING"],
    ]);
    await noGaps(runId);
  });

  test("what comes behind a commit of its run waits for it, while others go on", async () => {
    // Rows are locked in the order of their ids, which is that of their creation.
    const [held, runId, other] = [await started(), await started(), await started()];
    const holder = await client();
    await holder.query("BEGIN");
    await holder.query("SELECT 1 FROM spine.workflow_runs WHERE run_id = $1 FOR UPDATE", [held]);
    // One statement for both: the second run has to wait for the first one's row.
    const first = Promise.all([history.commit([ending(held)]), history.commit([ending(runId)])]);
    await waiting(holder);
    const behind = history.commit([ending(runId, "first+")]);
    expect(await history.commit([ending(other)])).toMatchObject([{ result: "committed" }]);
    await holder.query("COMMIT");
    await first;
    expect(await behind).toEqual([{ result: "committed", version: 7 }]);
    await noGaps(runId);
  });

  test("an attempt that begins and ends in one call is in two statements", async () => {
    const runId = await started();
    const results = await history.commit([ending(runId, "first"), ending(runId, "first+")]);
    expect(results.map(({ result }) => result)).toEqual(["committed", "committed"]);
    await noGaps(runId);
  });

  test("nothing is acknowledged before it is committed", async () => {
    const holder = await client();
    await holder.query("BEGIN");
    await holder.query("LOCK TABLE spine.workflow_runs IN EXCLUSIVE MODE");
    let acknowledged = false;
    const committed = history.commit([create()]).then((results) => {
      acknowledged = true;
      return results;
    });
    await waiting(holder);
    expect(acknowledged).toBe(false);
    await holder.query("COMMIT");
    expect(await committed).toMatchObject([{ result: "committed" }]);
  });

  test("one bad row among 50 fails alone", async () => {
    const ids = await Promise.all(Array.from({ length: 50 }, () => started()));
    const bad = ids[23] ?? "";
    const outcomes = await Promise.allSettled(
      ids.map((runId) => history.commit([ending(runId, "first", runId === bad ? '"\u0000' : "1")])),
    );
    const failed = outcomes.flatMap((outcome, index) => (outcome.status === "rejected" ? [ids[index]] : []));
    expect(failed).toEqual([bad]);
    expect(outcomes[23]).toMatchObject({ reason: { code: "PAYLOAD_INVALID" } });
    for (const runId of ids) {
      const steps = (await history.get(runId))?.steps;
      expect(steps?.map(({ status }) => status)).toEqual(
        runId === bad ? ["RUNNING"] : ["COMPLETED", "RUNNING"],
      );
    }
  });

  test("a step attempt costs less than one round trip, all in all", async () => {
    const admin = await client();
    await admin.query("CREATE EXTENSION pg_stat_statements");
    const spine = await createSpine({ database: postgres(url), logger: silentLogger, concurrency: 60 });
    closing.push(() => spine.stop());
    const flow = defineWorkflow({ name: "demo.five", steps: stepsOf(5, () => "x".repeat(200)) });
    const work = async (runs: number) => {
      for (let left = runs; left > 0; left -= 1) await (await spine.run(flow, {})).result();
    };
    const calls = async () => {
      const { rows } = await admin.query<{ calls: number }>(
        `SELECT coalesce(sum(calls), 0)::int AS calls FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
WHERE d.datname = current_database() AND s.toplevel AND query LIKE '%workflow_step_runs%' AND query LIKE '%moved AS%'`,
      );
      return rows[0]?.calls ?? 0;
    };
    await work(1);
    const before = await calls();
    await work(10);
    // Alone, each attempt is one statement; the last one also completes the run.
    expect((await calls()) - before).toBe(10 * 5);
    const shared = await calls();
    await Promise.all(Array.from({ length: 50 }, () => work(4)));
    expect((await calls()) - shared).toBeLessThan((50 * 4 * 5) / 4);
  });
});

describe("what a process knows of its runs", () => {
  test("is looked up when somebody else has written under the same fence, and the write is made anew", async () => {
    const runId = await started(["first", "other"]);
    const other = await open(url);
    expect(await other.commit([ending(runId, "first")])).toMatchObject([{ result: "committed", version: 6 }]);
    // Ours still believes that both are under way.
    expect(await history.commit([ending(runId, "other")])).toMatchObject([
      { result: "committed", version: 8 },
    ]);
    await expect(history.commit([ending(runId, "first")])).rejects.toMatchObject({
      code: "HISTORY_CONFLICT",
    });
    expect((await history.get(runId))?.steps.map(({ name, status }) => [name, status])).toEqual([
      ["first", "COMPLETED"],
      ["other", "COMPLETED"],
      ["first+", "RUNNING"],
      ["other+", "RUNNING"],
    ]);
    await noGaps(runId);
  });

  test("does not matter for a run that a process with another clock has written", async () => {
    const runId = await started();
    const admin = await client();
    await admin.query("UPDATE spine.workflow_runs SET write_seq = write_seq + 3600000000 WHERE run_id = $1", [
      runId,
    ]);
    expect(await history.commit([ending(runId)])).toMatchObject([{ result: "committed" }]);
    await noGaps(runId);
  });
});

describe("the fence", () => {
  test("a takeover that is open in another transaction while a step commits: nothing of it is accepted", async () => {
    const runId = await started();
    const before = await history.get(runId);
    const heir = await client();
    await heir.query("BEGIN");
    await heir.query("UPDATE spine.workflow_runs SET token = token + 1, worker = 'heir' WHERE run_id = $1", [
      runId,
    ]);
    const other = await started();
    const late = history.commit([
      {
        ...ending(runId),
        transition: {
          ...ending(runId).transition,
          run: { status: "COMPLETED" },
          attachments: [
            { kind: "partition", table: "t", partition: { p: "1" }, loadId: "l", hash: "h", rows: 1 },
            { kind: "checkpoint", step: "first", key: "k", value: "1" },
          ],
        },
      },
    ]);
    const beside = history.commit([ending(other)]);
    await waiting(heir);
    await heir.query("COMMIT");
    expect(await late).toEqual([{ result: "fenced" }]);
    expect(await beside).toMatchObject([{ result: "committed" }]);
    const after = await history.get(runId);
    expect(after?.steps).toEqual(before?.steps);
    expect(after?.run).toEqual({ ...before?.run, token: 2, worker: "heir" });
    const { rows } = await heir.query(
      "SELECT (SELECT count(*) FROM spine.partitions) + (SELECT count(*) FROM spine.step_checkpoints) AS written",
    );
    expect(rows).toEqual([{ written: "0" }]);
    await noGaps(runId);
  });
});

describe("claims of several processes", () => {
  test("never give a run to two of them", async () => {
    const stores = await Promise.all(Array.from({ length: 4 }, () => open(url)));
    await Promise.all(stores.map((store, index) => store.beat(`w${index}`, "alive")));
    for (let round = 0; round < 5; round += 1) {
      await history.commit(Array.from({ length: 100 }, () => create(null, [])));
      const claimed: string[] = [];
      for (let found = -1; found !== claimed.length; ) {
        found = claimed.length;
        const claims = await Promise.all(
          stores.map((store, index) => store.claim({ worker: `w${index}`, workflows: ["demo"], limit: 15 })),
        );
        claimed.push(...claims.flatMap(({ runs }) => runs.map(({ run }) => run.runId)));
      }
      expect(claimed).toHaveLength(100);
      expect(new Set(claimed).size).toBe(100);
    }
  });

  test("do not wait for a run that somebody has in hand", async () => {
    const [held, free] = [create(null, []), create(null, [])];
    await history.commit([held, free]);
    const holder = await client();
    await holder.query("BEGIN");
    await holder.query("SELECT 1 FROM spine.workflow_runs WHERE run_id = $1 FOR UPDATE", [held.run.runId]);
    const { runs } = await history.claim({ worker: ME, workflows: ["demo"], limit: 10 });
    expect(runs.map(({ run }) => run.runId)).toEqual([free.run.runId]);
    await holder.query("COMMIT");
  });
});

describe("lost answers", () => {
  test("a connection cut after the commit: it is found, and not made again", async () => {
    await using proxy = await cuttingProxy(Number(new URL(url).port));
    const through = await open(url.replace(/:\d+\//, `:${proxy.port}/`));
    const commit = create();
    const { runId } = commit.run;
    proxy.cutAfter(runId);
    expect(await through.commit([commit])).toEqual([{ result: "committed", version: 3 }]);
    proxy.cutAfter(runId);
    expect(await through.commit([ending(runId)])).toEqual([{ result: "committed", version: 5 }]);
    proxy.cutAfter(runId);
    const end = ending(runId, "first+");
    const last: AdvanceCommit = {
      ...end,
      transition: { ...end.transition, begun: [], run: { status: "COMPLETED" } },
    };
    expect(await through.commit([last])).toEqual([{ result: "committed", version: 7 }]);
    expect(proxy.cuts).toBe(3);
    expect((await history.get(runId))?.steps.map(({ name, status }) => [name, status])).toEqual([
      ["first", "COMPLETED"],
      ["first+", "COMPLETED"],
    ]);
    await noGaps(runId);
  });

  /** Sends a commit whose answer is lost, and which is sent again only after `meanwhile`. */
  async function lost(commit: RunCommit, meanwhile: () => Promise<unknown>) {
    await using proxy = await cuttingProxy(Number(new URL(url).port));
    const through = await open(url.replace(/:\d+\//, `:${proxy.port}/`));
    const { promise: until, resolve: goOn } = Promise.withResolvers<void>();
    const runId = commit.kind === "create" ? commit.run.runId : commit.runId;
    const before = (await history.get(runId))?.run.version;
    // By the statement, because a look at the run comes before it.
    proxy.cutAfter(commit.kind === "create" ? "created AS" : "moved AS", 1, until);
    const answer = through.commit([commit]);
    await expect.poll(async () => (await history.get(runId))?.run.version).not.toBe(before);
    await meanwhile();
    goOn();
    const [result] = await answer;
    expect(proxy.cuts).toBe(1);
    await noGaps(runId);
    return result;
  }

  function cancelling(runId: string, status: "CANCELLED" | "PENDING" = "CANCELLED"): RunCommit {
    return { kind: "control", runId, from: ["PENDING", "RUNNING"], change: { status }, reason: "test" };
  }

  async function claimed(runId: string, worker = "heir") {
    await history.beat(worker, "alive");
    const { runs } = await history.claim({ worker, workflows: ["demo"], limit: 5 });
    expect(runs.map(({ run }) => run.runId)).toEqual([runId]);
    return runs[0]?.fence ?? { worker, token: 0 };
  }

  test("a queued run that somebody else has completed before the answer came was accepted", async () => {
    const commit = create(null, []);
    const { runId } = commit.run;
    const result = await lost(commit, async () => {
      const fence = await claimed(runId);
      const transition = { ended: [], begun: [], attachments: [], run: { status: "COMPLETED" } } as const;
      await history.commit([{ kind: "advance", runId, fence, transition }]);
    });
    expect(result).toEqual({ result: "committed", version: 1 });
    expect((await history.get(runId))?.run.status).toBe("COMPLETED");
  });

  test("a run that was cancelled before the answer came: each version is that of the commit", async () => {
    const queued = create(null, []);
    const { runId: first } = queued.run;
    const created = await lost(queued, () => history.commit([cancelling(first)]));
    expect(created).toEqual({ result: "committed", version: 1 });
    const runId = await started();
    const moved = await lost(ending(runId), () => history.commit([cancelling(runId)]));
    expect(moved).toEqual({ result: "committed", version: 5 });
  });

  test("a step whose run somebody else has claimed before the answer came: recorded once, and fenced", async () => {
    const runId = await started();
    const result = await lost(ending(runId), async () => {
      await history.commit([cancelling(runId, "PENDING")]);
      await claimed(runId);
    });
    expect(result).toEqual({ result: "fenced" });
    expect((await history.get(runId))?.steps.map(({ name, status }) => [name, status])).toEqual([
      ["first", "COMPLETED"],
      ["first+", "CANCELLED"],
    ]);
  });

  test("a claim whose answer is lost is found again", async () => {
    await using proxy = await cuttingProxy(Number(new URL(url).port));
    const through = await open(url.replace(/:\d+\//, `:${proxy.port}/`));
    await through.beat(ME, "alive");
    const queued = create(null, []);
    await history.commit([queued]);
    await through.claim({ worker: ME, workflows: ["another"], limit: 1 });
    proxy.cutAfter("marked-workflow");
    const { runs } = await through.claim({ worker: ME, workflows: ["demo", "marked-workflow"], limit: 5 });
    expect(proxy.cuts).toBe(1);
    expect(runs).toMatchObject([{ run: { runId: queued.run.runId, worker: ME, token: 2 } }]);
  });

  test("a transaction whose COMMIT was made and whose answer is lost has been committed", async () => {
    await using proxy = await cuttingProxy(Number(new URL(url).port));
    const database = postgres(url.replace(/:\d+\//, `:${proxy.port}/`));
    closing.push(() => database.close());
    const stores = await database.connect({ clock: systemClock });
    const runId = await started();
    let times = 0;
    const result = await database.transaction(async (transaction) => {
      times += 1;
      await stores.history.commit([ending(runId)], { transaction });
      proxy.cutAfter("COMMIT");
      return "done";
    });
    expect([result, times, proxy.cuts]).toEqual(["done", 1, 1]);
    expect((await history.get(runId))?.steps).toHaveLength(2);
  });
});

test("a run that is started inside of a transaction is not in it: its steps have their own", async () => {
  const spine = await createSpine({ database: postgres(url), logger: silentLogger });
  closing.push(() => spine.stop());
  const inner = defineWorkflow({
    name: "demo.inner",
    steps: [Step.lambda("write", ({ transaction }) => transaction(async () => "written"))],
  });
  const outer = defineWorkflow({
    name: "demo.outer",
    steps: [
      Step.lambda("start", ({ transaction }) =>
        transaction(async () => (await (await spine.run(inner, {})).result()) as never),
      ),
    ],
  });
  expect((await (await spine.run(outer, {})).result()).outputs).toMatchObject({
    start: { outputs: { write: "written" } },
  });
});

describe("the server restarts", { timeout: 60_000 }, () => {
  test("in the middle of runs: they wait, and nothing is lost or doubled", async () => {
    const server = await startPostgres({ fsync: true });
    onTestFinished(() => server.stop());
    const spine = await createSpine({
      database: postgres(server.url()),
      logger: silentLogger,
      concurrency: 20,
    });
    onTestFinished(() => spine.stop());
    const done = new Map<string, number>();
    const steps = stepsOf(6, async ({ runId, step }) => {
      done.set(`${runId}/${step}`, (done.get(`${runId}/${step}`) ?? 0) + 1);
      await delay(20);
    });
    const flow = defineWorkflow({ name: "demo.restart", steps });
    const runs = await Promise.all(Array.from({ length: 20 }, () => spine.run(flow, {})));
    await delay(40);
    await server.restart("immediate");
    const outputs = await Promise.all(runs.map((run) => run.result()));
    expect(outputs).toHaveLength(20);
    for (const { id } of runs) {
      const detail = await spine.get(id);
      expect(detail.run).toMatchObject({ status: "COMPLETED", crashes: 0, token: 1 });
      expect(detail.steps).toHaveLength(6);
    }
    expect([...done.values()].every((times) => times === 1)).toBe(true);
  });

  test("before it can be used again, a claim and a read wait for it", async () => {
    const server = await startPostgres();
    onTestFinished(() => server.stop());
    const database = postgres(server.url());
    onTestFinished(() => database.close());
    const stores = await database.connect({ clock: systemClock });
    await stores.history.beat(ME, "alive");
    const queued = create(null, []);
    await stores.history.commit([queued]);
    await server.kill();
    const later = Promise.all([
      stores.history.get(queued.run.runId),
      stores.history.claim({ worker: ME, workflows: ["demo"], limit: 1 }),
    ]);
    await delay(100);
    await server.start();
    const [detail, claim] = await later;
    expect(detail?.run.runId).toBe(queued.run.runId);
    expect(claim.runs).toHaveLength(1);
    // The lock that says that we live was taken again: nobody takes the run away.
    const other = postgres(server.url());
    onTestFinished(() => other.close());
    const neighbour = (await other.connect({ clock: systemClock })).history;
    await expect
      .poll(async () => (await neighbour.claim({ worker: "x", workflows: ["demo"], limit: 1 })).runs, {
        timeout: 2_000,
      })
      .toEqual([]);
  });
});

describe("a process that dies", () => {
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
  });

  async function worker(name: string): Promise<{ child: ChildProcess; start: () => Promise<string> }> {
    const child = fork(WORKER, [url, name], { execArgv: ["--conditions=spine-source", "--no-warnings"] });
    children.push(child);
    await once(child, "message");
    const start = async () => {
      const answer = once(child, "message");
      child.send("start");
      return (await answer)[0] as string;
    };
    return { child, start };
  }

  test("by kill -9: its run is taken over within two seconds", async () => {
    const { child, start } = await worker("victim");
    const runId = await start();
    await history.beat("heir", "alive");
    const claim = () => history.claim({ worker: "heir", workflows: ["demo"], limit: 10 });
    expect((await claim()).runs).toEqual([]);
    child.kill("SIGKILL");
    await once(child, "exit");
    const since = performance.now();
    await expect
      .poll(async () => (await claim()).runs, { interval: 10, timeout: 5_000 })
      .toMatchObject([{ run: { runId, crashes: 1, worker: "heir" }, steps: [{ status: "RUNNING" }] }]);
    expect(performance.now() - since).toBeLessThan(2_000);
  });

  test("is found even when it is in no register", async () => {
    const admin = await client();
    const { child, start } = await worker("victim");
    const runId = await start();
    await admin.query("DELETE FROM spine.workers");
    await history.beat("heir", "alive");
    const claim = () => history.claim({ worker: "heir", workflows: ["demo"], limit: 10 });
    expect((await claim()).runs).toEqual([]);
    child.kill("SIGKILL");
    await expect
      .poll(async () => (await claim()).runs, { interval: 50, timeout: 15_000 })
      .toMatchObject([{ run: { runId, worker: "heir" } }]);
  });

  test("two processes cannot have one worker name", { timeout: 15_000 }, async () => {
    await worker("same");
    await expect(history.beat("same", "alive")).rejects.toMatchObject({ code: "HISTORY_CONFLICT" });
  });
});
