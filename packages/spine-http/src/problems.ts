import type { ErrorCategory } from "spine-core";

interface ProblemKind {
  readonly status: number;
  readonly category: ErrorCategory;
  readonly retryable: boolean;
  readonly title: string;
}

const kind = (status: number, category: ErrorCategory, title: string, retryable = false): ProblemKind => ({
  status,
  category,
  retryable,
  title,
});

/** Every error that is answered: `code` is the stable key. A run that failed is none of them: its status says so. */
export const PROBLEMS = {
  "bad-path": kind(400, "VALIDATION", "The path has another spelling"),
  "bad-json": kind(400, "VALIDATION", "The body is not JSON"),
  "bad-query": kind(400, "VALIDATION", "The query does not fit"),
  "bad-header": kind(400, "VALIDATION", "A header does not fit"),
  "bad-cursor": kind(400, "VALIDATION", "The cursor is not of this list"),
  unauthenticated: kind(401, "PERMISSION", "Who asks is not known"),
  forbidden: kind(403, "PERMISSION", "This is not allowed"),
  "cross-origin": kind(403, "PERMISSION", "The request comes from another site"),
  "not-found": kind(404, "VALIDATION", "There is no such thing"),
  "method-not-allowed": kind(405, "VALIDATION", "The path has no such method"),
  "not-acceptable": kind(406, "VALIDATION", "There is no answer of that type"),
  conflict: kind(409, "VALIDATION", "Its state does not allow that"),
  "count-changed": kind(409, "VALIDATION", "There are not as many as expected"),
  expired: kind(410, "VALIDATION", "It is past its retention"),
  stale: kind(412, "VALIDATION", "It has changed meanwhile"),
  "too-large": kind(413, "VALIDATION", "The body is too large"),
  "unsupported-media": kind(415, "VALIDATION", "The body is not sent as JSON"),
  "bad-range": kind(416, "VALIDATION", "It does not reach that far"),
  "invalid-params": kind(422, "VALIDATION", "The parameters are not valid"),
  "invalid-body": kind(422, "VALIDATION", "The body does not fit"),
  "idempotency-mismatch": kind(422, "VALIDATION", "The key was used with other parameters"),
  "precondition-required": kind(428, "VALIDATION", "The version that is changed has to be named"),
  "rate-limited": kind(429, "RATE_LIMIT", "Too many requests", true),
  internal: kind(500, "INTERNAL", "Something failed"),
  draining: kind(503, "TRANSIENT", "This process is being stopped", true),
  "too-many-streams": kind(503, "RESOURCE", "There are too many streams", true),
  "store-unavailable": kind(503, "DEPENDENCY", "The database does not answer", true),
} as const satisfies Record<string, ProblemKind>;

export type ProblemCode = keyof typeof PROBLEMS;

/** Something about the request that does not fit, by JSON Pointer: `/params/week_ending`. */
export interface ProblemIssue {
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

export interface ProblemFacts {
  readonly errors?: readonly ProblemIssue[];
  /** The code of the SpineError behind it. */
  readonly errorCode?: string;
  readonly executionId?: string;
  readonly retryAfterSeconds?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Thrown by operations and the handler: answered as `application/problem+json`. */
export class HttpProblem extends Error {
  readonly code: ProblemCode;
  readonly facts: ProblemFacts;

  /** @param detail for whoever sent the request: what does not fit, and what to do. */
  constructor(code: ProblemCode, detail: string, facts: ProblemFacts = {}) {
    super(detail);
    this.name = "HttpProblem";
    this.code = code;
    this.facts = facts;
  }
}

/** What cannot be found, or may not be known to be there: both are told alike. */
export function notFound(what: string): HttpProblem {
  return new HttpProblem("not-found", `There is no ${what}, or you may not see it.`);
}
