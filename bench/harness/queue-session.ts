import type { Environment } from "./system.ts";

/** A system as a queue: runs are stored by one process and worked on by others. Each process opens it for itself. */
export interface QueueSession {
  /** Stores runs, the fastest way that the system has for many; durable when it resolves. */
  enqueue(ids: readonly number[]): Promise<void>;
  /** Begins to work on what is stored, `inFlight` at a time. */
  work(): Promise<void>;
  /** Runs that stand in the database as completed. */
  completed(): Promise<number>;
  close(): Promise<void>;
}

export type OpenQueue = (environment: Environment) => Promise<QueueSession>;
