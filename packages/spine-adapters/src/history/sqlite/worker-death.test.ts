import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import { type Database, type RunCommit, type StateStores, systemClock } from "spine-core";
import { createCommit, overlay } from "spine-core/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SqlitePool } from "../../databases/sqlite/sqlite-pool.ts";
import { sqlite } from "../../databases/sqlite.ts";
import { temporaryDirectory } from "../../testing/sqlite-harness.ts";

import { stateTables } from "../state-tables.ts";
import { SqliteHistoryStore } from "./sqlite-history-store.ts";
import { WorkerLocks } from "./worker-locks.ts";

const WORKER = join(import.meta.dirname, "../../testing/worker-process.ts");

let directory: string;
let path: string;
let database: Database;
let stores: StateStores;
const children: ChildProcess[] = [];

beforeEach(async () => {
  directory = temporaryDirectory();
  path = join(directory, "spine.db");
  database = sqlite(path, { durability: "process" });
  stores = await database.connect({ clock: systemClock });
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await database.close();
  rmSync(directory, { recursive: true, force: true });
});

/** A process of its own that does what it is told and answers. */
async function worker(
  name: string,
): Promise<{ child: ChildProcess; ask: (command: string) => Promise<unknown> }> {
  const child = fork(WORKER, [path, name], { execArgv: ["--conditions=spine-source", "--no-warnings"] });
  children.push(child);
  const ask = async (command: string) => {
    const answer = once(child, "message");
    child.send(command);
    return (await answer)[0] as unknown;
  };
  await once(child, "message");
  return { child, ask };
}

const create = (): RunCommit => createCommit();

const claim = (name: string) => stores.history.claim({ worker: name, workflows: ["demo"], limit: 100 });

test("a run of a process killed with -9 is taken over within milliseconds", async () => {
  const { child, ask } = await worker("victim");
  const runId = (await ask("start")) as string;
  await stores.history.beat("heir", "alive");
  expect((await claim("heir")).runs).toEqual([]);

  child.kill("SIGKILL");
  await once(child, "exit");
  const start = performance.now();
  const { runs } = await claim("heir");
  const took = performance.now() - start;
  expect(runs).toMatchObject([
    { run: { runId, crashes: 1, worker: "heir" }, steps: [{ status: "RUNNING" }] },
  ]);
  expect(took).toBeLessThan(500);
  expect(readdirSync(`${path}.workers`)).toEqual(["heir.lock"]);
});

test("a lock file that cannot be removed keeps nothing that was taken over from its new owner", async () => {
  const { child, ask } = await worker("victim");
  const runId = (await ask("start")) as string;
  child.kill("SIGKILL");
  await once(child, "exit");
  const pool = new SqlitePool(path, "process");
  const locks = new WorkerLocks(`${await pool.open()}.workers`);
  const stubborn = overlay(locks, {
    takeAll: (workers) =>
      locks.takeAll(workers).map((dead) => ({
        ...dead,
        bury: () => {
          throw new Error("EBUSY: resource busy or locked");
        },
      })),
  });
  const history = new SqliteHistoryStore({
    pool,
    tables: stateTables(""),
    clock: systemClock,
    locks: stubborn,
  });
  try {
    await history.beat("heir", "alive");
    const { runs } = await history.claim({ worker: "heir", workflows: ["demo"], limit: 100 });
    expect(runs).toMatchObject([{ run: { runId, worker: "heir" } }]);
  } finally {
    await pool.close();
    locks.close();
  }
});

test("a process that ends its worker properly frees its runs without a crash", async () => {
  const { ask } = await worker("leaver");
  const runId = (await ask("start")) as string;
  await ask("leave");
  await stores.history.beat("heir", "alive");
  expect((await claim("heir")).runs).toMatchObject([{ run: { runId, crashes: 0 } }]);
});

test("living processes never get the same run", async () => {
  const workers = await Promise.all([worker("a"), worker("b"), worker("c")]);
  await stores.history.commit(Array.from({ length: 150 }, create));
  const claimed = (await Promise.all(workers.map(({ ask }) => ask("claim all")))) as string[][];
  expect(claimed.flat()).toHaveLength(150);
  expect(new Set(claimed.flat()).size).toBe(150);
});

test("a takeover that is not committed yet is waited for, and then fences the old owner", async () => {
  const { history } = stores;
  await history.beat("zombie", "alive");
  const commit = create() as Extract<RunCommit, { kind: "create" }>;
  const { runId } = commit.run;
  await history.commit([
    {
      ...commit,
      run: { ...commit.run, worker: "zombie" },
      begun: [{ name: "first", kind: "lambda", attempt: 1 }],
    },
  ]);
  const before = await history.get(runId);
  const heir = new DatabaseSync(path);
  heir.exec("BEGIN IMMEDIATE");
  heir.prepare("UPDATE workflow_runs SET token = token + 1, worker = 'heir' WHERE run_id = ?").run(runId);

  const late = history.commit([
    {
      kind: "advance",
      runId,
      fence: { worker: "zombie", token: 1 },
      transition: {
        ended: [
          {
            name: "first",
            attempt: 1,
            status: "COMPLETED",
            output: "1",
            error: null,
            rows: null,
            metrics: {},
            retryAt: null,
          },
        ],
        begun: [{ name: "second", kind: "lambda", attempt: 1 }],
        run: { status: "COMPLETED" },
        attachments: [],
      },
    },
  ]);
  await delay(30);
  heir.exec("COMMIT");
  heir.close();
  expect(await late).toEqual([{ result: "fenced" }]);
  const after = await history.get(runId);
  expect(after?.steps).toEqual(before?.steps);
  expect(after?.run).toEqual({ ...before?.run, token: 2, worker: "heir" });
});

test("the lock files go with the workers", async () => {
  await stores.history.beat("one/../odd name", "alive");
  expect(readdirSync(`${path}.workers`)).toHaveLength(1);
  await stores.history.beat("one/../odd name", "gone");
  await stores.history.beat("two", "alive");
  await database.close();
  expect(existsSync(`${path}.workers`)).toBe(false);
});

test("a worker may come back under its name", async () => {
  await stores.history.beat("w", "alive");
  await stores.history.beat("w", "gone");
  await stores.history.beat("w", "alive");
  const commit = create() as Extract<RunCommit, { kind: "create" }>;
  await stores.history.commit([{ ...commit, run: { ...commit.run, worker: "w" } }]);
  expect((await claim("other")).runs).toEqual([]);
});

test("two processes cannot have one worker name", { timeout: 15_000 }, async () => {
  await worker("same");
  await expect(stores.history.beat("same", "alive")).rejects.toMatchObject({ code: "HISTORY_CONFLICT" });
});
