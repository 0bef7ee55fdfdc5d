import type { Client } from "pg";
import type { PostgresPools } from "../../databases/postgres/postgres-pools.ts";
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
    const { rows } = await client.query({ name: this.#pools.names.of(sql), text: sql, values: [...values] });
    return rows;
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
