import { SpineError } from "../errors.ts";
import type { HistoryStore } from "../history/history-store.ts";
import { isTerminal, type RunDetail, type RunRecord } from "../history/records.ts";
import { runOutputs } from "../history/run-outputs.ts";
import { deepFreeze } from "../json.ts";
import { isEncoded, notDecoded } from "../payload-codec.ts";
import type { ActiveRuns } from "./active-runs.ts";
import type { RunWatch } from "./run-watch.ts";
import type { RunHandle } from "./runner.ts";

export interface RunResultsOptions {
  readonly history: HistoryStore;
  readonly active: ActiveRuns;
  readonly watch: RunWatch;
}

/** What becomes of runs, wherever they are at work: for who started them, and for who looks on. */
export class RunResults {
  readonly #options: RunResultsOptions;

  constructor(options: RunResultsOptions) {
    this.#options = options;
  }

  handle(id: string, existing: boolean): RunHandle {
    return { id, existing, result: () => this.#result(id), watch: () => this.#watch(id) };
  }

  /** @throws SpineError RUN_NOT_FOUND. */
  async get(runId: string): Promise<RunDetail> {
    const detail = await this.#options.history.get(runId);
    if (detail) return detail;
    throw new SpineError(
      "RUN_NOT_FOUND",
      `There is no run ${runId}. It may have been removed by retention; one that was started in a transaction exists once that is committed.`,
      { context: { runId } },
    );
  }

  async #result(runId: string): Promise<Readonly<Record<string, unknown>>> {
    for (;;) {
      const execution = this.#options.active.of(runId);
      const failure = await execution?.done;
      if (failure) throw failure;
      // What was recorded is still here: no need to read it back.
      if (execution?.state.status === "COMPLETED") return Object.freeze({ ...execution.state.outputs });
      const ended = await this.#endOrWorkHere(runId);
      if (!ended) continue;
      const { run, steps } = await this.get(runId);
      if (isTerminal(run.status)) return outputsOf(run, steps);
    }
  }

  /** True when the run has ended or does not exist; false when it has come to work in this process. */
  async #endOrWorkHere(runId: string): Promise<boolean> {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const here = this.#options.active.watch(runId, () => resolve(false));
    const anywhere = this.#options.watch.watch(runId, {
      seen: (run) => {
        if (run === null || isTerminal(run.status)) resolve(true);
      },
      failed: reject,
    });
    try {
      return await promise;
    } finally {
      here();
      anywhere();
    }
  }

  #watch(runId: string): AsyncIterableIterator<RunDetail, void, undefined> {
    const leaving = { isSo: false, wake: () => {} };
    const details = this.#details(runId, leaving);
    return {
      next: () => details.next(),
      // A generator would first wait for the change that its `next` waits for.
      return: () => {
        leaving.isSo = true;
        leaving.wake();
        return details.return();
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  async *#details(
    runId: string,
    leaving: { readonly isSo: boolean; wake: () => void },
  ): AsyncGenerator<RunDetail, void, undefined> {
    let told = Promise.withResolvers<void>();
    leaving.wake = () => told.resolve();
    let newest = 0;
    let failure: { readonly error: unknown } | null = null;
    const stop = this.#options.watch.watch(runId, {
      seen: (run) => {
        newest = Math.max(newest, run?.version ?? 0);
        told.resolve();
      },
      failed: (error) => {
        failure = { error };
        told.resolve();
      },
    });
    try {
      for (let shown = 0; ; ) {
        if (!leaving.isSo) await told.promise;
        if (leaving.isSo) return;
        told = Promise.withResolvers();
        if (failure) throw (failure as { readonly error: unknown }).error;
        if (newest !== 0 && newest <= shown) continue;
        const detail = await this.get(runId);
        shown = detail.run.version;
        yield detail;
        if (isTerminal(detail.run.status)) return;
      }
    } finally {
      stop();
    }
  }
}

function outputsOf(run: RunRecord, steps: RunDetail["steps"]): Readonly<Record<string, unknown>> {
  if (run.status === "COMPLETED") {
    const outputs = runOutputs(steps);
    // They have types, which what is encoded does not have.
    if (Object.values(outputs).some(isEncoded)) {
      throw notDecoded().withContext({ runId: run.runId, workflow: run.workflow });
    }
    // As they are where the run was at work.
    return deepFreeze(outputs);
  }
  if (run.error)
    throw SpineError.fromJSON(run.error).withContext({ runId: run.runId, workflow: run.workflow });
  throw new SpineError("RUN_CANCELLED", `Run ${run.runId} of "${run.workflow}" was cancelled.`, {
    context: { runId: run.runId },
  });
}
