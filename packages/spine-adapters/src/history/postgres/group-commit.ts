import { type CommitOptions, type CommitResult, SpineError } from "spine-core";
import {
  isConnectionLost,
  isDataError,
  isSerializationFailure,
} from "../../databases/postgres/postgres-error.ts";
import type { RunPositions } from "../run-positions.ts";
import type { DatabaseTime } from "./database-time.ts";
import { STALE } from "./explain.ts";
import { type Flush, type QueuedCommit, runOf } from "./flush.ts";
import { refusal } from "./refusal.ts";
import { type Taken, type TakeOptions, takeFlush } from "./take-flush.ts";
import type { Written } from "./write-flush.ts";
import { nextWriteSeq } from "./write-seq.ts";

/** How long a commit waits for a server that is away. */
export type CommitWaiting = Pick<CommitOptions, "signal" | "patienceMs">;

interface Waiting {
  readonly commit: QueuedCommit;
  readonly since: number;
  readonly waiting: CommitWaiting;
  readonly settle: (result: CommitResult) => void;
  readonly reject: (error: unknown) => void;
}

/** Writes a flush durably. With the number of an earlier call, and `again`, it finds what that wrote. */
export type WriteFlush = (flush: Flush, writeSeq: number, again: boolean) => Promise<Written>;

export interface GroupCommitOptions {
  /** The connections: each writes one flush at a time. */
  readonly lanes: readonly WriteFlush[];
  readonly positions: RunPositions;
  readonly time: DatabaseTime;
  /** Looks at runs of which nothing is known. */
  readonly look: (runIds: readonly string[]) => Promise<void>;
  /** An error as the caller of a commit sees it. */
  readonly toError: (error: unknown) => unknown;
  /** True once nothing can be written any more. */
  readonly isClosed: () => boolean;
}

/** Fewer commits than this go in one statement although two lanes are free: each has its price. */
const WORTH_SPLITTING = 16;
const MOST_RETRIES = 20;
/** How long commits wait for a server that is away, where nobody says otherwise. */
const OUTAGE_MS = 5 * 60_000;

/**
 * Gathers the commits of a process and writes them together: what comes while the lanes are busy goes with the next
 * flush, and a commit that comes alone goes at once. There is no timer. While one lane waits for the database, the runs
 * that the other one has answered go on; the commits of one run are never in both.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #idle: WriteFlush[];
  readonly #underWay = new Set<string>();
  #queue: Waiting[] = [];
  #scheduled = false;
  #looking = false;
  #flushes = 0;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    this.#idle = [...options.lanes];
  }

  /** Statements sent so far, for tests and figures. */
  get flushes(): number {
    return this.#flushes;
  }

  /** Durable when it resolves. */
  add(commit: QueuedCommit, waiting: CommitWaiting = {}): Promise<CommitResult> {
    return new Promise((settle, reject) => {
      this.#queue.push({ commit, since: performance.now(), waiting, settle, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#idle.length === 0 || this.#queue.length === 0) return;
    this.#scheduled = true;
    // After everything that is ready to run now: runs that were answered together ask together again.
    process.nextTick(() => {
      this.#scheduled = false;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    for (let lane = this.#idle.pop(); lane !== undefined; lane = this.#idle.pop()) {
      const { length } = this.#queue;
      const split = this.#idle.length > 0 && length >= 2 * WORTH_SPLITTING;
      const most = split ? Math.ceil(length / (this.#idle.length + 1)) : length;
      const { flush, taken, rest, unknown } = this.#take(this.#queue, {
        most,
        underWay: this.#underWay,
      });
      this.#queue = rest;
      if (unknown.size > 0) void this.#look([...unknown]);
      if (taken.length === 0) {
        this.#idle.push(lane);
        return;
      }
      void this.#ride(lane, flush, taken);
    }
  }

  /** As many commits as go together; those that cannot be made are answered. */
  #take(queue: readonly Waiting[], options: Omit<TakeOptions, "positions" | "time">): Taken<Waiting> {
    const taken = takeFlush(queue, ({ commit }) => commit, {
      ...options,
      positions: this.#options.positions,
      time: this.#options.time,
    });
    for (const { each, refusal } of taken.refused) {
      if (SpineError.is(refusal)) each.reject(refusal);
      else each.settle(refusal);
    }
    return taken;
  }

  /** One look at a time; what waits for it stays in the queue, in its order. */
  async #look(runIds: readonly string[]): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const refused = new Set(runIds);
    try {
      const asking = () => this.#queue.filter(({ commit }) => refused.has(runOf(commit)));
      await this.#insist(() => this.#options.look(runIds), asking);
    } catch (error) {
      const waiting = this.#queue.filter(({ commit }) => refused.has(runOf(commit)));
      this.#queue = this.#queue.filter(({ commit }) => !refused.has(runOf(commit)));
      for (const { reject } of waiting) reject(this.#options.toError(error));
    } finally {
      this.#looking = false;
      this.#schedule();
    }
  }

  async #ride(lane: WriteFlush, flush: Flush, taken: readonly Waiting[]): Promise<void> {
    const runs = [...taken.map(({ commit }) => runOf(commit)), ...flush.woken];
    for (const runId of runs) this.#underWay.add(runId);
    await this.#write(lane, flush, taken);
    for (const runId of runs) this.#underWay.delete(runId);
    this.#idle.push(lane);
    this.#schedule();
  }

  /** Writes commits; every one of them is answered, refused, or put back into the queue. */
  async #write(lane: WriteFlush, flush: Flush, waiting: readonly Waiting[]): Promise<void> {
    const { positions } = this.#options;
    try {
      const writeSeq = nextWriteSeq();
      const { answers, bases } = await this.#insist(
        (again) => {
          this.#flushes += 1;
          return lane(flush, writeSeq, again);
        },
        () => waiting,
      );
      positions.note(flush.after(bases));
      const stale: Waiting[] = [];
      for (const each of waiting) {
        const answer = answers.get(each.commit);
        if (answer === STALE) stale.push(each);
        else if (answer && !SpineError.is(answer)) each.settle(answer);
        else each.reject(answer);
      }
      this.#queue = [...stale, ...this.#queue];
    } catch (error) {
      for (const { commit } of waiting) positions.forget(runOf(commit));
      if (waiting.length > 1 && isDataError(error)) await this.#bisect(lane, waiting);
      else for (const { commit, reject } of waiting) reject(this.#refusal(error, commit));
    }
  }

  /** One of them is not accepted, and which one is not known: each half for itself, in their order. */
  async #bisect(lane: WriteFlush, waiting: readonly Waiting[]): Promise<void> {
    const middle = Math.ceil(waiting.length / 2);
    for (const half of [waiting.slice(0, middle), waiting.slice(middle)]) {
      for (let left = half; left.length > 0; ) {
        const { flush, taken, rest, unknown } = this.#take(left, {});
        if (unknown.size > 0)
          await this.#insist(
            () => this.#options.look([...unknown]),
            () => half,
          );
        if (taken.length > 0) await this.#write(lane, flush, taken);
        left = rest;
      }
    }
  }

  /** Through deadlocks, and through outages as long as somebody waits for it. @param work is told whether its answer was lost before. */
  async #insist<T>(work: (again: boolean) => Promise<T>, asking: () => readonly Waiting[]): Promise<T> {
    const { isClosed } = this.#options;
    let retries = 0;
    let again = false;
    for (let wait = 10; ; wait = Math.min(wait * 2, 1_000)) {
      try {
        return await work(again);
      } catch (error) {
        const isLost = isConnectionLost(error);
        if (isLost) this.#giveUp(error, asking());
        const goesOn = isLost
          ? !isClosed() && asking().some(isPatient)
          : isSerializationFailure(error) && ++retries < MOST_RETRIES;
        if (!goesOn) throw error;
        again ||= isLost;
        await new Promise((resolve) => setTimeout(resolve, wait * (0.5 + Math.random())));
      }
    }
  }

  /** The server is away: whoever does not wait for it is told now, also of those that are still in the queue. */
  #giveUp(error: unknown, underWay: readonly Waiting[]): void {
    const impatient = [...underWay, ...this.#queue].filter((each) => !isPatient(each));
    if (impatient.length === 0) return;
    this.#queue = this.#queue.filter(isPatient);
    for (const { reject } of impatient) reject(this.#options.toError(error));
  }

  #refusal(error: unknown, commit: QueuedCommit): unknown {
    return refusal(error, commit) ?? this.#options.toError(error);
  }
}

function isPatient({ since, waiting: { signal, patienceMs = OUTAGE_MS } }: Waiting): boolean {
  return !signal?.aborted && performance.now() - since < patienceMs;
}
