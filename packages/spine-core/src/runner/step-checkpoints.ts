import { AsyncLocalStorage } from "node:async_hooks";
import { checkText } from "../check-text.ts";
import type { Clock } from "../clock.ts";
import type { DatabaseTransaction } from "../database/database-transaction.ts";
import { SpineError, ValidationError } from "../errors.ts";
import type { CheckpointAttachment } from "../history/attachment.ts";
import type { CommitOptions } from "../history/history-store.ts";
import type { CheckpointRecord } from "../history/records.ts";
import { decodeJson, encodeJson, type JsonValue } from "../json.ts";
import type { Redaction } from "../redaction.ts";

/** The longest that user code may keep a transaction open, in milliseconds: other runs may have to wait for it. */
const TRANSACTION_LIMIT_MS = 5_000;
/** Set in the code that a transaction runs. */
const inTransaction = new AsyncLocalStorage<{ open: boolean }>();
/** Set in the code that a checkpoint runs: its key, and those around it. */
const inCheckpoint = new AsyncLocalStorage<Inside>();
interface Inside {
  readonly of: StepCheckpoints;
  readonly key: string;
  readonly around: Inside | undefined;
}
/** The longest key, in characters. */
const LONGEST_KEY = 200;
/** What keys of Spine's own begin with; no other may. */
const OWN_KEYS = "spine:";
/** The key of a transaction that is given none. */
const ONLY_TRANSACTION = "transaction";

export interface StepCheckpointsOptions {
  readonly step: string;
  /** How often the step was undone: what was recorded before that is not found any more. */
  readonly generation: number;
  /**
   * Aborted when the attempt has to stop: its time is over, the step around it ended without it, or its run is let go of. What
   * is recorded then would be another attempt's. It is not aborted by the attempt's own end.
   */
  readonly signal: AbortSignal;
  /** Opens a transaction with no other write of the run beside it. */
  readonly transaction: <T>(work: (transaction: DatabaseTransaction) => Promise<T>) => Promise<T>;
  readonly clock: Clock;
  /** What earlier attempts recorded, by key; what this one records is added. Asked for when it is needed: most steps have none. */
  readonly recorded: () => Map<string, JsonValue>;
  /** Takes the run's secrets out of what is about to be recorded; null where it has none. */
  readonly redaction: Redaction | null;
  /** Commits a checkpoint under the run's fence; rejects with FENCED when the run belongs to somebody else. */
  readonly commit: (checkpoint: CheckpointAttachment, options?: CommitOptions) => Promise<void>;
}

/** The results inside one step that outlive its attempt. */
export class StepCheckpoints {
  readonly #options: StepCheckpointsOptions;
  /** Work under way, so that two calls with one key share it. */
  readonly #open = new Map<string, Promise<JsonValue>>();
  /** How often this attempt has asked for each kind of recorded number. */
  readonly #asked = new Map<string, number>();

  constructor(options: StepCheckpointsOptions) {
    this.#options = options;
  }

  /** The recorded value of the key, or what `work` gives, recorded. */
  async checkpoint(key: string, work: () => unknown): Promise<JsonValue> {
    this.#checkKey(key);
    this.#refuseInItself(key);
    const inside = { of: this, key, around: inCheckpoint.getStore() };
    return await this.#recorded(key, async () => this.#encode(key, await inCheckpoint.run(inside, work)));
  }

  /** The time, recorded: an attempt that begins again gets the same times in the same order. */
  now(): Promise<number> {
    return this.#number("now", () => this.#options.clock.now());
  }

  /** A number in [0, 1), recorded like `now`. */
  random(): Promise<number> {
    return this.#number("random", Math.random);
  }

  /** The same with `work` and the record in one transaction: its effects happen exactly once. */
  async transaction(
    work: (transaction: DatabaseTransaction) => unknown,
    key = ONLY_TRANSACTION,
  ): Promise<JsonValue> {
    this.#checkKey(key);
    this.#refuseInside(key);
    this.#refuseInItself(key);
    return await this.#once(key, () =>
      this.#options.transaction(async (transaction) => {
        const inside = { open: true };
        const doing = inTransaction.run(inside, () => Promise.resolve(work(transaction)));
        const result = await this.#inTime(doing).finally(() => {
          inside.open = false;
        });
        const value = this.#encode(key, result);
        this.#options.signal.throwIfAborted();
        // The fence: the last statement before COMMIT.
        await this.#options.commit(this.#attachment(key, value), { transaction });
        return value;
      }),
    );
  }

  async #recorded(key: string, make: () => Promise<string>): Promise<JsonValue> {
    this.#refuseInside(key);
    return await this.#once(key, async () => {
      const value = await make();
      this.#options.signal.throwIfAborted();
      await this.#options.commit(this.#attachment(key, value));
      return value;
    });
  }

  /** Not redacted: a number that shows a secret by chance would become a text. */
  async #number(kind: string, make: () => number): Promise<number> {
    const count = (this.#asked.get(kind) ?? 0) + 1;
    this.#asked.set(kind, count);
    return Number(await this.#recorded(`${OWN_KEYS}${kind}#${count}`, async () => String(make())));
  }

  async #once(key: string, make: () => Promise<string>): Promise<JsonValue> {
    const recorded = this.#options.recorded();
    const stored = this.#stored(key);
    if (recorded.has(stored)) return recorded.get(stored) ?? null;
    const open = this.#open.get(key) ?? this.#record(key, make);
    this.#open.set(key, open);
    return await open;
  }

  async #record(key: string, make: () => Promise<string>): Promise<JsonValue> {
    try {
      const value = decodeJson(await make());
      this.#options.recorded().set(this.#stored(key), value);
      return value;
    } finally {
      this.#open.delete(key);
    }
  }

  /** The key under which it is stored. */
  #stored(key: string): string {
    const { generation } = this.#options;
    return generation === 0 ? key : `${OWN_KEYS}again#${generation}:${key}`;
  }

  #attachment(key: string, value: string): CheckpointAttachment {
    return { kind: "checkpoint", step: this.#options.step, key: this.#stored(key), value };
  }

  #checkKey(key: string): void {
    const what = `A checkpoint's key in step "${this.#options.step}"`;
    checkText(key, what, LONGEST_KEY);
    const isOwn = key.startsWith(OWN_KEYS);
    // Redacted, the keys of two secrets would be one; as it is, it would be stored and shown.
    const isSecret = !isOwn && this.#options.redaction !== null && this.#options.redaction.text(key) !== key;
    if (!isOwn && !isSecret) return;
    const reason = isOwn ? `begins with "${OWN_KEYS}", as only Spine's own do` : "shows a secret of the run";
    throw new ValidationError(`${what} ${reason}. Use another one.`, { detail: { what, reason } });
  }

  /** It would wait for its own end. */
  #refuseInItself(key: string): void {
    for (let inside = inCheckpoint.getStore(); inside; inside = inside.around) {
      if (inside.of !== this || inside.key !== key) continue;
      const what = `The checkpoint "${key}" of step "${this.#options.step}"`;
      const reason = "was asked for inside of its own work";
      throw new ValidationError(`${what} ${reason}. Give the inner one another key.`, {
        detail: { what, reason },
      });
    }
  }

  /** It would wait for the transaction that waits for it. */
  #refuseInside(key: string): void {
    if (!inTransaction.getStore()?.open) return;
    throw new SpineError(
      "TRANSACTION_INVALID",
      `Step "${this.#options.step}" asked for "${key}" inside its own transaction. Do it before the transaction; what is written in it is recorded with it.`,
    );
  }

  #encode(key: string, value: unknown): string {
    const { step, redaction } = this.#options;
    const text = encodeJson(value, `the checkpoint "${key}" of step "${step}"`);
    return redaction ? JSON.stringify(redaction.value(JSON.parse(text) as unknown, "keys")) : text;
  }

  async #inTime<T>(work: Promise<T>): Promise<T> {
    const { clock, step } = this.#options;
    let stop = () => {};
    const tooLong = new Promise<never>((_, reject) => {
      stop = clock.after(TRANSACTION_LIMIT_MS, () => reject(transactionTooLong(step)));
    });
    try {
      return await Promise.race([work, tooLong]);
    } finally {
      stop();
    }
  }
}

function transactionTooLong(step: string): SpineError {
  return new SpineError(
    "TRANSACTION_TOO_LONG",
    `The transaction of step "${step}" was open for more than ${TRANSACTION_LIMIT_MS} ms and was rolled back, because others wait for it. Do slow work (requests, waiting) before it, and only write in it.`,
  );
}

/** What earlier attempts of a run recorded inside their steps: step → key → value. */
export function checkpointsByStep(records: readonly CheckpointRecord[]): Map<string, Map<string, JsonValue>> {
  const steps = new Map<string, Map<string, JsonValue>>();
  for (const { step, key, value } of records) steps.set(step, (steps.get(step) ?? new Map()).set(key, value));
  return steps;
}
