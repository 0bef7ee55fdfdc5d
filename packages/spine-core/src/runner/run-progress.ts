import type { Clock } from "../clock.ts";
import type { ProgressAttachment } from "../history/attachment.ts";
import type { ProgressPoint } from "../history/check-progress.ts";
import type { Redaction } from "../redaction.ts";
import { storableText } from "../storable-text.ts";

/** The longest message that is kept, in characters. */
const LONGEST_MESSAGE = 1_000;

export interface RunProgressOptions {
  readonly clock: Clock;
  /** Called when there may be something to record. */
  readonly onNews: () => void;
  /** Whoever is told at once; null while nobody is. */
  readonly listener: () => ((progress: ProgressAttachment) => void) | null;
}

/** An attempt that says how far it has come. */
export interface ProgressOf {
  readonly step: string;
  readonly attempt: number;
  /** What is said after it is aborted is not told. */
  readonly signal: AbortSignal;
  /** Takes the run's secrets out of texts; null where it has none. */
  readonly redaction: Redaction | null;
}

/** How far the attempts of a run have come: of each its newest word, until that is recorded or the attempt is over. */
export class RunProgress {
  readonly #options: RunProgressOptions;
  /** Attempts under way that have said something. */
  readonly #attempts = new Map<string, AttemptProgress>();

  constructor(options: RunProgressOptions) {
    this.#options = options;
  }

  /** What an attempt says it to. */
  of(attempt: ProgressOf): AttemptProgress {
    return new AttemptProgress(attempt, this.#options, this.#attempts);
  }

  get hasNews(): boolean {
    for (const attempt of this.#attempts.values()) if (attempt.hasNews) return true;
    return false;
  }

  /** Takes what is not recorded yet, for a write that is about to be made. */
  take(): readonly ProgressAttachment[] {
    return [...this.#attempts.values()].flatMap((attempt) => attempt.take() ?? []);
  }

  /** Gives back what could not be written. */
  putBack(taken: readonly ProgressAttachment[]): void {
    for (const { step, attempt } of taken) this.#attempts.get(step)?.putBack(attempt);
  }
}

type Said = ProgressPoint & { readonly at: number };

/** How far one attempt has come. In a loop it is said all the time, and so only noted; texts are made fit when they are needed. */
export class AttemptProgress {
  readonly #of: ProgressOf;
  readonly #options: RunProgressOptions;
  readonly #attempts: Map<string, AttemptProgress>;
  #said: Said | null = null;
  #isNew = false;
  #isOver = false;

  /** @param attempts those of its run that have said something: it is among them from its first word to its end. */
  constructor(of: ProgressOf, options: RunProgressOptions, attempts: Map<string, AttemptProgress>) {
    this.#of = of;
    this.#options = options;
    this.#attempts = attempts;
  }

  get hasNews(): boolean {
    return this.#isNew && !this.#isSilenced;
  }

  /** Code that nobody waits for any more may say what it likes. */
  get #isSilenced(): boolean {
    return this.#isOver || this.#of.signal.aborted;
  }

  say(point: ProgressPoint): void {
    if (this.#isSilenced) return;
    const { clock, onNews, listener } = this.#options;
    this.#said = { ...point, at: clock.now() };
    this.#isNew = true;
    this.#attempts.set(this.#of.step, this);
    onNews();
    listener()?.(this.#attachment(this.#said));
  }

  take(): ProgressAttachment | null {
    if (!this.hasNews || !this.#said) return null;
    this.#isNew = false;
    return this.#attachment(this.#said);
  }

  putBack(attempt: number): void {
    if (attempt === this.#of.attempt) this.#isNew = true;
  }

  /** What was said is not worth a write any more. */
  forget(): void {
    this.#isNew = false;
    if (this.#attempts.get(this.#of.step) === this) this.#attempts.delete(this.#of.step);
  }

  /** The attempt is over. */
  end(): void {
    this.#isOver = true;
    this.forget();
  }

  #attachment({ unit, message, ...said }: Said): ProgressAttachment {
    const { step, attempt } = this.#of;
    return {
      kind: "progress",
      step,
      attempt,
      ...said,
      unit: this.#clean(unit),
      message: this.#clean(message),
    };
  }

  /** Cut off behind the redaction, which would not find half of a secret. */
  #clean(given: string | null): string | null {
    if (given === null) return null;
    const text = this.#of.redaction?.text(given) ?? given;
    return storableText(text.length > LONGEST_MESSAGE ? `${text.slice(0, LONGEST_MESSAGE)}…` : text);
  }
}
