// What is stored of a dataset and is not what was written any more is said to be damaged, never read.
import { type DatasetChunk, type DatasetStore, newId, systemClock } from "spine-core";
import { describe, expect, onTestFinished, test } from "vitest";
import { PLACES } from "../testing/places.ts";

describe.each(PLACES)("%s", (_name, open) => {
  async function written() {
    const place = await open();
    const database = place.database();
    onTestFinished(async () => {
      await database.close();
      place.remove();
    });
    const { datasets } = await database.connect({ clock: systemClock });
    const writer = { runId: newId(), step: "fetch", token: 1 };
    const { dataset } = await datasets.open(writer);
    for (let index = 0; index < 3; index += 1) {
      const rows = [{ n: index }, { n: -index }];
      await datasets.append(writer, dataset, { index, rows, lines: null, rejects: [], cursor: index });
    }
    await datasets.seal(writer, dataset);
    const chunks = database.kysely.selectFrom("dataset_chunks").where("dataset_id", "=", dataset);
    const update = database.kysely.updateTable("dataset_chunks").where("dataset_id", "=", dataset);
    return { datasets, dataset, chunks, update, database };
  }
  const read = async (datasets: DatasetStore, dataset: string) => {
    const chunks: DatasetChunk[] = [];
    for await (const chunk of datasets.read(dataset)) chunks.push(chunk);
    return chunks;
  };
  const damaged = { code: "DATABASE_FAILED", message: expect.stringContaining("damaged") as string };

  test("a chunk with the rows of another one, whole as these are", async () => {
    const { datasets, dataset, chunks, update } = await written();
    expect(await read(datasets, dataset)).toHaveLength(3);
    const { data } = (await chunks.select("data").where("chunk", "=", 2).executeTakeFirstOrThrow()) as {
      data: Uint8Array;
    };
    await update.set({ data }).where("chunk", "=", 1).execute();
    await expect(read(datasets, dataset)).rejects.toMatchObject(damaged);
  });

  test("each byte of a chunk that changes", async () => {
    const { datasets, dataset, chunks, update } = await written();
    const { data } = (await chunks.select("data").where("chunk", "=", 1).executeTakeFirstOrThrow()) as {
      data: Uint8Array;
    };
    for (let at = 0; at < data.length; at += 1) {
      const other = Buffer.from(data);
      other[at] = (other[at] ?? 0) ^ 0x10;
      await update.set({ data: other }).where("chunk", "=", 1).execute();
      const outcome = await read(datasets, dataset).then(
        (all) => JSON.stringify(all[1]?.rows),
        (error: { code: string }) => error.code,
      );
      // A byte that means nothing to the decoder leaves the rows as they were.
      expect(["DATABASE_FAILED", '[{"n":1},{"n":-1}]']).toContain(outcome);
    }
  });

  test("a chunk that is gone", async () => {
    const { datasets, dataset, database } = await written();
    await database.kysely.deleteFrom("dataset_chunks").where("chunk", "=", 1).execute();
    await expect(read(datasets, dataset)).rejects.toMatchObject(damaged);
  });
});
