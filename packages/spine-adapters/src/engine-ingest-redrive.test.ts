// Rows that an ingest refused, driven again: only these, without its source, by the checks and the load of the whole.
import {
  createSpine,
  defineTable,
  defineWorkflow,
  type OutputsOf,
  type Page,
  type Row,
  recordCount,
  type Source,
  type Spine,
  silentLogger,
  unique,
} from "spine-core";
import { mortal, stagingTables, withCrashPoints } from "spine-core/testing";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { PLACES, type SharedPlace } from "./testing/places.ts";

interface Part {
  readonly n: number;
  readonly id: string;
  readonly qty: string;
}

let reads = 0;
/** Ten rows in two files, two of which have no quantity, and a line of each that is no row. */
const source: Source<unknown, Part> = {
  name: "parts",
  describe: () => "parts of the day",
  async *stream(_request, { cursor } = {}): AsyncGenerator<Page<Part>> {
    for (let page = Number(cursor ?? 0); page < 2; page += 1) {
      reads += 1;
      const rows = Array.from({ length: 5 }, (_, row) => ({
        n: page * 5 + row,
        id: `r${page * 5 + row}`,
        qty: row === 3 ? "none" : String(row),
      }));
      const rejects = [{ code: "RAGGED_ROW", message: "2 fields", line: 7, raw: `t${page}|` }];
      const lines = rows.map((_row, row) => row + 2);
      yield { rows, lines, file: `part-${page}.psv`, rejects, cursor: page + 1 };
    }
  },
};

/** True when the code is mended. */
let fixed = false;
const flowOf = (
  name: string,
  how: { disposition: "append" | "replace-partition" } | { disposition: "scd2" },
  follows = false,
) =>
  defineWorkflow({
    name: `demo.${name}`,
    params: z.object({ day: z.string() }),
    partition: ({ params: { day } }) => ({ day }),
  })
    .step("before", () => "done")
    .ingest("parts", {
      from: source,
      request: () => null,
      ...(follows ? { incremental: { field: "n" } as const } : {}),
      row: ({ id, qty }, { params: { day } }) => ({ day, id, qty: fixed && qty === "none" ? "0" : qty }),
      schema: z.object({ day: z.string(), id: z.string(), qty: z.string().regex(/^\d+$/) }),
      checks: [recordCount({ min: 1 }), unique(["id"])],
      into: defineTable({
        name: `redriven_${name}`,
        columns: { day: "text", id: "text", qty: "decimal" },
        key: ["day", "id"],
        partition: ["day"],
        captures: `redriven_${name}_captures`,
      }),
      ...(how as { disposition: "append" }),
      partition: ({ params: { day } }) => ({ day }),
    })
    .step("after", ({ outputs }) => outputs.parts.rows);

const code = flowOf("code", { disposition: "replace-partition" });
const dims = flowOf("dims", { disposition: "scd2" });
const follows = flowOf("follows", { disposition: "append" }, true);
const dies = flowOf("dies", { disposition: "append" });
const ALL = [code, dims, follows, dies];
const GOOD = ["r0 0", "r1 1", "r2 2", "r4 4", "r5 0", "r6 1", "r7 2", "r9 4"];
const DAY = { day: "2026-01-05" };

/** The same as the first step of its workflow: a run that repeats it has nothing but what it was given with its first write. */
const first = defineWorkflow({
  name: "demo.first",
  params: z.object({ day: z.string() }),
  partition: ({ params: { day } }) => ({ day }),
}).ingest("parts", {
  from: source,
  request: () => null,
  row: ({ id, qty }, { params: { day } }) => ({ day, id, qty: fixed && qty === "none" ? "0" : qty }),
  schema: z.object({ day: z.string(), id: z.string(), qty: z.string().regex(/^\d+$/) }),
  into: defineTable({
    name: "redriven_first",
    columns: { day: "text", id: "text", qty: "decimal" },
    key: ["day", "id"],
    partition: ["day"],
  }),
  disposition: "replace-partition",
});

describe.each(PLACES)("%s", (_name, open) => {
  let place: SharedPlace;
  let spine: Spine;
  beforeAll(async () => {
    place = await open();
    spine = await createSpine({
      database: place.database(),
      workflows: [...ALL, first],
      logger: silentLogger,
    });
    return async () => {
      await spine.stop();
      place.remove();
    };
  });
  const rowsIn = async (flow: typeof code) => {
    const name = flow.name.replace("demo.", "redriven_");
    const rows: Row[] = await spine.database.kysely.selectFrom(name).selectAll().orderBy("id").execute();
    return rows.map(({ id, qty }) => `${String(id)} ${String(qty)}`);
  };
  const states = async (runId: string) =>
    (await spine.rejects.list({ runId })).map(({ index, state }) => `${index} ${state}`);
  const completed = async (flow: typeof code) => {
    fixed = false;
    const run = await spine.run(flow, DAY);
    await run.result();
    expect(await states(run.id)).toEqual(["0 OPEN", "1 OPEN", "2 OPEN", "3 OPEN"]);
    expect(await rowsIn(flow)).toEqual(GOOD);
    reads = 0;
    return run.id;
  };

  test("an ingest that is the first step of its workflow reads what was refused, and not its source", async () => {
    fixed = false;
    const run = await spine.run(first, DAY);
    await run.result();
    fixed = true;
    reads = 0;
    const again = await spine.rejects.redrive(run.id, { step: "parts", code: "INVALID_QTY" });
    const { parts } = (await again.result()).outputs as OutputsOf<typeof first>;
    expect(reads).toBe(0);
    expect(parts).toMatchObject({ rows: 2, rejected: 0, load: { inserted: 2, superseded: 0 } });
    expect(await spine.partitions.get("redriven_first", DAY)).toMatchObject({ rows: 10 });
  });

  test("a fix of the code: only what was refused, with lines and files, added to the partition", async () => {
    const id = await completed(code);
    const before = await spine.partitions.get("redriven_code", DAY);
    // Not mended: refused again, and the checks say so of the slice. What has failed leaves its rejects to others.
    const vain = await spine.rejects.redrive(id, { step: "parts", code: "INVALID_QTY" });
    await expect(vain.result()).rejects.toMatchObject({ category: "DATA_QUALITY" });
    expect(await stagingTables(spine.database)).toBe(0);
    const again = await spine.rejects.list({ runId: vain.id });
    expect(again.map(({ code: why, line, file, raw }) => [why, line, file, raw])).toEqual([
      ["INVALID_QTY", 5, "part-0.psv", { n: 3, id: "r3", qty: "none" }],
      ["INVALID_QTY", 5, "part-1.psv", { n: 8, id: "r8", qty: "none" }],
    ]);
    expect(await states(id)).toEqual(["0 OPEN", "1 OPEN", "2 OPEN", "3 OPEN"]);

    fixed = true;
    const run = await spine.rejects.redrive(id, { step: "parts" });
    const outputs = (await run.result()).outputs as OutputsOf<typeof code>;
    expect(outputs.parts).toMatchObject({ rows: 2, rejected: 0, load: { inserted: 2, superseded: 0 } });
    expect(outputs.after).toBe(2);
    expect(await rowsIn(code)).toEqual([...GOOD, "r3 0", "r8 0"].sort());
    // What could not be parsed needs its row.
    expect(await states(id)).toEqual(["0 OPEN", "1 REDRIVEN", "2 OPEN", "3 REDRIVEN"]);
    const after = await spine.partitions.get("redriven_code", DAY);
    expect(after).toMatchObject({ rows: 10, runId: run.id });
    expect(after?.hash).not.toBe(before?.hash);
    expect(reads, "its source is not read").toBe(0);
    const { run: record, steps } = await spine.get(run.id);
    expect(record).toMatchObject({ rerunOf: id, partition: DAY, inherited: 1 });
    expect(steps.map(({ name, rows }) => [name, rows?.in])).toEqual([
      ["before", undefined],
      ["parts", 2],
      ["after", undefined],
    ]);
    // Where a row came from is known through the slice.
    const load = outputs.parts.load.loadId;
    const { upstream } = await spine.lineage.load(load);
    expect(upstream.at(-1)).toMatchObject({ source: "parts", locator: "parts of the day", step: "parts" });
    const { loads } = await spine.lineage.affectedBy({ file: "parts of the day" });
    expect(loads.map(({ loadId }) => loadId)).toContain(load);

    // A run that failed and is retried later loads nothing that another one has driven since.
    await expect((await spine.retry(vain.id)).result()).rejects.toMatchObject({ code: "RUN_CONFLICT" });
    const parsed = await spine.rejects.redrive(id, {
      step: "parts",
      edits: { 0: { n: 0, id: "t0", qty: "7" } },
    });
    await parsed.result();
    expect(await rowsIn(code)).toEqual([...GOOD, "r3 0", "r8 0", "t0 7"].sort());
    // A repetition of such a run reads the source, as that of any run.
    const whole = await spine.rerun(run.id);
    expect((await whole.result()).outputs).toMatchObject({ parts: { rows: 10, load: { superseded: 11 } } });
    await spine.rejects.redrive(id, { step: "after" }).then(
      () => expect.unreachable(),
      (error: unknown) => expect(error).toMatchObject({ code: "VALIDATION_FAILED" }),
    );
  });

  test("changing dimensions: what is there is not closed by a slice", async () => {
    const id = await completed(dims);
    fixed = true;
    await (await spine.rejects.redrive(id, { step: "parts", indexes: [1] })).result();
    expect(await rowsIn(dims)).toEqual([...GOOD, "r3 0"].sort());
    expect(await states(id)).toEqual(["0 OPEN", "1 REDRIVEN", "2 OPEN", "3 OPEN"]);
  });

  test("an incremental one has come as far as before", async () => {
    const id = await completed(follows);
    const cursor = { workflow: follows.name, step: "parts" };
    const { mark } = (await spine.cursors.get(cursor)) ?? {};
    expect(mark).toBe(9);
    const edits = { 1: { n: 99, id: "r99", qty: "3" } };
    await (await spine.rejects.redrive(id, { step: "parts", indexes: [1], edits })).result();
    expect(await spine.cursors.get(cursor)).toMatchObject({ mark: 9 });
    expect(await rowsIn(follows)).toEqual([...GOOD, "r99 3"].sort());
  });

  test.each(["after dataset.append", "before transaction", "after transaction"] as const)(
    "a death %s: each row is loaded once, and its reject is REDRIVEN",
    async (moment) => {
      const day = { day: moment };
      fixed = false;
      const refusing = await spine.run(dies, day);
      await refusing.result();
      const { id } = refusing;
      const staged = await stagingTables(spine.database);
      fixed = true;
      const life = mortal(place.database());
      // Behind the two chunks of the slice, or the transaction that makes the run: the first of the ingest itself.
      let nth = moment === "after dataset.append" ? 3 : 2;
      const database = withCrashPoints(life.database, (point) => {
        if (point === moment) nth -= 1;
        return nth === 0 ? life.die() : undefined;
      });
      await spine.stop();
      const dying = await createSpine({ database, workflows: ALL, logger: silentLogger });
      await dying.rejects.redrive(id, { step: "parts", key: moment });
      await life.dead;
      spine = await createSpine({ database: place.database(), workflows: ALL, logger: silentLogger });
      const run = await spine.rejects.redrive(id, { step: "parts", key: moment });
      await run.result();
      expect(run.existing).toBe(true);
      const table = dies.name.replace("demo.", "redriven_");
      const rows = await spine.database.kysely
        .selectFrom(table)
        .select("id")
        .where("day", "=", moment)
        .execute();
      expect(rows.map((each) => String(each.id)).sort()).toEqual(
        [...GOOD, "r3", "r8"].map((each) => each.slice(0, 2)).sort(),
      );
      expect(await states(id)).toEqual(["0 OPEN", "1 REDRIVEN", "2 OPEN", "3 REDRIVEN"]);
      expect(await stagingTables(spine.database)).toBe(staged);
    },
  );
});
