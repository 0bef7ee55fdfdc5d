import { type Clock, pause } from "../clock.ts";
import type { Database } from "../database/database.ts";
import type { DatabaseTransaction } from "../database/database-transaction.ts";
import { SpineError, textOf } from "../errors.ts";
import type { Attachment } from "../history/attachment.ts";
import type { CommitOptions, Fence, HistoryStore, Transition } from "../history/history-store.ts";
import { isTerminal } from "../history/records.ts";
import type { Logger } from "../logger.ts";
import type {
  Durable,
  Ended,
  Handle,
  Planned,
  Raced,
  Settled,
  StepResult,
  TransactionalResult,
  Wake,
} from "./durable.ts";
import type { RunTelemetry } from "./run-telemetry.ts";
import { WriteGate } from "./write-gate.ts";

export interface HistoryDurableOptions {
  readonly runId: string;
  readonly fence: Fence;
  /** Puts the alert into a transition with which the run fails. */
  readonly alerting: (transition: Transition) => Transition;
  readonly history: HistoryStore;
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborted when the run is to be let go of. */
  readonly signal: AbortSignal;
  /** What the run's steps say while they go on: it goes with the next write. */
  readonly telemetry: RunTelemetry;
  /** Called when what is about to be written is the end of the run. */
  readonly onEnding: () => void;
  /** Called after a transition is durable. */
  readonly onRecorded: (transition: Transition) => void;
  /** Called when no code of the run is under way any more, and when there is some again. */
  readonly onRest: (atRest: boolean) => void;
  /** Ends runs whose parents do not wait for them any more. */
  readonly cancelChildren: (runIds: readonly string[]) => Promise<void>;
}

/** How long a result waits for a database that cannot take it, before the run is let go of. */
const PATIENCE_MS = 15_000;
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1_000;
/** How long a run whose children are at work stays in memory: most of them do not take long. */
const LINGER_MS = 1_000;
const NOTHING: Raced = { settled: [], inbox: null, idle: false, failure: null };

/** A settled attempt whose writes are still to be made. */
type Writing = Extract<Settled, { readonly result: unknown }> & { readonly result: TransactionalResult };

/** The own engine's side of a run: attempts are promises of this process, records are commits of the history. */
export class HistoryDurable implements Durable {
  readonly #options: HistoryDurableOptions;
  /** What has settled and was not raced for yet. */
  #settled: Settled[] = [];
  #wake: (() => void) | undefined;
  readonly #gate = new WriteGate();
  /** Attempts whose code is under way, with what stops those that may have to. */
  readonly #open = new Map<Handle, AbortController | null>();
  #unread = false;
  /** Its end is recorded: what still comes is of code that nobody waited for. */
  #hasEnded = false;

  constructor(options: HistoryDurableOptions) {
    this.#options = options;
    // Once for the run, not at each attempt: listeners are what an attempt would cost most.
    options.signal.addEventListener("abort", () => this.#wake?.(), { once: true });
  }

  now(): number {
    return this.#options.clock.now();
  }

  random(): number {
    return Math.random();
  }

  step(handle: Handle, body: (signal: AbortSignal) => Promise<StepResult | TransactionalResult>): Handle {
    const settle = (settled: Settled) => {
      // Abandoned ones are not in here any more.
      if (!this.#open.delete(handle)) return;
      this.#settled.push(settled);
      this.#wake?.();
    };
    const { step, attempt } = handle;
    const { signal } = this.#options;
    // Only what is inside of another step may have to stop while its run goes on.
    const own = step.includes("/") ? new AbortController() : null;
    this.#open.set(handle, own);
    body(own ? AbortSignal.any([signal, own.signal]) : signal).then(
      (result) => settle({ step, attempt, result }),
      (error: unknown) => settle({ step, attempt, failure: SpineError.from(error) }),
    );
    return handle;
  }

  abandon(handle: Handle): void {
    const own = this.#open.get(handle);
    this.#open.delete(handle);
    own?.abort(
      new SpineError(
        "RUN_CANCELLED",
        "The step around this one has ended without it: another one in it failed, or its time was over.",
      ),
    );
    this.#settled = this.#settled.filter(({ step }) => step !== handle.step);
  }

  /** There may be a message for the run. */
  message(): void {
    this.#unread = true;
    this.#wake?.();
  }

  async race(handles: readonly Handle[], wake: Wake): Promise<Raced> {
    const { signal, clock, onRest } = this.#options;
    const rests = handles.length === 0;
    const linger = rests && wake.children.length > 0 ? clock.now() + LINGER_MS : null;
    if (rests) onRest(true);
    try {
      for (;;) {
        // A run that is being let go of leaves its attempts as they are: whoever takes it over tries them again. Code that
        // does not listen to its signal is left behind: what it still writes is refused by its fence.
        signal.throwIfAborted();
        if (this.#settled.length > 0) return { ...NOTHING, settled: this.#takeSettled() };
        if (wake.messages === "unread" || (wake.messages === "awaited" && this.#unread)) {
          return { ...NOTHING, ...(await this.#readInbox(wake.children)) };
        }
        const now = clock.now();
        if (wake.at !== null && wake.at <= now) return NOTHING;
        if (linger !== null && linger <= now) return { ...NOTHING, idle: true };
        await this.#something(earlier(wake.at, linger));
      }
    } finally {
      if (rests) onRest(false);
    }
  }

  async #readInbox(children: readonly string[]): Promise<Pick<Raced, "inbox" | "failure">> {
    const { history, runId, signal } = this.#options;
    this.#unread = false;
    try {
      const inbox = await this.#persist(() => history.inbox(runId, children, { signal }));
      return { inbox: inbox ?? null, failure: null };
    } catch (error) {
      // A message that cannot be decoded does not become readable by being read again.
      if (!SpineError.is(error) || !error.code.startsWith("PAYLOAD_")) throw error;
      return { inbox: null, failure: error };
    }
  }

  /** Something has happened, or this time has come. */
  async #something(at: number | null): Promise<void> {
    const { clock } = this.#options;
    let stopTimer = () => {};
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (at !== null)
        stopTimer = clock.after(Math.max(0, Math.min(at - clock.now(), LONGEST_TIMER_MS)), resolve);
    });
    stopTimer();
    this.#wake = undefined;
  }

  #takeSettled(): readonly Settled[] {
    const writing = this.#settled.findIndex(hasWrites);
    if (writing === -1) return this.#settled.splice(0);
    return this.#settled.splice(0, Math.max(1, writing));
  }

  async record(
    settled: readonly Settled[],
    plan: (ended: readonly Ended[]) => Planned,
  ): Promise<readonly Settled[]> {
    const writing = settled.find(hasWrites);
    try {
      if (writing) await this.#commitWithWrites(writing, plan);
      else await this.#commit(plan(settled.filter(isEnded)));
      return NONE;
    } catch (error) {
      const [first, ...others] = settled;
      if (!first || this.#options.signal.aborted || isLost(error)) throw error;
      // Which of several cannot be recorded is not known: each for itself.
      if (others.length > 0) return [...(await this.record([first], plan)), ...others];
      // What cannot be written or recorded is that attempt's failure: the run says so and ends, or tries again.
      const failure = writing ? SpineError.from(error, "LOAD_FAILED") : recordFailed(error);
      await this.#commit(plan([{ step: first.step, attempt: first.attempt, failure }]));
      return NONE;
    }
  }

  /** Records something inside a step that goes on. */
  async attach(attachments: readonly Attachment[], options?: CommitOptions): Promise<void> {
    const write = () => this.#write({ ended: [], begun: [], attachments }, options);
    await (options?.transaction ? write() : this.#gate.share(write));
  }

  /** Writes what steps have said, where no other write took it along; who watches the run is told. */
  async flush(take: () => readonly Attachment[]): Promise<void> {
    await this.#gate.share(async () => {
      // Only now: a step may have ended while a transaction of the run was open.
      const attachments = take();
      if (attachments.length === 0) return;
      const transition = { ended: [], begun: [], attachments };
      await this.#write(transition);
      this.#recorded(transition);
    });
  }

  /** A transaction of a step, with no other write of its run beside it. */
  transaction<T>(work: (transaction: DatabaseTransaction) => Promise<T>): Promise<T> {
    return this.#gate.alone(() => this.#options.database.transaction(work));
  }

  async #commitWithWrites(writing: Writing, plan: (ended: readonly Ended[]) => Planned): Promise<void> {
    const { step, attempt } = writing;
    const cancelled = new Set<string>();
    let left: readonly string[] = [];
    const writeOnce = (said: readonly Attachment[]) =>
      this.transaction(async (transaction) => {
        const result = await writing.result.write(transaction);
        const next = plan([{ step, attempt, result }]);
        left = next.cancelled.filter((runId) => !cancelled.has(runId));
        if (left.length > 0) throw new Error("Children are cancelled before this is written.");
        await this.#write(attaching(next.transition, said), { transaction });
        return next.transition;
      });
    const transition = await this.#withTelemetry(async (said) => {
      for (;;) {
        left = [];
        try {
          return await writeOnce(said);
        } catch (error) {
          // Nobody else may be able to write while the transaction is open: it is rolled back, and made once more behind that.
          if (left.length === 0) throw error;
          const children = left;
          await this.#persist(() => this.#options.cancelChildren(children));
          for (const runId of children) cancelled.add(runId);
        }
      }
    });
    this.#recorded(transition);
  }

  async #commit({ transition, cancelled }: Planned): Promise<void> {
    if (isEmpty(transition)) return;
    // Before it is recorded that nobody waits for them: a crash in between leaves none of them at work.
    if (cancelled.length > 0) await this.#persist(() => this.#options.cancelChildren(cancelled));
    if (transition.run && isTerminal(transition.run.status)) this.#options.onEnding();
    const write = (said: readonly Attachment[]) =>
      this.#persist(() => this.#write(attaching(transition, said)));
    await this.#withTelemetry((said) => this.#gate.share(() => write(said)));
    this.#recorded(transition);
  }

  #recorded(transition: Transition): void {
    if (transition.run && isTerminal(transition.run.status)) this.#hasEnded = true;
    this.#options.onRecorded(transition);
  }

  /** What steps have said goes with the write, or waits for the next one. */
  async #withTelemetry<T>(write: (said: readonly Attachment[]) => Promise<T>): Promise<T> {
    const { telemetry } = this.#options;
    const said = telemetry.take();
    try {
      return await write(said);
    } catch (error) {
      telemetry.putBack(said);
      throw error;
    }
  }

  /** The work is done and only waits to be recorded: a database that is busy, full or away is given time. */
  async #persist<T>(write: () => Promise<T>): Promise<T> {
    const { signal, logger, runId, clock } = this.#options;
    const start = clock.now();
    for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
      try {
        return await write();
      } catch (error) {
        const final = isLost(error) || !(SpineError.is(error) && error.retryable);
        // A store that has waited itself has waited for as long.
        const isLate = clock.now() - start >= PATIENCE_MS - FIRST_PAUSE_MS;
        if (final || signal.aborted || isLate) throw error;
        logger.warn("A result cannot be recorded yet; it is tried again.", { runId, error: textOf(error) });
      }
      await pause(clock, wait);
    }
  }

  async #write(given: Transition, options?: CommitOptions): Promise<void> {
    const { runId, fence, history, signal, alerting } = this.#options;
    const transition = alerting(given);
    const waiting = options ?? { signal, patienceMs: PATIENCE_MS };
    const [outcome] = await history.commit([{ kind: "advance", runId, fence, transition }], waiting);
    if (outcome?.result === "committed") return;
    if (this.#hasEnded) {
      throw new SpineError(
        "FENCED",
        "This run has ended; nothing was written. What a step records has to be awaited before the step returns.",
        { context: { runId } },
      );
    }
    throw new SpineError(
      "FENCED",
      "This run was taken out of this process's hands (cancelled, or taken over by another worker); nothing was written.",
      { context: { runId } },
    );
  }
}

/** It is looked at again at the latest after so long: timers do not reach further than 24 days. */
const LONGEST_TIMER_MS = 86_400_000;
const NONE: readonly Settled[] = [];

function earlier(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.min(a, b);
}

/** True when nothing is to be recorded: it was looked, and there was nothing. */
function isEmpty({ ended, begun, waiting, taken, run, attachments }: Transition): boolean {
  return (
    ended.length + begun.length + attachments.length === 0 &&
    waiting === undefined &&
    taken === undefined &&
    run === undefined
  );
}

/** With what steps have said, but not how far those had come that end with it. */
function attaching(transition: Transition, said: readonly Attachment[]): Transition {
  if (said.length === 0) return transition;
  const { ended, attachments } = transition;
  const still = said.filter(
    (one) =>
      one.kind !== "progress" ||
      !ended.some(({ name, attempt }) => name === one.step && attempt === one.attempt),
  );
  return { ...transition, attachments: [...attachments, ...still] };
}

/** The run belongs to somebody else by now. */
function isLost(error: unknown): boolean {
  return SpineError.is(error) && error.code === "FENCED";
}

function recordFailed(error: unknown): SpineError {
  if (SpineError.is(error) && error.retryable) throw error;
  return new SpineError(
    "RECORD_FAILED",
    `The result of this attempt could not be recorded: ${textOf(error)}`,
    {
      cause: error,
    },
  );
}

function hasWrites(settled: Settled): settled is Writing {
  return "result" in settled && "write" in settled.result;
}

function isEnded(settled: Settled): settled is Exclude<Settled, Writing> & Ended {
  return !hasWrites(settled);
}
