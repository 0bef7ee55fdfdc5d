import type { PoolClient } from "pg";
import { isConnectionLost } from "./postgres-error.ts";
import type { PostgresPools } from "./postgres-pools.ts";

/** A connection that was made and then cut is made again so many times. */
const TRIES = 5;

/**
 * Finds a pooler that gives each transaction another session: while one connection has a transaction open, another one
 * must be a session of its own, and the same one as before. To be asked before anything relies on sessions, and the first
 * that is asked: a server that takes no connection is said to be away at once.
 */
export async function findPooler(pools: PostgresPools): Promise<void> {
  const clients: PoolClient[] = [];
  const acquire = async (pool: "read" | "write") => {
    const client = await pools.acquire(pool);
    clients.push(client);
    return client;
  };
  for (let tries = 1; ; tries += 1) {
    try {
      const acquiring = [acquire("read"), acquire("write")] as const;
      // None is on its way any more where the other one failed: all that there are can be let go of.
      await Promise.allSettled(acquiring);
      if (await shareSessions(...(await Promise.all(acquiring)))) pools.foundPooler();
      for (const client of clients.splice(0)) client.release();
      return;
    } catch (error) {
      const wasThere = clients.length > 0;
      // Nobody knows in what state they are.
      for (const client of clients.splice(0)) client.release(true);
      if (!(wasThere && isConnectionLost(error)) || tries === TRIES) throw error;
    }
  }
}

async function shareSessions(reader: PoolClient, writer: PoolClient): Promise<boolean> {
  const before = await sessionOf(reader);
  await writer.query("BEGIN");
  const [other, after] = [await sessionOf(writer), await sessionOf(reader)];
  await writer.query("COMMIT");
  return other === before || other === after || after !== before;
}

async function sessionOf(client: PoolClient): Promise<number | undefined> {
  const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  return rows[0]?.pid;
}
