import { Logger, makeWorkerUtils, run } from "graphile-worker";
import pg from "pg";
import { payload } from "../harness/payload.ts";
import type { QueueSession } from "../harness/queue-session.ts";
import type { Environment, Session } from "../harness/system.ts";

/** One job per run, whose steps are plain calls: nothing is recorded between them, and the job's row is deleted. */
export async function open({ database, steps, inFlight }: Environment): Promise<Session> {
  const pool = new pg.Pool({ connectionString: database, max: Math.max(10, inFlight + 2) });
  const utils = await makeWorkerUtils({ pgPool: pool });
  await utils.migrate();
  const ended = new Map<string, () => void>();
  let completed = 0;
  const runner = await run({
    pgPool: pool,
    concurrency: inFlight,
    noHandleSignals: true,
    logger: quiet(),
    taskList: {
      bench: async (input) => {
        const { id } = input as { id: number };
        for (let step = 0; step < steps; step += 1) await Promise.resolve(payload(id, step));
      },
    },
  });
  // Said once the row is gone.
  runner.events.on("job:complete", ({ job }) => {
    completed += 1;
    const key = job.key ?? "";
    ended.get(key)?.();
    ended.delete(key);
  });
  return {
    async run(id) {
      const key = String(id);
      const end = new Promise<void>((resolve) => ended.set(key, resolve));
      await utils.addJob("bench", { id }, { jobKey: key });
      await end;
    },
    completed: async () => completed,
    async close() {
      await runner.stop();
      await utils.release();
      await pool.end();
    },
  };
}

/** Jobs fetched and ended in batches (`localQueue`, `completeJobBatchDelay`), which is its fastest way. It deletes what it has done. */
export async function openQueue({ database, steps, inFlight }: Environment): Promise<QueueSession> {
  const pool = new pg.Pool({ connectionString: database, max: 10 });
  const utils = await makeWorkerUtils({ pgPool: pool });
  await utils.migrate();
  let stored = 0;
  let runner: Awaited<ReturnType<typeof run>> | undefined;
  return {
    async enqueue(ids) {
      for (let from = 0; from < ids.length; from += 1_000) {
        const jobs = ids.slice(from, from + 1_000).map((id) => ({ identifier: "bench", payload: { id } }));
        await utils.addJobs(jobs);
      }
      stored += ids.length;
    },
    async work() {
      runner = await run({
        pgPool: pool,
        concurrency: inFlight,
        noHandleSignals: true,
        logger: quiet(),
        preset: { worker: { localQueue: { size: inFlight * 4 }, completeJobBatchDelay: 0 } },
        taskList: {
          bench: async (input) => {
            const { id } = input as { id: number };
            for (let step = 0; step < steps; step += 1) await Promise.resolve(payload(id, step));
          },
        },
      });
    },
    async completed() {
      const { rows } = await pool.query("SELECT count(*) AS n FROM graphile_worker._private_jobs");
      return stored - Number(rows[0].n);
    },
    async close() {
      await runner?.stop();
      await utils.release();
      await pool.end();
    },
  };
}

function quiet() {
  return new Logger(() => () => {});
}
