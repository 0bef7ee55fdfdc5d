import { isTerminal, type RunChange } from "spine-core";
import type { SqlValue } from "../../databases/sqlite/sqlite-connection.ts";
import { isoTime } from "../iso-time.ts";

/** The SET of an UPDATE of a run's row. */
export class RunColumns {
  readonly values: SqlValue[] = [];
  readonly #parts: string[] = [];

  constructor(events: number) {
    this.add("version = version + ?", events);
  }

  get sql(): string {
    return this.#parts.join(", ");
  }

  add(part: string, ...values: readonly SqlValue[]): void {
    this.#parts.push(part);
    this.values.push(...values);
  }

  /** A run has a worker while it is RUNNING, a time while it waits for one, an end when it has ended. */
  addRun({ status, outputs, error, availableAt }: RunChange, at: string): void {
    this.add("status = ?", status);
    if (outputs !== undefined) this.add("outputs = ?", outputs);
    if (error !== undefined) this.add("error = ?", error && JSON.stringify(error));
    if (status === "RUNNING") return;
    const due = availableAt === undefined ? null : isoTime(availableAt);
    const available = status === "PENDING" ? (due ?? at) : status === "WAITING" ? due : null;
    this.add("worker = NULL, available_at = ?, completed_at = ?", available, isTerminal(status) ? at : null);
  }
}
