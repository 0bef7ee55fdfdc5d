import { SpineError } from "../errors.ts";
import type { RunState } from "./run-state.ts";

/** Work on a run under one fencing token. */
export interface Execution {
  readonly runId: string;
  readonly controller: AbortController;
  /** The fencing token under which this process works on it. */
  readonly token: number;
  /** What is known of the run here; it changes as the run goes on. */
  readonly state: RunState;
  /** Has it look for messages. */
  readonly message: () => void;
  /** Resolves when this process is done with the run; with an error when it could not record it. */
  readonly done: Promise<SpineError | null>;
}

/** The runs that this process works on. */
export class ActiveRuns {
  readonly #current = new Map<string, Execution>();
  /** All that have not ended: a cancelled execution may still unwind while its run is at work anew. */
  readonly #all = new Set<Execution>();
  /** Who waits for something to happen to a run here. */
  readonly #watchers = new Map<string, Set<() => void>>();

  get size(): number {
    return this.#current.size;
  }

  /** Follows an execution until it is done, then calls back. */
  add(execution: Execution, then: () => void): void {
    const { runId, done } = execution;
    // It was taken out of this process's hands and has come back before anybody here noticed: that code is nobody's by now.
    this.#current.get(runId)?.controller.abort(takenAway(runId));
    this.#current.set(runId, execution);
    this.#all.add(execution);
    this.#tell(runId);
    void done.then(() => {
      this.#all.delete(execution);
      if (this.#current.get(runId) === execution) this.#current.delete(runId);
      then();
    });
  }

  /** The runs at work here. */
  ids(): readonly string[] {
    return [...this.#current.keys()];
  }

  /** The execution of a run that is at work here. */
  of(runId: string): Execution | undefined {
    return this.#current.get(runId);
  }

  /**
   * Aborts an execution that is not this process's any more. Which one has to be said: the run may have come to work here
   * anew by the time at which that is known.
   */
  abort(runId: string, execution: Execution | undefined, reason: SpineError): void {
    execution?.controller.abort(reason);
    this.#tell(runId);
  }

  /** True while an execution of the run under this fencing token has not ended here. */
  has(runId: string, token: number): boolean {
    for (const execution of this.#all) {
      if (execution.runId === runId && execution.token === token) return true;
    }
    return false;
  }

  /** Calls back once, when the run comes to work here or is aborted; returns the function that prevents it. */
  watch(runId: string, call: () => void): () => void {
    const watchers = this.#watchers.get(runId) ?? new Set();
    this.#watchers.set(runId, watchers.add(call));
    return () => {
      watchers.delete(call);
      if (watchers.size === 0) this.#watchers.delete(runId);
    };
  }

  /** Aborts all and waits until they have let go. */
  async abortAll(reason: SpineError): Promise<void> {
    const all = [...this.#all];
    for (const { controller } of all) controller.abort(reason);
    await Promise.all(all.map(({ done }) => done));
  }

  #tell(runId: string): void {
    for (const call of this.#watchers.get(runId) ?? []) call();
  }
}

/** Why code of a run ends here that belongs to somebody else by now, or to another execution. */
export function takenAway(runId: string): SpineError {
  return new SpineError(
    "FENCED",
    "This run was taken out of this process's hands (cancelled, or taken over by another worker).",
    { context: { runId } },
  );
}
