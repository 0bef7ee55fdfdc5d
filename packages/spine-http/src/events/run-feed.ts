import { setMaxListeners } from "node:events";
import { isTerminal, type Spine } from "spine-core";
import { HttpProblem } from "../problems.ts";

/** Somebody who wants to know when a run was written to. */
export interface FeedListener {
  /** The version that it has by now, and whether it has ended. */
  readonly changed: (runId: string, version: number, hasEnded: boolean) => void;
  readonly failed: (error: unknown) => void;
}

interface Followed {
  readonly listeners: Set<FeedListener>;
  readonly stop: () => void;
  last: { readonly version: number; readonly hasEnded: boolean } | null;
}

/** Follows runs for all streams and long polls of a handler: each run is watched once, however many look at it. */
export class RunFeed {
  readonly #spine: Pick<Spine, "attach">;
  readonly #mostStreams: number;
  readonly #followed = new Map<string, Followed>();
  readonly #closing = new AbortController();
  #streams = 0;

  constructor(spine: Pick<Spine, "attach">, mostStreams: number) {
    this.#spine = spine;
    this.#mostStreams = mostStreams;
    // Each stream listens to it: many are no leak.
    setMaxListeners(0, this.#closing.signal);
  }

  /** Aborted when the handler is closed. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /**
   * Takes a place for a stream; returns the function that gives it back. A stream that nobody reads, because its caller has gone before
   * the answer, has no end of its own: its place comes back with `signal`.
   *
   * @throws HttpProblem
   */
  open(signal: AbortSignal): () => void {
    if (this.#closing.signal.aborted)
      throw new HttpProblem("draining", "This process is being stopped. Connect again in a few seconds.", {
        retryAfterSeconds: 2,
      });
    if (this.#streams >= this.#mostStreams) {
      throw new HttpProblem(
        "too-many-streams",
        `There are ${this.#mostStreams} streams already. Ask for several runs in one stream (\`/events?run=a&run=b\`), or poll.`,
        { retryAfterSeconds: 5 },
      );
    }
    this.#streams += 1;
    let isOpen = true;
    const close = () => {
      if (isOpen) this.#streams -= 1;
      isOpen = false;
      signal.removeEventListener("abort", close);
    };
    signal.addEventListener("abort", close);
    if (signal.aborted) close();
    return close;
  }

  /** Follows a run until the returned function is called; says at once how it stands. */
  follow(runId: string, listener: FeedListener): () => void {
    const followed = this.#followed.get(runId) ?? this.#begin(runId);
    followed.listeners.add(listener);
    if (followed.last) listener.changed(runId, followed.last.version, followed.last.hasEnded);
    return () => {
      followed.listeners.delete(listener);
      if (followed.listeners.size > 0 || this.#followed.get(runId) !== followed) return;
      this.#followed.delete(runId);
      followed.stop();
    };
  }

  close(): void {
    this.#closing.abort();
    for (const { stop } of this.#followed.values()) stop();
    this.#followed.clear();
  }

  #begin(runId: string): Followed {
    let isOver = false;
    let leave = () => {};
    const followed: Followed = {
      listeners: new Set(),
      last: null,
      stop: () => {
        isOver = true;
        leave();
      },
    };
    this.#followed.set(runId, followed);
    const work = async () => {
      const run = await this.#spine.attach(runId);
      const changes = run.watch()[Symbol.asyncIterator]();
      leave = () => void changes.return?.();
      // Everybody has gone while it was looked for.
      if (isOver) leave();
      for (let next = await changes.next(); !next.done; next = await changes.next()) {
        const { version, status } = next.value.run;
        followed.last = { version, hasEnded: isTerminal(status) };
        for (const { changed } of followed.listeners) changed(runId, version, followed.last.hasEnded);
      }
    };
    work()
      .catch((error: unknown) => {
        for (const { failed } of followed.listeners) failed(error);
      })
      .finally(() => {
        // It has ended, or cannot be watched: whoever comes next begins anew, for it may have been retried.
        if (this.#followed.get(runId) === followed) this.#followed.delete(runId);
      });
    return followed;
  }
}
