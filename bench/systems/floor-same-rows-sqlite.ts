import type { DatabaseSync, StatementSync } from "node:sqlite";
import { newId } from "spine-core";
import type { Environment, Session } from "../harness/system.ts";
import { BatchedWrites } from "./batched-writes.ts";
import {
  captureTemplate,
  fresh,
  isRuns,
  type RunTemplate,
  type TemplateRow,
  type Value,
} from "./run-template.ts";
import { spineDatabase } from "./spine.ts";
import { countOf, openFile } from "./sqlite-file.ts";

/** One row to write, with the values of its run. */
export type Write = (runId: string, id: number, at: string) => void;

/** Spine's own tables, columns and indexes, written row by row in shared commits, with no engine and no fence. */
export async function open(environment: Environment): Promise<Session> {
  const { steps } = environment;
  const file = openFile(environment);
  const spine = spineDatabase("sqlite", environment);
  const template = await captureTemplate(spine, steps, async (runId) => readRows(file, runId));
  for (const table of tablesOf(file))
    file.prepare(`DELETE FROM ${table} WHERE run_id = ?`).run(template.runId);

  const runs = tablesOf(file).find(isRuns) ?? "workflow_runs";
  const create = insert(file, template, runs, template.created);
  const writes = template.writes.map(({ changed, inserted }): readonly Write[] => [
    ...(Object.keys(changed).length > 0 ? [update(file, template, runs, changed)] : []),
    ...inserted.map(({ table, row }) => insert(file, template, table, row)),
  ]);
  const begin = file.prepare("BEGIN IMMEDIATE");
  const commit = file.prepare("COMMIT");
  const batches = new BatchedWrites<() => void>((batch) => {
    begin.run();
    for (const write of batch) write();
    commit.run();
  });
  return {
    async run(id) {
      const runId = newId();
      for (let write = 0; write <= steps; write += 1) {
        await batches.write(() => {
          const at = new Date().toISOString();
          if (write === 0) create(runId, id, at);
          for (const row of writes[write] ?? []) row(runId, id, at);
        });
      }
    },
    completed: async () => countOf(file, `SELECT count(*) AS n FROM ${runs} WHERE status = 'COMPLETED'`),
    close: async () => file.close(),
  };
}

export function tablesOf(file: DatabaseSync): readonly string[] {
  const rows = file
    .prepare(
      `SELECT m.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c
WHERE m.type = 'table' AND c.name = 'run_id' ORDER BY m.name`,
    )
    .all();
  return rows.map(({ name }) => String(name));
}

export function readRows(file: DatabaseSync, runId: string): ReadonlyMap<string, readonly TemplateRow[]> {
  const read = (table: string) =>
    file.prepare(`SELECT * FROM ${table} WHERE run_id = ?`).all(runId) as readonly TemplateRow[];
  return new Map(tablesOf(file).map((table) => [table, read(table)]));
}

export function insert(file: DatabaseSync, template: RunTemplate, table: string, row: TemplateRow): Write {
  const columns = Object.keys(row);
  const marks = columns.map(() => "?").join(", ");
  const statement = file.prepare(`INSERT INTO ${table} (${columns.join(", ")}) VALUES (${marks})`);
  return bind(statement, Object.values(row), template);
}

export function update(file: DatabaseSync, template: RunTemplate, runs: string, changed: TemplateRow): Write {
  const columns = Object.keys(changed).map((name) => `${name} = ?`);
  const statement = file.prepare(`UPDATE ${runs} SET ${columns.join(", ")} WHERE run_id = ?`);
  return bind(statement, [...Object.values(changed), template.runId], template);
}

function bind(statement: StatementSync, values: readonly Value[], template: RunTemplate): Write {
  const each = values.map((value) => fresh(template, value));
  return (runId, id, at) => {
    statement.run(...each.map((value) => value(runId, id, at)));
  };
}
