import { expect } from "vitest";
import type { ChunkWrite, DatasetChunk, DatasetStore, DatasetWriter } from "../data/dataset.ts";
import { newId } from "../ids.ts";
import type { Row } from "../sources/source.ts";
import { datasetIntoTests } from "./dataset-into-tests.ts";
import { startRun } from "./history-samples.ts";
import { type Check, type DatabaseHarness, databaseSuite, type SuiteOptions } from "./suite.ts";

const writer: DatasetWriter = { runId: "run-1", step: "fetch", token: 1 };

/** The conformance suite of dataset stores: registers its tests with vitest. */
export function testDatasetStore(name: string, harness: DatabaseHarness, options: SuiteOptions = {}): void {
  databaseSuite(`dataset store: ${name}`, harness, options, (check) => {
    writingTests(check);
    readingTests(check);
    stagingTests(check);
    datasetIntoTests(check);
    pruningTests(check);
  });
}

function writingTests(check: Check): void {
  check("opens an empty dataset, and the same one again", async ({ stores: { datasets } }) => {
    const state = await datasets.open(writer);
    expect(state).toEqual({
      dataset: expect.any(String),
      chunks: 0,
      rows: 0,
      rejected: 0,
      bytes: 0,
      cursor: null,
      sealed: false,
    });
    expect(await datasets.open(writer)).toEqual(state);
    expect((await datasets.open({ ...writer, step: "other" })).dataset).not.toBe(state.dataset);
  });

  check("counts what is appended, and goes on at the cursor of the last chunk", async ({ stores }) => {
    const { datasets } = stores;
    const { dataset } = await datasets.open(writer);
    await datasets.append(writer, dataset, chunk(0, { rejects: [reject(2)], cursor: { page: 1 } }));
    const state = await datasets.append(writer, dataset, chunk(1, { cursor: { page: 2 } }));
    expect(state).toMatchObject({
      dataset,
      chunks: 2,
      rows: 4,
      rejected: 1,
      cursor: { page: 2 },
      sealed: false,
    });
    expect(state.bytes).toBeGreaterThan(0);
    expect(await datasets.open({ ...writer, token: 2 })).toEqual(state);
  });

  check("lets only the newest token write", async ({ stores: { datasets } }) => {
    const { dataset } = await datasets.open(writer);
    await datasets.append(writer, dataset, chunk(0));
    const successor = { ...writer, token: 3 };
    await datasets.open(successor);
    const fenced = { code: "FENCED" };
    await expect(datasets.append(writer, dataset, chunk(1))).rejects.toMatchObject(fenced);
    await expect(datasets.seal(writer, dataset)).rejects.toMatchObject(fenced);
    await expect(datasets.open(writer)).rejects.toMatchObject(fenced);
    await expect(datasets.open(writer, { fresh: true })).rejects.toMatchObject(fenced);
    const state = await datasets.append(successor, dataset, chunk(1));
    expect(state).toMatchObject({ chunks: 2, rows: 4 });
  });

  check("appends a chunk once, and only the next one", async ({ stores: { datasets } }) => {
    const { dataset } = await datasets.open(writer);
    const conflict = { code: "HISTORY_CONFLICT" };
    await expect(datasets.append(writer, dataset, chunk(1))).rejects.toMatchObject(conflict);
    await datasets.append(writer, dataset, chunk(0, { rejects: [reject(1)] }));
    const again = datasets.append(writer, dataset, chunk(0, { rejects: [reject(1)] }));
    await expect(again).rejects.toMatchObject(conflict);
    expect(await datasets.open(writer)).toMatchObject({ chunks: 1, rows: 2, rejected: 1 });
    expect(await datasets.rejects({ runId: writer.runId })).toHaveLength(1);
  });

  check("seals once and for all", async ({ stores: { datasets } }) => {
    const { dataset } = await datasets.open(writer);
    await datasets.append(writer, dataset, chunk(0));
    const ref = await datasets.seal(writer, dataset);
    expect(ref).toEqual({
      dataset,
      rows: 2,
      rejected: 0,
      bytes: expect.any(Number),
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      schema: { symbol: ["string"], shares: ["string"] },
    });
    expect(await datasets.seal(writer, dataset)).toEqual(ref);
    await expect(datasets.append(writer, dataset, chunk(1))).rejects.toMatchObject({
      code: "HISTORY_CONFLICT",
    });
    const reopened = { ...writer, token: 2 };
    expect(await datasets.open(reopened)).toMatchObject({ sealed: true, chunks: 1 });
    expect(await datasets.seal(reopened, dataset)).toEqual(ref);
  });

  check("hashes rows, not where or when they were written", async ({ stores: { datasets } }) => {
    const write = async (step: string, rows: readonly Row[], lines: readonly number[] | null) => {
      const to = { ...writer, step };
      const { dataset } = await datasets.open(to);
      await datasets.append(to, dataset, chunk(0, { rows, lines, cursor: step }));
      return (await datasets.seal(to, dataset)).hash;
    };
    const hash = await write("a", [{ x: 1 }, { x: 2 }], null);
    expect(await write("b", [{ x: 1 }, { x: 2 }], [7, 8])).toBe(hash);
    expect(await write("c", [{ x: 2 }, { x: 1 }], null)).not.toBe(hash);
    expect(await write("d", [{ x: 1 }, { x: "2" }], null)).not.toBe(hash);
    expect(await write("e", [{ y: 1 }, { y: 2 }], null)).not.toBe(hash);
  });

  check("keeps the file that rows, and rows that are refused, are of", async ({ stores: { datasets } }) => {
    const { dataset } = await datasets.open(writer);
    const rejects = [reject(1), { ...reject(2), file: "other.csv" }, { ...reject(3), file: null }];
    await datasets.append(writer, dataset, chunk(0, { file: "a.csv", rejects }));
    await datasets.append(writer, dataset, chunk(1, { rejects: [reject(4)] }));
    await datasets.seal(writer, dataset);
    const files = [];
    for await (const { file } of datasets.read(dataset)) files.push(file ?? null);
    expect(files).toEqual(["a.csv", null]);
    const stored = await datasets.rejects({ runId: writer.runId });
    expect(stored.map(({ file }) => file)).toEqual(["a.csv", "other.csv", null, null]);
  });

  check("hashes chunks in their order", async ({ stores: { datasets } }) => {
    const write = async (step: string, values: readonly number[]) => {
      const to = { ...writer, step };
      const { dataset } = await datasets.open(to);
      for (const [index, x] of values.entries()) {
        await datasets.append(to, dataset, chunk(index, { rows: [{ x }], lines: null }));
      }
      return (await datasets.seal(to, dataset)).hash;
    };
    const hash = await write("a", [1, 2]);
    expect(await write("b", [1, 2])).toBe(hash);
    expect(await write("c", [2, 1])).not.toBe(hash);
  });

  check("drops what is there when a dataset is opened fresh", async ({ stores: { datasets } }) => {
    const { dataset } = await datasets.open(writer);
    await datasets.append(writer, dataset, chunk(0, { rejects: [reject(1)] }));
    await datasets.seal(writer, dataset);
    const fresh = await datasets.open(writer, { fresh: true });
    expect(fresh).toMatchObject({ chunks: 0, rows: 0, rejected: 0, bytes: 0, cursor: null, sealed: false });
    expect(await datasets.rejects({ runId: writer.runId })).toEqual([]);
    await datasets.append(writer, fresh.dataset, chunk(0));
    await datasets.seal(writer, fresh.dataset);
    expect(await readAll(datasets, fresh.dataset)).toHaveLength(1);
  });

  check(
    "refuses what JSON cannot hold, and stores nothing of the chunk",
    async ({ stores: { datasets } }) => {
      const { dataset } = await datasets.open(writer);
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 1n, () => 1, { deep: [Number.NaN] }]) {
        const bad = datasets.append(
          writer,
          dataset,
          chunk(0, { rows: [{ ok: 1 }, { ok: 2, price: value }] }),
        );
        await expect(bad).rejects.toMatchObject({
          code: "PAYLOAD_INVALID",
          message: expect.stringContaining("price"),
        });
      }
      expect(await datasets.open(writer)).toMatchObject({ chunks: 0, rows: 0 });
    },
  );
}

function readingTests(check: Check): void {
  check("returns rows and lines as they were", async ({ stores: { datasets } }) => {
    const rows: Row[] = [
      { symbol: "BRK.A", price: "612345.25", count: 0, flag: false, note: null, empty: "" },
      { symbol: 'ÄÖ € 漢 🙂 "quoted" \\ \n\t', price: "-0.5", count: -1, flag: true, note: "x", empty: "" },
      { count: 3, symbol: "other order of keys" },
      { nested: { list: [1, [2], { three: null }], object: {} }, big: 9007199254740991, small: 1e-300 },
      {},
      { a: 1, left_out: undefined },
    ];
    const lines = [2, 3, 4, 9, 8, 8];
    const { dataset } = await datasets.open(writer);
    await datasets.append(writer, dataset, chunk(0, { rows, lines }));
    await datasets.append(writer, dataset, chunk(1, { rows: [], lines: [] }));
    await datasets.append(writer, dataset, chunk(2, { rows: [{ a: 1 }], lines: null }));
    await datasets.seal(writer, dataset);
    const read = await readAll(datasets, dataset);
    const [first, second, third] = read.map(({ index, rows: made, lines: of }) => ({
      index,
      rows: made,
      lines: of,
    }));
    expect(first).toStrictEqual({ index: 0, rows: [...rows.slice(0, 5), { a: 1 }], lines });
    expect(Object.keys(first?.rows[2] ?? {})).toEqual(["count", "symbol"]);
    expect(second).toStrictEqual({ index: 1, rows: [], lines: [] });
    expect(third).toStrictEqual({ index: 2, rows: [{ a: 1 }], lines: null });
  });

  check("reads from a chunk on, and stops at a signal", async ({ stores: { datasets } }) => {
    const { dataset } = await datasets.open(writer);
    for (let index = 0; index < 5; index += 1) await datasets.append(writer, dataset, chunk(index));
    await datasets.seal(writer, dataset);
    expect((await readAll(datasets, dataset, { fromChunk: 3 })).map(({ index }) => index)).toEqual([3, 4]);
    const controller = new AbortController();
    const seen: number[] = [];
    const reading = async () => {
      for await (const { index } of datasets.read(dataset, { signal: controller.signal })) {
        seen.push(index);
        if (index === 1) controller.abort(new Error("enough"));
      }
    };
    await expect(reading()).rejects.toThrow("enough");
    expect(seen).toEqual([0, 1]);
  });

  check("does not read what is missing or still being written", async ({ stores: { datasets } }) => {
    await expect(readAll(datasets, "no-such-dataset")).rejects.toMatchObject({ code: "DATASET_MISSING" });
    const { dataset } = await datasets.open(writer);
    await datasets.append(writer, dataset, chunk(0));
    await expect(readAll(datasets, dataset)).rejects.toMatchObject({ code: "HISTORY_CONFLICT" });
  });

  check("reads inside an open transaction", async ({ stores: { datasets }, database }) => {
    const { dataset } = await datasets.open(writer);
    await datasets.append(writer, dataset, chunk(0));
    await datasets.seal(writer, dataset);
    const rows = await database.transaction(async () => {
      const chunks = await readAll(datasets, dataset);
      return chunks.flatMap((each) => each.rows);
    });
    expect(rows).toHaveLength(2);
  });

  check("keeps rejects in the order in which they were met", async ({ stores: { datasets } }) => {
    const { dataset } = await datasets.open(writer);
    await datasets.append(writer, dataset, chunk(0, { rejects: [reject(3), reject(1)] }));
    await datasets.append(
      writer,
      dataset,
      chunk(1, { rejects: [{ ...reject(9), line: null, raw: { a: 1 } }] }),
    );
    const other = { ...writer, step: "transform" };
    const second = await datasets.open(other);
    await datasets.append(other, second.dataset, chunk(0, { rejects: [reject(5)] }));
    const all = await datasets.rejects({ runId: writer.runId });
    expect(all.map(({ step, index, line }) => [step, index, line])).toEqual([
      ["fetch", 0, 3],
      ["fetch", 1, 1],
      ["fetch", 2, null],
      ["transform", 0, 5],
    ]);
    expect(all[2]).toEqual({
      runId: writer.runId,
      step: "fetch",
      index: 2,
      code: "BAD",
      message: "Line 9 is bad.",
      line: null,
      file: null,
      raw: { a: 1 },
    });
    const page = await datasets.rejects({ runId: writer.runId, step: "fetch", after: 0, limit: 1 });
    expect(page.map(({ index }) => index)).toEqual([1]);
    expect(await datasets.rejects({ runId: "other" })).toEqual([]);
  });

  check("removes the datasets and rejects of a run", async ({ stores: { datasets } }) => {
    const { dataset } = await datasets.open(writer);
    await datasets.append(writer, dataset, chunk(0, { rejects: [reject(1)] }));
    await datasets.seal(writer, dataset);
    const other = { ...writer, runId: "run-2" };
    const kept = await datasets.open(other);
    await datasets.append(other, kept.dataset, chunk(0));
    await datasets.seal(other, kept.dataset);
    await datasets.remove(writer.runId);
    await datasets.remove(writer.runId);
    await expect(readAll(datasets, dataset)).rejects.toMatchObject({ code: "DATASET_MISSING" });
    expect(await datasets.rejects({ runId: writer.runId })).toEqual([]);
    expect(await readAll(datasets, kept.dataset)).toHaveLength(1);
  });
}

function stagingTests(check: Check): void {
  const write = async (datasets: DatasetStore, step: string, chunks: readonly (readonly Row[])[]) => {
    const to = { ...writer, step };
    const { dataset } = await datasets.open(to);
    for (const [index, rows] of chunks.entries()) await datasets.append(to, dataset, chunk(index, { rows }));
    return await datasets.seal(to, dataset);
  };

  check(
    "answers SQL about the rows of several datasets, in their order",
    async ({ stores: { datasets } }) => {
      const trades = await write(datasets, "trades", [
        [
          { symbol: "A", shares: "1.5", on: "2025-01-06", odd: { a: [1] } },
          { symbol: "B\t\\\n", shares: "-2", on: "2025-01-07", odd: 7 },
        ],
        [{ symbol: "A", shares: "0.000001", on: null }],
      ]);
      const known = await write(datasets, "known", [[{ symbol: "A", 'Odd "name"': 1 }, { symbol: "Ä" }]]);
      const columns = { symbol: "text", shares: "decimal", on: "date", odd: "text" } as const;
      const answer = await datasets.withRows(
        { trades: { dataset: trades, columns }, known: { dataset: known } },
        async (db) => ({
          rows: await db
            .selectFrom("trades")
            .select(["_spine_row", "symbol", "shares", "on", "odd"])
            .orderBy("_spine_row")
            .execute(),
          unknown: await db
            .selectFrom("trades")
            .select("symbol")
            .where("symbol", "not in", db.selectFrom("known").select("symbol"))
            .execute(),
          twice: await db
            .selectFrom("trades")
            .select("symbol")
            .groupBy("symbol")
            .having((e) => e.fn.countAll(), ">", 1)
            .execute(),
        }),
      );
      expect(answer).toEqual({
        rows: [
          { _spine_row: 1, symbol: "A", shares: "1.5", on: "2025-01-06", odd: '{"a":[1]}' },
          { _spine_row: 2, symbol: "B\t\\\n", shares: "-2", on: "2025-01-07", odd: "7" },
          { _spine_row: 3, symbol: "A", shares: "0.000001", on: null, odd: null },
        ],
        unknown: [{ symbol: "B\t\\\n" }],
        twice: [{ symbol: "A" }],
      });
    },
  );

  check(
    "leaves nothing of what it staged, and writes nothing",
    async ({ stores: { datasets }, database }) => {
      const rows = Array.from({ length: 50 }, (_, index) => ({ n: index % 7 }));
      const ref = await write(datasets, "many", [rows, rows]);
      const ask = (value: number) =>
        datasets.withRows({ staged: { dataset: ref, columns: { n: "integer" } } }, async (db) => {
          const found = await db.selectFrom("staged").select("n").where("n", "=", value).execute();
          return found.length;
        });
      expect(await Promise.all([ask(0), ask(6)])).toEqual([16, 14]);
      await expect(database.kysely.selectFrom("staged").selectAll().execute()).rejects.toThrow();
      const writing = datasets.withRows({ staged: { dataset: ref } }, (db) =>
        db.schema.createTable("made").addColumn("a", "integer").execute(),
      );
      await writing.catch(() => {});
      await expect(database.kysely.selectFrom("made").selectAll().execute()).rejects.toThrow();
    },
  );

  check("says which value does not fit, and what is missing", async ({ stores: { datasets } }) => {
    const ref = await write(datasets, "odd", [[{ n: 1 }, { n: "x" }]]);
    const ask = (tables: Parameters<DatasetStore["withRows"]>[0]) =>
      datasets.withRows(tables, async () => "asked");
    await expect(ask({ t: { dataset: ref, columns: { n: "integer" } } })).rejects.toMatchObject({
      category: "VALIDATION",
      message: expect.stringMatching(/Row 2 .*"n".*"x"/),
    });
    expect(await ask({ t: { dataset: ref, columns: { n: "text" } } })).toBe("asked");
    const invalid = { code: "CONFIG_INVALID" };
    await expect(ask({})).rejects.toMatchObject(invalid);
    await expect(ask({ 'a"b': { dataset: ref } })).rejects.toMatchObject(invalid);
    await expect(ask({ t: { dataset: ref.dataset } })).rejects.toMatchObject(invalid);
    await expect(ask({ t: { dataset: "none", columns: { n: "text" } } })).rejects.toMatchObject({
      code: "DATASET_MISSING",
    });
  });
}

function pruningTests(check: Check): void {
  check(
    "removes what has outlived its run, the oldest first, and nothing else",
    async ({ stores, clock }) => {
      const { datasets, history } = stores;
      const make = async (runId: string, step = "fetch") => {
        const owner = { runId, step, token: 1 };
        const { dataset } = await datasets.open(owner);
        await datasets.append(owner, dataset, chunk(0, { rejects: [reject(1)] }));
        await datasets.seal(owner, dataset);
        return dataset;
      };
      const orphan = newId();
      const gone = [await make(orphan), await make(orphan, "transform"), await make(newId())];
      const active = await startRun(history);
      const kept = await make(active.runId);
      const last = await make("a-run-of-nobody");
      clock.advance(60_000);
      const before = clock.now();
      const young = await make(newId());

      expect(await datasets.prune({ before, limit: 2 })).toBe(2);
      expect(await datasets.prune({ before, limit: 2 })).toBe(2);
      expect(await datasets.prune({ before, limit: 2 })).toBe(0);
      for (const dataset of [...gone, last]) {
        await expect(readAll(datasets, dataset)).rejects.toMatchObject({ code: "DATASET_MISSING" });
      }
      expect(await datasets.rejects({ runId: orphan })).toEqual([]);
      for (const dataset of [kept, young]) expect(await readAll(datasets, dataset)).toHaveLength(1);
    },
  );
}

function chunk(index: number, changes: Partial<ChunkWrite> = {}): ChunkWrite {
  return {
    index,
    rows: [
      { symbol: "A", shares: "1.5" },
      { symbol: "B", shares: "2" },
    ],
    lines: null,
    rejects: [],
    cursor: { page: index + 1 },
    ...changes,
  };
}

function reject(line: number) {
  return { code: "BAD", message: `Line ${line} is bad.`, line, raw: `raw ${line}` };
}

async function readAll(
  datasets: DatasetStore,
  dataset: string,
  options: { readonly fromChunk?: number } = {},
): Promise<readonly DatasetChunk[]> {
  const chunks: DatasetChunk[] = [];
  for await (const each of datasets.read(dataset, options)) chunks.push(each);
  return chunks;
}
