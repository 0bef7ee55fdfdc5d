import { checkText } from "../check-text.ts";
import { SpineError, ValidationError } from "../errors.ts";
import type { ControlCommit, ControlledRun, HistoryStore } from "../history/history-store.ts";
import { TRACKED } from "../history/history-tracker.ts";
import { RUN_STATUSES, type RunDetail, type RunStatus } from "../history/records.ts";
import { checkFilter, type RunFilter } from "../history/run-query.ts";
import { newId } from "../ids.ts";
import { decodeJson, encodeJson } from "../json.ts";
import type { Registry } from "../registry.ts";
import { shown } from "../shown.ts";
import { LONGEST_PATH } from "../workflow/step-paths.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import { checkBulk } from "./check-start.ts";
import type { BulkOptions, BulkResult, Control } from "./runner.ts";
import { checkSignal } from "./signals.ts";

export interface RunControlsOptions {
  readonly history: HistoryStore;
  readonly workflows: Registry<WorkflowData>;
  readonly get: (runId: string) => Promise<RunDetail>;
  /** A run is about to be controlled; what it returns is called when that is durable. */
  readonly controlling: (runId: string, control: Control) => Controlled;
  /** A message for a run is durable. */
  readonly sent: (runId: string) => void;
}

/** Is told the run's new status, and its workflow. */
export type Controlled = (status: RunStatus, workflow: string) => void;

interface Rule {
  readonly from: readonly RunStatus[];
  readonly status: RunStatus;
}

const RULES: Readonly<Record<Control, Rule>> = {
  cancel: { from: ["PENDING", "RUNNING", "WAITING", "PAUSED"], status: "CANCELLED" },
  pause: { from: ["PENDING", "RUNNING", "WAITING"], status: "PAUSED" },
  resume: { from: ["PAUSED"], status: "PENDING" },
  retry: { from: ["FAILED", "CANCELLED"], status: "PENDING" },
};

/** What becomes of a cancelled run that has something to undo: whoever knows its workflow does that. */
const UNDOING: NonNullable<ControlCommit["undoing"]> = {
  status: "PENDING",
  endsAs: "CANCELLED",
  error: new SpineError("RUN_CANCELLED", "The run was cancelled.").toJSON(),
};

/** The most runs of one bulk control. */
const MOST_AT_ONCE = 10_000;
const PAGE = 200;
/** Of a signal's id. */
const LONGEST_ID = 200;

/** What operators do to runs, and what is sent to them. */
export class RunControls {
  readonly #options: RunControlsOptions;

  constructor(options: RunControlsOptions) {
    this.#options = options;
  }

  /** @throws SpineError RUN_NOT_FOUND, or RUN_CONFLICT when the run is in no status for that. */
  async control(runId: string, control: Control): Promise<void> {
    const { status, from } = RULES[control];
    if (control !== "cancel") refuseTracked(await this.#read(runId), control);
    const isRetry = control === "retry";
    // Before the commit: after it the run may be at work anew before anybody has been told.
    const controlled = this.#options.controlling(runId, control);
    const made = await this.#commit({
      kind: "control",
      runId,
      from,
      change: { status, ...(isRetry ? { error: null, endsAs: null } : {}) },
      // Only the store knows what has ended by then, and in which runs below this one.
      ...(control === "cancel" ? { undoing: UNDOING } : {}),
      reason: control,
      withChildren: !isRetry,
    });
    if (made?.changed) controlled(made.status, made.workflow);
  }

  /** The run; null for one that cannot be decoded here, which keeps nobody from stopping it. */
  async #read(runId: string): Promise<RunDetail | null> {
    try {
      return await this.#options.get(runId);
    } catch (error) {
      if (SpineError.is(error) && error.code.startsWith("PAYLOAD_")) return null;
      throw error;
    }
  }

  /** The same for all runs of a filter; those in another status than the control is for are not among them. */
  async controlAll(filter: RunFilter, control: Control, options: BulkOptions): Promise<BulkResult> {
    checkFilter(filter);
    checkBulk(control, options);
    const { expect } = options;
    if (!Number.isInteger(expect) || expect < 0 || expect > MOST_AT_ONCE) {
      throw new ValidationError(
        `\`expect\` is ${shown(expect)}; it has to be the number of runs that are to be changed, ${MOST_AT_ONCE} at most.`,
      );
    }
    const { from } = RULES[control];
    const { status: asked = from } = filter;
    // What are no statuses is refused by the store.
    const areStatuses = Array.isArray(asked) && asked.every((one) => RUN_STATUSES.includes(one));
    const status = areStatuses ? from.filter((one) => asked.includes(one)) : asked;
    const runIds = await this.#find({ ...filter, status }, expect);
    if (runIds.length !== expect) {
      const found = runIds.length > expect ? `more than ${expect}` : String(runIds.length);
      throw new SpineError(
        "RUN_CONFLICT",
        `The filter finds ${found} runs to ${control}, not ${expect}. Nothing was changed: look at them, and say how many are meant.`,
        { detail: { found: runIds.length, expected: expect } },
      );
    }
    const changed: string[] = [];
    const refused: { runId: string; error: SpineError }[] = [];
    for (const runId of runIds) {
      try {
        await this.control(runId, control);
        changed.push(runId);
      } catch (error) {
        const known = SpineError.from(error);
        if (known.code !== "RUN_CONFLICT" && known.code !== "RUN_NOT_FOUND") throw error;
        refused.push({ runId, error: known });
      }
    }
    return { changed, refused };
  }

  /** Sends a run a message; a step that waits for it, or will, gets it. */
  async signal(runId: string, name: string, payload: unknown, signalId: string = newId()): Promise<void> {
    // An approval is a signal whose name is the path of its step.
    checkText(name, "The name of a signal", LONGEST_PATH);
    checkText(signalId, "The `id` of a signal", LONGEST_ID);
    const { run } = await this.#options.get(runId);
    const text = this.#payload(run, name, payload);
    const [outcome] = await this.#options.history.commit([
      { kind: "signal", runId, signalId, name, payload: text },
    ]);
    if (outcome?.result === "missing") await this.#options.get(runId);
    if (outcome?.result === "conflict") {
      throw new SpineError(
        "RUN_CONFLICT",
        `Run ${runId} is ${outcome.status}: it takes no signal "${name}" any more.`,
        { context: { runId } },
      );
    }
    this.#options.sent(runId);
  }

  /** The payload as JSON, checked where this process knows the version of the workflow that the run is of. */
  #payload({ workflow, fingerprint }: RunDetail["run"], name: string, payload: unknown): string {
    const text = encodeJson(payload ?? null, `the payload of the signal "${name}"`);
    const { workflows } = this.#options;
    if (!workflows.has(workflow)) return text;
    const known = workflows.get(workflow);
    if (known.fingerprint === fingerprint) checkSignal(known, { name, payload: decodeJson(text) });
    return text;
  }

  async #commit(commit: ControlCommit): Promise<ControlledRun | undefined> {
    const { history, get } = this.#options;
    const { runId, from, reason } = commit;
    const [outcome] = await history.commit([commit]);
    if (outcome?.result === "missing") await get(runId);
    if (outcome?.result === "conflict") {
      throw new SpineError(
        "RUN_CONFLICT",
        `Cannot ${reason} run ${runId}: it is ${outcome.status}, not ${from.join(" or ")}.`,
        { context: { runId } },
      );
    }
    // Not read back: what stands in it may be encoded with a key that this process does not have.
    return outcome?.result === "committed" ? outcome.controlled : undefined;
  }

  async #find(filter: RunFilter, expect: number): Promise<readonly string[]> {
    const runIds: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = await this.#options.history.list({
        ...filter,
        limit: PAGE,
        ...(cursor === undefined ? {} : { cursor }),
      });
      runIds.push(...page.items.map((run) => run.runId));
      if (runIds.length > expect) break;
      cursor = page.nextCursor;
    }
    return runIds;
  }
}

/** A run that is only recorded can be ended, and nothing else: nobody would go on with it. */
function refuseTracked(detail: RunDetail | null, control: Control): void {
  if (detail?.run.fingerprint !== TRACKED) return;
  const { runId } = detail.run;
  throw new SpineError(
    "RUN_CONFLICT",
    `Cannot ${control} run ${runId}: a HistoryTracker recorded it, and Spine does no work for it. Start it again where its work is done.`,
    { context: { runId } },
  );
}
