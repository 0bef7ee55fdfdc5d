import type { OpenQueue } from "./queue-session.ts";

/** What survives: `full` a loss of power (fsync at each commit), `process` the death of the process. */
export type Durability = "full" | "process";

/** What a system under measurement is given. Its database is fresh and its own. */
export interface Environment {
  /** The file for SQLite, the URL for Postgres. */
  readonly database: string;
  readonly durability: Durability;
  /** Steps of each run. */
  readonly steps: number;
  /** Runs that are in flight at a time. */
  readonly inFlight: number;
}

/** An opened system. */
export interface Session {
  /** Starts a run and resolves when its result is durable, in the way in which a user of the system learns of it. */
  run(id: number): Promise<void>;
  /**
   * For throughput, where `run` learns of the end by polling: resolves as soon as this process can know that
   * the run's code has ended. The measurement waits for `completed` afterwards, so nothing is left undone.
   */
  drive?(id: number): Promise<void>;
  /** Runs that stand in the database as completed. */
  completed(): Promise<number>;
  close(): Promise<void>;
}

export interface System {
  readonly name: string;
  readonly database: "sqlite" | "postgres";
  readonly kind: "floor" | "spine" | "peer";
  /** What it does, and where its promise differs. */
  readonly note: string;
  /** Opens it: imported only in the process that measures it. */
  readonly open: (environment: Environment) => Promise<Session>;
  /** The same as a queue between processes, where it can be one. */
  readonly queue?: OpenQueue;
}
