import { PgBoss } from "pg-boss";
import { payload } from "../harness/payload.ts";
import type { QueueSession } from "../harness/queue-session.ts";
import type { Environment, Session } from "../harness/system.ts";

const QUEUE = "bench";

/** One job per run, whose steps are plain calls: nothing is recorded between them. */
export async function open({ database, steps, inFlight }: Environment): Promise<Session> {
  const boss = new PgBoss({ connectionString: database, max: 10, useListenNotify: true, supervise: false });
  boss.on("error", (error) => console.error(error));
  await boss.start();
  await boss.createQueue(QUEUE, { notify: true });
  const ended = new Map<number, () => void>();
  await boss.work<{ id: number }>(
    QUEUE,
    { localConcurrency: inFlight, pollingIntervalSeconds: 0.5 },
    async (jobs) => {
      for (const { data } of jobs) {
        for (let step = 0; step < steps; step += 1) await Promise.resolve(payload(data.id, step));
        ended.get(data.id)?.();
        ended.delete(data.id);
      }
      return { ok: true };
    },
  );
  return {
    async run(id) {
      const end = new Promise<void>((resolve) => ended.set(id, resolve));
      await boss.send(QUEUE, { id });
      await end;
    },
    async completed() {
      const { rows } = await boss
        .getDb()
        .executeSql(`SELECT count(*) AS n FROM pgboss.job WHERE name = '${QUEUE}' AND state = 'completed'`);
      return Number((rows as { n: string }[])[0]?.n);
    },
    close: () => boss.stop({ graceful: false }),
  };
}

/** Jobs fetched and ended in batches, which is its fastest way. */
export async function openQueue({ database, steps, inFlight }: Environment): Promise<QueueSession> {
  const boss = new PgBoss({ connectionString: database, max: 10, useListenNotify: true, supervise: false });
  boss.on("error", (error) => console.error(error));
  await boss.start();
  await boss.createQueue(QUEUE, { notify: true });
  return {
    async enqueue(ids) {
      for (let from = 0; from < ids.length; from += 1_000) {
        await boss.insert(
          QUEUE,
          ids.slice(from, from + 1_000).map((id) => ({ data: { id } })),
        );
      }
    },
    async work() {
      await boss.work<{ id: number }>(
        QUEUE,
        { batchSize: inFlight, pollingIntervalSeconds: 0.5, burstWhenBatchFull: true },
        async (jobs) => {
          for (const { data } of jobs) {
            for (let step = 0; step < steps; step += 1) await Promise.resolve(payload(data.id, step));
          }
          return { ok: true };
        },
      );
    },
    async completed() {
      const { rows } = await boss
        .getDb()
        .executeSql(`SELECT count(*) AS n FROM pgboss.job WHERE name = '${QUEUE}' AND state = 'completed'`);
      return Number((rows as { n: string }[])[0]?.n);
    },
    close: () => boss.stop({ graceful: false }),
  };
}
