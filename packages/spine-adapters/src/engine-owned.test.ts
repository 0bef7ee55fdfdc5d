// Runs that are a process's own in the database while it does not work on them: it lives, so nobody else takes them.
import { setTimeout as delay } from "node:timers/promises";
import { sql } from "kysely";
import pg from "pg";
import {
  createSpine,
  type Database,
  defineWorkflow,
  type HistoryStore,
  type RunCommit,
  type Spine,
  SpineError,
  silentLogger,
  type WorkflowData,
} from "spine-core";
import { overlay } from "spine-core/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { postgres } from "./databases/postgres.ts";
import { PLACES } from "./testing/places.ts";
import { createTestDatabase } from "./testing/shared-postgres.ts";
import { stepsOf } from "./testing/start-spine.ts";

const LONG = { timeout: 15_000 };

/** The database with some calls of its history replaced. */
function replacing(inner: Database, replace: (history: HistoryStore) => Partial<HistoryStore>): Database {
  return overlay(inner, {
    connect: async (options) => {
      const stores = await inner.connect(options);
      return { ...stores, history: overlay(stores.history, replace(stores.history)) };
    },
  });
}

async function started(database: Database, workflows: readonly WorkflowData[]): Promise<Spine> {
  const spine = await createSpine({ database, workflows, logger: silentLogger });
  onTestFinished(() => spine.stop());
  return spine;
}

/** Two steps, the first of which says how often it ran. */
function flow(ran: string[] = []) {
  return defineWorkflow({ name: "demo.owned", queue: "q" })
    .step("one", ({ runId }) => ran.push(runId))
    .step("two", () => 2);
}

const givesBack = (commits: readonly RunCommit[]) =>
  commits.some((commit) => commit.kind === "advance" && commit.transition.run?.status === "PENDING");
const ownRuns = async (spine: Spine) =>
  (await spine.diagnose()).checks.find(({ name }) => name === "own runs") ?? expect.unreachable("no check");

describe.each(PLACES)("%s", (_name, open) => {
  async function placed() {
    const place = await open();
    onTestFinished(() => place.remove());
    return place;
  }

  test("a claim that fails after its commit: the run is given back, and done", async () => {
    let failures = 0;
    const spine = await started(
      replacing((await placed()).database(), (history) => ({
        claim: async (request) => {
          const claim = await history.claim(request);
          if (claim.runs.length === 0 || failures > 0) return claim;
          failures += 1;
          throw new SpineError("DATABASE_BUSY", "The steps of what was claimed cannot be read.");
        },
      })),
      [flow()],
    );
    const run = await spine.run("demo.owned", {});
    await run.result();
    expect(failures).toBe(1);
    expect((await spine.get(run.id)).run.crashes).toBe(0);
    expect((await stepsOf(spine, run.id)).at(-1)).toBe("two 1 COMPLETED");
  });

  test("a claim of which one run cannot be taken up: that one is given back, the others are done", async () => {
    let isBroken = true;
    const spine = await started(
      replacing((await placed()).database(), (history) => ({
        claim: async (request) => {
          const claim = await history.claim(request);
          const [first, ...others] = claim.runs;
          if (!first || !isBroken) return claim;
          isBroken = false;
          return { ...claim, runs: [{ ...first, run: { ...first.run, workflow: "nobody's" } }, ...others] };
        },
      })),
      [flow()],
    );
    const runs = await spine.runMany("demo.owned", [{ params: {} }, { params: {} }, { params: {} }]);
    await Promise.all(runs.map((run) => run.result()));
    expect(isBroken).toBe(false);
  });

  test("a start whose answer is lost: who starts it again with its key finds it, and it is done", async () => {
    let isLost = true;
    const spine = await started(
      replacing((await placed()).database(), (history) => ({
        commit: async (commits, options) => {
          const results = await history.commit(commits, options);
          if (!isLost || commits[0]?.kind !== "create") return results;
          isLost = false;
          throw new SpineError("DATABASE_UNAVAILABLE", "The server went away before it answered.");
        },
      })),
      [],
    );
    const inline = defineWorkflow({ name: "demo.inline" }).step("one", () => 1);
    await expect(spine.run(inline, {}, { key: "k" })).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE" });
    const again = await spine.run(inline, {}, { key: "k" });
    expect(again.existing).toBe(true);
    expect((await again.result()).outputs).toEqual({ one: 1 });
  });

  test("one that cannot be given back keeps no other from being claimed, and is told by diagnose", async () => {
    let [isClaimed, isBlocked] = [false, true];
    const spine = await started(
      replacing((await placed()).database(), (history) => ({
        claim: async (request) => {
          const claim = await history.claim(request);
          if (claim.runs.length === 0 || isClaimed) return claim;
          isClaimed = true;
          throw new SpineError("DATABASE_BUSY", "Later.");
        },
        commit: async (commits, options) => {
          if (isBlocked && givesBack(commits)) throw new SpineError("DATABASE_FAILED", "Not this one.");
          return await history.commit(commits, options);
        },
      })),
      [flow()],
    );
    expect(await ownRuns(spine)).toMatchObject({ status: "ok" });
    const first = await spine.run("demo.owned", {});
    await expect.poll(() => isClaimed, LONG).toBe(true);
    await (await spine.run("demo.owned", {})).result();
    expect(await ownRuns(spine)).toMatchObject({ status: "warning", data: { runs: [first.id] } });
    isBlocked = false;
    await first.result();
    expect(await ownRuns(spine)).toMatchObject({ status: "ok" });
  });

  test("what a process works on, starts or has just claimed is not given back", async () => {
    let given = 0;
    let fails = true;
    const spine = await started(
      replacing((await placed()).database(), (history) => ({
        // Each claim is followed by a look at what is owned.
        claim: async (request) => {
          const claim = await history.claim(request);
          fails = !fails;
          if (fails && claim.runs.length === 0) throw new SpineError("DATABASE_BUSY", "Look again.");
          return claim;
        },
        commit: async (commits, options) => {
          if (givesBack(commits)) given += 1;
          return await history.commit(commits, options);
        },
      })),
      [flow()],
    );
    const inline = defineWorkflow({ name: "demo.many" })
      .step("one", () => delay(5))
      .step("two", () => delay(5));
    const rounds = Array.from({ length: 8 }, async () => {
      for (let n = 0; n < 5; n++) {
        await (await spine.run(inline, {})).result();
        await (await spine.run("demo.owned", {})).result();
      }
    });
    await Promise.all(rounds);
    expect(given).toBe(0);
  });

  /** A database whose history answers `get` only when the run is at work again, or is not for a while. */
  async function slowReads(runs: Set<string>): Promise<Database> {
    return replacing((await placed()).database(), (history) => ({
      get: async (runId) => {
        const detail = await history.get(runId);
        if (!runs.has(runId)) return detail;
        for (let tries = 0; tries < 80; tries++) {
          if ((await history.glance([runId]))[0]?.status === "RUNNING") break;
          await delay(5);
        }
        // It is to be taken up as well.
        await delay(100);
        return detail;
      },
    }));
  }

  /** Other starts have the process look for work all the time. */
  async function whileBusy<T>(spine: Spine, work: () => Promise<T>): Promise<T> {
    let isDone = false;
    const working = work().finally(() => {
      isDone = true;
    });
    while (!isDone) await (await spine.run("demo.owned", {})).result();
    return await working;
  }

  test("retry, when the run is at work again before the caller is answered: it ends", async () => {
    const watched = new Set<string>();
    let fails = true;
    const flaky = defineWorkflow({ name: "demo.flaky", queue: "q" }).step("x", async ({ signal }) => {
      if (fails) throw new SpineError("STEP_FAILED", "the first time");
      await delay(600, undefined, { signal });
      return "done";
    });
    const spine = await started(await slowReads(watched), [flaky, flow()]);
    const run = await spine.run(flaky, {});
    await expect(run.result()).rejects.toMatchObject({ code: "STEP_FAILED" });
    fails = false;
    watched.add(run.id);
    const retried = await whileBusy(spine, () => spine.retry(run.id));
    watched.clear();
    expect((await retried.result()).outputs).toEqual({ x: "done" });
    expect(await stepsOf(spine, run.id)).toEqual(["x 1 FAILED", "x 2 COMPLETED"]);
  });

  test("cancel of a run that has to be undone: so does its undoing", async () => {
    const watched = new Set<string>();
    const undone: string[] = [];
    const undoing = defineWorkflow({ name: "demo.undoing", queue: "q" })
      .step("reserve", () => 1, {
        undo: async ({ runId, signal }) => {
          await delay(600, undefined, { signal });
          undone.push(runId);
        },
      })
      .wait("go", { signal: "go" });
    const spine = await started(await slowReads(watched), [undoing, flow()]);
    const run = await spine.run(undoing, {});
    await expect.poll(async () => (await spine.get(run.id)).run.status, LONG).toBe("WAITING");
    watched.add(run.id);
    await whileBusy(spine, () => spine.cancel(run.id));
    watched.clear();
    await expect(run.result()).rejects.toMatchObject({ code: "RUN_CANCELLED" });
    expect(undone).toEqual([run.id]);
  });

  test("a run whose row was damaged fails and says so; the others of its claim go on", async () => {
    const naps = defineWorkflow({ name: "demo.naps" })
      .step("one", () => 1)
      .wait("nap", { for: "1s" })
      .step("two", () => 2);
    const place = await placed();
    const spine = await started(place.database(), [naps]);
    const runs = [await spine.run(naps, {}), await spine.run(naps, {}), await spine.run(naps, {})];
    const { kysely } = spine.database;
    for (const { id } of runs) {
      await expect.poll(async () => (await spine.get(id)).run.status, LONG).toBe("WAITING");
    }
    const table = place.address.length === 1 ? "workflow_runs" : `${place.address[1]}.workflow_runs`;
    const damaged = runs[1]?.id ?? "";
    await sql`UPDATE ${sql.table(table)} SET open_steps = '7' WHERE run_id = ${damaged}`.execute(kysely);
    await runs[0]?.result();
    await runs[2]?.result();
    await expect(runs[1]?.result()).rejects.toMatchObject({
      code: "PAYLOAD_UNREADABLE",
      message: expect.stringContaining("damaged"),
    });
  });
});

test("SQLite: parameters that are no JSON keep no other run of the database from being claimed", async () => {
  const place = await (PLACES[0]?.[1] ?? expect.unreachable("no SQLite"))();
  onTestFinished(() => place.remove());
  const spine = await started(place.database(), [flow()]);
  const [bad, good] = await spine.runMany("demo.owned", [
    { params: {}, delay: 700 },
    { params: {}, delay: 700 },
  ]);
  const { kysely } = spine.database;
  await sql`UPDATE workflow_runs SET params = '{broken' WHERE run_id = ${bad?.id}`.execute(kysely);
  await good?.result();
  const status = async () =>
    (
      await sql<{ status: string }>`SELECT status FROM workflow_runs WHERE run_id = ${bad?.id}`.execute(
        kysely,
      )
    ).rows;
  await expect.poll(status, LONG).toEqual([{ status: "FAILED" }]);
});

test("Postgres: a claim whose steps cannot be read, because a table is locked: the run goes on afterwards", async () => {
  const url = await createTestDatabase();
  const naps = defineWorkflow({ name: "demo.naps" })
    .step("one", () => 1)
    .wait("nap", { for: "1s" })
    .step("two", () => 2);
  const spine = await started(postgres(`${url}?options=-c%20statement_timeout%3D500`), [naps]);
  const run = await spine.run(naps, {});
  await expect.poll(async () => (await spine.get(run.id)).run.status, LONG).toBe("WAITING");
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  onTestFinished(() => client.end());
  await client.query("BEGIN");
  await client.query("LOCK TABLE spine.step_checkpoints IN ACCESS EXCLUSIVE MODE");
  const owner = async () =>
    (await client.query("SELECT token::int FROM spine.workflow_runs WHERE status = 'RUNNING'")).rows;
  await expect.poll(owner, LONG).toEqual([{ token: 2 }]);
  await delay(700);
  await client.query("COMMIT");
  expect((await run.result()).outputs).toMatchObject({ one: 1, two: 2 });
  expect((await spine.get(run.id)).run.crashes).toBe(0);
});
