import type { CrashPoint } from "spine-core/testing";
import type { Address } from "./database-at.ts";

/** What a process of the proof is told to do, once it is loaded. */
export interface Job {
  readonly address: Address;
  /** Where the books are. */
  readonly books: string;
  readonly worker: boolean;
  /** Runs that it works on at a time. */
  readonly concurrency?: number;
  /** The workflows that it knows; all when left out. */
  readonly workflows?: readonly string[];
  /** Its clock goes wrong by so many milliseconds. */
  readonly clockOffsetMs?: number;
  /** It kills itself when it is there for the n-th time. */
  readonly diesAt?: { readonly point: CrashPoint; readonly nth: number };
  /** The runs that it starts by itself; none when left out. */
  readonly starts?: Starts;
}

export interface Starts {
  /** Keys are this and a number. */
  readonly prefix: string;
  /** Numbers that were asked for and not accepted: nobody knows, so they are asked for again. */
  readonly again: readonly number[];
  /** The first new number. */
  readonly from: number;
  /** How many; without end when left out. */
  readonly count?: number;
  /** The longest wait between two starts, in milliseconds. */
  readonly everyMs: number;
  /** Runs of its own that may be under way at a time. */
  readonly most: number;
  /** The workflow of all of them; of all kinds when left out. */
  readonly workflow?: string;
  /** The parameter of all of them; their number when left out. */
  readonly n?: number;
}

/** What it says. */
export type Said = "standby" | "ready" | "started all" | "gone";
/** What it is told besides its job: to stop starting runs (and to live on, if it was to die), or to stop as a whole. */
export type Command = "enough" | "stop";
