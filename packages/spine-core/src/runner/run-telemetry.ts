import type { Clock } from "../clock.ts";
import type { LogAttachment, ProgressAttachment } from "../history/attachment.ts";
import type { LogLevel } from "../logger.ts";
import { RunLog } from "./run-log.ts";
import { RunProgress, type RunProgressOptions } from "./run-progress.ts";

/** How long anything waits for a write of its run that it can go with, in milliseconds. */
const FLUSH_MS = 1_000;
/** How long the last of a run may take, in milliseconds. */
const LAST_FLUSH_MS = 1_000;

const NONE: readonly TelemetryAttachment[] = [];

/** What steps say while they go on. */
export type TelemetryAttachment = LogAttachment | ProgressAttachment;

export interface RunTelemetryOptions {
  /** The lowest level of messages that are recorded; SILENT for none. */
  readonly level: LogLevel;
  readonly clock: Clock;
  /** Whoever is told at once how far a step has come; null while nobody is. */
  readonly listener: RunProgressOptions["listener"];
  /** Makes a write of its own for what `take` gives when that can be written; none where it gives nothing. */
  readonly flush: (take: () => readonly TelemetryAttachment[]) => Promise<void>;
}

/**
 * What the steps of a run say while they go on, and what is not recorded yet of it: messages, and how far they have come. It rides
 * on the next write of the run; where none comes within a second, it is written by itself.
 */
export class RunTelemetry {
  readonly log: RunLog;
  readonly progress: RunProgress;
  readonly #clock: Clock;
  readonly #flush: RunTelemetryOptions["flush"];
  #stopTimer: (() => void) | undefined;
  #isFlushing = false;
  /** When progress was written the last time; at first, when the run began here. */
  #progressAt: number;

  constructor({ level, clock, listener, flush }: RunTelemetryOptions) {
    this.#clock = clock;
    this.#flush = flush;
    this.#progressAt = clock.now();
    const onNews = () => this.#arm();
    this.log = new RunLog({ level, clock, onNews });
    this.progress = new RunProgress({ clock, listener, onNews });
  }

  /**
   * Takes what there is, for a write that is about to be made. Progress goes with one write a second, not with each: beside steps
   * that take a millisecond each, it would be written again and again.
   */
  take(): readonly TelemetryAttachment[] {
    if (!this.#hasNews) return NONE;
    return this.#take(this.#clock.now() - this.#progressAt >= FLUSH_MS);
  }

  /** Gives back what could not be written. */
  putBack(taken: readonly TelemetryAttachment[]): void {
    this.log.putBack(taken.filter((one) => one.kind === "log"));
    this.progress.putBack(taken.filter((one) => one.kind === "progress"));
  }

  /** Writes what is left when this process is done with the run; nothing of it is worth failing for. */
  async close(): Promise<void> {
    this.#stop();
    if (!this.#hasNews) return;
    // Not longer than that: a database that is away must not keep the process from stopping.
    const enough = Promise.withResolvers<void>();
    const stop = this.#clock.after(LAST_FLUSH_MS, enough.resolve);
    await Promise.race([this.#flush(() => this.#take(true)).catch(() => {}), enough.promise]);
    stop();
  }

  get #hasNews(): boolean {
    return this.log.hasNews || this.progress.hasNews;
  }

  #take(withProgress: boolean): readonly TelemetryAttachment[] {
    const logs = this.log.take();
    const progress = withProgress ? this.progress.take() : NONE;
    if (progress.length > 0) this.#progressAt = this.#clock.now();
    if (this.#stopTimer && !this.#hasNews) this.#stop();
    return progress.length === 0 ? logs : [...logs, ...progress];
  }

  #arm(): void {
    if (this.#isFlushing) return;
    this.#stopTimer ??= this.#clock.after(FLUSH_MS, () => {
      this.#stopTimer = undefined;
      void this.#flushNow();
    });
  }

  #stop(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }

  /** One at a time: while a transaction of the run is open, it waits for that. */
  async #flushNow(): Promise<void> {
    let taken = NONE;
    this.#isFlushing = true;
    try {
      await this.#flush(() => {
        taken = this.#take(true);
        return taken;
      });
      this.#isFlushing = false;
      if (this.#hasNews) this.#arm();
    } catch {
      // Its run may be somebody else's by now, or the database away: then it waits for the next write, if there is one.
      this.#isFlushing = false;
      this.putBack(taken);
    }
  }
}
