import { textOf } from "../errors.ts";
import type { HistoryStore, SignalCommit } from "../history/history-store.ts";
import type { Logger } from "../logger.ts";
import type { Registry } from "../registry.ts";
import type { WorkflowData } from "../workflow/workflow.ts";

/** The message that tells a run which waits that its workflow has other steps by now. No step waits for it. */
export const ADOPT = "spine:adopt";
const PAGE = 200;

export interface AdoptedRunsOptions {
  readonly history: HistoryStore;
  readonly workflows: Registry<WorkflowData>;
  readonly logger: Logger;
  /** Some were told. */
  readonly told: () => void;
}

/**
 * Runs that wait when a process starts which has another version of their workflow, and goes on with it (`adopt`): what they wait
 * for may be gone, so each is told once per version, and goes on with the new steps as soon as it is claimed.
 */
export class AdoptedRuns {
  readonly #options: AdoptedRunsOptions;
  #stopped = false;
  #telling: Promise<void> = Promise.resolve();

  constructor(options: AdoptedRunsOptions) {
    this.#options = options;
  }

  /** Tells them, in the background. */
  start(): void {
    const { workflows, logger } = this.#options;
    this.#stopped = false;
    const adopting = workflows.names().map((name) => workflows.get(name));
    this.#telling = this.#tellAll(adopting.filter(({ whenChanged }) => whenChanged === "adopt")).catch(
      (error: unknown) => {
        const message = "Runs that wait in an earlier version could not be told of the new one.";
        logger.warn(message, { error: textOf(error) });
      },
    );
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#telling;
  }

  async #tellAll(workflows: readonly WorkflowData[]): Promise<void> {
    for (const workflow of workflows) await this.#tell(workflow);
  }

  async #tell({ name, fingerprint }: WorkflowData): Promise<void> {
    const { history, told } = this.#options;
    const query = { workflow: name, status: ["WAITING"], limit: PAGE } as const;
    for (let cursor: string | null | undefined; cursor !== null && !this.#stopped; ) {
      const page = await history.list({ ...query, ...(cursor === undefined ? {} : { cursor }) });
      const others = page.items.filter((run) => run.fingerprint !== fingerprint);
      const commits = others.map(({ runId }): SignalCommit => {
        return { kind: "signal", runId, signalId: `${ADOPT} ${fingerprint}`, name: ADOPT, payload: "null" };
      });
      if (commits.length > 0) {
        await history.commit(commits);
        told();
      }
      cursor = page.nextCursor;
    }
  }
}
