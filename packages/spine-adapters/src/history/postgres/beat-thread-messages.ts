import type { Beater, WorkerEntry } from "./beat-statement.ts";

/** What the thread of the beats is started with: plain data. */
export interface BeatThreadPlan {
  /** For `pg`: where to connect and how. */
  readonly config: Readonly<Record<string, unknown>>;
  /** True where the password comes from a function, which only the main thread can call. */
  readonly asksPassword: boolean;
  readonly sql: string;
  readonly beater: Beater;
  readonly everyMs: number;
  /** So many beats without an answer of the main thread, and there are no more. */
  readonly patience: number;
  /** A number that the main thread moves as long as it runs. */
  readonly answers: Int32Array<SharedArrayBuffer>;
}

/** What the main thread asks for; each is answered under its number. */
export type BeatRequest =
  | { readonly do: "hold" | "release"; readonly lockKey: string }
  | { readonly do: "begin"; readonly entry: WorkerEntry }
  | { readonly do: "end"; readonly worker: string }
  | { readonly do: "withoutLocks" | "close" };

/** The main thread's answer to a question for the password; null where its function failed. */
export interface BeatPassword {
  readonly password: string | null;
}

/** An error as it crosses the threads: the server's code would be lost from it. */
export interface BeatFailure {
  readonly message: string;
  readonly code: string | undefined;
  readonly severity: string | undefined;
}

export type BeatMessage =
  | { readonly kind: "ready" }
  /** Answered with a {@link BeatPassword}. */
  | { readonly kind: "password" }
  | { readonly kind: "gone"; readonly workers: readonly string[] }
  | { readonly kind: "answer"; readonly id: number; readonly value: boolean }
  | { readonly kind: "failure"; readonly id: number; readonly failure: BeatFailure };
