import { SpineHttpError } from "spine-http/client";

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
  if (!(error instanceof SpineHttpError))
    return { title: null, detail: error.message, code: null, requestId: null, isRetryable: true };
  const { problem, status } = error;
  return {
    title: problem?.title ?? null,
    detail: problem?.detail ?? error.message,
    code: problem?.error_code ?? problem?.code ?? null,
    requestId: problem?.request_id ?? null,
    isRetryable: problem?.retryable ?? (status >= 500 || status === 429),
  };
}
