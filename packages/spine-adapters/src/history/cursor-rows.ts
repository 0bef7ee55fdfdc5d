import { type CursorName, type CursorOf, type CursorRecord, decodeJson } from "spine-core";

/** A row of `cursors`. */
export interface CursorRow {
  readonly workflow_name: string;
  readonly step_name: string;
  readonly scope: string;
  readonly kind: string;
  readonly position: string | null;
  readonly value: string | null;
  readonly resets: number;
  readonly run_id: string | null;
  readonly updated_at: string;
}

/** A cursor as the port has it. */
export function readCursor(row: CursorRow): CursorRecord {
  const { position, value, resets } = row;
  return {
    workflow: row.workflow_name,
    step: row.step_name,
    scope: row.scope,
    of: row.kind as CursorOf,
    position,
    value: value === null ? null : decodeJson(value),
    resets,
    runId: row.run_id,
    updatedAt: row.updated_at,
  };
}

/** The key of a cursor's row. */
export function cursorKey({
  workflow,
  step,
  scope,
  of,
}: CursorName): readonly [string, string, string, CursorOf] {
  return [workflow, step, scope, of];
}
