import { randomUUID } from "node:crypto";
import pg from "pg";
import { payload } from "../harness/payload.ts";
import type { Environment, Session } from "../harness/system.ts";
import { BatchedWrites } from "./batched-writes.ts";

const CONNECTIONS = 10;

const TABLES = `
CREATE TABLE runs (id uuid PRIMARY KEY, name text NOT NULL, status text NOT NULL, input jsonb, output jsonb,
  created_at timestamptz NOT NULL DEFAULT now(), finished_at timestamptz);
CREATE TABLE steps (run_id uuid NOT NULL, seq int NOT NULL, name text NOT NULL, output jsonb,
  finished_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (run_id, seq));
CREATE INDEX runs_by_status ON runs (status, created_at DESC);`;

const FLUSH = `
WITH new_runs AS (
  INSERT INTO runs (id, name, status, input) SELECT id, 'bench', 'running', input FROM unnest($1::uuid[], $2::jsonb[]) AS v (id, input)
), new_steps AS (
  INSERT INTO steps (run_id, seq, name, output) SELECT * FROM unnest($3::uuid[], $4::int[], $5::text[], $6::jsonb[])
)
UPDATE runs SET status = 'completed', output = v.output, finished_at = now()
FROM unnest($7::uuid[], $8::jsonb[]) AS v (id, output) WHERE runs.id = v.id`;

const INSERT_RUN = "INSERT INTO runs (id, name, status, input) VALUES ($1, 'bench', 'running', $2)";
const INSERT_STEP = "INSERT INTO steps (run_id, seq, name, output) VALUES ($1, $2, $3, $4)";
const COMPLETE = "UPDATE runs SET status = 'completed', output = $2, finished_at = now() WHERE id = $1";

type Write =
  | { readonly kind: "run"; readonly values: readonly [id: string, input: string] }
  | {
      readonly kind: "step";
      readonly values: readonly [id: string, seq: number, name: string, output: string];
    }
  | { readonly kind: "end"; readonly values: readonly [id: string, output: string] };

const SINGLE = { run: INSERT_RUN, step: INSERT_STEP, end: COMPLETE } as const;

/** The least that is durable: a row for the run, one for each finished step, the completion. */
export async function open({ database, steps }: Environment, batched: boolean): Promise<Session> {
  const pool = new pg.Pool({ connectionString: database, max: batched ? 2 : CONNECTIONS });
  await pool.query(TABLES);
  const batches = new BatchedWrites<Write>(async (writes) => {
    await pool.query({ name: "flush", text: FLUSH, values: columnsOf(writes) });
  });
  const write = batched
    ? (one: Write) => batches.write(one)
    : async ({ kind, values }: Write) => {
        await pool.query({ name: kind, text: SINGLE[kind], values: [...values] });
      };
  return {
    async run(id) {
      const runId = randomUUID();
      await write({ kind: "run", values: [runId, JSON.stringify({ id })] });
      for (let step = 0; step < steps; step += 1) {
        await write({ kind: "step", values: [runId, step, `s${step}`, JSON.stringify(payload(id, step))] });
      }
      await write({ kind: "end", values: [runId, '{"ok":true}'] });
    },
    async completed() {
      const { rows } = await pool.query("SELECT count(*) AS n FROM runs WHERE status = 'completed'");
      return Number(rows[0].n);
    },
    close: () => pool.end(),
  };
}

/** The values of a flush: one array for each column of each kind. */
function columnsOf(writes: readonly Write[]): unknown[] {
  const width = { run: 2, step: 4, end: 2 } as const;
  return (["run", "step", "end"] as const).flatMap((kind) => {
    const values = writes.filter((write) => write.kind === kind).map((write) => write.values);
    return Array.from({ length: width[kind] }, (_, column) => values.map((row) => row[column]));
  });
}
