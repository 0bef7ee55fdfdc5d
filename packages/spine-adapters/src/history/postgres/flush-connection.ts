import type { Client } from "pg";
import { isConnectionLost } from "../../databases/postgres/postgres-error.ts";
import { cut, type PostgresPools } from "../../databases/postgres/postgres-pools.ts";
import type { Statement } from "./flush-statement.ts";

/** A connection on which a process commits, one for each lane: one statement at a time. Connected again when it was lost. */
export class FlushConnection {
  readonly #pools: PostgresPools;
  #client: Promise<Client> | undefined;

  constructor(pools: PostgresPools) {
    this.#pools = pools;
  }

  /** Executes a statement; errors are the driver's own. */
  async execute({ sql, values }: Statement): Promise<readonly unknown[]> {
    const client = await this.#connected();
    try {
      const { rows } = await client.query({
        name: this.#pools.names.of(sql),
        text: sql,
        values: [...values],
      });
      return rows;
    } catch (error) {
      // Where no answer came in time, what follows would wait behind it.
      if (isConnectionLost(error)) cut(client);
      throw error;
    }
  }

  #connected(): Promise<Client> {
    if (this.#client) return this.#client;
    const lost = () => {
      if (this.#client === connecting) this.#client = undefined;
    };
    const connecting = this.#pools.single("flush", lost);
    this.#client = connecting;
    connecting.catch(lost);
    return connecting;
  }
}
