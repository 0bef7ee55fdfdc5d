import { expect } from "vitest";
import type { ChunkWrite, DatasetStore, DatasetWriter } from "../data/dataset.ts";
import { defineTable } from "../data/table.ts";
import { newId } from "../ids.ts";
import type { Row } from "../sources/source.ts";
import { startRun } from "./history-samples.ts";
import type { Check } from "./suite.ts";

const writer: DatasetWriter = { runId: "run-1", step: "ingest", token: 1 };

const target = defineTable({
  name: "suite_into",
  columns: { symbol: "text", shares: "decimal", on: "date?", seen: "timestamp?", detail: "json?" },
  key: ["symbol"],
});

const FIRST: readonly Row[] = [
  { symbol: "A", shares: "1.5", on: "2025-01-06", seen: "2025-01-06T09:00:00.000Z", detail: { a: [1] } },
  { symbol: 'B\t"\\\n', shares: "-2.000001" },
];
const SECOND: readonly Row[] = [{ symbol: "C", shares: "3", on: null }];

/** Datasets whose rows stand in a staging table, on their way to a table. */
export function datasetIntoTests(check: Check): void {
  check("stages the rows of chunks that are on their way to a table", async ({ stores: { datasets } }) => {
    const { dataset } = await datasets.open(writer);
    expect(await datasets.isStaged(dataset)).toBe(false);
    expect(await datasets.isStaged("no-such-dataset")).toBe(false);
    const rejects = [{ code: "BAD", message: "Line 3 is bad.", line: 3, raw: "x" }];
    await datasets.append(writer, dataset, into(0, FIRST, { rejects }));
    const state = await datasets.append(writer, dataset, into(1, SECOND, { cursor: "end" }));
    expect(state).toMatchObject({ dataset, chunks: 2, rows: 3, rejected: 1, cursor: "end", sealed: false });
    const ref = await datasets.seal(writer, dataset);
    expect(ref).toMatchObject({ dataset, rows: 3, rejected: 1 });
    expect(await datasets.isStaged(dataset)).toBe(true);
    expect(await datasets.rejects({ runId: writer.runId })).toMatchObject([{ code: "BAD", index: 0 }]);
    // Whoever opens it again finds it as it is.
    expect(await datasets.open({ ...writer, token: 2 })).toMatchObject({ dataset, chunks: 2, sealed: true });
    expect(await datasets.seal({ ...writer, token: 2 }, dataset)).toEqual(ref);
    expect(await staged(datasets, dataset)).toEqual([
      { _spine_row: 1, symbol: "A", shares: "1.5", on: "2025-01-06" },
      { _spine_row: 2, symbol: 'B\t"\\\n', shares: "-2.000001", on: null },
      { _spine_row: 3, symbol: "C", shares: "3", on: null },
    ]);
  });

  check("hashes rows on their way to a table as those of any dataset", async ({ stores: { datasets } }) => {
    const write = async (step: string, changes: Partial<ChunkWrite>) => {
      const to = { ...writer, step };
      const { dataset } = await datasets.open(to);
      await datasets.append(to, dataset, { ...into(0, FIRST), ...changes });
      await datasets.append(to, dataset, { ...into(1, SECOND), ...changes });
      return await datasets.seal(to, dataset);
    };
    const ref = await write("a", {});
    const { into: _, ...plain } = into(0, []);
    const { dataset } = await datasets.open({ ...writer, step: "b" });
    for (const [index, rows] of [FIRST, SECOND].entries())
      await datasets.append({ ...writer, step: "b" }, dataset, { ...plain, index, rows });
    const other = await datasets.seal({ ...writer, step: "b" }, dataset);
    expect({ hash: ref.hash, schema: ref.schema }).toEqual({ hash: other.hash, schema: other.schema });
  });

  check(
    "stages nothing of a chunk with a value that does not fit its table, and goes on behind the one before",
    async ({ stores: { datasets } }) => {
      const { dataset } = await datasets.open(writer);
      const rejects = [{ code: "BAD", message: "bad", line: 1, raw: "x" }];
      for (const bad of [{ shares: "1e3" }, { shares: null }, { on: "06.01.2025" }, { symbol: 7 }]) {
        const rows = [
          { symbol: "X", shares: "1" },
          { symbol: "Y", shares: "1", ...bad },
        ];
        const refused = datasets.append(writer, dataset, into(0, rows, { rejects }));
        const column = Object.keys(bad)[0];
        await expect(refused).rejects.toMatchObject({ code: "LOAD_FAILED", context: { column, row: 2 } });
        expect(await datasets.isStaged(dataset), "the first chunk makes the staging table").toBe(false);
      }
      await datasets.append(writer, dataset, into(0, FIRST));
      await expect(
        datasets.append(writer, dataset, into(1, [...SECOND, { symbol: "D", shares: "x" }], { rejects })),
      ).rejects.toMatchObject({ code: "LOAD_FAILED" });
      expect(await datasets.open(writer)).toMatchObject({ chunks: 1, rows: 2, rejected: 0 });
      await datasets.append(writer, dataset, into(1, SECOND));
      await datasets.seal(writer, dataset);
      expect((await staged(datasets, dataset)).map(({ symbol }) => symbol)).toEqual(["A", 'B\t"\\\n', "C"]);
    },
  );

  check("stages nothing for who has lost the right to write, and no chunk twice", async ({ stores }) => {
    const { datasets } = stores;
    const { dataset } = await datasets.open(writer);
    await datasets.append(writer, dataset, into(0, FIRST));
    const conflict = { code: "HISTORY_CONFLICT" };
    await expect(datasets.append(writer, dataset, into(0, FIRST))).rejects.toMatchObject(conflict);
    await expect(datasets.append(writer, dataset, into(2, SECOND))).rejects.toMatchObject(conflict);
    const successor = { ...writer, token: 2 };
    await datasets.open(successor);
    await expect(datasets.append(writer, dataset, into(1, SECOND))).rejects.toMatchObject({ code: "FENCED" });
    await datasets.seal(successor, dataset);
    await expect(datasets.append(successor, dataset, into(1, SECOND))).rejects.toMatchObject(conflict);
    expect(await staged(datasets, dataset)).toHaveLength(2);
  });

  check(
    "what is staged goes when its dataset is opened fresh, or removed",
    async ({ stores: { datasets } }) => {
      const { dataset } = await datasets.open(writer);
      await datasets.append(writer, dataset, into(0, FIRST));
      const fresh = await datasets.open(writer, { fresh: true });
      expect(fresh.dataset).not.toBe(dataset);
      expect([await datasets.isStaged(dataset), await datasets.isStaged(fresh.dataset)]).toEqual([
        false,
        false,
      ]);
      await datasets.append(writer, fresh.dataset, into(0, SECOND));
      await datasets.seal(writer, fresh.dataset);
      expect(await staged(datasets, fresh.dataset)).toHaveLength(1);
      const other = { ...writer, runId: "run-2" };
      const kept = await datasets.open(other);
      await datasets.append(other, kept.dataset, into(0, SECOND));
      await datasets.remove(writer.runId);
      await datasets.remove(writer.runId);
      expect([await datasets.isStaged(fresh.dataset), await datasets.isStaged(kept.dataset)]).toEqual([
        false,
        true,
      ]);
    },
  );

  check("prunes what is staged of runs that are gone, whole or not", async ({ stores, clock }) => {
    const { datasets, history } = stores;
    const make = async (runId: string, isWhole: boolean) => {
      const owner = { runId, step: "ingest", token: 1 };
      const { dataset } = await datasets.open(owner);
      await datasets.append(owner, dataset, into(0, FIRST));
      if (isWhole) await datasets.seal(owner, dataset);
      return dataset;
    };
    const gone = [await make(newId(), true), await make(newId(), false)];
    const kept = [await make((await startRun(history)).runId, true)];
    clock.advance(60_000);
    const before = clock.now();
    kept.push(await make(newId(), true));
    expect(await datasets.prune({ before, limit: 10 })).toBe(2);
    const isStaged = (list: readonly string[]) => Promise.all(list.map((each) => datasets.isStaged(each)));
    expect([await isStaged(gone), await isStaged(kept)]).toEqual([
      [false, false],
      [true, true],
    ]);
  });
}

function into(index: number, rows: readonly Row[], changes: Partial<ChunkWrite> = {}): ChunkWrite {
  return { index, rows, lines: null, rejects: [], cursor: index + 1, into: target, ...changes };
}

/** What stands in the staging table, as checks ask about it. */
async function staged(datasets: DatasetStore, dataset: string): Promise<readonly Row[]> {
  const columns = { symbol: "text", shares: "decimal", on: "date" } as const;
  return await datasets.withRows({ staged: { dataset, columns } }, (db) =>
    db.selectFrom("staged").select(["_spine_row", "symbol", "shares", "on"]).orderBy("_spine_row").execute(),
  );
}
