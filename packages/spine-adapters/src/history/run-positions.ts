import type { AdvanceCommit, Fence, RunCommit } from "spine-core";
import type { OpenStep } from "./open-steps.ts";

/** What a process knows of a run that it owns, so that its next write needs to read nothing. */
export interface RunPosition extends Fence {
  /** How many attempts have begun so far. */
  readonly attempts: number;
  readonly open: readonly OpenStep[];
  /** The version that the next write compares, so that nothing came in between that is not known here. */
  readonly seen: number;
  /** The run that waits for the end of this one, where a store has to know. */
  readonly parent?: string | null;
}

/**
 * The runs of this process as its last write, or a look at them, left them. Nothing depends on it being right: what is
 * written compares fence and version again, and is made anew from the row when they differ.
 */
export class RunPositions {
  readonly #runs = new Map<string, RunPosition | "missing">();

  set(runId: string, run: RunPosition | "missing"): void {
    this.#runs.set(runId, run);
  }

  forget(runId: string): void {
    this.#runs.delete(runId);
  }

  /** What is known of runs after a write; null: nothing any more. */
  note(runs: Iterable<readonly [string, RunPosition | null]>): void {
    for (const [runId, run] of runs) {
      if (run) this.#runs.set(runId, run);
      else this.#runs.delete(runId);
    }
  }

  /** Hands out what is known of the runs of commits: nobody else uses it until it is given back. */
  take(commits: readonly RunCommit[]): RunPositions {
    const taken = new RunPositions();
    for (const commit of commits) {
      if (commit.kind === "create") continue;
      const run = this.#runs.get(commit.runId);
      if (run) taken.set(commit.runId, run);
      this.#runs.delete(commit.runId);
    }
    return taken;
  }

  giveBack(taken: RunPositions): void {
    for (const [runId, run] of taken.#runs) this.#runs.set(runId, run);
  }

  /** Forgets the runs of a worker that has ended. */
  forgetAllOf(worker: string): void {
    for (const [runId, run] of this.#runs) {
      if (run !== "missing" && run.worker === worker) this.#runs.delete(runId);
    }
  }

  /** What a commit starts from; `lost` when the run is not its owner's any more; undefined when nobody has looked. */
  of({ runId, fence }: AdvanceCommit): RunPosition | "missing" | "lost" | undefined {
    const run = this.#runs.get(runId);
    if (run === undefined || run === "missing") return run;
    return run.worker === fence.worker && run.token === fence.token ? run : "lost";
  }
}
