// Datasets on a Postgres server that goes away, or whose answers are lost: what writes and reads them waits, and nothing is doubled.
import { setTimeout as delay } from "node:timers/promises";
import {
  type ChunkWrite,
  createSpine,
  type DatasetStore,
  type DatasetWriter,
  defineWorkflow,
  newId,
  silentLogger,
  systemClock,
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
  let restarted: Promise<void> | undefined;
  /** From here on the server is away for a while, at the first call. */
  const away = async () => {
    restarted ??= (async () => {
      await server.kill();
      void delay(500).then(() => server.start());
    })();
    await restarted;
  };
  const rows = Array.from({ length: 50 }, (_, n) => ({ n }));
  const source = arraySource(rows, { pageRows: 10 });
  const flow = defineWorkflow({ name: "demo.outage" })
    .fetch("fetch", {
      from: {
        name: "restarting",
        async *stream(request: unknown, options) {
          for await (const page of source.stream(request, options)) {
            if (page.cursor === 30) await away();
            yield page;
          }
        },
      },
      request: () => ({}),
    })
    .transform("twice", {
      from: "fetch",
      schema: z.object({ n: z.number() }),
      row: ({ n }) => ({ n: n * 2 }),
    });
  const run = await spine.run(flow, {});
  const { outputs } = await run.result();
  const { steps } = await spine.get(run.id);
  expect(steps.map(({ name, attempt, status }) => `${name}#${attempt} ${status}`)).toEqual([
    "fetch#1 COMPLETED",
    "twice#1 COMPLETED",
  ]);
  expect(await rowsOf(spine.datasets, outputs.twice.dataset)).toEqual(rows.map(({ n }) => n * 2));
});
