import { newId } from "spine-core";
import type { QueueSession } from "../harness/queue-session.ts";
import type { Environment } from "../harness/system.ts";
import { BatchedWrites } from "./batched-writes.ts";
import { insert, readRows, tablesOf, update, type Write } from "./floor-same-rows-sqlite.ts";
import { captureTemplate, isRuns } from "./run-template.ts";
import { spineDatabase } from "./spine.ts";
import { countOf, openFile } from "./sqlite-file.ts";

/** Starts stored by one commit. */
const BATCH = 1_000;

/** Spine's own tables and rows as a queue: claimed in batches, ended in shared commits, no engine, no fence. */
export async function openQueue(environment: Environment): Promise<QueueSession> {
  const { steps, inFlight } = environment;
  const file = openFile(environment);
  file.exec("PRAGMA busy_timeout = 10000");
  const spine = spineDatabase("sqlite", environment);
  const template = await captureTemplate(spine, steps, async (runId) => readRows(file, runId), true);
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
  const due = file.prepare(
    `SELECT run_id, params ->> 'id' AS id FROM ${runs} WHERE available_at IS NOT NULL AND available_at <= ? ORDER BY available_at, run_id LIMIT ?`,
  );
  const together = (work: () => void) => {
    begin.run();
    work();
    commit.run();
  };
  const batches = new BatchedWrites<() => void>((batch) =>
    together(() => {
      for (const write of batch) write();
    }),
  );

  let stopped = false;
  let active = 0;
  let wake = () => {};
  const execute = async (runId: string, id: number) => {
    for (let step = 1; step <= steps; step += 1) {
      await batches.write(() => {
        for (const row of writes[step + 1] ?? []) row(runId, id, new Date().toISOString());
      });
    }
    active -= 1;
    wake();
  };
  const work = async () => {
    while (!stopped) {
      const free = inFlight - active;
      let found: readonly { run_id: string; id: number }[] = [];
      if (free > 0) {
        const at = new Date().toISOString();
        await batches.write(() => {
          found = due.all(at, free) as unknown as typeof found;
          for (const { run_id, id } of found) for (const row of writes[1] ?? []) row(run_id, id, at);
        });
      }
      active += found.length;
      for (const { run_id, id } of found) void execute(run_id, id);
      if (found.length < free || active === inFlight) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, 200);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    }
  };
  return {
    async enqueue(ids) {
      for (let from = 0; from < ids.length; from += BATCH) {
        const at = new Date().toISOString();
        together(() => {
          for (const id of ids.slice(from, from + BATCH)) create(newId(), id, at);
        });
      }
    },
    async work() {
      void work();
    },
    completed: async () => countOf(file, `SELECT count(*) AS n FROM ${runs} WHERE status = 'COMPLETED'`),
    async close() {
      stopped = true;
      wake();
      file.close();
    },
  };
}
