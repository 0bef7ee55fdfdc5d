// A database that is away, full, locked, or of a newer Spine: errors that say so, runs that wait, nothing lost.

import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import { sql } from "kysely";
import { createSpine, defineWorkflow, type Spine, type SpineOptions, Step, silentLogger } from "spine-core";
import { TestClock } from "spine-core/testing";
import { describe, expect, onTestFinished, type TestContext, test } from "vitest";
import { z } from "zod";
import { postgres } from "./databases/postgres.ts";
import { sqlite } from "./databases/sqlite.ts";
import { cuttingProxy } from "./testing/cutting-proxy.ts";
import { PLACES, placeOn, type SharedPlace } from "./testing/places.ts";
import { type PostgresServer, type PostgresServerOptions, startPostgres } from "./testing/postgres-server.ts";

/** How long what happens at once may take where several servers start beside it. */
const SOON = { timeout: 20_000 };

type Finished = TestContext["onTestFinished"];

async function start(options: SpineOptions, finished: Finished = onTestFinished): Promise<Spine> {
  const spine = await createSpine({ logger: silentLogger, ...options });
  finished(() => spine.stop());
  return spine;
}

/** A server that goes away as its test wants it; gone for good when the test is over. */
async function ownServer(finished: Finished, options: PostgresServerOptions = {}): Promise<PostgresServer> {
  const server = await startPostgres(options);
  finished(() => server.stop());
  return server;
}

async function newPlace(name: string): Promise<SharedPlace> {
  const place = await placeOn(name);
  onTestFinished(() => place.remove());
  return place;
}

/** Four steps whose results take room; what ran is written down. */
function fourSteps(ran: string[], before: (step: string) => Promise<void> = async () => {}) {
  const steps = ["a", "b", "c", "d"].map((name) =>
    Step.lambda(name, async ({ step }) => {
      await before(step);
      ran.push(step);
      return "x".repeat(100_000);
    }),
  );
  return defineWorkflow({ name: "demo.four", steps });
}

/** Lets a server stand still, with all its processes; returns what lets it go on. */
async function freeze(pid: number | undefined, { database }: Spine): Promise<() => void> {
  const { rows } = await sql<{ pid: number }>`SELECT pid FROM pg_stat_activity`.execute(database.kysely);
  const pids = [pid ?? expect.unreachable("no server"), ...rows.map((row) => row.pid)];
  for (const each of pids) process.kill(each, "SIGSTOP");
  return () => {
    for (const each of pids) process.kill(each, "SIGCONT");
  };
}

async function expectWhole(spine: Spine, runId: string): Promise<void> {
  const { run, steps } = await spine.get(runId);
  expect(run).toMatchObject({ status: "COMPLETED", crashes: 0 });
  const completed = steps.filter(({ status }) => status === "COMPLETED").map(({ name }) => name);
  expect(completed).toEqual(["a", "b", "c", "d"]);
  const events = await spine.history.events(runId);
  expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: run.version }, (_, index) => index + 1));
}

/** Makes a database full, and gives it room again. */
const FILL: Readonly<Record<string, (spine: Spine) => Promise<() => Promise<unknown>>>> = {
  SQLite: async ({ database: { kysely } }) => {
    const { rows } = await sql<{ page_count: number }>`PRAGMA page_count`.execute(kysely);
    await sql`PRAGMA max_page_count = ${sql.lit(rows[0]?.page_count ?? 0)}`.execute(kysely);
    return () => sql`PRAGMA max_page_count = 1000000`.execute(kysely);
  },
  // The server says what it says when its disk is full.
  Postgres: async ({ database: { kysely } }) => {
    const { rows } = await sql<{ schema: string }>`SELECT current_schema() AS schema`.execute(kysely);
    const schema = sql.id(rows[0]?.schema ?? "public");
    await sql`CREATE FUNCTION ${schema}.no_room() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$`.execute(
      kysely,
    );
    await sql`CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON ${schema}.workflow_runs
FOR EACH ROW EXECUTE FUNCTION ${schema}.no_room()`.execute(kysely);
    return () => sql`DROP TRIGGER no_room ON ${schema}.workflow_runs`.execute(kysely);
  },
};

describe.each(PLACES)("%s", (name) => {
  test("full: a start is refused with DATABASE_FULL, a result waits, and no step runs twice", async () => {
    const spine = await start({ database: (await newPlace(name)).database() });
    const ran: string[] = [];
    let makeRoom: (() => Promise<unknown>) | undefined;
    const run = await spine.run(
      fourSteps(ran, async (step) => {
        if (step === "b") makeRoom = await FILL[name]?.(spine);
      }),
      {},
    );
    const result = run.result();
    await expect.poll(() => ran).toContain("b");
    await expect(spine.run(big, { text: "x".repeat(100_000) })).rejects.toMatchObject({
      code: "DATABASE_FULL",
      message: expect.stringContaining("room"),
    });
    expect((await spine.get(run.id)).run.status).toBe("RUNNING");
    await makeRoom?.();
    await result;
    expect(ran).toEqual(["a", "b", "c", "d"]);
    await expectWhole(spine, run.id);
    expect((await spine.history.list({})).items).toHaveLength(1);
  });

  test("full for longer than a result waits: who waits is told, and the run goes on once there is room", async () => {
    const clock = new TestClock();
    const spine = await start({ database: (await newPlace(name)).database(), clock });
    const ran: string[] = [];
    let makeRoom: (() => Promise<unknown>) | undefined;
    const flow = fourSteps(ran, async (step) => {
      if (step === "b" && !makeRoom) makeRoom = await FILL[name]?.(spine);
    });
    const run = await spine.run(flow, {});
    const told = run.result().then(
      () => null,
      (error: unknown) => error,
    );
    await expect.poll(() => ran).toContain("b");
    // It is tried again and again for 15 seconds.
    const end = clock.now() + 20_000;
    while (clock.now() < end) {
      clock.advance(250);
      await delay(2);
    }
    expect(await told).toMatchObject({ code: "DATABASE_FULL", context: { runId: run.id } });
    await makeRoom?.();
    const again = (await spine.attach(run.id)).result().then(() => "done");
    let done: unknown;
    for (void again.then((value) => (done = value)); done === undefined; clock.advance(250)) await delay(2);
    // The result that was never recorded is worked out again; what was recorded is not.
    expect(ran).toEqual(["a", "b", "b", "c", "d"]);
    await expectWhole(spine, run.id);
  });

  test("of a newer Spine: refused with SCHEMA_TOO_NEW, and left as it is", async () => {
    const place = await newPlace(name);
    const spine = await createSpine({ database: place.database(), logger: silentLogger });
    const schema = name === "SQLite" ? "" : `${place.address[1]}.`;
    const id = "9999-of-tomorrow";
    const newer = { id, checksum: "c", min_reader: id, applied_at: "2030-01-01T00:00:00.000Z" };
    await spine.database.kysely.insertInto(`${schema}migrations`).values(newer).execute();
    await spine.stop();
    const refused = createSpine({ database: place.database(), logger: silentLogger });
    await expect(refused).rejects.toMatchObject({
      code: "SCHEMA_TOO_NEW",
      message: expect.stringMatching(/newer version of Spine.*Update/),
    });
  });
});

const big = defineWorkflow({ name: "demo.big", params: z.object({ text: z.string() }) }).step("one", () => 1);

describe("SQLite", () => {
  test("locked by another process for two seconds: runs wait, the event loop does not", async () => {
    const place = await newPlace("SQLite");
    const spine = await start({ database: place.database() });
    const ran: string[] = [];
    const other = new DatabaseSync(place.address[0]);
    const run = await spine.run(
      fourSteps(ran, async (step) => {
        if (step === "b") other.exec("BEGIN IMMEDIATE");
      }),
      {},
    );
    await expect.poll(() => ran).toContain("b");
    let ticks = 0;
    for (const until = performance.now() + 2_000; performance.now() < until; ticks++) await delay(10);
    expect(ticks).toBeGreaterThan(50);
    expect(ran).toEqual(["a", "b"]);
    other.exec("COMMIT");
    other.close();
    await run.result();
    await expectWhole(spine, run.id);
  });

  test("gone at the start: the error names what is missing", async () => {
    await expect(
      createSpine({ database: sqlite("/nowhere/at/all/spine.db"), logger: silentLogger }),
    ).rejects.toMatchObject({ code: "CONFIG_INVALID", message: expect.stringContaining("/nowhere/at/all") });
  });
});

// They wait most of their time, so they run side by side.
describe.concurrent("Postgres", { timeout: 120_000 }, () => {
  test("gone at the start: the error says which server, without the password, and a later start works", async ({
    onTestFinished: finished,
  }) => {
    const server = await ownServer(finished);
    await server.halt();
    const url = server.url().replace("postgres@", "postgres:very-secret@");
    const refused = await createSpine({ database: postgres(url), logger: silentLogger }).then(
      () => null,
      (error: unknown) => error,
    );
    expect(refused).toMatchObject({
      code: "DATABASE_UNAVAILABLE",
      message: expect.stringContaining(String(server.port)),
    });
    expect(JSON.stringify(refused)).not.toContain("very-secret");
    await server.start();
    await start({ database: postgres(url) }, finished);
  });

  test("away while a run that has logged is let go of: the process stops all the same", async ({
    onTestFinished: finished,
  }) => {
    const server = await ownServer(finished);
    const spine = await createSpine({ database: postgres(server.url()), logger: silentLogger });
    const begun = Promise.withResolvers<void>();
    const flow = defineWorkflow({ name: "demo.logs" }).step("s", async ({ logger, signal }) => {
      logger.info("before the server went");
      begun.resolve();
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    });
    await spine.run(flow, {});
    await begun.promise;
    await server.kill();
    const started = performance.now();
    // Whether it can tell the database that it stops is another matter; it must not wait for it for minutes.
    await Promise.race([spine.stop().catch(() => {}), delay(20_000)]);
    expect(performance.now() - started).toBeLessThan(15_000);
  });

  /** A Spine with a result to record, a run that waits, and who waits for it; its server goes as it is told. */
  async function leftAlone(
    { onTestFinished: finished, expect: expectHere }: TestContext,
    leave: (server: PostgresServer, spine: Spine) => Promise<unknown>,
  ) {
    const server = await ownServer(finished);
    const warnings: string[] = [];
    const logger = { ...silentLogger, warn: (message: string) => void warnings.push(message) };
    const spine = await createSpine({ database: postgres(server.url()), logger });
    const far = defineWorkflow({ name: "demo.far" }).wait("long", { for: "1h" });
    const waits = await spine.run(far, {});
    await expectHere.poll(async () => (await spine.get(waits.id)).run.status, SOON).toBe("WAITING");
    const left = Promise.withResolvers<void>();
    const works = defineWorkflow({ name: "demo.works" }).step("s", () => left.promise);
    const { id } = await spine.run(works, {});
    const told = waits.result().then(
      () => null,
      (error: unknown) => error,
    );
    await leave(server, spine);
    left.resolve();
    return { server, spine, told, warnings, id };
  }

  const stopIn = async (spine: Spine) => {
    const started = performance.now();
    await spine.stop();
    return performance.now() - started;
  };

  test("away for seven seconds when it is stopped: the process stops at once, and who waits is told", async (context) => {
    const { server, spine, told, warnings, id } = await leftAlone(context, async (server) =>
      server.halt("immediate"),
    );
    await delay(7_000);
    expect(await stopIn(spine)).toBeLessThan(10_000);
    expect(await told).toMatchObject({ code: "STOPPED" });
    expect(warnings.join("\n")).toContain("The database was not told that this process stops");
    await server.start();
    // Nobody has worked on it since; it is found by its worker's death.
    const works = defineWorkflow({ name: "demo.works" }).step("s", () => "again");
    const next = await start(
      { database: postgres(server.url()), workflows: [works] },
      context.onTestFinished,
    );
    expect((await (await next.attach(id)).result()).outputs).toEqual({ s: "again" });
  });

  test("silent when it is stopped, with its connections open: the process stops within about 15 s", async (context) => {
    const { spine, told } = await leftAlone(context, async ({ pid }, of) => {
      context.onTestFinished(await freeze(pid, of));
    });
    await delay(1_000);
    expect(await stopIn(spine)).toBeLessThan(25_000);
    expect(await told).toMatchObject({ code: "STOPPED" });
  });

  test("away for longer than a result waits: who waits is told after 15 s, and the run goes on when it is back", async ({
    onTestFinished: finished,
    expect: expectHere,
  }) => {
    const server = await ownServer(finished);
    const spine = await start({ database: postgres(server.url()) }, finished);
    const ran: string[] = [];
    const run = await spine.run(
      fourSteps(ran, async (step) => {
        if (step === "b" && !ran.includes("b")) await server.halt("immediate");
      }),
      {},
    );
    const began = performance.now();
    await expect(run.result()).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE" });
    expect(performance.now() - began).toBeLessThan(25_000);
    await server.start();
    const status = async () => (await spine.get(run.id)).run.status;
    await expectHere.poll(status, SOON).toBe("COMPLETED");
    expect(ran).toEqual(["a", "b", "b", "c", "d"]);
  });

  test("on connections that go silent: they are given up after twenty seconds, and what waited goes on", async ({
    onTestFinished: finished,
    expect: expectHere,
  }) => {
    const server = await ownServer(finished);
    const proxy = await cuttingProxy(server.port);
    finished(() => proxy[Symbol.asyncDispose]());
    const url = server.url().replace(`:${server.port}/`, `:${proxy.port}/`);
    const spine = await start({ database: postgres(url) }, finished);
    const ran: string[] = [];
    const flow = fourSteps(ran, async (step) => {
      if (step === "b" && !ran.includes("b")) proxy.silence();
    });
    const run = await spine.run(flow, {});
    const told = run.result().catch(() => {});
    await expectHere.poll(() => ran, SOON).toContain("b");
    const began = performance.now();
    const { checks } = await spine.diagnose();
    expect(checks).toContainEqual(expect.objectContaining({ name: "database", status: "error" }));
    expect(performance.now() - began).toBeLessThan(25_000);
    await told;
    expect(performance.now() - began).toBeLessThan(45_000);
    const status = async () => (await spine.get(run.id)).run.status;
    await expectHere.poll(status, { timeout: 60_000 }).toBe("COMPLETED");
    await expectWhole(spine, run.id);
  });

  test("killed and away for two seconds: runs and starts wait, and nothing is lost or doubled", async ({
    onTestFinished: finished,
    expect: expectHere,
  }) => {
    const server = await ownServer(finished, { fsync: true });
    const spine = await start({ database: postgres(server.url()) }, finished);
    const ran: string[] = [];
    const flow = fourSteps(ran, async (step) => {
      if (step === "b" && !ran.includes("b")) await server.kill();
    });
    const run = await spine.run(flow, {});
    const result = run.result();
    await expectHere.poll(() => ran, SOON).toContain("b");
    const late = spine.run(flow, {}, { key: "while it was away" });
    await delay(2_000);
    expect(ran).toEqual(["a", "b"]);
    await server.start();
    await result;
    expect(ran.slice(0, 2)).toEqual(["a", "b"]);
    await (await late).result();
    await expectWhole(spine, run.id);
    await expectWhole(spine, (await late).id);
    expect(ran.toSorted()).toEqual(["a", "a", "b", "b", "c", "c", "d", "d"]);
  });
});
