import { useSyncExternalStore } from "react";
import { serverNow } from "../server-clock.ts";
import { entryOf } from "./entry-of.ts";

/** One timer for everything that ticks at the same pace; it rests while nobody looks. */
interface Ticker {
  readonly listeners: Set<() => void>;
  now: number;
  timer: ReturnType<typeof setInterval> | undefined;
}
const tickers = new Map<number, Ticker>();

function tickerOf(everyMs: number): Ticker {
  return entryOf(tickers, everyMs, () => ({ listeners: new Set(), now: serverNow(), timer: undefined }));
}

function subscribe(everyMs: number, listener: () => void): () => void {
  const ticker = tickerOf(everyMs);
  ticker.listeners.add(listener);
  if (ticker.listeners.size === 1) {
    ticker.now = serverNow();
    ticker.timer = setInterval(() => {
      if (document.hidden) return;
      ticker.now = serverNow();
      for (const each of ticker.listeners) each();
    }, everyMs);
  }
  return () => {
    ticker.listeners.delete(listener);
    if (ticker.listeners.size === 0) clearInterval(ticker.timer);
  };
}

const still = () => () => {};
const none = () => null;

/**
 * The server's time in ms since the epoch, again and again; null on the server, in the first render of a page that comes from it, and
 * where nothing ticks.
 *
 * @param everyMs null: nothing ticks.
 */
export function useNow(everyMs: number | null): number | null {
  return useSyncExternalStore(
    everyMs === null ? still : subscriberOf(everyMs),
    everyMs === null ? none : () => tickerOf(everyMs).now,
    none,
  );
}

/** The same function each time, so that React does not subscribe anew. */
const subscribers = new Map<number, (listener: () => void) => () => void>();
function subscriberOf(everyMs: number): (listener: () => void) => () => void {
  return entryOf(subscribers, everyMs, () => (listener) => subscribe(everyMs, listener));
}
