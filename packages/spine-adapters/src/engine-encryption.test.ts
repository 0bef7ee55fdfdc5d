// What runs carry is encrypted in the database, and plain for everybody who uses Spine.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Client } from "pg";
import {
  defineWorkflow,
  encryptPayloads,
  HistoryTracker,
  type PayloadCodec,
  TransientError,
} from "spine-core";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { attemptsOf, engineFixture } from "./testing/engine-fixture.ts";
import { placeOn } from "./testing/places.ts";

const { start, folder } = engineFixture();
const k1 = randomBytes(32);
const k2 = randomBytes(32);
const old = encryptPayloads({ keys: { k1 }, use: "k1" });
const rotated = encryptPayloads({ keys: { k1, k2 }, use: "k2" });
const fast = { delay: "1ms" } as const;

/** Everything that stands in the files of the database. */
function onDisk(): string {
  return ["spine.db", "spine.db-wal"].map((name) => readFileSync(join(folder(), name), "latin1")).join("\n");
}

function sql(statement: string, ...values: string[]): readonly Record<string, unknown>[] {
  const database = new DatabaseSync(join(folder(), "spine.db"));
  try {
    return database.prepare(statement).all(...values) as Record<string, unknown>[];
  } finally {
    database.close();
  }
}

const order = defineWorkflow({ name: "demo.order", params: z.object({ customer: z.string() }) })
  .step("look", async ({ params, checkpoint }) => {
    const seen = await checkpoint("seen", () => `checkpoint-${params.customer}`);
    return { seen, output: `output-${params.customer}` };
  })
  .step("send", ({ outputs }) => outputs.look.output.length);
const parent = defineWorkflow({ name: "demo.parent", params: z.object({ customer: z.string() }) })
  .pipeline("child", { run: order, params: ({ params }) => params })
  .step("end", ({ outputs }) => outputs.child.send);

/** How runs have ended, as the database has it. */
function ends(): readonly unknown[] {
  return sql("SELECT run_id, status, error ->> '$.code' AS code FROM workflow_runs ORDER BY run_id");
}

test("no payload stands in the files of the database, and all are read back", async () => {
  const spine = await start({ payloads: old, workflows: [order] });
  const run = await spine.run(parent, { customer: "Needle4711" });
  expect((await run.result()).outputs).toMatchObject({
    child: { look: { seen: "checkpoint-Needle4711", output: "output-Needle4711" } },
  });
  const many = await spine.runMany(order, [{ params: { customer: "Needle4711" }, queue: "q" }]);
  await many[0]?.result();
  await using tracker = new HistoryTracker(spine.history);
  await tracker.trackWorkflow("demo.tracked", { params: { who: "Needle4711" } }, async (tracked) => {
    tracked.recordOutput("Needle4711");
    await tracked.trackStep("one", "lambda", async (step) => step.recordOutput({ a: "Needle4711" }));
  });

  expect(onDisk()).not.toContain("Needle4711");
  expect(onDisk()).toContain("demo.tracked");
  const { run: found, steps } = await spine.get(run.id);
  expect(found.params).toEqual({ customer: "Needle4711" });
  expect(steps.map(({ name }) => name)).toEqual(["child", "end"]);
  const [tracked] = (await spine.history.list({ workflow: "demo.tracked" })).items;
  expect(await spine.get(tracked?.runId ?? "")).toMatchObject({
    run: { params: { who: "Needle4711" }, outputs: "Needle4711" },
    steps: [{ output: { a: "Needle4711" } }],
  });
});

test("the same files without encryption do have them: the test above looks in the right place", async () => {
  const spine = await start();
  await (await spine.run(order, { customer: "Needle4711" })).result();
  for (const payload of ['{"customer":"Needle4711"}', "output-Needle4711", '"checkpoint-Needle4711"'])
    expect(onDisk()).toContain(payload);
});

test("a run that a process left goes on in another one, with its checkpoints and outputs", async () => {
  const worked: string[] = [];
  const flow = (hang: boolean) =>
    defineWorkflow({ name: "demo.resume", params: z.object({ name: z.string() }) })
      .step("one", ({ params }) => `one ${params.name}`)
      .step("two", async ({ checkpoint, outputs, signal }) => {
        const part = await checkpoint("part", () => worked.push(outputs.one));
        if (hang) await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal)));
        return `${outputs.one} ${part}`;
      });
  const first = await start({ payloads: old });
  const run = await first.run(flow(true), { name: "x" });
  await expect.poll(() => worked.length).toBe(1);
  await first.stop();
  const second = await start({ payloads: rotated, workflows: [flow(false)] });
  expect((await (await second.attach(run.id)).result()).outputs).toEqual({ one: "one x", two: "one x 1" });
  expect(worked).toEqual(["one x"]);
});

test("attempts that are repeated, and retries, see what was recorded before", async () => {
  let failures = 2;
  const flow = defineWorkflow({ name: "demo.again", params: z.object({ name: z.string() }) })
    .step("one", () => ({ secret: "s1" }))
    .step(
      "two",
      async ({ checkpoint, outputs, params }) => {
        const part = await checkpoint("part", () => Math.random());
        if (failures-- > 0) throw failures === 1 ? new TransientError("again") : new Error("failed");
        return [part === (await checkpoint("part", () => -1)), outputs.one.secret, params.name];
      },
      { retry: fast },
    );
  const spine = await start({ payloads: old });
  const run = await spine.run(flow, { name: "x" });
  await expect(run.result()).rejects.toMatchObject({ message: "failed" });
  const { outputs } = await (await spine.retry(run.id)).result();
  expect(outputs.two).toEqual([true, "s1", "x"]);
  expect(await attemptsOf(spine, run.id)).toEqual([
    "one#1 COMPLETED",
    "two#1 FAILED",
    "two#2 FAILED",
    "two#3 COMPLETED",
  ]);
});

test("what was stored plain before is read; new values are encrypted", async () => {
  const flow = defineWorkflow({ name: "demo.mixed", params: z.object({ n: z.number() }) })
    .step("one", ({ params }) => ({ n: params.n }))
    .step("two", ({ outputs }) => ({ n: outputs.one.n + 1 }));
  const before = await start({ worker: false });
  const run = await before.run(flow, { n: 1 }, { key: "k" });
  await before.stop();
  const spine = await start({ payloads: old, workflows: [flow] });
  expect((await (await spine.attach(run.id)).result()).outputs).toEqual({ one: { n: 1 }, two: { n: 2 } });
  const [{ params } = {}] = sql("SELECT params FROM workflow_runs");
  expect(params).toBe('{"n":1}');
  const outputs = sql("SELECT output FROM workflow_step_runs ORDER BY seq");
  expect(outputs.map(({ output }) => String(output))).toEqual([
    expect.stringMatching(/^\{"\$spine_encoded":"a256gcm\.k1\./),
    expect.stringMatching(/^\{"\$spine_encoded":"a256gcm\.k1\./),
  ]);
  // The run has the plain hash of its parameters, and is found by it.
  expect(await spine.run(flow, { n: 1 }, { key: "k" })).toMatchObject({ id: run.id, existing: true });
});

describe("keys of runs", () => {
  test("find a run by parameters whose hash was made with an older key; others are refused", async () => {
    const first = await start({ payloads: old });
    const run = await first.run(order, { customer: "a" }, { key: "k" });
    await run.result();
    const second = await start({ payloads: rotated });
    expect(await second.run(order, { customer: "a" }, { key: "k" })).toMatchObject({ id: run.id });
    const [again] = await second.runMany(order, [{ params: { customer: "a" }, key: "k" }]);
    expect(again?.id).toBe(run.id);
    await expect(second.run(order, { customer: "b" }, { key: "k" })).rejects.toMatchObject({
      code: "KEY_REUSED",
    });
  });

  test("the stored hash is not that of the parameters", async () => {
    const plain = await start();
    await (await plain.run(order, { customer: "a" })).result();
    const spine = await start({ payloads: old });
    await (await spine.run(order, { customer: "a" })).result();
    await (await spine.run(order, { customer: "a" })).result();
    const hashes = sql("SELECT params_hash FROM workflow_runs ORDER BY run_id");
    expect(hashes[0]).not.toEqual(hashes[1]);
    expect(hashes[1]).toEqual(hashes[2]);
  });

  test("a start in the caller's transaction is encrypted too", async () => {
    const spine = await start({ payloads: old });
    const host = new DatabaseSync(join(folder(), "spine.db"));
    host.exec("BEGIN IMMEDIATE");
    const run = await spine.run(order, { customer: "Needle4711" }, { transaction: host, key: "k" });
    const twice = await spine.run(order, { customer: "Needle4711" }, { transaction: host, key: "k" });
    host.exec("COMMIT");
    host.close();
    expect(twice.id).toBe(run.id);
    expect((await run.result()).outputs.send).toBe("output-Needle4711".length);
    expect(onDisk()).not.toContain("Needle4711");
  });
});

describe("rotation", () => {
  test("a run goes on with the new key; it fails where the old one is missing, and a retry with it completes", async () => {
    const flow = defineWorkflow({ name: "demo.rotate", params: z.object({ n: z.number() }) })
      .step("one", ({ params }) => params.n)
      .step("two", ({ outputs }) => outputs.one + 1);
    const first = await start({ payloads: old, worker: false });
    const run = await first.run(flow, { n: 1 });
    await first.stop();

    const without = await start({
      payloads: encryptPayloads({ keys: { k2 }, use: "k2" }),
      workflows: [flow, order],
    });
    await expect.poll(ends).toEqual([{ run_id: run.id, status: "FAILED", code: "PAYLOAD_KEY_MISSING" }]);
    await expect(without.get(run.id)).rejects.toMatchObject({
      code: "PAYLOAD_KEY_MISSING",
      category: "CONFIGURATION",
      message: expect.stringContaining('"k1"'),
    });
    // The process and its other runs are well.
    expect((await (await without.run(order, { customer: "a" })).result()).outputs.send).toBe(8);
    await without.stop();

    const second = await start({ payloads: rotated, workflows: [flow] });
    expect((await (await second.retry(run.id)).result()).outputs).toEqual({ one: 1, two: 2 });
    const [{ output } = {}] = sql(
      "SELECT output FROM workflow_step_runs WHERE step_name = 'two' AND status = 'COMPLETED'",
    );
    expect(output).toContain("a256gcm.k2.");
  });
});

describe("what cannot be read", () => {
  const flow = defineWorkflow({ name: "demo.tampered", params: z.object({ n: z.number() }) })
    .step("one", ({ params }) => params.n)
    .step("two", ({ outputs, signal }) => {
      if (!halting) return outputs.one + 1;
      reached.resolve();
      return new Promise<number>((_, reject) => signal.addEventListener("abort", () => reject(signal)));
    });
  let halting = true;
  let reached = Promise.withResolvers<void>();

  /** A run whose first step is recorded, and that nobody works on. */
  async function halted(n: number) {
    halting = true;
    reached = Promise.withResolvers();
    const spine = await start({ payloads: old });
    const run = await spine.run(flow, { n });
    await reached.promise;
    await spine.stop();
    halting = false;
    return run.id;
  }

  test("an output that was changed, or put there from another run, fails the run that needs it and no other", async () => {
    const [changed, moved, good] = [await halted(1), await halted(2), await halted(3)];
    sql("UPDATE workflow_step_runs SET output = replace(output, 'k1.', 'k1.A') WHERE run_id = ?", changed);
    sql(
      `UPDATE workflow_step_runs SET output = (SELECT output FROM workflow_step_runs
        WHERE run_id = ? AND step_name = 'one') WHERE run_id = ? AND step_name = 'one'`,
      good,
      moved,
    );
    const spine = await start({ payloads: old, workflows: [flow] });
    expect((await (await spine.attach(good)).result()).outputs).toEqual({ one: 3, two: 4 });
    const unreadable = { status: "FAILED", code: "PAYLOAD_UNREADABLE" };
    await expect.poll(ends).toEqual([
      { run_id: changed, ...unreadable },
      { run_id: moved, ...unreadable },
      { run_id: good, status: "COMPLETED", code: null },
    ]);
    for (const runId of [changed, moved])
      await expect(spine.get(runId)).rejects.toMatchObject({ code: "PAYLOAD_UNREADABLE" });
    const { items } = await spine.history.list({ status: ["FAILED"] });
    expect(items.map(({ runId }) => runId).sort()).toEqual([changed, moved].sort());
  });

  test("a process without keys fails a run instead of giving its code what is encrypted", async () => {
    const runId = await halted(1);
    const spine = await start({ workflows: [flow] });
    const run = await spine.attach(runId);
    await expect(run.result()).rejects.toMatchObject({
      code: "PAYLOAD_KEY_MISSING",
      context: { runId, workflow: "demo.tampered" },
    });
    await spine.stop();
    const keyed = await start({ payloads: old, workflows: [flow] });
    expect((await (await keyed.retry(runId)).result()).outputs).toEqual({ one: 1, two: 2 });
  });
});

test("a process without keys reads what is encrypted as it stands, but never as a result", async () => {
  const spine = await start({ payloads: old });
  const run = await spine.run(order, { customer: "a" });
  await run.result();
  const other = await start({ worker: false });
  const seen = await other.attach(run.id);
  await expect(seen.result()).rejects.toMatchObject({
    code: "PAYLOAD_KEY_MISSING",
    context: { runId: run.id },
  });
  expect((await other.get(run.id)).run.params).toEqual({
    $spine_encoded: expect.stringMatching(/^a256gcm\.k1\./),
  });
});

test("a codec of the host's own: what it leaves alone is stored as it is, and what it throws fails the step", async () => {
  const codec: PayloadCodec = {
    encode: (json) => {
      if (json.includes("broken")) throw new Error("cannot be encoded");
      return json.length > 20 ? encodeURIComponent(json) : null;
    },
    decode: (text) => decodeURIComponent(text),
  };
  const flow = defineWorkflow({ name: "demo.own" })
    .step("short", () => 1)
    .step("long", () => "a text of more than 20 letters")
    .step("bad", ({ outputs }) => (outputs.long.length > 20 ? "broken" : null));
  const spine = await start({ payloads: codec });
  const run = await spine.run(flow, {});
  await expect(run.result()).rejects.toMatchObject({ code: "RECORD_FAILED" });
  const outputs = sql("SELECT output FROM workflow_step_runs ORDER BY seq");
  expect(outputs.map(({ output }) => output)).toEqual([
    "1",
    '{"$spine_encoded":"%22a%20text%20of%20more%20than%2020%20letters%22"}',
    null,
  ]);
  expect((await spine.get(run.id)).steps[1]?.output).toBe("a text of more than 20 letters");
});

test("on Postgres too: nothing plain in the tables, keys find their runs, and a retry reads what was recorded", async () => {
  const place = await placeOn("Postgres");
  const [url = "", schema = ""] = place.address;
  let failures = 1;
  const flow = defineWorkflow({ name: "demo.postgres", params: z.object({ name: z.string() }) })
    .step("one", ({ params, checkpoint }) => checkpoint("part", () => `checkpoint-${params.name}`))
    .step("two", ({ outputs }) => {
      if (failures-- > 0) throw new Error("failed");
      return { back: outputs.one };
    });
  const spine = await start({ database: place.database(), payloads: old });
  const run = await spine.run(flow, { name: "Needle4711" }, { key: "k" });
  await expect(run.result()).rejects.toMatchObject({ message: "failed" });
  await spine.stop();
  const later = await start({ database: place.database(), payloads: rotated, workflows: [flow] });
  expect((await (await later.retry(run.id)).result()).outputs).toEqual({
    one: "checkpoint-Needle4711",
    two: { back: "checkpoint-Needle4711" },
  });
  expect(await later.run(flow, { name: "Needle4711" }, { key: "k" })).toMatchObject({ id: run.id });
  const client = new Client({ connectionString: url });
  await client.connect();
  const stored: string[] = [];
  for (const table of ["workflow_runs", "workflow_step_runs", "step_checkpoints"]) {
    const { rows } = await client.query(`SELECT row_to_json(t)::text AS row FROM ${schema}.${table} t`);
    stored.push(...rows.map(({ row }) => String(row)));
  }
  await client.end();
  // The run, its three attempts, and what one of them recorded inside.
  expect(stored).toHaveLength(5);
  expect(stored.join()).not.toContain("Needle4711");
  expect(stored.join()).toContain("a256gcm.k1.");
  expect(stored.join()).toContain("a256gcm.k2.");
});

test("what is no codec is refused before the database is opened", async () => {
  for (const payloads of [{}, { encode: () => null }, "k1", null]) {
    await expect(start({ payloads: payloads as never })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  }
});
