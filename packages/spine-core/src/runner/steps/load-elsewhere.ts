import { hash } from "node:crypto";
import type { DatasetRef } from "../../data/dataset.ts";
import type { MergeCounts } from "../../data/merge.ts";
import { type Column, DECIMAL_SCALE, type Table } from "../../data/table.ts";
import type { Database } from "../../database/database.ts";
import type { DatabaseTransaction, RowStamp } from "../../database/database-transaction.ts";
import { SpineError } from "../../errors.ts";
import type { LoadStep } from "../../workflow/step.ts";
import type { StepScope } from "../step-scope.ts";
import { withNewColumns } from "./new-columns.ts";

const TEXT: Column = { type: "text", nullable: false, scale: DECIMAL_SCALE };
const COUNT: Column = { type: "integer", nullable: false, scale: DECIMAL_SCALE };

/** The loads that a database other than Spine's own has taken: a row of it commits with the rows of its load. */
const LOADS: Table = {
  name: "_spine_loads",
  columns: {
    load_id: TEXT,
    run_id: TEXT,
    step: TEXT,
    table_name: TEXT,
    inserted: COUNT,
    superseded: COUNT,
    kept: COUNT,
    loaded_at: TEXT,
  },
  key: ["load_id"],
  partition: [],
  captures: null,
};

/** What a load into another database has changed, and as which load. */
interface Loaded {
  readonly stamp: RowStamp;
  readonly changes: MergeCounts;
}

/** The load's own transaction. It does as it is told, with the stamp that the rows are to have. */
export type ChangeTable = (
  into: Table,
  transaction: DatabaseTransaction,
  stamp: RowStamp,
) => Promise<MergeCounts>;

/**
 * Loads into a database that Spine's own history is not in, so that the two cannot commit together: the load has an id that is
 * the same in each attempt, which commits with its rows. An attempt that finds its id there has nothing to do any more, however
 * the one before it ended.
 */
export async function loadElsewhere(
  step: LoadStep,
  scope: StepScope,
  input: DatasetRef,
  change: ChangeTable,
): Promise<Loaded & { readonly into: Table }> {
  const { context, clock } = scope;
  const database = scope.databaseOf(step.database);
  await database.ensureTable(step.into);
  await database.ensureTable(LOADS);
  const into = await withNewColumns(step, input, database);
  const loadId = loadIdOf(context.runId, context.step, input.dataset);
  const known = () => database.transaction((transaction) => find(transaction, loadId));
  const before = await known();
  if (before) return { ...before, into };
  const stamp: RowStamp = { loadId, loadedAt: new Date(clock.now()).toISOString() };
  try {
    return await database.transaction(async (transaction) => {
      const changes = await change(into, transaction, stamp);
      await transaction.insertRows(LOADS, once(rowOf(step, scope, stamp, changes)), stamp);
      return { stamp, changes, into };
    });
  } catch (error) {
    // Somebody else was at it: an attempt of a worker that is taken for gone, and is not.
    const meanwhile = SpineError.is(error) && error.code === "LOAD_FAILED" ? await known() : undefined;
    if (meanwhile) return { ...meanwhile, into };
    throw error;
  }
}

/** A row of {@link LOADS}. */
interface LoadRow {
  readonly load_id: string;
  readonly inserted: number | string;
  readonly superseded: number | string;
  readonly kept: number | string;
  readonly loaded_at: string;
}

async function find({ kysely }: DatabaseTransaction, loadId: string): Promise<Loaded | undefined> {
  const row = (await kysely
    .selectFrom(LOADS.name)
    .selectAll()
    .where("load_id", "=", loadId)
    .executeTakeFirst()) as LoadRow | undefined;
  if (!row) return undefined;
  const [inserted, superseded, kept] = [row.inserted, row.superseded, row.kept].map(Number);
  return {
    stamp: { loadId, loadedAt: row.loaded_at },
    changes: { inserted: inserted ?? 0, superseded: superseded ?? 0, kept: kept ?? 0 },
  };
}

function rowOf(
  { into }: LoadStep,
  { context }: StepScope,
  { loadId, loadedAt }: RowStamp,
  changes: MergeCounts,
): Readonly<Record<string, unknown>> {
  return {
    load_id: loadId,
    run_id: context.runId,
    step: context.step,
    table_name: into.name,
    ...changes,
    loaded_at: loadedAt,
  };
}

async function* once<T>(row: T): AsyncIterable<readonly T[]> {
  yield [row];
}

/** A UUID that is the same for all attempts of a step on one dataset; like the run's, it begins with the run's time. */
function loadIdOf(runId: string, step: string, dataset: string): string {
  const text = hash("sha256", [runId, step, dataset].join("\n"));
  return `${runId.slice(0, 13)}-8${text.slice(0, 3)}-a${text.slice(3, 6)}-${text.slice(6, 18)}`;
}

/** The databases that loads may name. */
export function databaseNamed(
  databases: Readonly<Record<string, Database>>,
  name: string | null | undefined,
): Database {
  const database = name == null ? undefined : Object.hasOwn(databases, name) ? databases[name] : undefined;
  if (database) return database;
  const known = Object.keys(databases);
  throw new SpineError(
    "CONFIG_INVALID",
    `There is no database named "${name}" to load into. ${known.length === 0 ? "None is given" : `Given: ${known.join(", ")}`}; add it to createSpine({ databases }).`,
    { context: { database: name } },
  );
}
