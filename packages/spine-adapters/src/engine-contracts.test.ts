// Contracts of transforms in runs: no row disappears, whatever the contract; values that are left out are counted, once.
import fc from "fast-check";
import {
  type Contract,
  createSpine,
  defineTable,
  defineWorkflow,
  type Row,
  reject,
  type Source,
  type Spine,
  SpineError,
  silentLogger,
} from "spine-core";
import { arraySource, mortal, withCrashPoints } from "spine-core/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { PLACES } from "./testing/places.ts";
import { startAt } from "./testing/start-spine.ts";

const CONTRACTS: readonly Contract[] = (
  ["evolve", "freeze", "discard-row", "discard-value"] as const
).flatMap((columns) =>
  (["freeze", "discard-row", "discard-value"] as const).map((values) => ({ columns, values })),
);
const Trade = z.object({ id: z.number(), shares: z.number().nullable(), note: z.string().optional() });

/** Some rows have a field too many, a value that does not fit, or both. */
const flowOf = (rows: readonly object[], pageRows: number, contract?: Contract) =>
  defineWorkflow({ name: ["demo", ...Object.values(contract ?? {})].join(".") })
    .fetch("fetch", { from: arraySource(rows, { pageRows }), request: () => null })
    .transform("clean", {
      from: "fetch",
      row: (row) => row as never,
      schema: Trade,
      ...(contract ? { contract } : {}),
    });

async function read(spine: Spine, flow: ReturnType<typeof flowOf>) {
  const run = await spine.run(flow, {});
  const { outputs } = await run.result();
  const rows: unknown[] = [];
  for await (const batch of spine.read(outputs.clean)) rows.push(...batch);
  const step = (await spine.get(run.id)).steps.findLast(({ name }) => name === "clean");
  return {
    rows,
    step,
    rejects: await spine.datasets.rejects({ runId: run.id, step: "clean", limit: 1_000 }),
  };
}

const hasMore = (row: object) => "x" in row;
const isUnfit = ({ shares }: { readonly shares?: unknown }) => typeof shares === "string";

describe.each(PLACES)("%s", (_name, open) => {
  test("every row comes out or is refused with its reason, for every contract", async () => {
    const place = await open();
    onTestFinished(() => place.remove());
    const spine = await startAt(place, []);
    const row = fc.record(
      { shares: fc.oneof(fc.integer(), fc.constant("5"), fc.constant(null)), x: fc.constant(1) },
      { requiredKeys: ["shares"] },
    );
    const rows = fc
      .sample(fc.array(row, { minLength: 10, maxLength: 10 }), { numRuns: 1, seed: 7 })
      .flat()
      .concat([{ shares: "5", x: 1 }, { shares: 1, x: 1 }, { shares: "5" }, { shares: 1 }])
      .map((each, id) => ({ id, ...each }));
    for (const contract of CONTRACTS) {
      const said = JSON.stringify(contract);
      const isFrozen = contract.columns === "freeze" || contract.values === "freeze";
      const run = await read(spine, flowOf(rows, 7, contract)).catch(SpineError.from);
      if (SpineError.is(run)) {
        expect([isFrozen, run.code, run.category], said).toEqual([true, "CONTRACT_BROKEN", "DATA_QUALITY"]);
        continue;
      }
      expect(isFrozen, said).toBe(false);
      expect(run.step?.rows, said).toEqual({
        in: rows.length,
        out: run.rows.length,
        rejected: run.rejects.length,
      });
      const refused = new Map(run.rejects.map(({ raw, code }) => [(raw as { id: number }).id, code]));
      const out = new Map(run.rows.map((each) => [(each as { id: number }).id, each]));
      let discarded = 0;
      for (const each of rows) {
        const { columns, values } = contract;
        const code =
          columns === "discard-row" && hasMore(each)
            ? "UNKNOWN_COLUMN"
            : values === "discard-row" && isUnfit(each)
              ? "INVALID_SHARES"
              : undefined;
        expect(refused.get(each.id), said).toBe(code);
        if (code) continue;
        const { x: _x, ...own } = each;
        const kept = columns === "evolve" ? each : own;
        expect(out.get(each.id), said).toEqual(isUnfit(each) ? { ...kept, shares: null } : kept);
        discarded += (columns === "discard-value" && hasMore(each) ? 1 : 0) + (isUnfit(each) ? 1 : 0);
      }
      expect(run.step?.metrics, said).toEqual(discarded === 0 ? {} : { discarded_values: discarded });
    }
  });

  test("a reason with what no database can hold is kept, and the row as it was", async () => {
    const place = await open();
    onTestFinished(() => place.remove());
    const spine = await startAt(place, []);
    const odd = { code: "C\0D", message: "half \ud800", line: null, raw: { id: "\0" } };
    const from: Source<null> = {
      name: "odd",
      async *stream() {
        yield { rows: [{ id: "a\0b" }], rejects: [odd], cursor: null };
      },
    };
    const into = defineTable({ name: "odd", columns: { id: "text" }, key: [] });
    const row = ({ id }: Row) => reject(`ODD\0`, `The id is ${String(id)}.`);
    const schema = z.object({ id: z.string() });
    const request = () => null;
    const flow = defineWorkflow({ name: "demo.odd" })
      .fetch("fetch", { from, request })
      .transform("clean", { from: "fetch", row, schema })
      .ingest("ingest", { from, request, row, schema, into, disposition: "append" });
    const run = await spine.run(flow, {});
    await run.result();
    const made = { code: "ODD\ufffd", message: "The id is a\ufffdb.", raw: { id: "a\0b" } };
    const given = { code: "C\ufffdD", message: "half \ufffd", raw: { id: "\0" } };
    for (const [step, rejects] of Object.entries({ fetch: [given], clean: [made], ingest: [given, made] }))
      expect(await spine.rejects.list({ runId: run.id, step }), step).toMatchObject(rejects);
  });

  test("after a death between two chunks it goes on counting", async () => {
    const place = await open();
    onTestFinished(() => place.remove());
    const rows = Array.from({ length: 12 }, (_, id) => ({ id, shares: 1, x: 1 }));
    const flow = flowOf(rows, 4);
    const life = mortal(place.database());
    let appended = 0;
    const database = withCrashPoints(life.database, (point) => {
      if (point === "after dataset.append") appended += 1;
      // Three of the fetch, and two of the transform.
      return appended === 5 ? life.die() : undefined;
    });
    const first = await createSpine({ database, workflows: [flow], logger: silentLogger });
    const { id } = await first.run(flow, {});
    await life.dead;
    const second = await startAt(place, [flow]);
    await (await second.attach(id)).result();
    const steps = (await second.get(id)).steps.filter(({ name }) => name === "clean");
    expect(steps.map(({ status, metrics }) => [status, metrics])).toEqual([
      ["FAILED", {}],
      ["COMPLETED", { discarded_values: 12 }],
    ]);
  });
});
