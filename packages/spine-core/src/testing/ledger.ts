import { appendFileSync, existsSync, readFileSync } from "node:fs";

/**
 * What was seen from outside, in order. A unit is a step (`fetch`) or a part of one that is recorded by itself
 * (`fetch#page 2`).
 */
export type LedgerEntry =
  /** Spine said that it has the run. */
  | { readonly what: "accepted"; readonly runId: string }
  /** User code of the unit begins. */
  | { readonly what: "started"; readonly runId: string; readonly unit: string }
  /** Spine said, or showed by going on, that the unit is recorded. */
  | { readonly what: "acknowledged"; readonly runId: string; readonly unit: string }
  /** The process died; these steps stood in the history as COMPLETED then. */
  | {
      readonly what: "died";
      readonly point: string;
      readonly runId: string;
      readonly completed: readonly string[];
    };

/**
 * An auditor's own book, kept outside Spine and its database: in memory, and in a file where processes are to share it or
 * to die. It only takes down what is seen; `audit` judges.
 */
export class Ledger {
  readonly #file: string | null;
  readonly #entries: LedgerEntry[] = [];

  constructor(file: string | null = null) {
    this.#file = file;
    if (file !== null && existsSync(file)) {
      for (const line of readFileSync(file, "utf8").split("\n").filter(Boolean)) {
        this.#entries.push(JSON.parse(line) as LedgerEntry);
      }
    }
  }

  get entries(): readonly LedgerEntry[] {
    return this.#entries;
  }

  accepted(runId: string): void {
    this.#note({ what: "accepted", runId });
  }

  started(runId: string, unit: string): void {
    this.#note({ what: "started", runId, unit });
  }

  acknowledged(runId: string, unit: string): void {
    this.#note({ what: "acknowledged", runId, unit });
  }

  died(runId: string, point: string, completed: readonly string[]): void {
    this.#note({ what: "died", runId, point, completed });
  }

  #note(entry: LedgerEntry): void {
    this.#entries.push(entry);
    // Before anything else happens, or a process that dies next takes it along.
    if (this.#file !== null) appendFileSync(this.#file, `${JSON.stringify(entry)}\n`);
  }
}
