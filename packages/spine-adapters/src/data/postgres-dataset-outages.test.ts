// Datasets on a Postgres server that goes away, or whose answers are lost: what writes and reads them waits, and nothing is doubled.
import { setTimeout as delay } from "node:timers/promises";
import {
  type ChunkWrite,
  createSpine,
  type DatasetStore,
  type DatasetWriter,
  defineTable,
  defineWorkflow,
  newId,
  type Source,
  silentLogger,
  systemClock,
  unique,
} from "spine-core";
import { arraySource } from "spine-core/testing";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { postgres } from "../databases/postgres.ts";
import { cuttingProxy } from "../testing/cutting-proxy.ts";
import { createTestDatabase } from "../testing/index.ts";
import { type PostgresServer, startPostgres } from "../testing/postgres-server.ts";

async function open(url: string): Promise<DatasetStore> {
  const database = postgres(url);
  onTestFinished(() => database.close());
  return (await database.connect({ clock: systemClock })).datasets;
}

const writerOf = (step = "fetch", token = 1): DatasetWriter => ({ runId: newId(), step, token });

function chunk(index: number, mark = ""): ChunkWrite {
  const reject = { code: "BAD", message: `refused ${mark}`, line: 3, raw: ["x"] };
  return { index, rows: [{ n: index, mark }], lines: [1], rejects: [reject], cursor: { page: index + 1 } };
}

async function rowsOf(datasets: DatasetStore, dataset: string): Promise<readonly unknown[]> {
  const rows: unknown[] = [];
  for await (const { rows: some } of datasets.read(dataset)) rows.push(...some.map(({ n }) => n));
  return rows;
}

test("a chunk whose answer is lost was stored, and is not stored again", async () => {
  const url = await createTestDatabase();
  await using proxy = await cuttingProxy(Number(new URL(url).port));
  const datasets = await open(url.replace(/:\d+\//, `:${proxy.port}/`));
  const writer = writerOf();
  const { dataset } = await datasets.open(writer);
  await datasets.append(writer, dataset, chunk(0));
  proxy.cutAfter("marked-chunk");
  const state = await datasets.append(writer, dataset, chunk(1, "marked-chunk"));
  expect(proxy.cuts).toBe(1);
  expect(state).toMatchObject({ dataset, chunks: 2, rows: 2, rejected: 2, cursor: { page: 2 } });
  await datasets.append(writer, dataset, chunk(2));
  const ref = await datasets.seal(writer, dataset);
  expect(await rowsOf(datasets, ref.dataset)).toEqual([0, 1, 2]);
  expect((await datasets.rejects({ runId: writer.runId })).map(({ index }) => index)).toEqual([0, 1, 2]);
});

test("a staged chunk whose answer is lost stands in the staging table once", async () => {
  const url = await createTestDatabase();
  await using proxy = await cuttingProxy(Number(new URL(url).port));
  const datasets = await open(url.replace(/:\d+\//, `:${proxy.port}/`));
  const into = defineTable({ name: "marked", columns: { n: "integer", mark: "text" }, key: ["n"] });
  const writer = writerOf("ingest");
  const { dataset } = await datasets.open(writer);
  // The first one makes the staging table, and each is committed by a transaction.
  for (const index of [0, 1]) {
    proxy.cutAfter("COMMIT");
    const state = await datasets.append(writer, dataset, { ...chunk(index), into });
    expect(state).toMatchObject({ dataset, chunks: index + 1, rows: index + 1, rejected: index + 1 });
  }
  expect(proxy.cuts).toBe(2);
  await datasets.seal(writer, dataset);
  const columns = { n: "integer" } as const;
  const staged = await datasets.withRows({ staged: { dataset, columns } }, (db) =>
    db.selectFrom("staged").select(["_spine_row", "n"]).orderBy("_spine_row").execute(),
  );
  expect(staged).toEqual([
    { _spine_row: 1, n: 0 },
    { _spine_row: 2, n: 1 },
  ]);
});

test("a chunk whose answer is lost while somebody else takes the right to write is fenced", async () => {
  const url = await createTestDatabase();
  await using proxy = await cuttingProxy(Number(new URL(url).port));
  const datasets = await open(url.replace(/:\d+\//, `:${proxy.port}/`));
  const other = await open(url);
  const writer = writerOf();
  const { dataset } = await datasets.open(writer);
  const { promise: until, resolve: goOn } = Promise.withResolvers<void>();
  proxy.cutAfter("marked-chunk", 1, until);
  const late = datasets.append(writer, dataset, chunk(0, "marked-chunk"));
  const refused = expect(late).rejects.toMatchObject({ code: "FENCED" });
  await expect.poll(() => proxy.cuts).toBe(1);
  expect(await other.open({ ...writer, token: 2 })).toMatchObject({ dataset, chunks: 1, rows: 1 });
  goOn();
  await refused;
});

test("a dataset whose opening, emptying, sealing or removal got no answer is opened, empty, sealed or gone", async () => {
  const url = await createTestDatabase();
  await using proxy = await cuttingProxy(Number(new URL(url).port));
  const datasets = await open(url.replace(/:\d+\//, `:${proxy.port}/`));
  const other = await open(url);
  const writer = writerOf();
  proxy.cutAfter("COMMIT");
  const opened = await datasets.open(writer);
  expect([opened, proxy.cuts]).toEqual([await other.open(writer), 1]);
  await datasets.append(writer, opened.dataset, chunk(0));
  proxy.cutAfter("COMMIT");
  const empty = await datasets.open(writer, { fresh: true });
  expect(empty).toMatchObject({ chunks: 0, rows: 0, rejected: 0, cursor: null });
  await datasets.append(writer, empty.dataset, chunk(0));
  proxy.cutAfter("sealed_at = coalesce");
  const ref = await datasets.seal(writer, empty.dataset);
  expect(ref).toEqual(await other.seal(writer, empty.dataset));
  expect(await rowsOf(other, ref.dataset)).toEqual([0]);
  proxy.cutAfter("COMMIT");
  await datasets.remove(writer.runId);
  await expect(rowsOf(other, ref.dataset)).rejects.toMatchObject({ code: "DATASET_MISSING" });
  expect(proxy.cuts).toBe(4);
});

test("what an attempt that is over wanted to write is not tried again", { timeout: 60_000 }, async () => {
  const server = await startPostgres({ fsync: true });
  onTestFinished(() => server.stop());
  const datasets = await open(server.url());
  const writer = writerOf();
  const attempt = new AbortController();
  const { dataset } = await datasets.open(writer);
  await server.kill();
  const late = datasets.append({ ...writer, signal: attempt.signal }, dataset, chunk(0));
  const emptied = datasets.open({ ...writer, signal: attempt.signal }, { fresh: true });
  await delay(200);
  attempt.abort(new Error("over"));
  const outcomes = await Promise.allSettled([late, emptied]);
  expect(outcomes.map((outcome) => outcome.status === "rejected" && String(outcome.reason))).toEqual([
    "Error: over",
    "Error: over",
  ]);
  await server.start();
  expect(await datasets.open(writer)).toMatchObject({ dataset, chunks: 0 });
});

test("a server that restarts uses up no attempt of a step", { timeout: 60_000 }, async () => {
  const server: PostgresServer = await startPostgres({ fsync: true });
  onTestFinished(() => server.stop());
  const spine = await createSpine({ database: postgres(server.url()), logger: silentLogger });
  onTestFinished(() => spine.stop());
  /** Those whose server went away. */
  const cut = new Set<string>();
  /** From here on the server is away for a while, once for each. */
  const away = async (step: string) => {
    if (cut.has(step)) return;
    cut.add(step);
    await server.kill();
    void delay(500).then(() => server.start());
  };
  const rows = Array.from({ length: 50 }, (_, n) => ({ n }));
  const source = arraySource(rows, { pageRows: 10 });
  const read: unknown[] = [];
  const restarting: Source<string, { n: number }> = {
    name: "restarting",
    async *stream(step, options) {
      for await (const page of source.stream({}, options)) {
        read.push(page.cursor);
        if (page.cursor === 30) await away(step);
        yield page;
      }
    },
  };
  const into = defineTable({ name: "outage_rows", columns: { n: "integer" }, key: ["n"] });
  const schema = z.object({ n: z.number() });
  const flow = defineWorkflow({ name: "demo.outage" })
    .fetch("fetch", { from: restarting, request: () => "fetch" })
    .transform("twice", {
      from: "fetch",
      schema,
      row: ({ n }) => ({ n: n * 2 }),
    })
    .ingest("ingest", {
      from: restarting,
      request: () => "ingest",
      row: (row) => row,
      schema,
      checks: [unique(["n"])],
      into,
      disposition: "append",
    });
  const run = await spine.run(flow, {});
  const { outputs } = await run.result();
  const { steps } = await spine.get(run.id);
  expect(steps.map(({ name, attempt, status }) => `${name}#${attempt} ${status}`)).toEqual([
    "fetch#1 COMPLETED",
    "twice#1 COMPLETED",
    "ingest#1 COMPLETED",
  ]);
  // No page was asked for twice: what waited was its write.
  expect([read, cut.size]).toEqual([[10, 20, 30, 40, 50, 10, 20, 30, 40, 50], 2]);
  const loaded = await spine.database.kysely.selectFrom(into.name).select("n").orderBy("n").execute();
  expect(loaded.map(({ n }) => Number(n))).toEqual(rows.map(({ n }) => n));
  expect(await rowsOf(spine.datasets, outputs.twice.dataset)).toEqual(rows.map(({ n }) => n * 2));
});
