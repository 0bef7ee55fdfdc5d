import { storableText } from "./storable-text.ts";

/** What kind of thing went wrong: decides retries, the alert's severity and the HTTP status. */
export const ERROR_CATEGORIES = [
  "INTERNAL",
  "CONFIGURATION",
  "VALIDATION",
  "SOURCE",
  "TRANSFORM",
  "LOAD",
  "TRANSIENT",
  "DEPENDENCY",
  "TIMEOUT",
  "RATE_LIMIT",
  "PERMISSION",
  "RESOURCE",
  "DATA_QUALITY",
] as const;

export type ErrorCategory = (typeof ERROR_CATEGORIES)[number];

interface ErrorKind {
  readonly category: ErrorCategory;
  readonly retryable: boolean;
  readonly http: number;
}

const kind = (category: ErrorCategory, http: number, retryable = false): ErrorKind => ({
  category,
  retryable,
  http,
});

/** The one table of Spine's own error codes. A plugin may use codes of its own with a category. */
export const ERRORS = {
  INTERNAL: kind("INTERNAL", 500),
  STEP_FAILED: kind("INTERNAL", 500),
  HISTORY_CONFLICT: kind("INTERNAL", 409),
  RECORD_FAILED: kind("INTERNAL", 500),
  DATABASE_FAILED: kind("INTERNAL", 500),
  DATASET_MISSING: kind("INTERNAL", 410),
  PAYLOAD_UNREADABLE: kind("INTERNAL", 500),

  CONFIG_INVALID: kind("CONFIGURATION", 500),
  PAYLOAD_KEY_MISSING: kind("CONFIGURATION", 500),
  DRIVER_MISSING: kind("CONFIGURATION", 500),
  DATABASE_UNSUPPORTED: kind("CONFIGURATION", 500),
  TRANSACTION_INVALID: kind("CONFIGURATION", 500),
  DUPLICATE_NAME: kind("CONFIGURATION", 500),
  WORKFLOW_INVALID: kind("CONFIGURATION", 500),
  WORKFLOW_CHANGED: kind("CONFIGURATION", 409),
  SCHEMA_TOO_NEW: kind("CONFIGURATION", 500),

  VALIDATION_FAILED: kind("VALIDATION", 422),
  PAYLOAD_INVALID: kind("VALIDATION", 422),
  UNKNOWN_WORKFLOW: kind("VALIDATION", 404),
  UNKNOWN_SOURCE: kind("VALIDATION", 404),
  RUN_NOT_FOUND: kind("VALIDATION", 404),
  RUN_CONFLICT: kind("VALIDATION", 409),
  SCHEDULE_NOT_FOUND: kind("VALIDATION", 404),
  SCHEDULE_EXISTS: kind("VALIDATION", 409),
  SCHEDULE_CHANGED: kind("VALIDATION", 412),
  KEY_REUSED: kind("VALIDATION", 422),
  SIGNAL_INVALID: kind("VALIDATION", 422),
  APPROVAL_REJECTED: kind("VALIDATION", 409),
  // Somebody's decision, as that one: nothing of ours is broken.
  RUN_CANCELLED: kind("VALIDATION", 409),

  SOURCE_NOT_FOUND: kind("SOURCE", 502),
  SOURCE_NOT_A_FILE: kind("SOURCE", 502),
  SOURCE_EMPTY: kind("SOURCE", 502),
  SOURCE_NO_ROWS: kind("SOURCE", 502),
  SOURCE_REFUSED: kind("SOURCE", 502),
  SOURCE_HEADER: kind("SOURCE", 502),
  SOURCE_DELIMITER: kind("SOURCE", 502),
  SOURCE_ENCODING: kind("SOURCE", 502),
  SOURCE_TRUNCATED: kind("SOURCE", 502),
  SOURCE_TRAILER: kind("SOURCE", 502),
  SOURCE_MALFORMED: kind("SOURCE", 502),
  SOURCE_LINE_TOO_LONG: kind("SOURCE", 502),
  SOURCE_TOO_LARGE: kind("SOURCE", 502),
  SOURCE_CHANGED: kind("SOURCE", 409),
  SOURCE_FORMAT: kind("SOURCE", 502),
  SOURCE_UNAVAILABLE: kind("DEPENDENCY", 502, true),
  SOURCE_TIMEOUT: kind("TIMEOUT", 504, true),

  TRANSFORM_FAILED: kind("TRANSFORM", 500),
  TRANSACTION_TOO_LONG: kind("LOAD", 500),
  LOAD_FAILED: kind("LOAD", 500),
  QUALITY_FAILED: kind("DATA_QUALITY", 422),
  CONTRACT_BROKEN: kind("DATA_QUALITY", 422),

  TRANSIENT: kind("TRANSIENT", 503, true),
  DATABASE_BUSY: kind("TRANSIENT", 503, true),
  DATABASE_UNAVAILABLE: kind("DEPENDENCY", 503, true),
  STEP_TIMEOUT: kind("TIMEOUT", 504, true),
  STEP_HEARTBEAT_TIMEOUT: kind("TIMEOUT", 504, true),
  WAIT_TIMEOUT: kind("TIMEOUT", 504),
  RUN_DEADLINE: kind("TIMEOUT", 504),
  RATE_LIMITED: kind("RATE_LIMIT", 429, true),
  /** Our own budget is used up: a wait, not a failure; the engine does not count it against the retry policy. */
  RATE_BUDGET_USED: kind("RATE_LIMIT", 429, true),
  PERMISSION_DENIED: kind("PERMISSION", 403),
  DATABASE_FULL: kind("RESOURCE", 507, true),

  RUN_PAUSED: kind("INTERNAL", 409),
  POISONED: kind("INTERNAL", 500),
  WORKER_LOST: kind("INTERNAL", 500, true),
  STOPPED: kind("INTERNAL", 503, true),
  FENCED: kind("INTERNAL", 409),
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

/** Where an error happened; every field is optional and added on the way up by `withContext`. */
export interface ErrorContext {
  readonly runId?: string;
  readonly workflow?: string;
  readonly step?: string;
  readonly attempt?: number;
  readonly [key: string]: string | number | boolean | null | undefined;
}

export interface SpineErrorOptions {
  /** The category of a code that is not in {@link ERRORS}, or one that overrides it. */
  readonly category?: ErrorCategory;
  /** Whether the same attempt may succeed later; the code's own answer when left out. */
  readonly retryable?: boolean;
  /** How long the other side asked us to wait, in milliseconds. */
  readonly retryAfterMs?: number;
  readonly context?: ErrorContext;
  /** Machine-readable facts beyond the message, e.g. the validation issues. JSON only. */
  readonly detail?: unknown;
  readonly cause?: unknown;
}

/** The stored form and the wire form of an error: the same shape everywhere. */
export interface ErrorJson {
  readonly code: string;
  readonly category: ErrorCategory;
  readonly retryable: boolean;
  readonly message: string;
  readonly retry_after_ms?: number;
  readonly context?: ErrorContext;
  readonly detail?: unknown;
  readonly cause?: string;
}

// Registered symbol: two installed copies of spine-core recognise each other's errors.
const BRAND = Symbol.for("spine.error");

/**
 * The only error that crosses a package border. The message says what happened, where, and what to do;
 * the machine's part is `code`, `category` and `retryable`.
 *
 * @example
 * throw new SpineError("SOURCE_NOT_FOUND", `There is no file at ${path}. Check the path.`, { context: { path } });
 */
export class SpineError extends Error {
  readonly code: string;
  readonly category: ErrorCategory;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly context: ErrorContext;
  readonly detail: unknown;

  constructor(code: ErrorCode | (string & {}), message: string, options: SpineErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = nameOf(new.target);
    const known: ErrorKind = Object.hasOwn(ERRORS, code) ? ERRORS[code as ErrorCode] : ERRORS.INTERNAL;
    this.code = code;
    this.category = options.category ?? known.category;
    this.retryable = options.retryable ?? known.retryable;
    // Whatever a server sent: a time that no clock can hold is no time.
    const wait = options.retryAfterMs;
    this.retryAfterMs = wait !== undefined && wait >= 0 && Number.isFinite(wait) ? wait : undefined;
    this.context = Object.freeze({ ...options.context });
    this.detail = options.detail;
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** True for a SpineError of any installed copy of this package. */
  static is(error: unknown): error is SpineError {
    try {
      return typeof error === "object" && error !== null && BRAND in error;
    } catch {
      // A proxy that answers no question is none of ours.
      return false;
    }
  }

  /** The error itself when it is one of ours, otherwise a STEP_FAILED (or `code`) that wraps it. */
  static from(error: unknown, code: ErrorCode = "STEP_FAILED"): SpineError {
    if (SpineError.is(error)) return error;
    return new SpineError(code, textOf(error) || "An error without a message was thrown.", { cause: error });
  }

  /** Reads the stored form back. */
  static fromJSON(json: ErrorJson): SpineError {
    const Class = CLASS_OF[json.category] ?? SpineError;
    const revived = new SpineError(json.code, json.message, {
      category: json.category,
      retryable: json.retryable,
      ...(json.retry_after_ms === undefined ? {} : { retryAfterMs: json.retry_after_ms }),
      ...(json.context === undefined ? {} : { context: json.context }),
      detail: json.detail,
      cause: json.cause,
    });
    Object.setPrototypeOf(revived, Class.prototype);
    revived.name = nameOf(Class);
    return revived;
  }

  /** A copy with more context; what is already known wins, because it was nearer to the cause. */
  withContext(context: ErrorContext): SpineError {
    const copy = new SpineError(this.code, this.message, {
      category: this.category,
      retryable: this.retryable,
      ...(this.retryAfterMs === undefined ? {} : { retryAfterMs: this.retryAfterMs }),
      context: { ...context, ...this.context },
      detail: this.detail,
      cause: this.cause,
    });
    Object.setPrototypeOf(copy, Object.getPrototypeOf(this) as object);
    copy.name = this.name;
    if (this.stack) copy.stack = this.stack;
    return copy;
  }

  toJSON(): ErrorJson {
    const message = textOf(this.message);
    const cause = this.cause === undefined ? undefined : textOf(this.cause);
    return {
      // A plugin's code may be any text.
      code: storableText(this.code),
      category: this.category,
      retryable: this.retryable,
      message,
      ...(this.retryAfterMs === undefined ? {} : { retry_after_ms: this.retryAfterMs }),
      ...(Object.keys(this.context).length === 0 ? {} : { context: storable(this.context) as ErrorContext }),
      ...(this.detail === undefined ? {} : { detail: storable(this.detail) }),
      ...(cause === undefined || cause === message ? {} : { cause }),
    };
  }

  override toString(): string {
    return `[${this.category}] ${this.code}: ${this.message}`;
  }
}

/**
 * A text for anything that can be thrown: the message of an error, the text of a string, JSON of the rest. One that
 * databases take. Never throws itself, whatever getters and `toString` methods the value has.
 *
 * @internal
 */
export function textOf(thrown: unknown): string {
  const text = anyText(thrown);
  if (text.length <= LONGEST_TEXT) return storableText(text);
  return storableText(`${text.slice(0, LONGEST_TEXT)}… (${text.length} characters)`);
}

/** Errors are facts to read, not data: a body of megabytes in a message is cut. */
const LONGEST_TEXT = 16 * 1024;

function anyText(thrown: unknown): string {
  try {
    if (typeof thrown === "string") return thrown;
    if (thrown instanceof Error) return String(thrown.message);
    return typeof thrown === "object" && thrown !== null ? JSON.stringify(thrown) : String(thrown);
  } catch {
    return "Something was thrown that has no text.";
  }
}

/** A value as JSON can hold it: an error has to be recorded, whatever its facts are made of. */
function storable(value: unknown): unknown {
  try {
    const text = JSON.stringify(value) ?? "null";
    return text.length <= LONGEST_TEXT ? JSON.parse(text, storableMember) : textOf(text);
  } catch {
    return textOf(value);
  }
}

/** A reviver for `JSON.parse`: all text that databases refuse made text that they take, keys too. */
function storableMember(this: unknown, _key: string, value: unknown): unknown {
  if (typeof value === "string") return storableText(value);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const keys = Object.keys(value);
  if (keys.every((key) => storableText(key) === key)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [storableText(key), member]));
}

/** The name of an error's class; the base class's as a text, because builds rename a class that refers to itself. */
function nameOf(Class: { readonly name: string }): string {
  return Class === SpineError ? "SpineError" : Class.name;
}

/** What an attempt may end with that is no failure of its step. */
const NO_FAILURES: readonly string[] = ["WORKER_LOST", "RATE_BUDGET_USED"];

/**
 * Whether an attempt that ended with this error counts against its step's retry policy.
 *
 * @internal
 */
export function countsAsFailure(code: string | undefined): boolean {
  return code === undefined || !NO_FAILURES.includes(code);
}

type NamedOptions = SpineErrorOptions & { readonly code?: ErrorCode | (string & {}) };

/** A source could not be read, or its content is not what it should be. Not retried. */
export class SourceError extends SpineError {
  constructor(message: string, options: NamedOptions = {}) {
    super(options.code ?? "SOURCE_MALFORMED", message, { category: "SOURCE", ...options });
  }
}

/** Something failed that is expected to work again soon. Retried. */
export class TransientError extends SpineError {
  constructor(message: string, options: NamedOptions = {}) {
    super(options.code ?? "TRANSIENT", message, { category: "TRANSIENT", retryable: true, ...options });
  }
}

/** Input that does not fit its schema; `detail` is the list of issues with their paths. */
export class ValidationError extends SpineError {
  constructor(message: string, options: NamedOptions = {}) {
    super(options.code ?? "VALIDATION_FAILED", message, { category: "VALIDATION", ...options });
  }
}

/** A blocking quality check failed; `detail` is the report. */
export class QualityError extends SpineError {
  constructor(message: string, options: NamedOptions = {}) {
    super(options.code ?? "QUALITY_FAILED", message, { category: "DATA_QUALITY", ...options });
  }
}

const CLASS_OF: {
  readonly [C in ErrorCategory]?: { readonly prototype: SpineError; readonly name: string };
} = {
  SOURCE: SourceError,
  TRANSIENT: TransientError,
  VALIDATION: ValidationError,
  DATA_QUALITY: QualityError,
};
