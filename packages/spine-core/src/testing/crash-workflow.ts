import { z } from "zod";
import { defineTable } from "../data/table.ts";
import type { Database } from "../database/database.ts";
import type { DatabaseTransaction } from "../database/database-transaction.ts";
import { TransientError } from "../errors.ts";
import { newId } from "../ids.ts";
import type { JsonValue } from "../json.ts";
import type { QualityCheck } from "../quality/quality-check.ts";
import type { Source } from "../sources/source.ts";
import { defineWorkflow } from "../workflow/define-workflow.ts";
import { reject } from "../workflow/rejection.ts";
import { DURABLE_EFFECTS } from "./crash-points.ts";
import type { CrashSubject } from "./crash-subject.ts";
import type { Ledger } from "./ledger.ts";

/** What `ctx.transaction` leaves behind: no unique key, so that an effect made twice is there twice. */
export const effectsTable = defineTable({
  name: "crash_effects",
  columns: { run: "text", effect: "text" },
  key: [],
});
/** What the load leaves behind. */
const rowsTable = defineTable({
  name: "crash_rows",
  columns: { run: "text", n: "integer" },
  key: ["run", "n"],
  partition: ["run"],
  captures: "crash_rows_captures",
});

const PAGES = 3;
const PAGE_ROWS = 4;
/** The transform refuses this row; the source itself refuses one after each page. */
const REFUSED_ROW = 5;

const LOADED = Array.from({ length: PAGES * PAGE_ROWS }, (_, n) => n).filter((n) => n !== REFUSED_ROW);

/** What a run leaves behind when every effect happened exactly once. */
const EXPECTED_EFFECTS: readonly string[] = [
  "effect first",
  "effect second",
  ...LOADED.map((n) => `row ${n}`),
  `partition of ${LOADED.length} rows`,
  `record of ${LOADED.length} rows`,
];

/** One step after another: a step of every kind that moves rows, and parts of steps that are recorded by themselves. */
export const everyRows: CrashSubject = {
  workflows: (ledger) => [crashWorkflow(ledger)],
  tables: [effectsTable],
  // Nobody cancels this run, or sends it anything.
  effects: DURABLE_EFFECTS.filter((effect) => effect !== "control" && effect !== "signal"),
  async look({ run: { runId }, steps }, { partitions }, { kysely }) {
    const loaded: { n: number; _spine_load_id: string }[] = await kysely
      .selectFrom(rowsTable.name)
      .select(["n", "_spine_load_id"])
      .where("run", "=", runId)
      .execute();
    // Rows of a load that was done over would stand here.
    const superseded: { n: number }[] = await kysely
      .selectFrom(rowsTable.captures ?? rowsTable.name)
      .select("n")
      .where("run", "=", runId)
      .execute();
    const load = steps.find(({ name, status }) => name === "load" && status === "COMPLETED");
    const output = load?.output as { loadId?: string; inserted?: number } | undefined;
    const partition = await partitions.get(rowsTable.name, { run: runId });
    const known = (loadId: string | undefined) => (loadId === output?.loadId ? "" : " of an unknown load");
    return {
      effects: [
        ...(await readEffects(kysely, runId)),
        ...loaded.map((row) => `row ${row.n}${known(row._spine_load_id)}`),
        ...superseded.map(({ n }) => `superseded row ${n}`),
        `partition of ${partition?.rows} rows${known(partition?.loadId)}`,
        `record of ${output?.inserted} rows`,
      ],
      expected: EXPECTED_EFFECTS,
    };
  },
};

function crashWorkflow(ledger: Ledger) {
  const retry = { attempts: 3, delay: 5 };
  return defineWorkflow({ name: "crash.all_kinds", partition: () => ({}) })
    .step(
      "prepare",
      async (context) => {
        const { runId } = context;
        /** A part that is recorded by itself. */
        const part = async (name: string, work: () => Promise<unknown>) => {
          await work();
          ledger.acknowledged(runId, `prepare#${name}`);
        };
        const effect = (name: string) => async (transaction: DatabaseTransaction) => {
          ledger.started(runId, `prepare#${name}`);
          await writeEffect(transaction, runId, name);
        };
        ledger.started(runId, "prepare");
        await part("checkpoint", () =>
          context.checkpoint("token", () => ledger.started(runId, "prepare#checkpoint")),
        );
        await part("first", () => context.transaction(effect("first"), { key: "first" }));
        await part("second", () => context.transaction(effect("second"), { key: "second" }));
      },
      { retry },
    )
    .step(
      "flaky",
      ({ runId, attempt }) => {
        ledger.started(runId, "flaky");
        if (attempt === 1) throw new TransientError("the first time never works");
      },
      { retry },
    )
    .fetch("fetch", {
      from: pages(ledger),
      request: ({ runId }) => {
        ledger.started(runId, "fetch");
        return runId;
      },
      retry,
    })
    .transform("transform", {
      from: "fetch",
      row: ({ n }, { runId }) => {
        const chunk = Math.floor(n / PAGE_ROWS);
        if (n % PAGE_ROWS === 0) {
          // One chunk is being stored while the next one is made: the one before these two is stored.
          if (chunk > 1) ledger.acknowledged(runId, `transform#chunk ${chunk - 2}`);
          ledger.started(runId, `transform#chunk ${chunk}`);
        }
        return n === REFUSED_ROW ? reject("UNWANTED", "not this one") : { run: runId, n };
      },
      schema: z.object({ run: z.string(), n: z.int() }),
      retry,
    })
    .quality("quality", { on: "transform", checks: [notes(ledger)], retry })
    .load("load", {
      from: "transform",
      into: rowsTable,
      disposition: "replace-partition",
      partition: ({ runId }) => {
        ledger.started(runId, "load");
        return { run: runId };
      },
      retry,
    })
    .step("report", ({ runId, outputs, metric }) => {
      ledger.started(runId, "report");
      metric("rows", outputs.load.inserted);
      return outputs.load;
    });
}

/** What transactions of a run left behind. */
export async function readEffects(kysely: Database["kysely"], runId: string): Promise<readonly string[]> {
  const made: { effect: string }[] = await kysely
    .selectFrom(effectsTable.name)
    .select("effect")
    .where("run", "=", runId)
    .execute();
  return made.map(({ effect }) => `effect ${effect}`);
}

export async function writeEffect(
  transaction: DatabaseTransaction,
  run: string,
  effect: string,
): Promise<void> {
  async function* one() {
    yield [{ run, effect }];
  }
  await transaction.insertRows(effectsTable, one(), { loadId: newId(), loadedAt: new Date().toISOString() });
}

function pages(ledger: Ledger): Source<string, { n: number }> {
  return {
    name: "crash.pages",
    async *stream(runId, { cursor } = {}) {
      for (let page = pageAfter(cursor); page < PAGES; page++) {
        ledger.started(runId, `fetch#page ${page}`);
        const first = page * PAGE_ROWS;
        const rows = Array.from({ length: PAGE_ROWS }, (_, index) => ({ n: first + index }));
        const refused = { code: "RAGGED_ROW", message: "too short", line: null, raw: `page ${page}` };
        yield { rows, rejects: [refused], cursor: page + 1 };
        // Whoever asks for more has stored this one.
        ledger.acknowledged(runId, `fetch#page ${page}`);
      }
    },
  };
}

function pageAfter(cursor: JsonValue | null | undefined): number {
  return typeof cursor === "number" ? cursor : 0;
}

/** A check that passes: it only says that it is running, and for which run. */
function notes(ledger: Ledger): QualityCheck<{ run: string }> {
  return {
    name: "notes",
    category: "INTEGRITY",
    blocking: true,
    memory: "constant",
    start() {
      let begun = false;
      return {
        add({ run }) {
          if (!begun) ledger.started(run, "quality");
          begun = true;
        },
        finish: () => ({ status: "PASS", message: "seen" }),
      };
    },
  };
}
