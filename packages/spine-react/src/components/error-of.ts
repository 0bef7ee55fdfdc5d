import { SpineHttpError } from "spine-http/client";
import { isTransient } from "../queries/retry.ts";

/** What there is to say about an error. */
export interface ErrorFacts {
  readonly title: string | null;
  readonly detail: string;
  readonly code: string | null;
  readonly requestId: string | null;
  /** Whether the same again may go well. */
  readonly isRetryable: boolean;
}

export function factsOf(error: Error): ErrorFacts {
  const problem = error instanceof SpineHttpError ? error.problem : null;
  return {
    title: problem?.title ?? null,
    detail: problem?.detail ?? error.message,
    code: problem?.error_code ?? problem?.code ?? null,
    requestId: problem?.request_id ?? null,
    isRetryable: isTransient(error),
  };
}
