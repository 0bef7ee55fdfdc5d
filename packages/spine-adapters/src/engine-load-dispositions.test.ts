// Every way to load, in one pass and step after step: a FAIL leaves the target as it was, byte for byte, and no value is ever a part of a
// statement.
import { DatabaseSync } from "node:sqlite";
import { sql } from "kysely";
import pg from "pg";
import {
  acceptedValues,
  createSpine,
  defineTable,
  defineWorkflow,
  type Row,
  type Source,
  type Spine,
  silentLogger,
} from "spine-core";
import { stagingTables } from "spine-core/testing";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { HOSTILE, HOSTILE_NAMES, MARK } from "./testing/hostile-texts.ts";
import { PLACES } from "./testing/places.ts";

interface Item {
  readonly id: string;
  readonly note: string;
  readonly extra: { readonly [name: string]: string };
  readonly ok: string;
}

const DAY = `'"; DROP TABLE canary; -- \\. ${MARK}`;
const item = (id: string, note = id, ok = "yes"): Item => ({ id, note, extra: { [note]: note }, ok });
const GIVEN = {
  hostile: HOSTILE.map((text) => item(text)),
  changed: HOSTILE.map((text) => item(text, `${text}2`)),
  good: [item("A", "1"), item("B", "1"), item("C", "1")],
  // The last row of the second page is the one that the check is about.
  bad: [item("A", "2"), item("B", "1"), item("D", "2"), item("E", "2", "no")],
  nul: [item("a\0b")],
  surrogate: [item("a\ud800b")],
} as const;
const given: Source<keyof typeof GIVEN, Item> = {
  name: "given",
  async *stream(which, { cursor } = {}) {
    const rows = GIVEN[which];
    const size = rows.length > 10 ? 20 : 2;
    for (let from = Number(cursor ?? 0); from < rows.length; from += size) {
      yield { rows: rows.slice(from, from + size), cursor: from + size };
      await Promise.resolve();
    }
  },
};

const WAYS = {
  append: { disposition: "append" },
  replace: { disposition: "replace" },
  part: { disposition: "replace-partition" },
  merge: { disposition: "merge", strategy: "delete-insert" },
  upsert: { disposition: "merge", strategy: "upsert" },
  scd2: { disposition: "scd2" },
} as const;
type Way = keyof typeof WAYS;

const params = z.object({ day: z.string(), which: z.literal(Object.keys(GIVEN) as (keyof typeof GIVEN)[]) });
const schema = z.object({
  day: z.string(),
  id: z.string(),
  note: z.string(),
  extra: z.unknown(),
  ok: z.string(),
});
const checks = [acceptedValues("ok", ["yes"])];

function flowOf(way: Way, fused: boolean) {
  const name = `${fused ? "fused" : "steps"}_${way}`;
  const into = defineTable({
    name,
    columns: { day: "text", id: "text", note: "text", extra: "json", ok: "text" },
    key: ["day", "id"],
    partition: ["day"],
    captures: `${name}_captures`,
  });
  const flow = defineWorkflow({
    name: `demo.${name}`,
    params,
    partition: ({ params: { day } }) => ({ day }),
  });
  type Made = { readonly params: z.output<typeof params> };
  const row = (each: Item, { params: { day } }: Made) => ({ day, ...each });
  const request = ({ params: { which } }: Made) => which;
  const partition = ({ params: { day } }: Made) => ({ day });
  const how = { ...WAYS[way], ...(way === "part" || way === "scd2" ? { partition } : {}) } as {
    disposition: "append";
  };
  return fused
    ? flow.ingest("load", { from: given, request, row, schema, checks, into, ...how })
    : flow
        .fetch("fetch", { from: given, request })
        .transform("clean", { from: "fetch", row, schema })
        .quality("check", { on: "clean", checks })
        .load("load", { from: "clean", into, ...how });
}

const CASES = (Object.keys(WAYS) as Way[]).flatMap((way) =>
  [false, true].map((fused) => ({ way, fused, flow: flowOf(way, fused) })),
);
const canary = defineTable({ name: "canary", columns: { id: "text" }, key: ["id"] });

/** Takes down the text of every statement that this process sends. */
function listen(): { readonly statements: string[]; stop(): void } {
  const statements: string[] = [];
  const spies = [
    ...(["prepare", "exec"] as const).map((method) => {
      const original = DatabaseSync.prototype[method] as (sql: string) => never;
      return vi.spyOn(DatabaseSync.prototype, method).mockImplementation(function (
        this: DatabaseSync,
        sql: string,
      ) {
        statements.push(sql);
        return original.call(this, sql);
      });
    }),
    ...(["query", "parse"] as const).map((method) => {
      const connection = pg.Connection.prototype as unknown as Record<string, (what: unknown) => unknown>;
      const original = connection[method] as (...args: unknown[]) => unknown;
      return vi.spyOn(connection, method).mockImplementation(function (this: unknown, ...args: unknown[]) {
        const [what] = args;
        statements.push(typeof what === "string" ? what : String((what as { text: string }).text));
        return original.apply(this, args);
      });
    }),
  ];
  const stop = () => {
    for (const spy of spies) spy.mockRestore();
  };
  return { statements, stop };
}

describe.each(PLACES)("%s", (_name, open) => {
  let spine: Spine;
  beforeAll(async () => {
    const place = await open();
    const workflows = CASES.map(({ flow }) => flow);
    spine = await createSpine({ database: place.database(), workflows, logger: silentLogger });
    await spine.database.ensureTable(canary);
    return async () => {
      await spine.stop();
      place.remove();
    };
  });
  const run = async ({ flow }: (typeof CASES)[number], which: keyof typeof GIVEN, day: string) => {
    const { name } = flow;
    const started = await spine.run<unknown, unknown, Record<string, unknown>>(flow as never, { day, which });
    return await started.result().then(
      () => null,
      (error: unknown) => Object.assign(error as Error, { workflow: name }),
    );
  };
  const tableOf = ({ way, fused }: (typeof CASES)[number]) => `${fused ? "fused" : "steps"}_${way}`;
  /** Everything in a table, down to where a row is stored and who wrote it last. */
  const bytesOf = async (table: string) => {
    const { kysely, dialect } = spine.database;
    const where = dialect === "sqlite" ? sql`rowid` : sql`ctid::text || ' ' || xmin::text`;
    const { rows } = await sql`SELECT ${where} AS stored, t.* FROM ${sql.table(table)} t ORDER BY 1`.execute(
      kysely,
    );
    return JSON.stringify(rows);
  };

  test("a FAIL leaves the target and its captures as they were, byte for byte", async () => {
    for (const one of CASES) {
      const said = tableOf(one);
      const bytes = async () => [await bytesOf(said), await bytesOf(`${said}_captures`)];
      expect(await run(one, "good", "mon"), said).toBeNull();
      const before = await bytes();
      expect(before[0], said).toContain('"note":"1"');
      expect(await run(one, "bad", "mon"), said).toMatchObject({ category: "DATA_QUALITY" });
      expect(await bytes(), said).toEqual(before);
    }
    expect(await stagingTables(spine.database)).toBe(0);
  });

  test("values of a corpus come back as they were, and no statement has anything of them", async () => {
    const heard = listen();
    for (const one of CASES) {
      const said = tableOf(one);
      expect(await run(one, "hostile", DAY), said).toBeNull();
      if (one.way !== "append") expect(await run(one, "changed", DAY), said).toBeNull();
    }
    heard.stop();
    expect(heard.statements.length).toBeGreaterThan(100);
    expect(heard.statements.some((text) => text.includes("fused_scd2"))).toBe(true);
    expect(heard.statements.filter((text) => text.includes(MARK) || text.includes("canary"))).toEqual([]);
    expect(await spine.database.kysely.selectFrom("canary").selectAll().execute()).toEqual([]);

    const rowsIn = async (table: string) => {
      const found: Row[] = await spine.database.kysely
        .selectFrom(table)
        .select(["id", "note", sql`CAST(extra AS TEXT)`.as("extra")])
        .where("day", "=", DAY)
        .execute();
      const rows = found.map(({ id, note, extra }) => ({
        id,
        note,
        extra: JSON.parse(String(extra)) as unknown,
      }));
      return new Map(rows.map((each) => [each.id, each]));
    };
    const whole = (which: "hostile" | "changed") =>
      new Map(GIVEN[which].map(({ id, note, extra }) => [id, { id, note, extra }]));
    for (const one of CASES) {
      const said = tableOf(one);
      expect(await rowsIn(said), said).toEqual(whole(one.way === "append" ? "hostile" : "changed"));
      if (one.way !== "append") expect(await rowsIn(`${said}_captures`), said).toEqual(whole("hostile"));
    }
    // What is known of partitions has the value too.
    expect(await spine.partitions.get("fused_part", { day: DAY })).toMatchObject({ rows: HOSTILE.length });
  });

  test("what a database cannot hold is refused, and not changed", async () => {
    const cases = CASES.filter(({ way }) => way === "append" || way === "upsert");
    for (const one of cases) {
      for (const which of ["nul", "surrogate"] as const) {
        const said = `${tableOf(one)} ${which}`;
        const error = await run(one, which, which);
        const found = await spine.database.kysely
          .selectFrom(tableOf(one))
          .select("id")
          .where("day", "=", which)
          .execute();
        if (error === null) expect(found, said).toEqual(GIVEN[which].map(({ id }) => ({ id })));
        else {
          expect(found, said).toEqual([]);
          expect(error, said).toMatchObject({
            code: expect.stringMatching(/^(LOAD_FAILED|PAYLOAD_INVALID)$/),
          });
        }
      }
    }
  });
});

test("names of a corpus are those of no table, column, captures or partition", () => {
  const columns = { a: "text" } as const;
  for (const name of HOSTILE_NAMES) {
    const table = (options: object) => () =>
      defineTable({ name: "t", columns, key: ["a"], ...options } as Parameters<typeof defineTable>[0]);
    // A field of that name is none of the object, but what it is made of.
    const named = name === "__proto__" ? Object.fromEntries([[name, "text"]]) : { a: "text", [name]: "text" };
    const refused = { code: "CONFIG_INVALID" };
    expect(table({ name }), name).toThrow(expect.objectContaining(refused));
    expect(table({ columns: named, key: [] }), name).toThrow(expect.objectContaining(refused));
    expect(table({ key: [name] }), name).toThrow(expect.objectContaining(refused));
    expect(table({ partition: [name] }), name).toThrow(expect.objectContaining(refused));
    if (name !== "") expect(table({ captures: name }), name).toThrow(expect.objectContaining(refused));
    // Nor of one that somebody has made by hand.
    const whole = defineTable({ name: "t", columns, key: ["a"] });
    for (const forged of [
      { name },
      { captures: name },
      { columns: { ...whole.columns, ...Object.fromEntries([[name, whole.columns.a]]) } },
    ]) {
      const define = () =>
        defineWorkflow({ name: "demo.forged" }).ingest("load", {
          from: given,
          request: () => "good" as const,
          row: ({ id }) => ({ a: id }),
          schema: z.object({ a: z.string() }),
          into: { ...whole, ...forged } as typeof whole,
          disposition: "append",
        });
      expect(define, name).toThrow(expect.objectContaining({ code: "WORKFLOW_INVALID" }));
    }
  }
});
