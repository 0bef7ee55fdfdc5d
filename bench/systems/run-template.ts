import { createSpine, type Database, silentLogger } from "spine-core";
import { payload } from "../harness/payload.ts";
import { benchWorkflow } from "./bench-workflow.ts";

/** A column's value in the form in which the driver takes it back. */
export type Value = string | number | bigint | null | Uint8Array;
export type TemplateRow = Readonly<Record<string, Value>>;
export type RowsByTable = ReadonlyMap<string, readonly TemplateRow[]>;

/** Reads the rows of a run in all tables that have a `run_id`. */
export type ReadRows = (runId: string) => Promise<RowsByTable>;

/**
 * What Spine writes for one run, as a pattern to write again without an engine: after each write the tables hold what they
 * hold at that moment in Spine. It is taken from a real run, so the floor has Spine's own tables, columns and indexes and
 * cannot drift from them.
 */
export interface RunTemplate {
  readonly runId: string;
  /** The run's row as it is inserted. */
  readonly created: TemplateRow;
  /**
   * The writes in their order: 0 starts the run, n ends step n, the last one also completes the run. Of a queued run, 1 is
   * the claim, and the end of a step one later.
   */
  readonly writes: readonly TemplateWrite[];
}

export interface TemplateWrite {
  /** The run's row after it. */
  readonly run: TemplateRow;
  /** The columns of the run's row that it changes; empty for the first, which inserts it. */
  readonly changed: TemplateRow;
  /** The rows of other tables that it inserts. */
  readonly inserted: readonly { readonly table: string; readonly row: TemplateRow }[];
}

/** Runs one workflow in Spine and reads what it wrote. The name of the table with the runs ends in `workflow_runs`. */
export async function captureTemplate(
  database: Database,
  steps: number,
  read: ReadRows,
  queued = false,
): Promise<RunTemplate> {
  const started = Promise.withResolvers<string>();
  const moments: RowsByTable[] = [];
  // Each step begins once the write before it is durable.
  const workflow = benchWorkflow(steps, async () => {
    moments.push(await read(await started.promise));
  });
  const spine = await createSpine({ database, workflows: [workflow], worker: !queued, logger: silentLogger });
  try {
    const run = await spine.run(workflow.name, { id: 0 });
    if (queued) {
      moments.push(await read(run.id));
      await spine.start();
    }
    started.resolve(run.id);
    await run.result();
    moments.push(await read(run.id));
    const writes = moments.map((rows, index) => writeBetween(moments[index - 1], rows));
    return { runId: run.id, created: writes[0]?.run ?? {}, writes };
  } finally {
    await spine.stop();
  }
}

function writeBetween(before: RowsByTable | undefined, after: RowsByTable): TemplateWrite {
  const run = runRow(after);
  const last = before && runRow(before);
  const changed = last ? Object.entries(run).filter(([name, value]) => last[name] !== value) : [];
  const inserted = [...after].flatMap(([table, rows]) => {
    if (isRuns(table)) return [];
    const known = new Set(before?.get(table)?.map((row) => JSON.stringify(row)));
    return rows.filter((row) => !known.has(JSON.stringify(row))).map((row) => ({ table, row }));
  });
  return { run, changed: Object.fromEntries(changed), inserted };
}

export function isRuns(table: string): boolean {
  return table.endsWith("workflow_runs");
}

function runRow(rows: RowsByTable): TemplateRow {
  for (const [table, [row]] of rows) if (isRuns(table) && row) return row;
  throw new Error("Spine wrote no row into a table named workflow_runs: the floor has nothing to copy.");
}

const TIME = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}/;

/** What a column holds in another run than the template's: its own id, the present time, a step's own output. */
export function fresh(template: RunTemplate, value: Value): (runId: string, id: number, at: string) => Value {
  if (typeof value !== "string") return () => value;
  if (value === template.runId) return (runId) => runId;
  if (value.includes(template.runId)) return (runId) => value.replaceAll(template.runId, runId);
  if (TIME.test(value)) return (_runId, _id, at) => at;
  const step = value.includes('"note"') ? stepOf(value) : null;
  return step === null ? () => value : (_runId, id) => JSON.stringify(payload(id, step));
}

/** The step whose output a text is; null for another text. */
function stepOf(text: string): number | null {
  try {
    const { step, note } = JSON.parse(text) as { step?: unknown; note?: unknown };
    return typeof step === "number" && typeof note === "string" ? step : null;
  } catch {
    return null;
  }
}
