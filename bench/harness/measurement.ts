import type { Durability } from "./system.ts";

/** One measurement, as the process that makes it is told. */
export interface Measurement {
  readonly workload: string;
  readonly system: string;
  /** The file or URL of its own, fresh database. */
  readonly database: string;
  readonly durability: Durability;
  /** Sizes of the workload by name. */
  readonly sizes: Readonly<Record<string, number>>;
  /** The process id of the Postgres server, for its CPU seconds. */
  readonly postmaster: number | null;
}
