import { SpineError } from "../errors.ts";
import type { JsonValue } from "../json.ts";
import { decodePayload, encodePayload, type PayloadCodec } from "../payload-codec.ts";
import type { ArrivalRange, Arrivals } from "./arrivals.ts";
import type { Attachment, CheckpointAttachment } from "./attachment.ts";
import type { EventRange } from "./event-range.ts";
import type {
  Claim,
  ClaimedRun,
  ClaimRequest,
  CommitOptions,
  CommitResult,
  CreateCommit,
  HistoryStore,
  Inbox,
  NewRun,
  OutageOptions,
  RunChange,
  RunCommit,
  RunGlance,
  StepEnd,
  Transition,
} from "./history-store.ts";
import type { CheckpointRecord, RunDetail, RunEvent } from "./records.ts";
import type { RunPage, RunQuery } from "./run-query.ts";
import { skipOutput, UNCHANGED } from "./skip-output.ts";
import type { Workload, WorkloadOptions } from "./workload.ts";

const UNCHANGED_OUTPUT = skipOutput(UNCHANGED);

/**
 * A history whose payloads stand encoded in the one below: its users see them plain, its store never does. Errors, logs,
 * metrics, events and what lists show are not payloads.
 *
 * @example
 * const history = new EncodedHistory(stores.history, encryptPayloads({ keys: { k1: key }, use: "k1" }));
 */
export class EncodedHistory implements HistoryStore {
  readonly #store: HistoryStore;
  readonly #codec: PayloadCodec;

  constructor(store: HistoryStore, codec: PayloadCodec) {
    this.#store = store;
    this.#codec = codec;
  }

  async commit(commits: readonly RunCommit[], options?: CommitOptions): Promise<readonly CommitResult[]> {
    const encoded = commits.map((commit) => this.#commit(commit));
    return this.#results(commits, await this.#store.commit(encoded, options));
  }

  async createIn(connection: unknown, commits: readonly CreateCommit[]): Promise<readonly CommitResult[]> {
    const encoded = commits.map((commit) => this.#create(commit));
    return this.#results(commits, await this.#store.createIn(connection, encoded));
  }

  async claim(request: ClaimRequest): Promise<Claim> {
    const { runs, nextAt } = await this.#store.claim(request);
    return { runs: runs.map((run) => this.#claimed(run)), nextAt };
  }

  beat(worker: string, state: "alive" | "gone"): Promise<void> {
    return this.#store.beat(worker, state);
  }

  async get(runId: string): Promise<RunDetail | undefined> {
    const found = await this.#store.get(runId);
    return found && this.#detail(found);
  }

  async checkpoints(runId: string): Promise<readonly CheckpointRecord[]> {
    return (await this.#store.checkpoints(runId)).map((each) => this.#recorded(runId, each));
  }

  glance(runIds: readonly string[], options?: OutageOptions): Promise<readonly RunGlance[]> {
    return this.#store.glance(runIds, options);
  }

  owned(worker: string, options?: OutageOptions): Promise<readonly RunGlance[]> {
    return this.#store.owned(worker, options);
  }

  async inbox(
    runId: string,
    children: readonly string[],
    options?: OutageOptions,
  ): Promise<Inbox | undefined> {
    const inbox = await this.#store.inbox(runId, children, options);
    return (
      inbox && {
        ...inbox,
        signals: inbox.signals.map((signal) => ({
          ...signal,
          payload: this.#decode(signal.payload, "signal", runId, signal.name),
        })),
        children: inbox.children.map((child) => ({
          ...child,
          outputs: child.outputs && this.#outputs(child.runId, child.outputs),
        })),
      }
    );
  }

  list(query: RunQuery): Promise<RunPage> {
    return this.#store.list(query);
  }

  arrivals(workflow: string, range: ArrivalRange): Promise<Arrivals> {
    return this.#store.arrivals(workflow, range);
  }

  events(runId: string, options?: EventRange): Promise<readonly RunEvent[]> {
    return this.#store.events(runId, options);
  }

  workload(options?: WorkloadOptions): Promise<Workload> {
    return this.#store.workload(options);
  }

  prune(options: { readonly before: number; readonly limit: number }): Promise<readonly string[]> {
    return this.#store.prune(options);
  }

  // On the way in.

  #commit(commit: RunCommit): RunCommit {
    switch (commit.kind) {
      case "create":
        return this.#create(commit);
      case "advance":
        return { ...commit, transition: this.#transition(commit.runId, commit.transition) };
      case "control":
        return {
          ...commit,
          change: this.#change(commit.runId, commit.change),
          ...(commit.undoing && { undoing: this.#change(commit.runId, commit.undoing) }),
        };
      case "signal":
        return {
          ...commit,
          payload: this.#encode(commit.payload, "signal", commit.runId, commit.name),
        };
    }
  }

  #create(commit: CreateCommit): CreateCommit {
    const { inherited, checkpoints } = commit;
    const { runId } = commit.run;
    return {
      ...commit,
      run: this.#newRun(commit.run),
      ...(inherited && { inherited: inherited.map((end) => this.#end(runId, end)) }),
      ...(checkpoints && { checkpoints: checkpoints.map((each) => this.#checkpoint(runId, each)) }),
    };
  }

  #newRun(run: NewRun): NewRun {
    return {
      ...run,
      // Not bound to the run's id: a start that is debounced gives its parameters to a run that is there already.
      params: this.#encode(run.params, "params", run.workflow),
      paramsHash: this.#hashes(run.paramsHash)[0] ?? run.paramsHash,
    };
  }

  #transition(runId: string, transition: Transition): Transition {
    const { ended, children, run, attachments } = transition;
    return {
      ...transition,
      ended: ended.map((end) => this.#end(runId, end)),
      ...(children && { children: children.map((child) => this.#newRun(child)) }),
      ...(run && { run: this.#change(runId, run) }),
      attachments: attachments.map((each) => this.#attachment(runId, each)),
    };
  }

  #end<E extends StepEnd>(runId: string, end: E): E {
    if (end.output === null || end.output === UNCHANGED_OUTPUT) return end;
    return { ...end, output: this.#encode(end.output, "output", runId, end.name) };
  }

  #change(runId: string, change: RunChange): RunChange {
    if (change.outputs === undefined) return change;
    return { ...change, outputs: this.#encode(change.outputs, "outputs", runId) };
  }

  #attachment(runId: string, attachment: Attachment): Attachment {
    return attachment.kind === "checkpoint" ? this.#checkpoint(runId, attachment) : attachment;
  }

  #checkpoint(runId: string, checkpoint: CheckpointAttachment): CheckpointAttachment {
    const { step, key, value } = checkpoint;
    return { ...checkpoint, value: this.#encode(value, "checkpoint", runId, step, key) };
  }

  #encode(json: string, ...about: readonly string[]): string {
    return encodePayload(this.#codec, json, JSON.stringify(about));
  }

  // On the way out.

  /** Who started the run that was found compares the hash with his own, which is plain. */
  #results(commits: readonly RunCommit[], results: readonly CommitResult[]): readonly CommitResult[] {
    return results.map((result, index) => {
      const commit = commits[index];
      if (result.result !== "duplicate" || commit?.kind !== "create") return result;
      const { paramsHash } = commit.run;
      return this.#hashes(paramsHash).includes(result.paramsHash) ? { ...result, paramsHash } : result;
    });
  }

  #hashes(hash: string): readonly string[] {
    return this.#codec.hashes?.(hash) ?? [hash];
  }

  /** A run that cannot be read is handed on with the reason: it fails, and the others of the claim go on. */
  #claimed(claimed: ClaimedRun): ClaimedRun {
    if (claimed.unreadable) return claimed;
    try {
      const { runId } = claimed.run;
      return {
        ...claimed,
        ...this.#detail(claimed),
        checkpoints: claimed.checkpoints.map((each) => this.#recorded(runId, each)),
      };
    } catch (error) {
      return { ...claimed, unreadable: SpineError.from(error).toJSON() };
    }
  }

  #detail({ run, steps }: RunDetail): RunDetail {
    const { runId, workflow, params, outputs } = run;
    return {
      run: {
        ...run,
        params: this.#decode(params, "params", workflow),
        outputs: outputs === null ? null : this.#decode(outputs, "outputs", runId),
      },
      steps: steps.map((step) =>
        step.output === null
          ? step
          : { ...step, output: this.#decode(step.output, "output", runId, step.name) },
      ),
    };
  }

  #recorded(runId: string, checkpoint: CheckpointRecord): CheckpointRecord {
    const { step, key, value } = checkpoint;
    return { ...checkpoint, value: this.#decode(value, "checkpoint", runId, step, key) };
  }

  #outputs(runId: string, outputs: Readonly<Record<string, JsonValue>>): Readonly<Record<string, JsonValue>> {
    const decoded = Object.entries(outputs).map(
      ([step, output]) => [step, this.#decode(output, "output", runId, step)] as const,
    );
    return Object.fromEntries(decoded);
  }

  #decode(stored: JsonValue, ...about: readonly string[]): JsonValue {
    return decodePayload(this.#codec, stored, JSON.stringify(about));
  }
}
