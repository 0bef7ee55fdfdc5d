// Rows that a step refused, driven again after a fix: each once, and nothing that was loaded is touched.
import {
  createSpine,
  defineTable,
  defineWorkflow,
  type Page,
  type Source,
  type Spine,
  SpineError,
  silentLogger,
} from "spine-core";
import { mortal, withCrashPoints } from "spine-core/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { PLACES, type SharedPlace } from "./testing/places.ts";

/** Ten rows in two files, two of which have no quantity, and a line that is no row. */
const source: Source<unknown, { id: string; qty: string }> = {
  name: "parts",
  async *stream(_request, { cursor } = {}): AsyncGenerator<Page<{ id: string; qty: string }>> {
    for (let page = Number(cursor ?? 0); page < 2; page += 1) {
      const rows = Array.from({ length: 5 }, (_, row) => ({
        id: `r${page * 5 + row}`,
        qty: row === 3 ? "none" : String(row),
      }));
      const lines = rows.map((_row, row) => row + 2);
      const rejects = [{ code: "RAGGED_ROW", message: "2 fields", line: 7, raw: `t${page}|` }];
      yield { rows, lines, file: `part-${page}.psv`, rejects, cursor: page + 1 };
    }
  },
};

type Loads = "append" | "replace-partition";

/** @param fixed true for the workflow whose code has been mended. */
function flowOf(
  name: string,
  fixed = false,
  disposition: Loads = "replace-partition",
  quality: () => unknown = () => null,
) {
  const into = defineTable({
    name: name.replaceAll(".", "_"),
    columns: { day: "text", id: "text", qty: "decimal" },
    key: ["day", "id"],
    partition: ["day"],
  });
  return defineWorkflow({
    name,
    params: z.object({ day: z.string() }),
    partition: ({ params: { day } }) => ({ day }),
  })
    .fetch("fetch", { from: source, request: () => null })
    .transform("clean", {
      from: "fetch",
      row: ({ id, qty }, { params: { day } }) => ({ day, id, qty: fixed && qty === "none" ? "0" : qty }),
      schema: z.object({ day: z.string(), id: z.string(), qty: z.string().regex(/^\d+$/) }),
    })
    .step("check", quality)
    .load("load", { from: "clean", into, disposition });
}

const idsIn = async (spine: Spine, name: string) => {
  const rows = await spine.database.kysely
    .selectFrom(name.replaceAll(".", "_"))
    .select(["id", "qty"])
    .orderBy("id")
    .execute();
  return rows.map(({ id, qty }) => `${id} ${qty}`);
};
const GOOD = ["r0 0", "r1 1", "r2 2", "r4 4", "r5 0", "r6 1", "r7 2", "r9 4"];
const DAY = { day: "d1" };

describe.each(PLACES)("%s", (_name, open) => {
  let place: SharedPlace;
  let spine: Spine;
  const spines: Spine[] = [];
  const another = async (database = place.database()) => {
    const made = await createSpine({ database, logger: silentLogger });
    spines.push(made);
    return made;
  };
  beforeAll(async () => {
    place = await open();
    spine = await another();
  });
  afterAll(async () => {
    await Promise.all(spines.map((each) => each.stop()));
    place.remove();
  });
  const states = async (runId: string, step = "clean") =>
    (await spine.rejects.list({ runId, step })).map(({ index, state }) => `${index} ${state}`);
  const completed = async (flow: ReturnType<typeof flowOf>, on = spine) => {
    const run = await on.run(flow, DAY);
    await run.result();
    return run.id;
  };

  test("a fix of the code: only what was refused runs again, with its lines and files, and is added to its partition", async () => {
    const flow = flowOf("demo.code");
    const old = await another();
    const id = await completed(flow, old);
    expect(await idsIn(spine, flow.name)).toEqual(GOOD);
    const [before] = await spine.partitions.list("demo_code");

    // Not mended: refused again, now as rejects of the new run.
    const vain = await old.rejects.redrive(id, { step: "clean" });
    await vain.result();
    expect(await states(id)).toEqual(["0 REDRIVEN", "1 REDRIVEN"]);
    const again = await spine.rejects.list({ runId: vain.id, step: "clean", state: "OPEN" });
    expect(again.map(({ code, line, file, raw }) => ({ code, line, file, raw }))).toEqual([
      { code: "INVALID_QTY", line: 5, file: "part-0.psv", raw: { id: "r3", qty: "none" } },
      { code: "INVALID_QTY", line: 5, file: "part-1.psv", raw: { id: "r8", qty: "none" } },
    ]);

    await old.stop();
    spine.workflows.add(flowOf("demo.code", true));
    const fixed = await spine.rejects.redrive(vain.id, { step: "clean" });
    const { outputs } = await fixed.result();
    expect(outputs.load).toMatchObject({ inserted: 2, superseded: 0, unchanged: false });
    expect(await idsIn(spine, flow.name)).toEqual([...GOOD, "r3 0", "r8 0"].sort());
    const [after] = await spine.partitions.list("demo_code");
    expect(after).toMatchObject({ rows: 10, runId: fixed.id });
    expect(after?.hash).not.toBe(before?.hash);
    const { run, steps } = await spine.get(fixed.id);
    expect(run).toMatchObject({ rerunOf: vain.id, partition: DAY, inherited: 1 });
    expect(steps.map(({ name, rows }) => [name, rows?.in])).toEqual([
      ["fetch", 2],
      ["clean", 2],
      ["check", undefined],
      ["load", 2],
    ]);
  });

  test("edits: those that were chosen; of a fetch, what could not be parsed; a key is one run", async () => {
    const flow = flowOf("demo.edits", false, "append");
    const id = await completed(flow);
    const { redrive } = spine.rejects;
    await expect(redrive(id, { step: "clean", edits: { 5: {} } })).rejects.toMatchObject({
      code: "VALIDATION_FAILED",
      message: expect.stringContaining("an edit for reject 5, which is not driven again"),
    });
    const options = { step: "clean", indexes: [1], edits: { 1: { id: "r8", qty: "8" } }, key: "once" };
    const one = await redrive(id, options);
    await one.result();
    const same = await redrive(id, options);
    expect([same.id, same.existing]).toEqual([one.id, true]);
    expect(await states(id)).toEqual(["0 OPEN", "1 REDRIVEN"]);
    expect(await idsIn(spine, flow.name)).toEqual([...GOOD, "r8 8"].sort());

    await expect(redrive(id, { step: "fetch" })).rejects.toMatchObject({ code: "RUN_CONFLICT" });
    await expect(redrive(id, { step: "fetch", indexes: [0] })).rejects.toMatchObject({
      code: "VALIDATION_FAILED",
      message: expect.stringContaining("Give its row in `edits`"),
    });
    const parsed = await redrive(id, { step: "fetch", edits: { 0: { id: "t0", qty: "7" } } });
    await parsed.result();
    expect(await states(id, "fetch")).toEqual(["0 REDRIVEN", "1 OPEN"]);
    expect(await idsIn(spine, flow.name)).toEqual([...GOOD, "r8 8", "t0 7"].sort());
  });

  test("a row whose key is in the partition is an error that says so; its run failed, and the reject is OPEN again", async () => {
    const flow = flowOf("demo.keys");
    const id = await completed(flow);
    const run = await spine.rejects.redrive(id, { step: "clean", edits: { 0: { id: "r1", qty: "9" } } });
    await expect(run.result()).rejects.toMatchObject({
      code: "LOAD_FAILED",
      message: expect.stringContaining("already: its key"),
    });
    expect(await states(id)).toEqual(["0 OPEN", "1 OPEN"]);
    expect(await idsIn(spine, flow.name)).toEqual(GOOD);
  });

  test("a discard is a mark, which can be taken back", async () => {
    const flow = flowOf("demo.discard");
    const id = await completed(flow);
    const { list, discard, restore, redrive } = spine.rejects;
    const choice = { runId: id, step: "clean" };
    expect(await discard({ ...choice, code: "OTHER" }, { reason: "no such" })).toBe(0);
    expect(await discard({ ...choice, indexes: [0] }, { reason: "a test row", by: "ann" })).toBe(1);
    expect(await discard(choice, { reason: "the other one" })).toBe(1);
    expect(await discard(choice, { reason: "again" })).toBe(0);
    const marks = (await list({ ...choice, state: "DISCARDED" })).map(({ index, discarded }) => [
      index,
      discarded,
    ]);
    expect(marks).toEqual([
      [0, { reason: "a test row", by: "ann", at: expect.stringMatching(/^\d{4}-.*Z$/) }],
      [1, { reason: "the other one", by: null, at: expect.any(String) }],
    ]);
    await expect(redrive(id, { step: "clean" })).rejects.toMatchObject({ code: "RUN_CONFLICT" });
    expect(await restore({ ...choice, indexes: [1] })).toBe(1);
    expect(await states(id)).toEqual(["0 DISCARDED", "1 OPEN"]);
    expect(await list({ ...choice, limit: 1, after: 0 })).toMatchObject([{ index: 1, code: "INVALID_QTY" }]);
    expect(await list({ ...choice, code: "OTHER" })).toEqual([]);
    // What is there of them is as before.
    expect(await spine.datasets.rejects(choice)).toHaveLength(2);
    const refused = list({ runId: id, stat: "OPEN" } as never);
    await expect(refused).rejects.toThrow("`stat` is no option of rejects.list");
  });

  test("two callers at once: one drives the rows again, the other is told", async () => {
    const gate = Promise.withResolvers<void>();
    let isOpen = true;
    const flow = flowOf("demo.twice", false, "append", () => (isOpen ? undefined : gate.promise));
    const id = await completed(flow);
    isOpen = false;
    const edits = { 0: { id: "r3", qty: "3" }, 1: { id: "r8", qty: "8" } };
    const calls = [1, 2, 3].map(() => spine.rejects.redrive(id, { step: "clean", edits }));
    const settled = await Promise.allSettled(calls);
    const started = settled.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    const refused = settled.flatMap((each) =>
      each.status === "rejected" ? [each.reason as SpineError] : [],
    );
    expect(refused.map(({ code }) => code)).toEqual(["RUN_CONFLICT", "RUN_CONFLICT"]);
    expect(started).toHaveLength(1);
    const [first] = await spine.rejects.list({ runId: id, step: "clean", state: "REDRIVING" });
    expect(first).toMatchObject({ index: 0, redrivenBy: started[0]?.id });
    gate.resolve();
    await started[0]?.result();
    expect(await idsIn(spine, flow.name)).toEqual([...GOOD, "r3 3", "r8 8"].sort());
    const { items } = await spine.history.list({ workflow: flow.name });
    expect(items).toHaveLength(2);
  });

  test("a run that failed and is retried loads nothing that another run has driven since", async () => {
    let broken = true;
    const flow = flowOf("demo.retried", false, "append", () => {
      if (broken) throw new SpineError("QUALITY_FAILED", "not yet");
    });
    broken = false;
    const id = await completed(flow);
    broken = true;
    const edits = { 0: { id: "r3", qty: "3" }, 1: { id: "r8", qty: "8" } };
    const failed = await spine.rejects.redrive(id, { step: "clean", edits });
    await expect(failed.result()).rejects.toMatchObject({ code: "QUALITY_FAILED" });
    expect(await states(id)).toEqual(["0 OPEN", "1 OPEN"]);
    broken = false;
    const other = await spine.rejects.redrive(id, { step: "clean", edits });
    await other.result();
    const retried = await spine.retry(failed.id);
    await expect(retried.result()).rejects.toMatchObject({ code: "RUN_CONFLICT" });
    expect(await idsIn(spine, flow.name)).toEqual([...GOOD, "r3 3", "r8 8"].sort());
  });

  test.each(["before transaction", "after transaction"] as const)(
    "a process that dies %s leaves no mark without a run, and no run without its rows",
    async (moment) => {
      const flow = flowOf(`demo.${moment.replace(" ", "_")}`, false, "append");
      const id = await completed(flow);
      const life = mortal(place.database());
      const database = withCrashPoints(life.database, (point) => (point === moment ? life.die() : undefined));
      const dying = await createSpine({ database, workflows: [flow], worker: false, logger: silentLogger });
      const edits = { 0: { id: "r3", qty: "3" }, 1: { id: "r8", qty: "8" } };
      const options = { step: "clean", edits, key: "k" };
      void dying.rejects.redrive(id, options);
      await life.dead;
      const isMade = moment === "after transaction";
      const count = async () => (await spine.history.list({ workflow: flow.name })).items.length;
      expect([await states(id), await count()]).toEqual(
        isMade ? [["0 REDRIVING", "1 REDRIVING"], 2] : [["0 OPEN", "1 OPEN"], 1],
      );
      // Whoever was not told calls again.
      const run = await spine.rejects.redrive(id, options);
      await run.result();
      expect([run.existing, await count()]).toEqual([isMade, 2]);
      expect(await states(id)).toEqual(["0 REDRIVEN", "1 REDRIVEN"]);
      expect(await idsIn(spine, flow.name)).toEqual([...GOOD, "r3 3", "r8 8"].sort());
    },
  );

  test("what has refused nothing that could be driven again is said", async () => {
    const id = await completed(flowOf("demo.wrong"));
    const { redrive } = spine.rejects;
    await expect(redrive(id, { step: "load" })).rejects.toMatchObject({ code: "VALIDATION_FAILED" });
    await expect(redrive(id, { step: "clean", indexes: [7] })).rejects.toMatchObject({
      code: "RUN_CONFLICT",
    });
    await expect(redrive(id, { step: "clean", edits: { 0: "r3" } } as never)).rejects.toThrow("`edits`");
  });
});
