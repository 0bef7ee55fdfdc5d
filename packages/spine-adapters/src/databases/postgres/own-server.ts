import type { PostgresPools } from "./postgres-pools.ts";

/** What a connection tells of the database that it leads to. */
export interface ServerFacts {
  readonly database: string;
  /** When the server was started, in microseconds: no two servers were at the same. */
  readonly started: string;
  /** `true` when Spine's tables are there. */
  readonly present: string;
}

/** Texts only, so that nobody's parsers, time zone or search path change the answer. Its parameter is the schema. */
export const SERVER_FACTS = `SELECT pg_catalog.current_database()::text AS database,
  (extract(epoch FROM pg_catalog.pg_postmaster_start_time()) * 1000000)::bigint::text AS started,
  EXISTS (SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1::text AND c.relname = 'workflow_runs')::text AS present`;

/** The server that Spine itself is connected to. */
export class OwnServer {
  readonly #pools: PostgresPools;
  #facts: ServerFacts | undefined;
  /** Connections of the host's that were found to lead here: they do so as long as they live. */
  readonly known = new WeakSet<object>();

  constructor(pools: PostgresPools) {
    this.#pools = pools;
  }

  async isSameAs({ database, started }: ServerFacts): Promise<boolean> {
    const isSame = (own: ServerFacts | undefined) => own?.database === database && own.started === started;
    if (isSame(this.#facts)) return true;
    // Not asked yet, or restarted since then.
    this.#facts = await this.#ask();
    return isSame(this.#facts);
  }

  async #ask(): Promise<ServerFacts | undefined> {
    const [facts] = await this.#pools.ask<ServerFacts>("read", SERVER_FACTS, [this.#pools.settings.schema]);
    return facts;
  }
}
