import { sql } from "kysely";
import { z } from "zod";
import { defineTable } from "../data/table.ts";
import type { Database } from "../database/database.ts";
import { recordCount, unique } from "../quality/checks.ts";
import type { Source } from "../sources/source.ts";
import { defineWorkflow } from "../workflow/define-workflow.ts";
import { reject } from "../workflow/rejection.ts";
import type { CrashSubject } from "./crash-subject.ts";
import type { Ledger } from "./ledger.ts";

const target = defineTable({
  name: "crash_ingested",
  columns: { run: "text", n: "integer" },
  key: ["run", "n"],
  partition: ["run"],
  captures: "crash_ingested_captures",
});

const PAGES = 3;
const PAGE_ROWS = 3;
/** The transform refuses this row. */
const REFUSED_ROW = 4;
const LOADED = Array.from({ length: PAGES * PAGE_ROWS }, (_, n) => n).filter((n) => n !== REFUSED_ROW);

/** An ingest that loads, and one behind it whose checks refuse what would take the place of that. */
export const everyIngest: CrashSubject = {
  workflows: (ledger) => [ingests(ledger)],
  tables: [target],
  // Those of its own; its steps are recorded in transactions.
  effects: ["dataset.open", "dataset.append", "dataset.seal", "transaction"],
  taken: ["refuse"],
  async look({ run: { runId }, steps }, { partitions, datasets }, database) {
    const { kysely } = database;
    const loaded: { n: number; _spine_load_id: string }[] = await kysely
      .selectFrom(target.name)
      .select(["n", "_spine_load_id"])
      .where("run", "=", runId)
      .execute();
    const superseded: { n: number }[] = await kysely
      .selectFrom(target.captures ?? target.name)
      .select("n")
      .where("run", "=", runId)
      .execute();
    const load = steps.find(({ name, status }) => name === "load" && status === "COMPLETED");
    const output = load?.output as { load?: { loadId?: string; inserted?: number } } | undefined;
    const partition = await partitions.get(target.name, { run: runId });
    const known = (loadId: string | undefined) =>
      loadId === output?.load?.loadId ? "" : " of an unknown load";
    const rejects = await datasets.rejects({ runId });
    return {
      effects: [
        ...loaded.map((row) => `row ${row.n}${known(row._spine_load_id)}`),
        ...superseded.map(({ n }) => `superseded row ${n}`),
        ...rejects.map(({ step, code, line }) => `${step} refused line ${line}: ${code}`),
        `partition of ${partition?.rows} rows${known(partition?.loadId)}`,
        `record of ${output?.load?.inserted} rows`,
        `${await stagingTables(database)} staging tables`,
      ],
      expected: [
        ...LOADED.map((n) => `row ${n}`),
        `load refused line ${REFUSED_ROW}: UNWANTED`,
        `refuse refused line ${REFUSED_ROW}: UNWANTED`,
        `partition of ${LOADED.length} rows`,
        `record of ${LOADED.length} rows`,
        "0 staging tables",
      ],
    };
  },
};

/** How many staging tables there are. */
export async function stagingTables({ kysely, dialect }: Database): Promise<number> {
  const named =
    dialect === "sqlite"
      ? kysely.selectFrom("sqlite_schema").select("name").where("type", "=", "table")
      : kysely
          .selectFrom("pg_catalog.pg_class")
          .select("relname as name")
          .where("relkind", "=", "r")
          // Those of other places in the same database are not in its path.
          .where(sql<boolean>`pg_catalog.pg_table_is_visible(oid)`);
  const rows: { name: string }[] = await named.execute();
  return rows.filter(({ name }) => name.startsWith("_spine_staged_")).length;
}

function ingests(ledger: Ledger) {
  const common = (step: string) => ({
    from: pages(ledger, step),
    request: ({ runId }: { readonly runId: string }) => {
      ledger.started(runId, step);
      return runId;
    },
    row: ({ n }: { readonly n: number }, { runId }: { readonly runId: string }) =>
      n === REFUSED_ROW ? reject("UNWANTED", "not this one") : { run: runId, n },
    schema: z.object({ run: z.string(), n: z.int() }),
    into: target,
    disposition: "replace-partition" as const,
    partition: ({ runId }: { readonly runId: string }) => ({ run: runId }),
    retry: { attempts: 3, delay: 5 },
  });
  return defineWorkflow({ name: "crash.ingest", partition: () => ({}) })
    .ingest("load", { ...common("load"), checks: [recordCount({ min: LOADED.length, max: LOADED.length })] })
    .ingest("refuse", {
      ...common("refuse"),
      // Other rows than before, or they would be known by their hash.
      row: ({ n }, { runId }) =>
        n === REFUSED_ROW ? reject("UNWANTED", "not this one") : { run: runId, n: Math.floor(n / 2) },
      checks: [unique(["n"])],
      onError: "continue",
    });
}

function pages(ledger: Ledger, step: string): Source<string, { n: number }> {
  return {
    name: `crash.${step}`,
    async *stream(runId, { cursor } = {}) {
      for (let page = Number(cursor ?? 0); page < PAGES; page++) {
        ledger.started(runId, `${step}#page ${page}`);
        const first = page * PAGE_ROWS;
        const rows = Array.from({ length: PAGE_ROWS }, (_, index) => ({ n: first + index }));
        yield { rows, lines: rows.map(({ n }) => n), cursor: page + 1 };
        // Whoever asks for more has stored this one.
        ledger.acknowledged(runId, `${step}#page ${page}`);
        await Promise.resolve();
      }
    },
  };
}
