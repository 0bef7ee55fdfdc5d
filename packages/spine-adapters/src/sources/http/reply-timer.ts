import { SpineError } from "spine-core";

/** How long is waited for the other side, in milliseconds. */
export interface HttpTimeouts {
  /** For a connection. */
  readonly connectMs: number;
  /** For the first line of an answer, once it is asked. */
  readonly headersMs: number;
  /** For the next piece of a body. */
  readonly idleMs: number;
  /** For an answer in all. What whoever reads takes for himself does not count. */
  readonly totalMs: number;
}

/** Keeps the time of one answer, and aborts it. */
export class ReplyTimer {
  readonly #timeouts: HttpTimeouts;
  readonly #own = new AbortController();
  readonly signal: AbortSignal;
  #left: number;

  constructor(timeouts: HttpTimeouts, signal: AbortSignal | undefined) {
    this.#timeouts = timeouts;
    this.#left = timeouts.totalMs;
    this.signal = signal ? AbortSignal.any([signal, this.#own.signal]) : this.#own.signal;
  }

  /** Waits for the other side. When it takes too long, throws SOURCE_TIMEOUT, and the signal's reason once that is aborted. */
  async during<T>(phase: "headers" | "idle", work: () => Promise<T>): Promise<T> {
    this.signal.throwIfAborted();
    const most = phase === "headers" ? this.#timeouts.headersMs : this.#timeouts.idleMs;
    const started = performance.now();
    const timer = setTimeout(
      () => this.#own.abort(tooSlow(most < this.#left ? phase : "total", Math.min(most, this.#left))),
      Math.min(most, this.#left),
    );
    try {
      return await work();
    } catch (error) {
      // What an aborted connection says of itself is not why it was aborted.
      this.signal.throwIfAborted();
      throw error;
    } finally {
      clearTimeout(timer);
      this.#left -= performance.now() - started;
    }
  }

  /** Gives up what is under way. */
  abort(reason: unknown): void {
    this.#own.abort(reason);
  }
}

const OPTION = { headers: "headersMs", idle: "idleMs", total: "totalMs" } as const;
const WHAT = {
  headers: "No answer came",
  idle: "Nothing more of the body came",
  total: "The answer was not whole",
} as const;

function tooSlow(phase: keyof typeof OPTION, ms: number): SpineError {
  return new SpineError(
    "SOURCE_TIMEOUT",
    `${WHAT[phase]} within ${Math.round(ms)} ms (\`timeouts.${OPTION[phase]}\`).`,
  );
}
