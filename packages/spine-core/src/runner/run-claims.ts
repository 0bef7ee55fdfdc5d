import { type FailureSeverity, withFailureAlert } from "../alerts/failure-alert.ts";
import { within } from "../clock.ts";
import type { Events } from "../events.ts";
import type { ClaimedRun, HistoryStore, Transition } from "../history/history-store.ts";
import type { Registry } from "../registry.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import { claimRefusal, trackedRefusal } from "./claim-refusal.ts";
import { KnownWorkflows } from "./known-workflows.ts";
import { restore } from "./restore.ts";
import type { RunChildren } from "./run-children.ts";
import type { OwnedRun } from "./run-execution.ts";
import type { Slots } from "./slots.ts";
import { checkpointsByStep } from "./step-checkpoints.ts";
import type { StrandedRuns } from "./stranded-runs.ts";
import type { UnattendedRuns } from "./unattended-runs.ts";

/** A run that was claimed and can go on here. */
export type ClaimedWork = Pick<
  OwnedRun,
  "workflow" | "execution" | "fence" | "state" | "lost" | "checkpoints"
>;

export interface RunClaimsOptions {
  readonly history: HistoryStore;
  readonly workflows: Registry<WorkflowData>;
  readonly worker: string;
  readonly maxCrashes: number;
  readonly onFailure: FailureSeverity | false;
  readonly slots: Slots;
  readonly stranded: StrandedRuns;
  readonly unattended: UnattendedRuns;
  readonly children: Pick<RunChildren, "cancelAllOf">;
  readonly events: Events;
  /** A write of a run is durable. */
  readonly changed: (runId: string) => void;
  /** Begins to work on a run. */
  readonly execute: (work: ClaimedWork, claimed: ClaimedRun) => void;
  /** Aborted when this process stops. */
  readonly signal: AbortSignal;
}

/** How long a look at what is not worked on waits for a claim that is under way. */
const CLAIM_MS = 5_000;

/** How a process comes to runs that others left or queued; and what it owns without working on it. */
export class RunClaims {
  readonly #options: RunClaimsOptions;
  readonly #known: KnownWorkflows;
  /** Runs that were claimed and are refused: their end is on its way. */
  readonly #refusing = new Set<string>();
  #claiming: Promise<unknown> | undefined;
  #starved = false;

  constructor(options: RunClaimsOptions) {
    this.#options = options;
    this.#known = new KnownWorkflows(options.workflows);
  }

  /** The last look for work ended for want of slots: there may be more of it. */
  get starved(): boolean {
    return this.#starved;
  }

  /** True for a run that was claimed and is refused. */
  refuses(runId: string): boolean {
    return this.#refusing.has(runId);
  }

  /** Gives back what is not worked on here, and takes what there are slots for. One call at a time. */
  async take(): Promise<{ readonly more: boolean; readonly nextAt: number | null }> {
    const { history, worker, slots, stranded, unattended, signal } = this.#options;
    for (const { runId, token } of await unattended.find()) stranded.addFound(runId, { worker, token });
    await stranded.release();
    const limit = slots.free;
    this.#starved = limit <= 0;
    if (limit <= 0) return { more: false, nextAt: null };
    const claiming = history.claim({ worker, limit, ...this.#known.known, signal });
    this.#claiming = claiming.catch(() => unattended.suspect());
    const { runs, nextAt } = await claiming;
    for (const run of runs) {
      try {
        this.#takeUp(run);
      } catch (error) {
        // The others of the claim are this process's as well.
        stranded.add(run.run.runId, run.fence, error);
      }
    }
    this.#starved = runs.length === limit;
    return { more: this.#starved, nextAt };
  }

  /** Runs that are this process's in the history, and that it does not work on. */
  async unattended(): Promise<readonly string[]> {
    const { unattended } = this.#options;
    // What was claimed a moment ago is not taken up yet.
    const settled = () => within(CLAIM_MS, Promise.resolve(this.#claiming));
    return (await unattended.look(settled)).map(({ runId }) => runId);
  }

  #takeUp(claimed: ClaimedRun): void {
    const { workflows, maxCrashes, stranded, events, changed, execute } = this.#options;
    const { run, fence } = claimed;
    const { runId, domain, params, partition, parentRunId, queue } = run;
    const refusal = trackedRefusal(claimed) ?? claimRefusal(claimed, workflows.get(run.workflow), maxCrashes);
    if (refusal) {
      this.#refuse(claimed, refusal).catch((error: unknown) => stranded.add(runId, fence, error));
      return;
    }
    const workflow = workflows.get(run.workflow);
    const { state, lost } = restore(workflow, claimed, claimed.checkpoints);
    const execution = { runId, workflow: workflow.name, domain, params, partition, parentRunId, queue };
    events.emit("run.changed", { runId, workflow: workflow.name, status: "RUNNING", error: null });
    changed(runId);
    const work = {
      workflow,
      execution,
      fence,
      state,
      lost: claimed.begun ? null : lost,
      checkpoints: checkpointsByStep(claimed.checkpoints),
    };
    execute(work, claimed);
  }

  async #refuse({ run, fence }: ClaimedRun, refusal: Transition): Promise<void> {
    const { history, children, events, changed, signal, onFailure } = this.#options;
    const transition = withFailureAlert(refusal, run, onFailure);
    const { runId, workflow } = run;
    this.#refusing.add(runId);
    try {
      // Before it is recorded that nobody waits for them, as in every other end.
      await children.cancelAllOf(runId);
      await history.commit([{ kind: "advance", runId, fence, transition }], { signal });
    } finally {
      this.#refusing.delete(runId);
    }
    changed(runId);
    const error = transition.run?.error ?? null;
    events.emit("run.changed", { runId, workflow, status: "FAILED", error });
  }
}
