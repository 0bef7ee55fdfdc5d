import type { Clock } from "../clock.ts";
import { textOf } from "../errors.ts";
import type { LogAttachment } from "../history/attachment.ts";
import { MOST_LOGS } from "../history/run-logs.ts";
import { LOG_LEVELS, type LogFields, type Logger, type LogLevel } from "../logger.ts";
import { storableText } from "../storable-text.ts";

const LONGEST_FIELDS = 16 * 1024;

/** What the steps of a run have logged and what is not recorded yet. */
export class RunLog {
  readonly #from: number;
  readonly #clock: Clock;
  readonly #onNews: () => void;
  #entries: LogAttachment[] = [];
  #dropped = 0;

  constructor(options: {
    /** The lowest level that is recorded; SILENT for none. */
    readonly level: LogLevel;
    readonly clock: Clock;
    /** Called when there is something to record. */
    readonly onNews: () => void;
  }) {
    this.#from = LOG_LEVELS.indexOf(options.level);
    this.#clock = options.clock;
    this.#onNews = options.onNews;
  }

  /** A logger that passes on to `logger` and keeps what it is given. */
  logger(logger: Logger, step: string, attempt: number): Logger {
    return new RecordingLogger(logger, (level, message, fields) => {
      if (LOG_LEVELS.indexOf(level) >= this.#from) this.#add(step, attempt, level, message, fields);
    });
  }

  get hasNews(): boolean {
    return this.#entries.length > 0;
  }

  /** Takes what there is, for a write that is about to be made. */
  take(): readonly LogAttachment[] {
    if (this.#entries.length === 0) return [];
    const entries = this.#entries;
    this.#entries = [];
    const last = entries.at(-1);
    if (this.#dropped > 0 && last) {
      const message = `${this.#dropped} more messages were logged at once and not recorded.`;
      entries.push({ ...last, level: "WARN", message, fields: null });
      this.#dropped = 0;
    }
    return entries;
  }

  /** Gives back what could not be written. */
  putBack(entries: readonly LogAttachment[]): void {
    const all = [...entries, ...this.#entries];
    this.#entries = all.slice(0, MOST_LOGS - 1);
    this.#dropped += all.length - this.#entries.length;
  }

  #add(step: string, attempt: number, level: string, message: string, fields: LogFields | undefined): void {
    if (this.#entries.length >= MOST_LOGS - 1) {
      this.#dropped += 1;
      return;
    }
    const at = this.#clock.now();
    const entry = {
      step,
      attempt,
      level,
      message: textOf(message),
      fields: fieldsText(fields),
      at,
    };
    this.#entries.push({ kind: "log", ...entry });
    this.#onNews();
  }
}

type Keep = (level: LogLevel, message: string, fields?: LogFields) => void;

/** Passes on what it is given, and keeps it. A class, because each attempt has one and most never use it. */
class RecordingLogger implements Logger {
  readonly #logger: Logger;
  readonly #keep: Keep;

  constructor(logger: Logger, keep: Keep) {
    this.#logger = logger;
    this.#keep = keep;
  }

  debug(message: string, fields?: LogFields): void {
    this.#logger.debug(message, fields);
    this.#keep("DEBUG", message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#logger.info(message, fields);
    this.#keep("INFO", message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#logger.warn(message, fields);
    this.#keep("WARN", message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#logger.error(message, fields);
    this.#keep("ERROR", message, fields);
  }
}

function fieldsText(fields: LogFields | undefined): string | null {
  if (!fields || Object.keys(fields).length === 0) return null;
  try {
    const text = JSON.stringify(fields, (_key, value: unknown) =>
      typeof value === "string" ? storableText(value) : value,
    );
    if (text.length <= LONGEST_FIELDS) return text;
    return JSON.stringify({ note: `fields of ${text.length} characters were left out` });
  } catch {
    return JSON.stringify({ note: "fields that JSON cannot hold were left out" });
  }
}
