import { SpineError } from "../../errors.ts";
import type { Transition } from "../../history/history-store.ts";
import type { StepRecord } from "../../history/records.ts";
import type { JsonValue } from "../../json.ts";
import { isTakenBack } from "./program-audit.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The attempts of a run as a store keeps them. It refuses what no store would take: an attempt that ends twice, a finished step that begins again. */
export class ProgramRecords {
  readonly #all: Mutable<StepRecord>[] = [];

  get all(): readonly StepRecord[] {
    return this.#all;
  }

  begin(name: string, kind: string, attempt: number, now: number): void {
    const before = this.#all.filter((record) => record.name === name);
    const newest = before.at(-1);
    if ((newest?.attempt ?? 0) + 1 !== attempt)
      throw new Error(`${name} begins attempt ${attempt} out of turn.`);
    const isFinished = newest?.status === "COMPLETED" || newest?.status === "SKIPPED";
    if (newest && isFinished && !isTakenBack(this.#all, newest)) {
      throw new Error(`${name} is finished and begins again.`);
    }
    if (newest && newest.completedAt === null) throw new Error(`${name} begins twice.`);
    this.#all.push({
      runId: "r",
      seq: this.#all.length + 1,
      name,
      kind,
      attempt,
      status: "RUNNING",
      output: null,
      error: null,
      rows: null,
      metrics: {},
      startedAt: isoTime(now),
      completedAt: null,
      retryAt: null,
      waitingFor: null,
      waitingUntil: null,
      progress: null,
    });
  }

  end(ended: Transition["ended"], now: number): void {
    for (const { name, attempt, ...end } of ended) {
      const record = this.#open(name, attempt);
      if (!record) throw new Error(`${name} ${attempt} ends, but is not under way.`);
      Object.assign(record, {
        status: end.status,
        output: end.output === null ? null : (JSON.parse(end.output) as JsonValue),
        error: end.error,
        completedAt: isoTime(now),
        retryAt: end.retryAt === null ? null : isoTime(end.retryAt),
        waitingFor: null,
        waitingUntil: null,
        progress: null,
      });
    }
  }

  wait(waiting: NonNullable<Transition["waiting"]>): void {
    for (const { name, attempt, until, reason } of waiting) {
      const record = this.#open(name, attempt);
      if (!record) throw new Error(`${name} ${attempt} waits, but is not under way.`);
      record.status = "WAITING";
      record.waitingFor = reason;
      record.waitingUntil = until === null ? null : isoTime(until);
    }
  }

  /** What a process that is stopped leaves: what only waits goes on. */
  stop(now: number): void {
    for (const record of this.#all) {
      if (record.completedAt !== null || record.status === "WAITING") continue;
      record.status = "CANCELLED";
      record.error = new SpineError("STOPPED", "stopped").toJSON();
      record.completedAt = isoTime(now);
    }
  }

  /** Ends all that is under way. */
  cancel(now: number): void {
    for (const record of this.#all) {
      if (record.completedAt !== null) continue;
      record.status = "CANCELLED";
      record.completedAt = isoTime(now);
    }
  }

  /** How often a step has failed so that it is tried again. */
  failuresOf(path: string): number {
    return this.#all.filter(
      ({ name, status, error }) => name === path && status === "FAILED" && error?.code === "TRANSIENT",
    ).length;
  }

  #open(name: string, attempt: number): Mutable<StepRecord> | undefined {
    return this.#all.find(
      (record) => record.name === name && record.attempt === attempt && record.completedAt === null,
    );
  }
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
