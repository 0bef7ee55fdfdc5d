import { randomUUID } from "node:crypto";
import { payload } from "../harness/payload.ts";
import type { Environment, Session } from "../harness/system.ts";
import { BatchedWrites } from "./batched-writes.ts";
import { countOf, openFile } from "./sqlite-file.ts";

const TABLES = `
CREATE TABLE runs (id TEXT PRIMARY KEY, name TEXT NOT NULL, status TEXT NOT NULL, input TEXT, output TEXT,
  created_at INTEGER NOT NULL, finished_at INTEGER) WITHOUT ROWID;
CREATE TABLE steps (run_id TEXT NOT NULL, seq INTEGER NOT NULL, name TEXT NOT NULL, output TEXT,
  finished_at INTEGER NOT NULL, PRIMARY KEY (run_id, seq)) WITHOUT ROWID;
CREATE INDEX runs_by_status ON runs (status, created_at DESC);`;

type Write = () => void;

/** The least that is durable: a row for the run, one for each finished step, the completion. */
export async function open(environment: Environment, batched: boolean): Promise<Session> {
  const file = openFile(environment);
  file.exec(TABLES);
  const insertRun = file.prepare(
    "INSERT INTO runs (id, name, status, input, created_at) VALUES (?, 'bench', 'running', ?, ?)",
  );
  const insertStep = file.prepare(
    "INSERT INTO steps (run_id, seq, name, output, finished_at) VALUES (?, ?, ?, ?, ?)",
  );
  const complete = file.prepare(
    "UPDATE runs SET status = 'completed', output = ?, finished_at = ? WHERE id = ?",
  );
  const begin = file.prepare("BEGIN IMMEDIATE");
  const commit = file.prepare("COMMIT");
  const batches = new BatchedWrites<Write>((writes) => {
    begin.run();
    for (const write of writes) write();
    commit.run();
  });
  const write = batched ? (one: Write) => batches.write(one) : async (one: Write) => one();
  return {
    async run(id) {
      const runId = randomUUID();
      await write(() => insertRun.run(runId, JSON.stringify({ id }), Date.now()));
      for (let step = 0; step < environment.steps; step += 1) {
        const output = JSON.stringify(payload(id, step));
        await write(() => insertStep.run(runId, step, `s${step}`, output, Date.now()));
      }
      await write(() => complete.run('{"ok":true}', Date.now(), runId));
    },
    completed: async () => countOf(file, "SELECT count(*) AS n FROM runs WHERE status = 'completed'"),
    close: async () => file.close(),
  };
}
