import { Logger, makeWorkerUtils, run } from "graphile-worker";
import pg from "pg";
import { payload } from "../harness/payload.ts";
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

function quiet() {
  return new Logger(() => () => {});
}
