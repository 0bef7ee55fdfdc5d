import { type RunEvent, type Spine, SpineError } from "spine-core";
import { eventOf } from "../wire/event.ts";
import type { RunFeed } from "./run-feed.ts";

export interface EventStreamOptions {
  readonly history: Pick<Spine["history"], "events">;
  readonly feed: RunFeed;
  /** The runs, with the number of the last event that is known of each. */
  readonly runs: ReadonlyMap<string, number>;
  /** Where the runs are not all known: those that have come since, and are to be told too. */
  readonly arrivals?: EventArrivals;
  /** What a client is to come back with, to go on behind what it has got. */
  readonly idOf: (after: ReadonlyMap<string, number>) => string;
  readonly signal: AbortSignal;
  readonly pingMs: number;
  readonly reauthorizeMs: number;
  /** False: the caller may not see these runs any more. */
  readonly stillAllowed: (runs: Iterable<string>) => Promise<boolean>;
  /** Called once, when the stream is over. */
  readonly closed: () => void;
}

/** Runs that come while a stream goes on: it has no end of its own then, and forgets runs once their end is told. */
export interface EventArrivals {
  /** How often it is looked for them, in ms. */
  readonly everyMs: number;
  /** The next of them, where there are any: not more than so many. `idOf` says then that they are known. */
  readonly next: (most: number) => Promise<readonly string[]>;
  /** Runs that are told at a time: the next ones come when one of these has ended. */
  readonly most: number;
}

const PAGE = 500;

/**
 * The events of runs as `text/event-stream`, from the history: each of them once, those of a run in their order, wherever a connection
 * was cut. A run's numbers grow without gaps under its lock, so what is behind the last known one is all that there is.
 */
export async function* eventStream(options: EventStreamOptions): AsyncGenerator<string, void, undefined> {
  const { history, feed, idOf, signal, pingMs, reauthorizeMs, arrivals } = options;
  const after = new Map(options.runs);
  const newest = new Map<string, { readonly version: number; readonly hasEnded: boolean }>();
  const gone = new Set<string>();
  const open = new Map<string, () => void>();
  let failure: unknown = null;
  let told = Promise.withResolvers<void>();
  const wake = () => told.resolve();
  const follow = (runId: string) => {
    const changed = (id: string, version: number, hasEnded: boolean) => {
      newest.set(id, { version, hasEnded });
      wake();
    };
    const failed = (error: unknown) => {
      // Of runs that come and go some are gone: past retention.
      if (arrivals && SpineError.is(error) && error.code === "RUN_NOT_FOUND") gone.add(runId);
      else failure = error ?? new Error("The runs cannot be watched.");
      wake();
    };
    open.set(runId, feed.follow(runId, { changed, failed }));
  };
  const leave = (runId: string) => {
    open.get(runId)?.();
    open.delete(runId);
    newest.delete(runId);
    if (arrivals) after.delete(runId);
  };
  for (const runId of after.keys()) follow(runId);
  signal.addEventListener("abort", wake);
  feed.closing.addEventListener("abort", wake);
  const timers = [pingMs, ...(arrivals ? [arrivals.everyMs] : [])].map((ms) => setInterval(wake, ms));
  let checkedAt = Date.now();
  let lookedAt = Number.NEGATIVE_INFINITY;
  const isOver = () => signal.aborted || feed.closing.aborted;
  try {
    // Something at once: proxies and clients know that it is there.
    yield ": spine\n\n";
    let saidAt = Date.now();
    while ((open.size > 0 || arrivals) && !isOver()) {
      if (lookedAt !== Number.NEGATIVE_INFINITY || !arrivals) await told.promise;
      told = Promise.withResolvers();
      // The client comes back, and is told then what is wrong.
      if (failure !== null || isOver()) return;
      if (Date.now() - checkedAt >= reauthorizeMs) {
        if (!(await options.stillAllowed(open.keys()))) return;
        checkedAt = Date.now();
      }
      for (const runId of open.keys()) {
        if (gone.delete(runId)) {
          leave(runId);
          continue;
        }
        const state = newest.get(runId);
        if (!state) continue;
        while ((after.get(runId) ?? 0) < state.version && !isOver()) {
          const found = await history.events(runId, { after: after.get(runId) ?? 0, limit: PAGE });
          if (found.length === 0) break;
          for (const event of found) {
            after.set(runId, event.seq);
            yield frame(event, idOf(after));
          }
          saidAt = Date.now();
        }
        if (!state.hasEnded || (after.get(runId) ?? 0) < state.version || isOver()) continue;
        leave(runId);
        yield `event: end\nid: ${idOf(after)}\ndata: ${JSON.stringify({ execution_id: runId })}\n\n`;
      }
      // Behind what is known: a place that is free is one of a run that is told to its end.
      if (arrivals && Date.now() - lookedAt >= arrivals.everyMs && open.size < arrivals.most) {
        const most = arrivals.most - open.size;
        const came = await arrivals.next(most);
        for (const runId of came) {
          after.set(runId, 0);
          follow(runId);
        }
        // As many as there is room for: there may be more.
        lookedAt = came.length === most ? 0 : Date.now();
      }
      if (Date.now() - saidAt < pingMs) continue;
      yield ": ping\n\n";
      saidAt = Date.now();
    }
  } finally {
    for (const timer of timers) clearInterval(timer);
    signal.removeEventListener("abort", wake);
    feed.closing.removeEventListener("abort", wake);
    for (const stop of open.values()) stop();
    options.closed();
  }
}

function frame(event: RunEvent, id: string): string {
  // JSON has no line breaks, and a type is a word of ours.
  return `id: ${id}\nevent: ${event.type}\ndata: ${JSON.stringify(eventOf(event))}\n\n`;
}
