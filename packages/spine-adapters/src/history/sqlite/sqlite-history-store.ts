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
  EventRange,
  HistoryStore,
  Inbox,
  RunCommit,
  RunDetail,
  RunEvent,
  RunGlance,
  RunPage,
  RunQuery,
  Workload,
  WorkloadOptions,
} from "spine-core";
import { checkEventRange } from "spine-core";
import { savepoint } from "../../databases/sqlite/commit-together.ts";
import type { SqliteConnection } from "../../databases/sqlite/sqlite-connection.ts";
import type { SqlitePool } from "../../databases/sqlite/sqlite-pool.ts";
import { SqliteTransaction } from "../../databases/sqlite/sqlite-transaction.ts";
import { isoTime } from "../iso-time.ts";
import type { ProgressRow } from "../progress-rows.ts";
import { refuseControls } from "../refuse-controls.ts";
import { RunPositions } from "../run-positions.ts";
import { type CheckpointRow, type EventRow, type RunRow, readCheckpoint, type StepRow } from "../run-rows.ts";
import type { StateTables } from "../state-tables.ts";
import { openOrNone, readDetail } from "../stored-run.ts";
import { tellEvents } from "../tell-events.ts";
import { applyCommit } from "./apply-commit.ts";
import { type Candidate, claimRun, lostRuns } from "./claim-runs.ts";
import { createIn } from "./create-in.ts";
import { type HistorySql, historySql } from "./history-sql.ts";
import { listArrivals } from "./list-arrivals.ts";
import { listRuns } from "./list-runs.ts";
import { type ClaimPlan, countStarts, planClaim } from "./plan-claim.ts";
import { pruneRuns } from "./prune-runs.ts";
import { readInbox } from "./read-inbox.ts";
import { readWorkload } from "./read-workload.ts";
import type { DeadWorker, WorkerLocks } from "./worker-locks.ts";
import { isMarkedGone, listWorkers, markAlive, markGone, releaseRuns } from "./worker-register.ts";

interface SqliteHistoryOptions {
  readonly pool: SqlitePool;
  readonly tables: StateTables;
  readonly clock: Clock;
  readonly locks: WorkerLocks;
}

/** How often a store that has its hands full looks for workers that are gone, in milliseconds. */
const SEEK_MS = 500;

/** The history in a SQLite database. */
export class SqliteHistoryStore implements HistoryStore {
  readonly #pool: SqlitePool;
  readonly #sql: HistorySql;
  readonly #clock: Clock;
  readonly #locks: WorkerLocks;
  readonly #positions = new RunPositions();
  /** How many claims in a row took as many runs as they might: there are probably more. */
  #fullClaims = 0;
  /** When it was last looked for workers that are gone. */
  #soughtAt = Number.NEGATIVE_INFINITY;

  constructor({ pool, tables, clock, locks }: SqliteHistoryOptions) {
    this.#pool = pool;
    this.#sql = historySql(tables);
    this.#clock = clock;
    this.#locks = locks;
  }

  async commit(
    commits: readonly RunCommit[],
    { transaction }: CommitOptions = {},
  ): Promise<readonly CommitResult[]> {
    if (transaction) {
      const connection = SqliteTransaction.connectionOf(transaction, this.#pool);
      refuseControls(commits);
      // What is known of the runs may be undone with the transaction, so nothing of it is kept.
      const known = new RunPositions();
      for (const commit of commits) this.#positions.forget(runOf(commit));
      return commits.map((commit) => savepoint(connection, () => this.#apply(connection, commit, known)));
    }
    if (commits.length === 1 && commits[0]) return [await this.#write(commits[0])];
    // Each is a unit of its own: the pool makes one database commit of all that are asked for at a time.
    return await Promise.all(commits.map((commit) => this.#write(commit)));
  }

  async #write(commit: RunCommit): Promise<CommitResult> {
    try {
      return await this.#pool.write((connection) => this.#apply(connection, commit, this.#positions));
    } catch (error) {
      this.#positions.forget(runOf(commit));
      throw error;
    }
  }

  #apply(connection: SqliteConnection, commit: RunCommit, positions: RunPositions): CommitResult {
    return applyCommit(connection, this.#sql, commit, this.#clock.now(), positions);
  }

  async createIn(connection: unknown, commits: readonly CreateCommit[]): Promise<readonly CommitResult[]> {
    const scope = { pool: this.#pool, tables: this.#sql.tables, at: this.#now() };
    return await createIn(connection, commits, scope);
  }

  async claim(request: ClaimRequest): Promise<Claim> {
    const { worker, limit } = request;
    if (limit < 1) return { runs: [], nextAt: null };
    // While one claim after the other finds all that it may take, nobody asks what there is, and seldom who may have died.
    const draining = this.#fullClaims > 1;
    const dead = draining && performance.now() - this.#soughtAt < SEEK_MS ? [] : await this.#findDead(worker);
    try {
      const gone = dead.map((each) => each.worker);
      // Asking often costs no write while there is nothing to do.
      if (dead.length === 0 && !draining) {
        const one = { ...request, limit: 1 };
        const { chosen, nextAt } = await this.#pool.read((connection) => this.#plan(connection, one));
        if (chosen.length === 0) return { runs: [], nextAt };
      }
      let positions = new RunPositions();
      const claim = await this.#pool.write((connection) => {
        const now = this.#clock.now();
        positions = new RunPositions();
        for (const each of gone) markGone(connection, this.#sql, each, isoTime(now));
        const claimed = (candidate: Candidate) =>
          claimRun(connection, this.#sql, candidate, request, now, positions);
        // Before it is counted who is at work: a run that is taken over keeps the place that it has.
        const lost = lostRuns(connection, this.#sql, request, gone).map(claimed);
        const plan = this.#plan(connection, { ...request, limit: request.limit - lost.length }, now);
        const due = plan.chosen.map(({ runId, status }) => claimed({ run_id: runId, status, worker: null }));
        countStarts(connection, this.#sql.tables, plan, now);
        return { runs: [...lost, ...due], nextAt: plan.nextAt };
      });
      this.#fullClaims = claim.runs.length < request.limit ? 0 : this.#fullClaims + 1;
      this.#positions.giveBack(positions);
      for (const each of dead) this.#bury(each);
      return claim;
    } catch (error) {
      this.#fullClaims = 0;
      for (const each of dead) each.leave();
      throw error;
    }
  }

  /** What is claimed is ours by now, whatever comes of the files of those who are gone. */
  #bury(dead: DeadWorker): void {
    try {
      dead.bury();
    } catch {
      // Its lock is given back; whoever looks next finds a file of a worker that has no runs.
      dead.leave();
    }
  }

  async beat(worker: string, state: "alive" | "gone"): Promise<void> {
    if (state === "gone") {
      await this.#pool.write((connection) => {
        const at = this.#now();
        markGone(connection, this.#sql, worker, at);
        releaseRuns(connection, this.#sql, worker, at);
      });
      this.#locks.release(worker);
      this.#positions.forgetAllOf(worker);
    } else if (!this.#locks.holds(worker)) {
      // The lock before the row: a worker in the table without its lock is one that is gone.
      await this.#locks.hold(worker);
      await this.#pool.write((connection) => markAlive(connection, this.#sql, worker, this.#now()));
    }
  }

  async get(runId: string): Promise<RunDetail | undefined> {
    // Callers without types: what is no text is the id of no run, and SQLite cannot bind it.
    if (typeof runId !== "string") return undefined;
    const found = await this.#pool.read((connection) => {
      const run = connection.get<RunRow>(this.#sql.runRow, runId);
      if (!run) return undefined;
      const steps = connection.all<StepRow>(this.#sql.stepRows, runId);
      return { run, steps, progress: this.#progress(connection, run) };
    });
    return found && readDetail(found.run, found.steps, found.progress);
  }

  #progress(connection: SqliteConnection, run: RunRow): readonly ProgressRow[] {
    const open = openOrNone(run);
    if (open.length === 0) return [];
    const names = JSON.stringify(open.map(({ name }) => name));
    return connection.all<ProgressRow>(this.#sql.progressRows, run.run_id, names);
  }

  async checkpoints(runId: string): Promise<readonly CheckpointRecord[]> {
    const rows = await this.#pool.read((connection) =>
      connection.all<CheckpointRow>(this.#sql.checkpointRows, runId),
    );
    return rows.map(readCheckpoint);
  }

  async glance(runIds: readonly string[]): Promise<readonly RunGlance[]> {
    return await this.#pool.read((connection) =>
      connection.all<RunGlance>(this.#sql.glance, JSON.stringify(runIds)),
    );
  }

  async owned(worker: string): Promise<readonly RunGlance[]> {
    return await this.#pool.read((connection) => connection.all<RunGlance>(this.#sql.owned, worker));
  }

  async inbox(runId: string, children: readonly string[]): Promise<Inbox | undefined> {
    return await this.#pool.read((connection) => readInbox(connection, this.#sql, runId, children));
  }

  async list(query: RunQuery): Promise<RunPage> {
    return await listRuns(this.#pool, this.#sql.tables, query, this.#clock.now());
  }

  async arrivals(workflow: string, range: ArrivalRange): Promise<Arrivals> {
    return await this.#pool.read((connection) => listArrivals(connection, this.#sql.tables, workflow, range));
  }

  async events(runId: string, options: EventRange = {}): Promise<readonly RunEvent[]> {
    checkEventRange(options);
    if (typeof runId !== "string") return [];
    const { run_events } = this.#sql.tables;
    return await this.#pool.read((connection) => {
      const run = connection.get<RunRow>(this.#sql.runRow, runId);
      if (!run) return [];
      const steps = connection.all<StepRow>(this.#sql.stepRows, runId);
      const told = connection.all<EventRow>(`SELECT * FROM ${run_events} WHERE run_id = ?`, runId);
      return tellEvents(run, steps, told, options);
    });
  }

  async workload(options: WorkloadOptions = {}): Promise<Workload> {
    const locks = this.#pool.inMemory ? null : this.#locks;
    return await this.#pool.read((connection) =>
      readWorkload(connection, this.#sql, this.#now(), locks, options),
    );
  }

  async prune(options: { readonly before: number; readonly limit: number }): Promise<readonly string[]> {
    return await this.#pool.write((connection) => pruneRuns(connection, this.#sql, options));
  }

  /** The workers that are gone and may have left runs behind, with their locks in our hands. */
  async #findDead(self: string): Promise<readonly DeadWorker[]> {
    this.#soughtAt = performance.now();
    const { registered, unregistered } = await this.#pool.read((connection) =>
      listWorkers(connection, this.#sql),
    );
    const others = [...registered, ...unregistered].filter((worker) => worker !== self);
    if (!this.#pool.inMemory) return this.#locks.takeAll(others);
    // Nobody outside this process can be using it: its workers are gone when they say so.
    const marked = await this.#pool.read((connection) =>
      unregistered.filter((worker) => worker !== self && isMarkedGone(connection, this.#sql, worker)),
    );
    return marked.map((worker) => ({ worker, bury: () => {}, leave: () => {} }));
  }

  #plan(connection: SqliteConnection, request: ClaimRequest, now = this.#clock.now()): ClaimPlan {
    return planClaim(connection, this.#sql.tables, request, now);
  }

  #now(): string {
    return isoTime(this.#clock.now());
  }
}

function runOf(commit: RunCommit): string {
  return commit.kind === "create" ? commit.run.runId : commit.runId;
}
