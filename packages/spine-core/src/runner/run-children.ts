import type { Clock } from "../clock.ts";
import { SpineError } from "../errors.ts";
import type { HistoryStore } from "../history/history-store.ts";
import { isTerminal, RUN_STATUSES } from "../history/records.ts";
import type { Registry } from "../registry.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import { planRun } from "./start-run.ts";
import type { PreparedChild } from "./step-scope.ts";

export interface RunChildrenOptions {
  readonly history: HistoryStore;
  readonly workflows: Registry<WorkflowData>;
  readonly clock: Clock;
  readonly retry: (runId: string) => Promise<void>;
  readonly cancel: (runId: string) => Promise<void>;
}

const ACTIVE = RUN_STATUSES.filter((status) => !isTerminal(status));
const PAGE = 200;

/** The runs that steps of other runs start and wait for. */
export class RunChildren {
  readonly #options: RunChildrenOptions;

  constructor(options: RunChildrenOptions) {
    this.#options = options;
  }

  /**
   * The run that a step is to wait for: that of an earlier attempt, which goes on where it failed, or one that exists once the
   * step's record of it does.
   */
  async prepare(
    parent: { readonly runId: string; readonly step: string },
    pipeline: string,
    params: unknown,
    known: string | undefined,
  ): Promise<PreparedChild> {
    const { history, workflows, clock, retry } = this.#options;
    if (known !== undefined) {
      const [earlier] = await history.glance([known]);
      if (earlier?.status === "FAILED" || earlier?.status === "CANCELLED") await retry(known);
      if (earlier) return { runId: known };
    }
    const options = { parentRunId: parent.runId, triggeredBy: "pipeline" };
    const { commit } = await planRun(workflows.get(pipeline), params, options, null, clock);
    return { runId: commit.run.runId, child: { ...commit.run, parentStep: parent.step } };
  }

  /** Cancels all that steps of a run wait for, as far as they have not ended. */
  async cancelAllOf(parentRunId: string): Promise<void> {
    const { history } = this.#options;
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const query = { parentRunId, status: ACTIVE, limit: PAGE };
      const page = await history.list(cursor === undefined ? query : { ...query, cursor });
      await this.cancel(page.items.filter(({ parentStep }) => parentStep !== null).map(({ runId }) => runId));
      cursor = page.nextCursor;
    }
  }

  /** Cancels those that have not ended. */
  async cancel(runIds: readonly string[]): Promise<void> {
    for (const runId of runIds) {
      try {
        await this.#options.cancel(runId);
      } catch (error) {
        const { code } = SpineError.from(error);
        if (code !== "RUN_CONFLICT" && code !== "RUN_NOT_FOUND") throw error;
      }
    }
  }
}
