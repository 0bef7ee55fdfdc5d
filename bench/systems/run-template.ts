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
 * The rows that Spine leaves behind for one run, as a pattern to write them again without an engine. They are
 * taken from a real run, so the floor has Spine's own tables, columns and indexes and cannot drift from them.
 */
export interface RunTemplate {
  readonly runId: string;
  /** The run's row as it is inserted. */
  readonly created: TemplateRow;
  /** The columns that differ once the run is complete. */
  readonly completed: TemplateRow;
  /** The other rows by the write that they go with: 0 with the start of the run, n with the end of step n. */
  readonly writes: readonly (readonly { readonly table: string; readonly row: TemplateRow }[])[];
}

/** Runs one workflow in Spine and reads what it wrote. The name of the table with the runs ends in `workflow_runs`. */
export async function captureTemplate(
  database: Database,
  steps: number,
  read: ReadRows,
): Promise<RunTemplate> {
  const reached = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const workflow = benchWorkflow(steps, async (step) => {
    if (step > 0) return;
    reached.resolve();
    await release.promise;
  });
  const spine = await createSpine({ database, workflows: [workflow], logger: silentLogger });
  try {
    const run = await spine.run(workflow.name, { id: 0 });
    await reached.promise;
    const created = runRow(await read(run.id));
    release.resolve();
    await run.result();
    const rows = await read(run.id);
    const completed = runRow(rows);
    const changed = Object.entries(completed).filter(([name, value]) => created[name] !== value);
    const writes = Array.from({ length: steps + 1 }, (): { table: string; row: TemplateRow }[] => []);
    for (const [table, all] of rows) {
      if (isRuns(table)) continue;
      // Evenly over the writes: which of them an event goes with makes no difference to the sum.
      for (const [index, row] of all.entries()) {
        const at = all.length === steps ? index + 1 : Math.floor((index * (steps + 1)) / all.length);
        writes[at]?.push({ table, row });
      }
    }
    return { runId: run.id, created, completed: Object.fromEntries(changed), writes };
  } finally {
    await spine.stop();
  }
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
