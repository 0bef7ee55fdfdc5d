import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { type PostgresServer, startPostgres } from "spine-adapters/testing";
import type { Durability, System } from "./system.ts";

/** Gives each measurement a database of its own and takes it away afterwards. */
export class Databases implements AsyncDisposable {
  readonly #directory = mkdtempSync(join(tmpdir(), "spine-bench-"));
  #server: Promise<PostgresServer> | undefined;
  #made = 0;

  /** Makes a database, hands it to `work`, and drops it. */
  async with<T>(
    kind: System["database"],
    durability: Durability,
    work: (database: string, postmaster: number | null) => Promise<T>,
  ): Promise<T> {
    this.#made += 1;
    const name = `bench_${this.#made}`;
    if (kind === "sqlite") {
      const directory = mkdtempSync(join(this.#directory, name));
      try {
        return await work(join(directory, "bench.db"), null);
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    }
    const server = await this.#started();
    await this.#admin(server, `CREATE DATABASE ${name}`);
    if (durability === "process") {
      await this.#admin(server, `ALTER DATABASE ${name} SET synchronous_commit = off`);
    }
    try {
      return await work(server.url(name), server.pid ?? null);
    } finally {
      await this.#admin(server, `DROP DATABASE ${name} WITH (FORCE)`);
      // Its dirty pages must not be written while the next system has its turn.
      await this.#admin(server, "CHECKPOINT");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const server = await this.#server?.catch(() => undefined);
    await server?.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #admin(server: PostgresServer, sql: string): Promise<void> {
    const client = new pg.Client({ connectionString: server.url(), application_name: "bench-admin" });
    await client.connect();
    try {
      await client.query(sql);
    } finally {
      await client.end();
    }
  }

  #started(): Promise<PostgresServer> {
    this.#server ??= startPostgres({ fsync: true, settings: { "pg_stat_statements.max": 10_000 } });
    return this.#server;
  }
}
