import { type SpineClient, SpineHttpError } from "spine-http/client";
import { backOff } from "../queries/retry.ts";

/** What one connection may follow (`GET /events`). */
const MOST_RUNS = 100;
/** Runs that come with one render are asked for together. */
const GATHER_MS = 20;
const FIRST_RETRY_MS = 2_000;

interface Stream {
  readonly runs: Set<string>;
  readonly leaving: AbortController;
  isOpen: boolean;
}

export interface EventFeedOptions {
  readonly client: Pick<SpineClient, "events">;
  /** The newest event of a run that is known: its events behind it are told. */
  readonly knownOf: (runId: string) => number;
  readonly heard: (runId: string, seq: number) => void;
  /** Called when runs have become live, or are no more. */
  readonly changed: () => void;
}

/**
 * The events of all runs that are looked at, over one connection. When runs come, a new connection is opened that has them all, and
 * the old one is left once it stands; each begins behind what is known, so that nothing is missed in between.
 */
export class EventFeed {
  readonly #options: EventFeedOptions;
  readonly #wanted = new Set<string>();
  readonly #streams = new Set<Stream>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #refusals = 0;

  constructor(options: EventFeedOptions) {
    this.#options = options;
  }

  isLive(runId: string): boolean {
    for (const { isOpen, runs } of this.#streams) if (isOpen && runs.has(runId)) return true;
    return false;
  }

  follow(runId: string): void {
    if (this.#wanted.has(runId)) return;
    this.#wanted.add(runId);
    if (!this.#isCovered(runId)) this.#openIn(GATHER_MS);
  }

  leave(runId: string): void {
    if (!this.#wanted.delete(runId)) return;
    // Its stream may have ended with it: should it come back, it is asked for anew.
    for (const stream of this.#streams)
      if (stream.runs.delete(runId) && stream.runs.size === 0) this.#end(stream);
    if (this.#wanted.size === 0) this.close();
    // There may be a place for another one, or what was refused was refused because of it.
    else if (this.#uncovered) this.#openIn(GATHER_MS);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#refusals = 0;
    this.#wanted.clear();
    for (const stream of this.#streams) this.#end(stream);
  }

  get #uncovered(): boolean {
    return [...this.#wanted].some((runId) => !this.#isCovered(runId));
  }

  #isCovered(runId: string): boolean {
    for (const { runs } of this.#streams) if (runs.has(runId)) return true;
    return false;
  }

  #openIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#open();
    }, ms);
  }

  #open(): void {
    // The newest where there are too many: the others are polled.
    const runs = [...this.#wanted].slice(-MOST_RUNS);
    if (runs.every((runId) => this.#isCovered(runId))) return;
    const stream: Stream = { runs: new Set(runs), leaving: new AbortController(), isOpen: false };
    this.#streams.add(stream);
    void this.#read(stream);
  }

  async #read(stream: Stream): Promise<void> {
    const { client, knownOf, heard, changed } = this.#options;
    const runs = [...stream.runs];
    const connected = (isOpen: boolean) => {
      if (stream.leaving.signal.aborted) return;
      stream.isOpen = isOpen;
      if (isOpen) {
        this.#refusals = 0;
        // Those before it, that is: one that is opened after it has more runs.
        for (const other of this.#streams) {
          if (other === stream) break;
          this.#end(other);
        }
      }
      changed();
    };
    try {
      const after = Object.fromEntries(runs.map((runId) => [runId, knownOf(runId)]));
      const events = client.events(runs, { signal: stream.leaving.signal, after, connected });
      for await (const { execution_id, seq } of events) heard(execution_id, seq);
      this.#end(stream);
      // All had ended; one that is wanted still has begun again.
      if (this.#uncovered) this.#openIn(FIRST_RETRY_MS);
    } catch (error) {
      if (stream.leaving.signal.aborted) return;
      this.#end(stream);
      const delay = backOff(FIRST_RETRY_MS, this.#refusals, error instanceof SpineHttpError ? error : null);
      this.#refusals += 1;
      if (this.#uncovered) this.#openIn(delay);
    }
  }

  #end(stream: Stream): void {
    this.#streams.delete(stream);
    const wasOpen = stream.isOpen;
    stream.isOpen = false;
    stream.leaving.abort();
    if (wasOpen) this.#options.changed();
  }
}
