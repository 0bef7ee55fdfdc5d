import type { RunEvent, Spine } from "spine-core";
import { eventOf } from "../wire/event.ts";
import type { RunFeed } from "./run-feed.ts";

export interface EventStreamOptions {
  readonly history: Pick<Spine["history"], "events">;
  readonly feed: RunFeed;
  /** The runs, with the number of the last event that is known of each. */
  readonly runs: ReadonlyMap<string, number>;
  /** What a client is to come back with, to go on behind what it has got. */
  readonly idOf: (after: ReadonlyMap<string, number>) => string;
  readonly signal: AbortSignal;
  readonly pingMs: number;
  readonly reauthorizeMs: number;
  /** False: the caller may not see these runs any more. */
  readonly stillAllowed: () => Promise<boolean>;
  /** Called once, when the stream is over. */
  readonly closed: () => void;
}

const PAGE = 500;

/**
 * The events of runs as `text/event-stream`, from the history: each of them once, those of a run in their order, wherever a connection
 * was cut. A run's numbers grow without gaps under its lock, so what is behind the last known one is all that there is.
 */
export async function* eventStream(options: EventStreamOptions): AsyncGenerator<string, void, undefined> {
  const { history, feed, runs, idOf, signal, pingMs, reauthorizeMs } = options;
  const after = new Map(runs);
  const newest = new Map<string, { readonly version: number; readonly hasEnded: boolean }>();
  const open = new Set(runs.keys());
  let failure: unknown = null;
  let told = Promise.withResolvers<void>();
  const wake = () => told.resolve();
  const stops = [...runs.keys()].map((runId) =>
    feed.follow(runId, {
      changed: (id, version, hasEnded) => {
        newest.set(id, { version, hasEnded });
        told.resolve();
      },
      failed: (error) => {
        failure = error ?? new Error("The runs cannot be watched.");
        told.resolve();
      },
    }),
  );
  signal.addEventListener("abort", wake);
  feed.closing.addEventListener("abort", wake);
  const ping = setInterval(wake, pingMs);
  let checkedAt = Date.now();
  const isOver = () => signal.aborted || feed.closing.aborted;
  try {
    // Something at once: proxies and clients know that it is there.
    yield ": spine\n\n";
    let saidAt = Date.now();
    while (open.size > 0 && !isOver()) {
      await told.promise;
      told = Promise.withResolvers();
      // The client comes back, and is told then what is wrong.
      if (failure !== null || isOver()) return;
      if (Date.now() - checkedAt >= reauthorizeMs) {
        if (!(await options.stillAllowed())) return;
        checkedAt = Date.now();
      }
      for (const runId of open) {
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
        open.delete(runId);
        yield `event: end\nid: ${idOf(after)}\ndata: ${JSON.stringify({ execution_id: runId })}\n\n`;
      }
      if (Date.now() - saidAt < pingMs) continue;
      yield ": ping\n\n";
      saidAt = Date.now();
    }
  } finally {
    clearInterval(ping);
    signal.removeEventListener("abort", wake);
    feed.closing.removeEventListener("abort", wake);
    for (const stop of stops) stop();
    options.closed();
  }
}

function frame(event: RunEvent, id: string): string {
  // JSON has no line breaks, and a type is a word of ours.
  return `id: ${id}\nevent: ${event.type}\ndata: ${JSON.stringify(eventOf(event))}\n\n`;
}
