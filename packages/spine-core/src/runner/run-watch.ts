import type { Clock } from "../clock.ts";
import { SpineError } from "../errors.ts";
import type { Hint, Hints } from "../history/hints.ts";
import type { HistoryStore, RunGlance } from "../history/history-store.ts";

export interface RunWatchOptions {
  readonly history: Pick<HistoryStore, "glance">;
  readonly hints: Hints;
  readonly clock: Clock;
  /** Has this process hear what others tell. */
  readonly listen: () => void;
}

/** Somebody who waits for a run. */
export interface RunWatcher {
  /** The run at its newest: at first, and whenever its version has grown; null when there is no such run. */
  readonly seen: (run: RunGlance | null) => void;
  /** It cannot be watched any more. */
  readonly failed: (error: unknown) => void;
}

interface Watched {
  version: number | undefined;
  readonly watchers: Set<RunWatcher>;
}

/** The longest wait between two looks at what is waited for: whoever waits for a result does not wait for an idle process's poll. */
const LONGEST_POLL_MS = 1_000;

/**
 * Watches runs for everybody in this process who waits for one, wherever they are at work: a look at all that may have
 * changed is one query, made when this process or another one says so, and every `pollMs` at all of them.
 */
export class RunWatch {
  readonly #options: RunWatchOptions;
  readonly #runs = new Map<string, Watched>();
  /** Runs to look at. */
  #dirty = new Set<string>();
  #looking = false;
  #stopTimer = () => {};
  #closed: SpineError | null = null;

  constructor(options: RunWatchOptions) {
    this.#options = options;
  }

  /** How many runs are watched. */
  get size(): number {
    return this.#runs.size;
  }

  /** Begins to watch a run; returns the function that ends it. */
  watch(runId: string, watcher: RunWatcher): () => void {
    if (this.#closed) {
      watcher.failed(this.#closed);
      return () => {};
    }
    const run = this.#runs.get(runId) ?? { version: undefined, watchers: new Set<RunWatcher>() };
    // Who comes later has not seen what the others have.
    run.version = undefined;
    run.watchers.add(watcher);
    this.#runs.set(runId, run);
    if (this.#runs.size === 1) this.#begin();
    this.touch(runId);
    return () => {
      run.watchers.delete(watcher);
      if (run.watchers.size > 0 || this.#runs.get(runId) !== run) return;
      this.#runs.delete(runId);
      if (this.#runs.size === 0) this.#end();
    };
  }

  /** A run was written to. */
  touch(runId: string): void {
    if (this.#runs.size === 0 || !this.#runs.has(runId)) return;
    this.#dirty.add(runId);
    this.#look();
  }

  /** Another process says what it wrote to. */
  hear({ changed = [], taken = [] }: Hint): void {
    for (const runId of changed === "any" ? this.#runs.keys() : changed) this.touch(runId);
    for (const runId of taken) this.touch(runId);
  }

  /** Fails all who still wait. */
  close(error: SpineError): void {
    this.#closed = error;
    const runs = [...this.#runs.values()];
    this.#runs.clear();
    this.#end();
    for (const { watchers } of runs) for (const { failed } of watchers) failed(error);
  }

  #begin(): void {
    this.#options.listen();
    this.#options.hints.follow(true);
    this.#arm();
  }

  #end(): void {
    this.#options.hints.follow(false);
    this.#stopTimer();
    this.#stopTimer = () => {};
    this.#dirty.clear();
  }

  #arm(): void {
    const { clock, hints } = this.#options;
    this.#stopTimer();
    this.#stopTimer = clock.after(Math.min(hints.pollMs, LONGEST_POLL_MS), () => {
      for (const runId of this.#runs.keys()) this.#dirty.add(runId);
      this.#look();
      this.#arm();
    });
  }

  /** One look at a time; what is touched meanwhile comes with the next one. */
  #look(): void {
    if (this.#looking) return;
    this.#looking = true;
    // After everything that is ready to run now: what is touched together is looked at together.
    setImmediate(() => {
      void this.#lookOnce().finally(() => {
        this.#looking = false;
        if (this.#dirty.size > 0) this.#look();
      });
    });
  }

  async #lookOnce(): Promise<void> {
    const runIds = [...this.#dirty].filter((runId) => this.#runs.has(runId));
    this.#dirty = new Set();
    if (runIds.length === 0) return;
    try {
      const found = new Map(
        (await this.#options.history.glance(runIds)).map((glance) => [glance.runId, glance]),
      );
      for (const runId of runIds) this.#tell(runId, found.get(runId) ?? null);
    } catch (error) {
      for (const runId of runIds) this.#fail(runId, error);
    }
  }

  #tell(runId: string, glance: RunGlance | null): void {
    const run = this.#runs.get(runId);
    const version = glance?.version ?? 0;
    if (!run || run.version === version) return;
    run.version = version;
    for (const { seen } of run.watchers) seen(glance);
  }

  #fail(runId: string, error: unknown): void {
    const run = this.#runs.get(runId);
    this.#runs.delete(runId);
    if (this.#runs.size === 0) this.#end();
    for (const { failed } of run?.watchers ?? []) failed(SpineError.from(error, "DATABASE_UNAVAILABLE"));
  }
}
