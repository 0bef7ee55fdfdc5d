import { CancelledError, type QueryState } from "@tanstack/react-query";
import type { Status } from "spine-http/client";
import { isTerminal } from "../is-terminal.ts";
import { backOff, isTransient } from "../queries/retry.ts";

export interface FollowOptions {
  /** How long after one look the next is taken, in ms. */
  readonly interval: number;
  readonly live: boolean;
}

/** `live`: events tell of changes; `polling`: it is asked again and again; `off`: nothing is asked. */
export type Connection = "live" | "polling" | "off";

/** Looks that events ask for are so far apart at least, in ms: a run of quick steps is not asked about for each of them. */
const GAP_MS = 100;
const LONGEST_MS = 30_000;

/** What a run needs of those that follow it together. */
export interface Surroundings {
  readonly state: () => QueryState<Status, Error> | undefined;
  readonly look: () => void;
  /** False in a hidden tab: nothing is asked. */
  readonly isWatched: () => boolean;
  readonly isLive: () => boolean;
}

/** One run that somebody looks at: when it is asked about next. */
export class FollowedRun {
  readonly #around: Surroundings;
  readonly #followers = new Set<FollowOptions>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failure: Error | null = null;
  #failures = 0;
  /** The newest event that was heard of. */
  #heard = 0;
  /** Looks since the last change. */
  #quiet = 0;
  #startedAt = Number.NEGATIVE_INFINITY;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** Why the last looks failed; kept while the next one is under way. */
  get failure(): Error | null {
    return this.#failure;
  }

  /** Whether somebody wants events of it, and there may be some. */
  get wantsEvents(): boolean {
    return (
      this.#isOpen &&
      this.#around.state()?.data !== undefined &&
      [...this.#followers].some(({ live }) => live)
    );
  }

  get connection(): Connection {
    if (!this.#isOpen || !this.#around.isWatched()) return "off";
    return this.#around.isLive() ? "live" : "polling";
  }

  join(follower: FollowOptions): void {
    this.#followers.add(follower);
    this.plan();
  }

  /** True: nobody is left. */
  leave(follower: FollowOptions): boolean {
    this.#followers.delete(follower);
    if (this.#followers.size > 0) return false;
    clearTimeout(this.#timer);
    return true;
  }

  /** An event was told: it is asked at once, unless that is known already. */
  heard(seq: number): void {
    this.#heard = Math.max(this.#heard, seq);
    this.#quiet = 0;
    this.plan();
  }

  /** It is asked now, whatever is planned. */
  look(): void {
    clearTimeout(this.#timer);
    this.#startedAt = Date.now();
    this.#around.look();
  }

  /** Somebody can see it again. */
  shown(): void {
    // What was refused may be allowed by now: a session that had ended.
    if (this.#failure !== null && !isTransient(this.#failure)) this.look();
    else this.plan();
  }

  succeeded(isNew: boolean): void {
    this.#failure = null;
    this.#failures = 0;
    this.#quiet = isNew ? 0 : this.#quiet + 1;
    this.plan();
  }

  failed(error: Error): void {
    if (!(error instanceof CancelledError)) {
      this.#failure = error;
      this.#failures += 1;
    }
    this.plan();
  }

  /** Plans the next look: each time that something has changed of what decides it. */
  plan(): void {
    clearTimeout(this.#timer);
    const state = this.#around.state();
    // What is under way plans when it has ended.
    if (!this.#isOpen || !this.#around.isWatched() || (state && state.fetchStatus !== "idle")) return;
    const settledAt = Math.max(state?.dataUpdatedAt ?? 0, state?.errorUpdatedAt ?? 0);
    const [since, wait] = this.#isBehind
      ? [this.#startedAt, Math.min(GAP_MS * 2 ** this.#quiet, LONGEST_MS)]
      : [settledAt, this.#interval];
    // A page from a server carries the server's time, and clocks are set: what is to come is no later than from now on.
    const left = Math.min(wait, since + wait - Date.now());
    this.#timer = setTimeout(() => this.look(), Math.max(0, left));
  }

  /** False once it has ended, or will not be answered. */
  get #isOpen(): boolean {
    if (this.#failure !== null && !isTransient(this.#failure)) return false;
    const status = this.#around.state()?.data?.status;
    return status === undefined || !isTerminal(status);
  }

  get #isBehind(): boolean {
    const data = this.#around.state()?.data;
    return this.#failures === 0 && data !== undefined && data.version < this.#heard;
  }

  get #interval(): number {
    const interval = Math.max(GAP_MS, Math.min(...[...this.#followers].map((follower) => follower.interval)));
    if (this.#failures > 0) return backOff(interval, this.#failures - 1, this.#failure);
    // Events tell of all that changes; this is for the case that one was lost on a way that nobody thought of.
    return this.#around.isLive() ? LONGEST_MS : interval;
  }
}
