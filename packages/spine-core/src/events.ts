import { EventEmitter } from "eventemitter3";
import { aFunction, checkArgument, oneOf } from "./check-options.ts";
import { type ErrorJson, textOf } from "./errors.ts";
import type { RowCounts, RunStatus, StepProgress, StepStatus } from "./history/records.ts";
import type { Logger } from "./logger.ts";

interface RunFact {
  readonly runId: string;
  readonly workflow: string;
}

export interface RunChanged extends RunFact {
  readonly status: RunStatus;
  readonly error: ErrorJson | null;
}

export interface StepStarted extends RunFact {
  readonly step: string;
  readonly kind: string;
  readonly attempt: number;
}

export interface StepEnded extends RunFact {
  readonly step: string;
  readonly attempt: number;
  /** COMPLETED, FAILED, SKIPPED, or CANCELLED with the step around it. */
  readonly status: StepStatus;
  readonly rows: RowCounts | null;
  readonly error: ErrorJson | null;
  /** When the next attempt begins, ms since the epoch; null when there is none. */
  readonly retryAt: number | null;
}

/** How far a step has come: each page of a data step, and each time that code says so by `context.progress`. */
export interface StepProgressed extends RunFact, StepProgress {
  readonly step: string;
  readonly attempt: number;
}

/**
 * What happens in this process, as it happens; emitted after the fact is durable (progress excepted). For
 * what happened anywhere, read the history's events.
 */
export interface SpineEvents {
  "run.changed": [RunChanged];
  "step.started": [StepStarted];
  "step.ended": [StepEnded];
  "step.progress": [StepProgressed];
}

const EVENTS: Readonly<Record<keyof SpineEvents, true>> = {
  "run.changed": true,
  "step.started": true,
  "step.ended": true,
  "step.progress": true,
};

/** An emitter whose listeners cannot break a run: what they throw is logged. */
export class Events {
  // The types stand on the methods below: one generic emitter, one map of events.
  readonly #emitter = new EventEmitter();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Calls `listener` at each event of this name; returns the function that ends it. */
  on<N extends keyof SpineEvents>(name: N, listener: (event: SpineEvents[N][0]) => void): () => void {
    checkArgument("name", name, oneOf(Object.keys(EVENTS)), { of: "on" });
    checkArgument("listener", listener, aFunction, { of: "on" });
    const guarded = (event: SpineEvents[N][0]) => {
      const failed = (error: unknown) =>
        this.#logger.error(`A listener of "${name}" failed.`, { error: textOf(error) });
      try {
        // A listener may be asynchronous all the same: what it rejects with must not end the process.
        Promise.resolve(listener(event)).catch(failed);
      } catch (error) {
        failed(error);
      }
    };
    this.#emitter.on(name, guarded);
    return () => void this.#emitter.off(name, guarded);
  }

  /** True when somebody hears events of this name: what is told all the time is not made for nobody. @internal */
  isHeard(name: keyof SpineEvents): boolean {
    return this.#emitter.listenerCount(name) > 0;
  }

  /** @internal */
  emit<N extends keyof SpineEvents>(name: N, event: SpineEvents[N][0]): void {
    this.#emitter.emit(name, event);
  }
}
