// Checks that ask the database: keys beyond those that fit into memory, tables and datasets beside their own, and earlier runs.
import {
  changeVsPrior,
  createSpine,
  defineTable,
  defineWorkflow,
  distinctCount,
  notNull,
  type QualityCheck,
  type QualityInput,
  type QualityReport,
  range,
  recordCount,
  relationship,
  type Source,
  type Spine,
  silentLogger,
  sql,
  unique,
} from "spine-core";
import { arraySource, seeded } from "spine-core/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { PLACES } from "./testing/places.ts";

type Rows = readonly Readonly<Record<string, unknown>>[];

/** The same check with room for so many keys. */
function keeping(mostKeys: number, check: QualityCheck<never>): QualityCheck<never> {
  return { ...check, start: (input) => check.start({ ...input, mostKeys }) };
}

const SYMBOLS = defineTable({
  name: "symbols",
  columns: { symbol: "text", number: "integer", week: "date", listed: "boolean", price: "decimal" },
  key: ["symbol"],
});
const symbol = (name: string, number: number) => ({
  symbol: name,
  number,
  week: `2025-01-0${number}`,
  listed: number === 1,
  price: "1.5",
});

/** Delivers what it is asked for. */
const given: Source<Rows, Readonly<Record<string, unknown>>> = {
  name: "given",
  async *stream(rows) {
    yield { rows, cursor: null };
  },
};

describe.each(PLACES)("quality on %s", (_name, open) => {
  let spine: Spine;
  let remove = () => {};
  let flows = 0;
  beforeAll(async () => {
    const place = await open();
    spine = await createSpine({ database: place.database(), logger: silentLogger });
    remove = () => place.remove();
    const known = defineWorkflow({ name: "demo.symbols" })
      .fetch("fetch", { from: arraySource([symbol("A", 1), symbol("B", 2)]), request: () => ({}) })
      .load("load", { from: "fetch", into: SYMBOLS, disposition: "append" });
    await (await spine.run(known, {})).result();
  }, 60_000);
  afterAll(async () => {
    await spine?.stop();
    remove();
  });

  const workflow = (rows: Rows, checks: readonly QualityCheck<never>[], name = `demo.quality_${++flows}`) =>
    defineWorkflow({
      name,
      domain: "demo",
      params: z.object({ tier: z.string().optional() }),
      partition: ({ params }) => ({ week: "2025-01-06", tier: params.tier ?? "T0" }),
    })
      .fetch("other", {
        from: arraySource([{ k: "A" }, { k: "B" }, { k: null }, { k: 7 }]),
        request: () => ({}),
      })
      .fetch("rows", { from: arraySource(rows, { pageRows: 30 }), request: () => ({}) })
      .quality("check", { on: "rows", checks: checks as readonly QualityCheck<object>[] });
  /** What checks find in rows; they block nothing here. */
  async function found(
    rows: Rows,
    checks: readonly QualityCheck<never>[],
  ): Promise<QualityReport["results"]> {
    const free = checks.map((check) => ({ ...check, blocking: false }));
    const run = await spine.run(workflow(rows, free), {});
    return (await run.result()).outputs.check.results;
  }

  it("finds the same, with the same examples, whether keys fit into memory or not", async () => {
    const next = seeded(7);
    const texts = [null, undefined, "", "a", "A", "ä", "null", "1", '"1"', "a,b", "\t", "\\", "😀"];
    const numbers = [null, 1, 1.5, -0, 0, true, { k: 1 }, [1, "1"]];
    const pick = (cells: readonly unknown[]) => cells[Math.floor(next() * cells.length)];
    const rows = Array.from({ length: 120 }, () => ({
      t: pick(texts),
      n: pick(numbers),
      id: Math.floor(next() * 90),
    }));
    const checks = (most: number) =>
      [
        unique(["t"]),
        unique(["n"]),
        unique(["id"]),
        unique(["t", "n", "id"]),
        unique(["t", "nowhere"]),
        distinctCount(["t"], { min: 1 }),
        distinctCount(["n", "id"], { min: 1 }),
      ].map((check) => keeping(most, check as QualityCheck<never>));
    const [few, many] = [await found(rows, checks(3)), await found(rows, checks(1_000))];
    expect(few).toEqual(many);
    expect(few.map(({ status }) => status)).not.toContain("ERROR");
    expect(few[2]?.samples.length).toBe(20);
  });

  it("does not tell texts from numbers by guessing: that is an ERROR, of that check alone", async () => {
    const rows = [{ k: "1" }, { k: 1 }, { k: 2 }];
    const results = await found(rows, [
      keeping(2, unique(["k"]) as QualityCheck<never>),
      recordCount({ min: 3 }),
    ]);
    expect(results.map(({ status }) => status)).toEqual(["ERROR", "PASS"]);
    expect(results[0]?.message).toMatch(/holds texts and other values/);
  });

  it("looks for keys in a table, by its types or as texts, and in the rows of another step", async () => {
    const rows = [
      { s: "A", n: 1, w: "2025-01-01", l: true, k: "A" },
      { s: "X", n: 3, w: "soon", l: null, k: "Y" },
      { s: null, n: "2", w: "2025-01-02", l: false, k: "7" },
      { s: "X", n: "1; DROP TABLE symbols", w: "2025-01-01'", l: "yes", k: "Y" },
    ];
    const results = await found(rows, [
      relationship(["s"], { in: SYMBOLS, columns: ["symbol"] }),
      relationship(["s"], { in: "symbols", columns: ["symbol"] }),
      relationship(["n"], { in: SYMBOLS, columns: ["number"] }),
      relationship(["n"], { in: "symbols", columns: ["number"] }),
      relationship(["w"], { in: SYMBOLS, columns: ["week"] }),
      relationship(["l"], { in: SYMBOLS, columns: ["listed"] }),
      relationship(["s", "n"], { in: SYMBOLS, columns: ["symbol", "number"] }, { maxFailures: { fail: 9 } }),
      relationship(["k"], { in: { step: "other" } }),
      relationship(["s"], { in: "no_such_table", columns: ["symbol"] }),
    ]);
    expect(results.map(({ status, rowsFailed }) => `${status} ${rowsFailed}`)).toEqual([
      "FAIL 2",
      "FAIL 2",
      "FAIL 2",
      "FAIL 2",
      "FAIL 2",
      "FAIL 1",
      "WARN 2",
      "FAIL 2",
      "ERROR 0",
    ]);
    expect(results[0]?.samples).toEqual(['["X"] is not in symbols']);
    expect(results[7]?.samples).toEqual(['["Y"] is not in the rows of other']);
    expect(() => relationship(["p"], { in: SYMBOLS, columns: ["price"] })).toThrow(/is a decimal/);
    expect(() => relationship(["p"], { in: SYMBOLS })).toThrow(/no column "p"/);
  });

  it("asks whatever else in SQL, and one that the database refuses harms no other", async () => {
    const rows = Array.from({ length: 50 }, (_, n) => ({ n, s: n === 49 ? null : `s${n % 10}` }));
    const results = await found(rows, [
      sql("broken", (db, table) => db.selectFrom(table).select("no_such_column")),
      sql("above 9", (db, table) => db.selectFrom(table).select("n").where("n", ">", 9), {
        columns: { n: "integer" },
      }),
      sql("no text", (db, table) => db.selectFrom(table).select("n").where("s", "is", null)),
      sql("counted", async (db, table) => (await db.selectFrom(table).select("n").execute()).length),
      sql("rows", (db, table) => db.selectFrom(table).select("n").where("s", "=", "s1").execute()),
      sql("misfits", (db, table) => db.selectFrom(table).select("s"), { columns: { s: "integer" } }),
      sql("neither", () => "?" as never),
      unique(["n"]),
    ]);
    expect(results.map(({ status, rowsFailed }) => `${status} ${rowsFailed}`)).toEqual([
      "ERROR 0",
      "FAIL 40",
      "FAIL 1",
      "FAIL 50",
      "FAIL 5",
      "ERROR 0",
      "ERROR 0",
      "PASS 0",
    ]);
    expect([results[1]?.samples.length, results[1]?.samples[0]]).toEqual([20, '{"n":10}']);
    expect((await found([], [sql("broken", () => "?" as never)]))[0]?.status).toBe("SKIPPED");
  });

  it("compares with completed runs before, by their scope", async () => {
    const scope = { scope: ({ params }: QualityInput) => (params as { tier: string }).tier };
    const checks = [
      changeVsPrior("rows", { warn: 0.1, fail: 0.5 }, scope),
      changeVsPrior({ sum: "v" }, { fail: 1, prior: 2 }, { ...scope, blocking: false }),
      keeping(1, changeVsPrior({ distinct: "k" }, { fail: 0.4 }, { blocking: false, name: "keys" })),
    ];
    const flow = defineWorkflow({
      name: "demo.changes",
      params: z.object({ tier: z.string(), values: z.array(z.number()) }),
    })
      .fetch("rows", { from: given, request: ({ params }) => params.values.map((v) => ({ v, k: `k${v}` })) })
      .quality("check", { on: "rows", checks: checks as readonly QualityCheck<object>[] });
    const of = async (tier: string, values: number[]) => {
      const run = await spine.run(flow, { tier, values });
      return await run.result().then(
        ({ outputs }) => outputs.check.results.map((result) => `${result.status} ${result.actual}`),
        () => "FAILED",
      );
    };
    expect(await of("T1", [1, 2])).toEqual(["PASS 2", "PASS 3", "PASS 2"]);
    expect(await of("T2", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])).toEqual(["PASS 10", "PASS 55", "FAIL 10"]);
    expect(await of("T1", [1, 2, 3])).toEqual(["WARN 3", "PASS 6", "FAIL 3"]);
    // The mean of the last two of its kind, 3 and 6, is 4.5: nine is once as much more, ten is above.
    expect(await of("T1", [4, 5, 1])).toEqual(["PASS 3", "FAIL 10", "PASS 3"]);
    expect(await of("T1", [1])).toBe("FAILED");
    // A failed run is not compared with: the next one is compared with the three rows of the one before.
    expect(await of("T1", [2, 2, 2])).toEqual(["PASS 3", "PASS 6", "FAIL 1"]);
    expect(
      (await spine.quality.trend({ workflow: "demo.changes", check: "changeVsPrior(rows)" })).map(
        ({ actual }) => actual,
      ),
    ).toEqual(["3", "1", "3", "3", "10", "2"]);
  });

  it("raises an alert for each check that stops a run, with the run's failure, and its trend can be read", async () => {
    const flow = workflow(
      [{ n: 1 }, { n: null }],
      [
        recordCount({ min: 5 }),
        notNull(["n"]),
        range("n", { min: 0 }),
        range("n", { min: 9 }, { blocking: false, name: "soft" }),
      ],
      "demo.alerts",
    );
    const runs = [];
    for (const tier of [undefined, "T1"]) {
      const run = await spine.run(flow, { tier });
      await expect(run.result()).rejects.toMatchObject({ category: "DATA_QUALITY" });
      runs.push(run.id);
    }
    const [first = "", second = ""] = runs;
    const alerts = await spine.alerts.list({ runId: second });
    expect(alerts).toHaveLength(2);
    expect(alerts[1]).toEqual({
      alertId: expect.any(String),
      severity: "WARNING",
      title: "demo.alerts: quality check recordCount failed",
      message: "2 rows, expected at least 5",
      source: "quality",
      workflow: "demo.alerts",
      runId: second,
      step: "check",
      domain: "demo",
      partition: { week: "2025-01-06", tier: "T1" },
      labels: {
        pipeline: "demo.alerts",
        domain: "demo",
        partition: "tier=T1/week=2025-01-06",
        check: "recordCount",
        category: "COMPLETENESS",
      },
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
      raisedAt: expect.stringMatching(/Z$/),
      details: {
        status: "FAIL",
        actual: 2,
        expected: "at least 5",
        rowsTested: 2,
        rowsFailed: 0,
        samples: [],
      },
    });
    const all = await spine.alerts.list({ workflow: "demo.alerts", severity: "WARNING" });
    expect(all.map(({ runId }) => runId)).toEqual([second, second, first, first]);
    // The same check of the same partition is the same trouble, whichever run met it; another partition is another.
    expect(new Set(all.map(({ fingerprint }) => fingerprint)).size).toBe(4);
    const page = await spine.alerts.list({ workflow: "demo.alerts", limit: 3 });
    const rest = await spine.alerts.list({ workflow: "demo.alerts", after: page.at(-1)?.alertId ?? "" });
    expect([...page, ...rest]).toEqual(all);
    expect(await spine.alerts.list({ severity: "CRITICAL" })).toEqual([]);

    const query = { workflow: "demo.alerts", check: "notNull(n)", step: "check" };
    const trend = await spine.quality.trend(query);
    expect(
      trend.map(({ runId, status, actual, rowsTested, rowsFailed }) => [
        runId,
        status,
        actual,
        rowsTested,
        rowsFailed,
      ]),
    ).toEqual([second, first].map((runId) => [runId, "FAIL", "1", 2, 1]));
    const [newest] = await spine.quality.trend({ ...query, limit: 1 });
    expect(newest).toEqual(trend[0]);
    expect(await spine.quality.trend({ ...query, before: newest?.key ?? "" })).toEqual(trend.slice(1));
    expect(await spine.quality.trend({ ...query, step: "other" })).toEqual([]);
    const results = await spine.quality.results(first);
    expect(results.map(({ check, status }) => `${check} ${status}`)).toEqual([
      "recordCount FAIL",
      "notNull(n) FAIL",
      "range(n) PASS",
      "soft FAIL",
    ]);
    expect(results[1]?.samples).toEqual(['n missing in {"n":null}']);
    await expect(spine.quality.trend({ ...query, before: "x" })).rejects.toThrow(/`before`/);
    await expect(spine.alerts.list({ kind: "x" } as never)).rejects.toThrow(/`kind` is no option/);
  });
});
