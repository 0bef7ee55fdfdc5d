import { closeSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";

/** What a process saw, at a moment of this machine's clock (ms since the epoch). */
export interface Entry {
  readonly at: number;
  readonly pid: number;
  /**
   * `asked`: it is about to start the run of this key. `accepted`: Spine said that it has the run. `began`: a body begins,
   * of a step or of a part of one that is recorded by itself. `kept`: Spine said that the step or the part is recorded.
   * `dies`: it is about to kill itself.
   */
  readonly what: "asked" | "accepted" | "began" | "kept" | "dies";
  readonly key?: string;
  readonly runId?: string;
  readonly step?: string;
  readonly part?: string;
  readonly attempt?: number;
  /** Where it dies. */
  readonly point?: string;
}

/** The machine's own clock, also where a test sets that of the process wrong. */
const now = Date.now;

/**
 * The book of one process, outside the database under test: a file that only grows, one line per write. What was written
 * stays when the process is killed, for the kernel has it; that no power is lost is not what is tested here.
 */
export class Book {
  readonly #file: number;

  constructor(folder: string) {
    this.#file = openSync(join(folder, `${process.pid}.book`), "a");
  }

  note(entry: Omit<Entry, "at" | "pid">): void {
    writeSync(this.#file, `${JSON.stringify({ at: now(), pid: process.pid, ...entry })}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** All books of a folder in the order of time, or that of one process. */
export function readBooks(folder: string, pid?: number): readonly Entry[] {
  const names = readdirSync(folder).filter((name) => name.endsWith(".book"));
  const wanted = pid === undefined ? names : names.filter((name) => name === `${pid}.book`);
  return wanted
    .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n"))
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as Entry];
      } catch {
        // The end of a file, or a line that its process did not live to finish.
        return [];
      }
    })
    .sort((a, b) => a.at - b.at);
}
