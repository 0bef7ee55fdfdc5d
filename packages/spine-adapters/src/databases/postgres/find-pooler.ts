import type { PoolClient } from "pg";
import type { PostgresPools } from "./postgres-pools.ts";

/**
 * Finds a pooler that gives each transaction another session: while one connection has a transaction open, another one
 * must be a session of its own, and the same one as before. To be asked before anything relies on sessions.
 */
export async function findPooler(pools: PostgresPools): Promise<void> {
  const clients: PoolClient[] = [];
  try {
    const acquire = async (pool: "read" | "write") => {
      const client = await pools.acquire(pool);
      clients.push(client);
      return client;
    };
    const acquiring = [acquire("read"), acquire("write")] as const;
    // None is on its way any more where the other one failed: all that there are can be let go of.
    await Promise.allSettled(acquiring);
    const [reader, writer] = await Promise.all(acquiring);
    const before = await sessionOf(reader);
    await writer.query("BEGIN");
    const [other, after] = [await sessionOf(writer), await sessionOf(reader)];
    await writer.query("COMMIT");
    if (other === before || other === after || after !== before) pools.foundPooler();
    for (const client of clients.splice(0)) client.release();
  } finally {
    // After an error: nobody knows in what state they are.
    for (const client of clients) client.release(true);
  }
}

async function sessionOf(client: PoolClient): Promise<number | undefined> {
  const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  return rows[0]?.pid;
}
