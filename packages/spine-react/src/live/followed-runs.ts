import { focusManager, type QueryCacheNotifyEvent, type QueryClient } from "@tanstack/react-query";
import type { SpineClient, Status } from "spine-http/client";
import { statusQuery } from "../queries/status-query.ts";
import { EventFeed } from "./event-feed.ts";
import { type Connection, FollowedRun, type FollowOptions } from "./followed-run.ts";

/**
 * The runs that components look at. However many look at one, it is asked about once at a time; all share one connection of events.
 * The answers go into the cache of TanStack Query, and what it tells of them decides about the next look.
 */
export class FollowedRuns {
  readonly #queryClient: QueryClient;
  readonly #client: SpineClient;
  readonly #feed: EventFeed;
  readonly #runs = new Map<string, FollowedRun>();
  readonly #listeners = new Set<() => void>();
  readonly #byHash = new Map<string, string>();
  /** What stood in the cache before, to know whether an answer was a new one. */
  readonly #last = new WeakMap<FollowedRun, unknown>();
  #stop: (() => void) | null = null;

  constructor(client: SpineClient, queryClient: QueryClient) {
    this.#queryClient = queryClient;
    this.#client = client;
    this.#feed = new EventFeed({
      client,
      knownOf: (runId) => this.#stateOf(runId)?.data?.version ?? 0,
      heard: (runId, seq) => this.#runs.get(runId)?.heard(seq),
      changed: () => this.#planAll(),
    });
  }

  /** Follows a run until the returned function is called. */
  follow(runId: string, options: FollowOptions): () => void {
    this.#start();
    // By the host's own function, where it has one.
    const { queryHash: hash } = this.#queryClient.defaultQueryOptions(statusQuery(this.#client, runId));
    const run = this.#runs.get(runId) ?? this.#add(runId, hash);
    const follower = { ...options };
    run.join(follower);
    this.#settle(runId, run);
    return () => {
      if (!run.leave(follower)) return;
      this.#runs.delete(runId);
      this.#byHash.delete(hash);
      this.#feed.leave(runId);
      if (this.#runs.size === 0) this.#stop?.();
    };
  }

  /** Asks about a run now. */
  look(runId: string): void {
    const run = this.#runs.get(runId);
    if (run) run.look();
    else this.#fetch(runId);
  }

  connection(runId: string): Connection {
    return this.#runs.get(runId)?.connection ?? "off";
  }

  failure(runId: string): Error | null {
    return this.#runs.get(runId)?.failure ?? null;
  }

  /** For `useSyncExternalStore`: called when a connection or a failure has changed. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  #add(runId: string, hash: string): FollowedRun {
    const run = new FollowedRun({
      state: () => this.#stateOf(runId),
      look: () => this.#fetch(runId),
      isWatched: () => focusManager.isFocused(),
      isLive: () => this.#feed.isLive(runId),
    });
    this.#runs.set(runId, run);
    this.#byHash.set(hash, runId);
    return run;
  }

  /** Listens while there is a run. */
  #start(): void {
    if (this.#stop) return;
    const stops = [
      this.#queryClient.getQueryCache().subscribe((event) => this.#told(event)),
      focusManager.subscribe(() => this.#shown()),
    ];
    this.#stop = () => {
      for (const stop of stops) stop();
      this.#feed.close();
      this.#stop = null;
    };
  }

  #told(event: QueryCacheNotifyEvent): void {
    if (event.type !== "updated") return;
    const runId = this.#byHash.get(event.query.queryHash);
    const run = runId === undefined ? undefined : this.#runs.get(runId);
    if (runId === undefined || !run) return;
    const { action } = event;
    if (action.type === "success") run.succeeded(action.data !== this.#last.get(run));
    else if (action.type === "error") run.failed(action.error as Error);
    else if (action.type === "fetch" || action.type === "failed") return;
    else run.plan();
    this.#last.set(run, event.query.state.data);
    this.#settle(runId, run);
  }

  #shown(): void {
    if (focusManager.isFocused()) for (const run of this.#runs.values()) run.shown();
    this.#planAll();
    for (const [runId, run] of this.#runs) this.#settle(runId, run);
  }

  #planAll(): void {
    for (const run of this.#runs.values()) run.plan();
    this.#notify();
  }

  /** Asks for the events of a run, or does without them. */
  #settle(runId: string, run: FollowedRun): void {
    if (run.wantsEvents && focusManager.isFocused()) this.#feed.follow(runId);
    else this.#feed.leave(runId);
    this.#notify();
  }

  #fetch(runId: string): void {
    // What comes of it, the cache tells. It is asked also where what is known is, by the clock of a server, of a later time than now.
    const staleTime = Number.NEGATIVE_INFINITY;
    this.#queryClient
      .fetchQuery({ ...statusQuery(this.#client, runId), staleTime, retry: false })
      .catch(() => {});
  }

  #stateOf(runId: string) {
    return this.#queryClient.getQueryState<Status, Error>(statusQuery(this.#client, runId).queryKey);
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}
