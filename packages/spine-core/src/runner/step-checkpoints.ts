import { checkText } from "../check-text.ts";
import type { Clock } from "../clock.ts";
import type { Database } from "../database/database.ts";
import type { DatabaseTransaction } from "../database/database-transaction.ts";
import { SpineError } from "../errors.ts";
import type { CheckpointAttachment } from "../history/attachment.ts";
import type { CommitOptions } from "../history/history-store.ts";
import { decodeJson, encodeJson, type JsonValue } from "../json.ts";
import type { Redaction } from "../redaction.ts";

/** The longest that user code may keep a transaction open, in milliseconds: other runs may have to wait for it. */
const TRANSACTION_LIMIT_MS = 5_000;
const LONGEST_KEY = 200;
/** The key of a transaction that is given none. */
const ONLY_TRANSACTION = "transaction";

export interface StepCheckpointsOptions {
  readonly step: string;
  readonly database: Database;
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

  constructor(options: StepCheckpointsOptions) {
    this.#options = options;
  }

  /** The recorded value of the key, or what `work` gives, recorded. */
  checkpoint(key: string, work: () => unknown): Promise<JsonValue> {
    return this.#once(key, async () => {
      const value = this.#encode(key, await work());
      await this.#options.commit({ kind: "checkpoint", step: this.#options.step, key, value });
      return value;
    });
  }

  /** The same with `work` and the record in one transaction: its effects happen exactly once. */
  transaction(
    work: (transaction: DatabaseTransaction) => unknown,
    key = ONLY_TRANSACTION,
  ): Promise<JsonValue> {
    return this.#once(key, () =>
      this.#options.database.transaction(async (transaction) => {
        const value = this.#encode(key, await this.#inTime(Promise.resolve(work(transaction))));
        // The fence: the last statement before COMMIT.
        await this.#options.commit(
          { kind: "checkpoint", step: this.#options.step, key, value },
          { transaction },
        );
        return value;
      }),
    );
  }

  async #once(key: string, make: () => Promise<string>): Promise<JsonValue> {
    checkText(key, `A checkpoint's key in step "${this.#options.step}"`, LONGEST_KEY);
    const recorded = this.#options.recorded();
    if (recorded.has(key)) return recorded.get(key) ?? null;
    const open = this.#open.get(key) ?? this.#record(key, make);
    this.#open.set(key, open);
    return await open;
  }

  async #record(key: string, make: () => Promise<string>): Promise<JsonValue> {
    try {
      const value = decodeJson(await make());
      this.#options.recorded().set(key, value);
      return value;
    } finally {
      this.#open.delete(key);
    }
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
