import type {
  ArrivalRange,
  Arrivals,
  CheckpointRecord,
  Claim,
  ClaimRequest,
  Clock,
  CommitOptions,
  CommitResult,
  CreateCommit,
  DatabaseTransaction,
  EventRange,
  Hints,
  HistoryStore,
  Inbox,
  OutageOptions,
  RunCommit,
  RunDetail,
  RunEvent,
  RunGlance,
  RunPage,
  RunQuery,
  Workload,
  WorkloadOptions,
} from "spine-core";
import { checkEventRange, SpineError } from "spine-core";
import { OwnServer } from "../../databases/postgres/own-server.ts";
import { toSpineError } from "../../databases/postgres/postgres-error.ts";
import type { PostgresPools, Query } from "../../databases/postgres/postgres-pools.ts";
import { PostgresTransaction } from "../../databases/postgres/postgres-transaction.ts";
import { STATE_VALUES } from "../../databases/postgres/value-parsers.ts";
import { isoTime } from "../iso-time.ts";
import { refuseControls } from "../refuse-controls.ts";
import { RunPositions } from "../run-positions.ts";
import { type CheckpointRow, readCheckpoint } from "../run-rows.ts";
import type { StateTables } from "../state-tables.ts";
import { claimRuns } from "./claim-runs.ts";
import { controlRun } from "./control-run.ts";
import { createIn } from "./create-in.ts";
import type { DatabaseTime } from "./database-time.ts";
import { changePending, debounceRun, isDebounced } from "./debounce-run.ts";
import { STALE } from "./explain.ts";
import type { QueuedCommit } from "./flush.ts";
import { FlushConnection } from "./flush-connection.ts";
import type { Statement } from "./flush-statement.ts";
import { type CommitWaiting, GroupCommit, type WriteFlush } from "./group-commit.ts";
import { listArrivals } from "./list-arrivals.ts";
import { listRuns } from "./list-runs.ts";
import { lookAtRuns } from "./look-at-runs.ts";
import { pruneRuns } from "./prune-runs.ts";
import { readInbox } from "./read-inbox.ts";
import { getRun, glanceAtRuns, runEvents, runsOwnedBy } from "./read-runs.ts";
import { readWorkload } from "./read-workload.ts";
import { refusal } from "./refusal.ts";
import { isRunId } from "./run-id.ts";
import { signalRun } from "./signal-run.ts";
import { takeFlush } from "./take-flush.ts";
import { throughDeadlocks } from "./through-deadlocks.ts";
import type { WorkerBeats } from "./worker-beats.ts";
import { markGone, registerOwners } from "./worker-register.ts";
import { type Execute, writeFlush } from "./write-flush.ts";
import { nextWriteSeq } from "./write-seq.ts";

interface PostgresHistoryOptions {
  readonly pools: PostgresPools;
  readonly tables: StateTables;
  readonly clock: Clock;
  readonly time: DatabaseTime;
  readonly beats: WorkerBeats;
  readonly hints: Pick<Hints, "tell">;
}

/** Flushes under way at a time: the process works for one half of its runs while the database works for the other. */
const LANES = 2;
/** How often owners are looked for that are in no register. */
const SWEEP_MS = 60_000;

/** The history in a Postgres database. */
export class PostgresHistoryStore implements HistoryStore {
  readonly #pools: PostgresPools;
  readonly #t: StateTables;
  readonly #clock: Clock;
  readonly #time: DatabaseTime;
  readonly #beats: WorkerBeats;
  readonly #hints: Pick<Hints, "tell">;
  readonly #positions = new RunPositions();
  readonly #group: GroupCommit;
  readonly #server: OwnServer;
  #swept = Number.NEGATIVE_INFINITY;

  constructor({ pools, tables, clock, time, beats, hints }: PostgresHistoryOptions) {
    this.#pools = pools;
    this.#t = tables;
    this.#clock = clock;
    this.#time = time;
    this.#beats = beats;
    this.#hints = hints;
    this.#server = new OwnServer(pools);
    const lanes = Array.from({ length: LANES }, (): WriteFlush => {
      const connection = new FlushConnection(pools);
      const execute: Execute = (statement) => connection.execute(statement);
      return (flush, writeSeq, again) =>
        writeFlush(flush, { tables, writeSeq, at: this.#time.virtual, again, execute });
    });
    this.#group = new GroupCommit({
      lanes,
      positions: this.#positions,
      time: this.#time,
      look: (runIds) =>
        lookAtRuns((sql, values) => pools.query("write", sql, values), tables, runIds, this.#positions),
      toError: (error) => toSpineError(error, pools.settings.name),
      isClosed: () => pools.isClosed,
    });
  }

  /** Statements with which commits were written so far, for tests and figures. */
  get flushes(): number {
    return this.#group.flushes;
  }

  async commit(
    commits: readonly RunCommit[],
    { transaction, ...waiting }: CommitOptions = {},
  ): Promise<readonly CommitResult[]> {
    if (transaction) return await this.#commitIn(transaction, commits);
    if (commits.length === 1 && commits[0]) return [await this.#commitOne(commits[0], waiting)];
    if (!commits.every(isGrouped)) return await this.#commitInOrder(commits, waiting);
    return await Promise.all(commits.map((commit) => this.#commitOne(commit, waiting)));
  }

  async createIn(connection: unknown, commits: readonly CreateCommit[]): Promise<readonly CommitResult[]> {
    for (const commit of commits) isKnown(commit);
    return await createIn(connection, commits, {
      server: this.#server,
      pools: this.#pools,
      tables: this.#t,
      time: this.#time,
    });
  }

  async claim(request: ClaimRequest): Promise<Claim> {
    if (request.limit < 1) return { runs: [], nextAt: null };
    const found = await this.#sweep(request);
    const scope = {
      pools: this.#pools,
      tables: this.#t,
      at: this.#time.virtual,
      time: this.#time,
      clock: this.#clock,
      suspects: found ?? (await this.#beats.suspects(request.worker, request.signal)),
      writeSeq: nextWriteSeq(),
    };
    return await claimRuns(scope, request, this.#positions);
  }

  async beat(worker: string, state: "alive" | "gone"): Promise<void> {
    const at = this.#time.virtual;
    if (state === "alive") {
      await this.#beats.begin(worker, at);
      return;
    }
    await this.#beats.end(worker);
    await this.#pools.inTransaction("write", (query) => markGone({ query, tables: this.#t, at }, worker));
    await this.#beats.release(worker);
    this.#positions.forgetAllOf(worker);
    this.#hints.tell({ work: true });
  }

  async get(runId: string): Promise<RunDetail | undefined> {
    return await getRun(this.#pools, this.#t, runId);
  }

  async checkpoints(runId: string): Promise<readonly CheckpointRecord[]> {
    if (!isRunId(runId)) return [];
    const rows = await this.#pools.ask<CheckpointRow>(
      "read",
      `SELECT step_name, checkpoint_key, value FROM ${this.#t.step_checkpoints} WHERE run_id = $1`,
      [runId],
    );
    return rows.map(readCheckpoint);
  }

  async glance(runIds: readonly string[], options?: OutageOptions): Promise<readonly RunGlance[]> {
    return await glanceAtRuns(this.#pools, this.#t, runIds, options);
  }

  async owned(worker: string, options?: OutageOptions): Promise<readonly RunGlance[]> {
    return await runsOwnedBy(this.#pools, this.#t, worker, options);
  }

  async inbox(
    runId: string,
    children: readonly string[],
    options?: OutageOptions,
  ): Promise<Inbox | undefined> {
    return await readInbox(this.#pools, this.#t, runId, children, options);
  }

  async list(query: RunQuery): Promise<RunPage> {
    return await listRuns(this.#pools, this.#t, query, this.#clock.now());
  }

  async arrivals(workflow: string, range: ArrivalRange): Promise<Arrivals> {
    return await listArrivals(this.#pools, this.#t, workflow, range);
  }

  async events(runId: string, options: EventRange = {}): Promise<readonly RunEvent[]> {
    checkEventRange(options);
    return await runEvents(this.#pools, this.#t, runId, options);
  }

  async workload(options: WorkloadOptions = {}): Promise<Workload> {
    return await readWorkload(this.#pools, this.#t, this.#time.virtual, options);
  }

  async prune({
    before,
    limit,
  }: {
    readonly before: number;
    readonly limit: number;
  }): Promise<readonly string[]> {
    const options = { before: isoTime(before), limit };
    return await this.#pools.inTransaction("write", (query) => pruneRuns(query, this.#t, options), {
      long: true,
    });
  }

  async #commitOne(commit: RunCommit, waiting: CommitWaiting): Promise<CommitResult> {
    if (!isKnown(commit)) return { result: "missing" };
    if (isGrouped(commit)) return await this.#group.add(commit, waiting);
    const scope = { tables: this.#t, at: this.#time.virtual, time: this.#time };
    switch (commit.kind) {
      case "control": {
        const { result, runIds } = await throughDeadlocks(() =>
          this.#pools.inTransaction("write", (query) => controlRun({ ...scope, query }, commit)),
        );
        for (const runId of [commit.runId, ...runIds]) this.#positions.forget(runId);
        return result;
      }
      case "signal": {
        const query: Query = (sql, values) => this.#pools.query("write", sql, values);
        return await this.#pools.throughOutage(() => signalRun({ ...scope, query }, commit), waiting.signal);
      }
      default: {
        const execute = ({ sql, values }: Statement) => this.#pools.ask("write", sql, values);
        return await debounceRun({ ...scope, execute, create: (each) => this.#group.add(each) }, commit);
      }
    }
  }

  /** What is not written in groups has a transaction of its own; what stands before it in the call comes before it. */
  async #commitInOrder(
    commits: readonly RunCommit[],
    waiting: CommitWaiting,
  ): Promise<readonly CommitResult[]> {
    const results: CommitResult[] = [];
    for (const commit of commits) results.push(await this.#commitOne(commit, waiting));
    return results;
  }

  async #commitIn(
    transaction: DatabaseTransaction,
    commits: readonly RunCommit[],
  ): Promise<readonly CommitResult[]> {
    const lease = PostgresTransaction.leaseOf(transaction, this.#pools);
    const { names, settings } = this.#pools;
    const execute = async ({ sql, values }: { readonly sql: string; readonly values: readonly unknown[] }) =>
      (await lease.client.query({ name: names.of(sql), text: sql, values: [...values], types: STATE_VALUES }))
        .rows as readonly unknown[];
    refuseControls(commits);
    const scope = { tables: this.#t, time: this.#time };
    const results = new Map<RunCommit, CommitResult>();
    for (const commit of commits) if (!isKnown(commit)) results.set(commit, { result: "missing" });
    let left = commits.filter(isKnown) as QueuedCommit[];
    // What is known of the runs holds once the transaction has been committed; until then it is known in here only.
    const positions = this.#positions.take(commits);
    lease.afterCommit(() => this.#positions.giveBack(positions));
    try {
      while (left.length > 0) {
        const { flush, taken, rest, refused, unknown } = takeFlush(left, (commit) => commit, {
          positions,
          time: this.#time,
        });
        for (const { each, refusal } of refused) {
          if (SpineError.is(refusal)) throw refusal;
          results.set(each, refusal);
        }
        if (unknown.size > 0) {
          const query = (sql: string, values: readonly unknown[]) => execute({ sql, values });
          await lookAtRuns(query, this.#t, [...unknown], positions);
        }
        left = rest;
        if (taken.length === 0) continue;
        const { answers, bases } = await writeFlush(flush, {
          tables: this.#t,
          writeSeq: nextWriteSeq(),
          at: this.#time.virtual,
          execute,
          onTransaction: (id) => {
            lease.id = id;
          },
        });
        positions.note(flush.after(bases));
        for (const commit of taken) {
          const answer = answers.get(commit);
          if (answer === STALE) left.unshift(commit);
          else if (!answer || SpineError.is(answer)) throw answer;
          else if (answer.result !== "debounced" || commit.kind !== "create") results.set(commit, answer);
          else {
            const changed = await changePending({ ...scope, execute }, commit);
            if (changed) results.set(commit, changed);
            else left.unshift(commit);
          }
        }
      }
    } catch (error) {
      throw (left.length === 1 && left[0] && refusal(error, left[0])) || toSpineError(error, settings.name);
    }
    return commits.map((commit) => results.get(commit) ?? { result: "missing" });
  }

  /** At the start and once a minute: owners that are in no register. Whoever may be gone, where some were found. */
  async #sweep({ worker, signal }: ClaimRequest): Promise<readonly string[] | undefined> {
    const now = performance.now();
    if (now - this.#swept < SWEEP_MS) return undefined;
    this.#swept = now;
    const { own, lockPrefix } = this.#beats;
    const scope = { own: [...own, worker], lockPrefix, at: this.#time.virtual };
    const query: Query = (sql, values) => this.#pools.ask("write", sql, values, signal);
    const found = await registerOwners(query, this.#t, scope).catch((error: unknown) => {
      this.#swept = Number.NEGATIVE_INFINITY;
      throw error;
    });
    return found > 0 ? await this.#beats.look(worker, signal) : undefined;
  }
}

/** A create is one, unless it is debounced: what is none may still be a create. */
type Grouped = QueuedCommit & { readonly kind: "advance" | "create" };

/** True for a commit that goes with others into one statement. */
function isGrouped(commit: RunCommit): commit is Grouped {
  return commit.kind === "advance" || (commit.kind === "create" && !isDebounced(commit));
}

/** A run whose id no row can have does not exist, and cannot be made. */
function isKnown(commit: RunCommit): boolean {
  if (commit.kind !== "create") return isRunId(commit.runId);
  const { runId } = commit.run;
  if (isRunId(runId)) return true;
  throw new SpineError("PAYLOAD_INVALID", `"${runId}" is no run id: it has to be a UUID in lower case.`);
}
