import pg from "pg";
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

/** A column as it stands in SQL, and its type. */
export interface Column {
  readonly name: string;
  readonly type: string;
}

/** One run's part of a flush. */
export interface Write {
  readonly runId: string;
  readonly id: number;
  readonly write: number;
}

/** Spine's own tables, columns and indexes, written in shared statements, with no engine and no fence. */
export async function open(environment: Environment): Promise<Session> {
  const { database, steps } = environment;
  const pool = new pg.Pool({ connectionString: database, max: 2 });
  // The tables exist once Spine has connected, so they are looked up when the template is read.
  const tables = new Map<string, readonly Column[]>();
  const template = await captureTemplate(spineDatabase("postgres", environment), steps, async (runId) => {
    for (const [table, columns] of await tablesOf(pool)) tables.set(table, columns);
    return await readRows(pool, tables, runId);
  });
  for (const table of tables.keys())
    await pool.query(`DELETE FROM ${table} WHERE run_id = $1`, [template.runId]);
  const flush = planFlush(template, tables);
  const batches = new BatchedWrites<Write>(async (writes) => {
    const at = new Date().toISOString();
    await pool.query({ name: "flush", text: flush.sql, values: flush.values(writes, at) });
  });
  const runs = [...tables.keys()].find(isRuns);
  return {
    async run(id) {
      const runId = newId();
      for (let write = 0; write <= steps; write += 1) await batches.write({ runId, id, write });
    },
    async completed() {
      const { rows } = await pool.query(`SELECT count(*) AS n FROM ${runs} WHERE status = 'COMPLETED'`);
      return Number(rows[0].n);
    },
    close: () => pool.end(),
  };
}

/** One statement for everything, as `WITH … INSERT …, … UPDATE`, with an array for each column. */
export function planFlush(template: RunTemplate, tables: ReadonlyMap<string, readonly Column[]>) {
  const parts: string[] = [];
  const columns: ((writes: readonly Write[], at: string) => unknown[])[] = [];
  const unnest = (all: readonly Column[]) =>
    all.map(({ type }, index) => `$${columns.length + index + 1}::${type}[]`).join(", ");
  const names = (all: readonly Column[]) => all.map(({ name }) => name).join(", ");
  const add = (all: readonly Column[], rowsOf: (write: Write) => readonly TemplateRow[]) => {
    for (const { name } of all) {
      const values = new Map<Value, ReturnType<typeof fresh>>();
      columns.push((writes, at) =>
        writes.flatMap((write) =>
          rowsOf(write).map((row) => {
            const value = row[name] ?? null;
            const make = values.get(value) ?? fresh(template, value);
            values.set(value, make);
            return make(write.runId, write.id, at);
          }),
        ),
      );
    }
  };
  const insert = (
    table: string,
    all: readonly Column[],
    rowsOf: (write: Write) => readonly TemplateRow[],
  ) => {
    parts.push(
      `w${parts.length} AS (INSERT INTO ${table} (${names(all)}) SELECT * FROM unnest(${unnest(all)}))`,
    );
    add(all, rowsOf);
  };

  let update = "SELECT 1";
  for (const [table, all] of tables) {
    if (!isRuns(table)) {
      const rows = template.writes.flatMap(({ inserted }) => inserted).filter((one) => one.table === table);
      const used = rows[0]?.row;
      if (!used) continue;
      insert(
        table,
        all.filter(({ name }) => name in used),
        ({ write }) =>
          (template.writes[write]?.inserted ?? []).flatMap((one) => (one.table === table ? [one.row] : [])),
      );
      continue;
    }
    insert(
      table,
      all.filter(({ name }) => name in template.created),
      ({ write }) => (write === 0 ? [template.created] : []),
    );
    // One statement for all runs of a flush, so it sets every column that any of the writes changes.
    const ever = new Set(template.writes.flatMap(({ changed }) => Object.keys(changed)));
    const changed = all.filter(({ name }) => ever.has(name) || name === "run_id");
    const set = changed.map(({ name }) => `${name} = v.${name}`).join(", ");
    update = `UPDATE ${table} AS r SET ${set} FROM unnest(${unnest(changed)}) AS v (${names(changed)}) WHERE r.run_id = v.run_id`;
    add(changed, ({ write }) => (write > 0 ? [template.writes[write]?.run ?? {}] : []));
  }
  return {
    sql: `WITH ${parts.join(",\n")}\n${update}`,
    values: (writes: readonly Write[], at: string) => columns.map((column) => column(writes, at)),
  };
}

export async function tablesOf(pool: pg.Pool): Promise<ReadonlyMap<string, readonly Column[]>> {
  const { rows } = await pool.query<{ table: string; columns: Column[] }>(`
SELECT format('%I.%I', n.nspname, c.relname) AS table,
  json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, null)) ORDER BY a.attnum) AS columns
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
GROUP BY 1 HAVING bool_or(a.attname = 'run_id')`);
  return new Map(rows.map(({ table, columns }) => [table, columns]));
}

/** Every value as its text, in which it is also written again. */
export async function readRows(
  pool: pg.Pool,
  tables: ReadonlyMap<string, readonly Column[]>,
  runId: string,
): Promise<ReadonlyMap<string, readonly TemplateRow[]>> {
  const read = async ([table, columns]: readonly [string, readonly Column[]]) => {
    // An array cannot be part of an array of rows; where it is empty, its default does as well.
    const texts = columns
      .filter(({ type }) => !type.endsWith("[]"))
      .map(({ name }) => `${name}::text AS ${name}`);
    const { rows } = await pool.query<TemplateRow>(
      `SELECT ${texts.join(", ")} FROM ${table} WHERE run_id = $1 ORDER BY ctid`,
      [runId],
    );
    return [table, rows] as const;
  };
  return new Map(await Promise.all([...tables].map(read)));
}
