import type { Partition } from "../context.ts";
import type { DatabaseTransaction } from "../database/database-transaction.ts";
import type { ErrorJson } from "../errors.ts";
import type { JsonValue } from "../json.ts";
import type { ArrivalRange, Arrivals } from "./arrivals.ts";
import type { Attachment, CheckpointAttachment } from "./attachment.ts";
import type { EventRange } from "./event-range.ts";
import type {
  CheckpointRecord,
  Metrics,
  RowCounts,
  RunDetail,
  RunEvent,
  RunStatus,
  StepStatus,
} from "./records.ts";
import type { RunPage, RunQuery } from "./run-query.ts";
import type { Workload, WorkloadOptions } from "./workload.ts";

/** Proof of ownership: a write with an older token, or of another worker, is refused. */
export interface Fence {
  readonly worker: string;
  readonly token: number;
}

/** An attempt that begins. It is counted before its first statement runs. */
export interface StepBegin {
  readonly name: string;
  readonly kind: string;
  readonly attempt: number;
}

/** An attempt that ended. */
export interface StepEnd {
  readonly name: string;
  readonly attempt: number;
  readonly status: Extract<StepStatus, "COMPLETED" | "FAILED" | "SKIPPED" | "CANCELLED">;
  /** JSON text, already checked and redacted; null when it has none. */
  readonly output: string | null;
  readonly error: ErrorJson | null;
  readonly rows: RowCounts | null;
  readonly metrics: Metrics;
  /** When the next attempt begins (ms since the epoch); null when there is none, or it begins at once. */
  readonly retryAt: number | null;
}

/** An attempt under way that only waits from now on: it is WAITING, and no code of it runs. */
export interface StepWait {
  readonly name: string;
  readonly attempt: number;
  /** Until when (ms since the epoch); null when no time ends it. */
  readonly until: number | null;
  /** What for, to be read by people and interfaces: `signal approve`, `run <id>`; null when only for a time. */
  readonly reason: string | null;
}

/** A step that the run ends without. */
export interface StepSkip {
  readonly name: string;
  readonly kind: string;
  readonly attempt: number;
  /** Why, as an upper-case word; its output's `skip_reason`. */
  readonly reason: string;
}

/** The change of a run's own row. Fields left out stay as they are. */
export interface RunChange {
  readonly status: RunStatus;
  /** JSON text. */
  readonly outputs?: string;
  readonly error?: ErrorJson | null;
  /**
   * When a PENDING or WAITING run may be claimed (ms since the epoch); its worker lets go of it. Null, for WAITING only: no
   * time ends it, only a message (`Inbox`) does.
   */
  readonly availableAt?: number | null;
  /**
   * For WAITING: how many messages its owner has seen. If it has got more by now, it may be claimed at once: a message that
   * comes while its owner decides to wait is not lost.
   */
  readonly inbox?: number;
  /** What the run is on its way to, while its finished steps are undone; null: it is not. */
  readonly endsAs?: EndsAs | null;
}

/** What a run ends as once its steps are undone. */
export type EndsAs = Extract<RunStatus, "FAILED" | "CANCELLED">;

/** What changes at once: attempts that end, attempts that begin, the run, and what is attached to it. */
export interface Transition {
  /** Attempts under way, or of `begun`: those begin and end at once. */
  readonly ended: readonly StepEnd[];
  readonly begun: readonly StepBegin[];
  /** Steps that never begin: they are recorded behind those that ended and began, each with the events of a beginning and an end. */
  readonly skipped?: readonly StepSkip[];
  /** Attempts under way, those of `begun` included, that only wait from now on. Each is told as `step.waiting`. */
  readonly waiting?: readonly StepWait[];
  /** Children that exist once this is committed, and only then; always queued, with `parentRunId` being this run. */
  readonly children?: readonly NewRun[];
  /** Signals (by their ids) that were handed to a step: no other gets them. */
  readonly taken?: readonly string[];
  /** Absent while the run just goes on. */
  readonly run?: RunChange;
  /** Merged into the run's metrics. */
  readonly metrics?: Metrics;
  readonly attachments: readonly Attachment[];
}

/** A run that does not exist yet. */
export interface NewRun {
  readonly runId: string;
  readonly workflow: string;
  readonly domain: string | null;
  readonly partition: Partition | null;
  /** As `checkTags` returns them; none when left out. */
  readonly tags?: readonly string[];
  /** Unique within the workflow and the scope; a second start with the same key finds the first run. */
  readonly key: string | null;
  /** Whose keys: those of different scopes never meet; the common one when left out. */
  readonly scope?: string;
  readonly fingerprint: string;
  /** JSON text. */
  readonly params: string;
  readonly paramsHash: string;
  readonly triggeredBy: string;
  readonly parentRunId: string | null;
  /** The step of its parent that waits for it: its end is then a message to the parent, and it is cancelled with it. */
  readonly parentStep?: string | null;
  /** The run that it repeats; none when left out. */
  readonly rerunOf?: string | null;
  /** True when its workflow has anything that is taken back (`undo`): a control decides by it; false when left out. */
  readonly hasUndo?: boolean;
  /** When it fails if it has not ended (ms since the epoch); never when left out. */
  readonly deadline?: number | null;
  /**
   * While a run with this key, of the same workflow and scope, is PENDING, a start changes that one instead of making
   * another: it gets these `params`, `paramsHash` and `availableAt`, the latter at most `latest` after its creation (ms).
   * The result is `debounced` with its id. None when left out; not together with `key`.
   */
  readonly debounce?: { readonly key: string; readonly latest: number | null } | null;
  /** The queue that it stands in; none when left out. Such a run is never started at once (`worker` is null). */
  readonly queue?: string | null;
  /** A whole number from -100 to 100, the higher the sooner; 0 when left out. */
  readonly priority?: number;
  /** What the queue's `keyConcurrency` counts by; none when left out. */
  readonly concurrencyKey?: string | null;
  /** The worker that starts it at once (RUNNING), or null to queue it (PENDING). */
  readonly worker: string | null;
  /** When a queued run may be claimed, ms since the epoch; null for at once. */
  readonly availableAt: number | null;
}

/** Stores a run, and the beginning of its first step when it starts at once: one write. */
export interface CreateCommit {
  readonly kind: "create";
  readonly run: NewRun;
  readonly begun: readonly StepBegin[];
  /**
   * Results that it has from the run that it repeats, in their order: stored as attempts that have ended, with `kind`. Only
   * for a queued run, whose record says how many these are.
   */
  readonly inherited?: readonly (StepEnd & { readonly kind: string })[];
  /** What these steps recorded inside of them. */
  readonly checkpoints?: readonly CheckpointAttachment[];
}

/** Moves a run on; only its owner may. */
export interface AdvanceCommit {
  readonly kind: "advance";
  readonly runId: string;
  readonly fence: Fence;
  readonly transition: Transition;
}

/**
 * Changes a run from outside, whoever owns it: cancel, pause, resume, retry. It takes the run out of its owner's hands (the
 * token is raised), and attempts that are under way or wait end as `CANCELLED`. Lost workers of a run that had ended are not
 * counted any more, and its deadline, if it has one, begins anew. A run that is queued again has no error any more, unless it is
 * on its way to an end (`endsAs`). One that is paused is claimable at its deadline, to end by it.
 */
export interface ControlCommit {
  readonly kind: "control";
  readonly runId: string;
  /** The statuses in which the change is allowed. */
  readonly from: readonly RunStatus[];
  readonly change: RunChange;
  /**
   * What becomes, instead of `change`, of a run that has something to undo: its workflow has (`hasUndo`), and a step of its own
   * is COMPLETED. Decided for each run by itself when its row is locked, so that no step ends in between. A run that is on its way to
   * an end already stays as it is; a paused one goes on with that (PENDING).
   */
  readonly undoing?: RunChange;
  /** Who or what asked for it, for the event log. */
  readonly reason: string;
  /**
   * The same change for all runs below it that were started by a step that waits for them (`parentStep`), as far as they are
   * in one of the statuses of `from`; those that are not stay as they are.
   */
  readonly withChildren?: boolean;
}

/**
 * A message to a run, kept until one of its steps takes it: whether the step waits already, or much later. A run that is
 * WAITING may be claimed at once. Refused (`conflict`) by a run that has ended.
 */
export interface SignalCommit {
  readonly kind: "signal";
  readonly runId: string;
  /** Chosen by the sender: sent again with the same id, it is stored once, and `committed` all the same. */
  readonly signalId: string;
  readonly name: string;
  /** JSON text. */
  readonly payload: string;
}

export type RunCommit = CreateCommit | AdvanceCommit | ControlCommit | SignalCommit;

/** What became of one commit. The others of the same call are not affected. */
export type CommitResult =
  | { readonly result: "committed"; readonly version: number; readonly controlled?: ControlledRun }
  /** The run belongs to somebody else by now: nothing was written, stop working on it. */
  | { readonly result: "fenced" }
  /** A run with this workflow, scope and key exists: nothing was written. */
  | { readonly result: "duplicate"; readonly runId: string; readonly paramsHash: string }
  /** A pending run has these parameters and this time now: no other was stored. */
  | { readonly result: "debounced"; readonly runId: string }
  /** The run is not in one of the statuses asked for. */
  | { readonly result: "conflict"; readonly status: RunStatus }
  | { readonly result: "missing" };

/** What a control made of the run that it is about. */
export interface ControlledRun {
  readonly workflow: string;
  readonly status: RunStatus;
  /** False when it stays as it is: it is on its way to where it was sent. */
  readonly changed: boolean;
}

/** Ends the wait for a database that is away, where a store waits for one. What was sent by then may happen all the same. */
export interface OutageOptions {
  /** Aborted: it is waited no more. */
  readonly signal?: AbortSignal;
}

export interface CommitOptions extends OutageOptions {
  /** How long to wait, in milliseconds; as long as the store likes when left out. */
  readonly patienceMs?: number;
  /**
   * Write in this open transaction of the same database instead of one of the store's own. Not for a control, which
   * changes a run that others may own and so has a transaction of its own: TRANSACTION_INVALID.
   */
  readonly transaction?: DatabaseTransaction;
}

/** What a run of a workflow begins with. */
export interface FirstAttempts {
  /** Only runs with this fingerprint begin with it. */
  readonly fingerprint: string;
  readonly begun: readonly StepBegin[];
}

export interface ClaimRequest {
  readonly worker: string;
  /**
   * The workflows that this worker knows; runs of others wait for somebody who does. Only those whose fingerprint is `TRACKED` do
   * not: left by a worker that is gone, they are given to anybody, who ends them.
   */
  readonly workflows: readonly string[];
  readonly limit: number;
  /**
   * By workflow: the first attempts of runs that have never begun. The claim records them as begun, which saves the write
   * that would say so; a run of a workflow that is left out is claimed without.
   */
  readonly first?: ReadonlyMap<string, FirstAttempts>;
  /** By workflow: only runs with this fingerprint are taken, or such as have never begun; those of others wait for somebody who has their version. */
  readonly pinned?: ReadonlyMap<string, string>;
  /** Aborted: a claim that waits for a database that is away waits no more. */
  readonly signal?: AbortSignal;
}

/** A run that now belongs to the claiming worker, with everything needed to go on. */
export interface ClaimedRun extends RunDetail {
  readonly fence: Fence;
  /** True when its attempts under way were begun by this claim; false when somebody left them behind. */
  readonly begun: boolean;
  readonly checkpoints: readonly CheckpointRecord[];
  /**
   * Why what stands in it cannot be read: it is not to be worked on. Stores set it where their own rows cannot be read, so
   * that one such run keeps no other from being claimed; they do not look into payloads.
   */
  readonly unreadable?: ErrorJson;
}

export interface Claim {
  readonly runs: readonly ClaimedRun[];
  /**
   * When the next run can be let in (ms since the epoch): it waits for its time, or its queue's rate limit for the next
   * window. Not later than now when there was more than could be taken. Null: none, as long as nothing happens.
   */
  readonly nextAt: number | null;
}

/** What there is to know of a run in one look. */
export interface RunGlance {
  readonly runId: string;
  readonly status: RunStatus;
  readonly version: number;
  /** The fencing token: another one than before means that the run has changed hands. */
  readonly token: number;
  /** How many messages it has got so far. */
  readonly inbox: number;
}

/** A signal that no step has taken yet. */
export interface SignalRecord {
  readonly signalId: string;
  readonly name: string;
  readonly payload: JsonValue;
  readonly sentAt: string;
}

/** How a child ended, for the step that waits for it. */
export interface ChildEnd {
  readonly runId: string;
  readonly status: Extract<RunStatus, "COMPLETED" | "FAILED" | "CANCELLED">;
  /** By step; null unless it is COMPLETED. */
  readonly outputs: Readonly<Record<string, JsonValue>> | null;
  readonly error: ErrorJson | null;
}

/** What has come for a run: signals, and the ends of runs that its steps wait for. */
export interface Inbox {
  /** How many messages it has got so far, those that were taken included. */
  readonly count: number;
  /** Those that nobody has taken, in the order in which they came. */
  readonly signals: readonly SignalRecord[];
  /** Of the children that were asked for: those that have ended. */
  readonly children: readonly ChildEnd[];
}

/**
 * What the runner writes and everybody reads: the only truth about a run. Conformance suite:
 * `testHistoryStore` in `spine-core/testing`.
 *
 * Implementers see plain records and JSON text, never the types of a workflow.
 */
export interface HistoryStore {
  /**
   * Applies commits: each wholly or not at all, guarded by its fence, durable when the promise resolves.
   * Results are in the order of the commits. Inside `options.transaction` they become durable with it; the fence is
   * then the last statement before its COMMIT, so nothing may be written through it afterwards.
   */
  commit(commits: readonly RunCommit[], options?: CommitOptions): Promise<readonly CommitResult[]>;
  /**
   * Stores queued runs in whatever transaction is open on a connection of the host's own: they exist once he commits. Which
   * connections it knows is described at `CallerTransaction`.
   *
   * @throws SpineError TRANSACTION_INVALID for what is no connection to this database, or takes no statement; that leaves the
   *   caller's transaction as it was, as far as the database does.
   */
  createIn(connection: unknown, commits: readonly CreateCommit[]): Promise<readonly CommitResult[]>;
  /**
   * Takes runs that are due: queued ones, those whose waiting time is over, and those whose worker is gone
   * (their token is raised, so what the old owner still writes is refused). Those of workers that are gone come first, whatever
   * limits their queues have; the others by priority, by the time from which they could have begun, and by id, as far
   * as the limits of their queues let them in (`QueueStore`).
   *
   * One that throws may have taken runs all the same: `owned` tells.
   */
  claim(request: ClaimRequest): Promise<Claim>;
  /** Says that a worker lives (the first call registers it), or that it is gone and its runs are free. */
  beat(worker: string, state: "alive" | "gone"): Promise<void>;
  get(runId: string): Promise<RunDetail | undefined>;
  /** What the steps of a run recorded inside of them. */
  checkpoints(runId: string): Promise<readonly CheckpointRecord[]>;
  /** How far runs are, in one query; in no order, and without those that do not exist. */
  glance(runIds: readonly string[], options?: OutageOptions): Promise<readonly RunGlance[]>;
  /** The runs that are RUNNING in the hands of a worker, in no order: whether it knows of them or not. */
  owned(worker: string, options?: OutageOptions): Promise<readonly RunGlance[]>;
  /** What has come for a run, and which of these children of it have ended; undefined when there is no such run. */
  inbox(runId: string, children: readonly string[], options?: OutageOptions): Promise<Inbox | undefined>;
  /** Newest first, by keyset; without what may be long. */
  list(query: RunQuery): Promise<RunPage>;
  /** The events of a run after `after`, oldest first. */
  events(runId: string, options?: EventRange): Promise<readonly RunEvent[]>;
  /**
   * Runs of a workflow in an order in which none comes in behind one that was there: whoever goes on at `place` is told of each run
   * once, however long its transaction was held back.
   */
  arrivals(workflow: string, range: ArrivalRange): Promise<Arrivals>;
  /** What is due, and who is there to do it. Answers at once, or says that the database does not. */
  workload(options?: WorkloadOptions): Promise<Workload>;
  /** Removes up to `limit` runs that ended before `before` (ms since the epoch); never an active one. Returns their ids. */
  prune(options: { readonly before: number; readonly limit: number }): Promise<readonly string[]>;
}
