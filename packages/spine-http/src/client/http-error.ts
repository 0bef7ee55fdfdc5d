import type { Problem } from "../wire/problem.ts";

/** What a request got as an answer that was no good one. */
export class SpineHttpError extends Error {
  readonly status: number;
  /** The answer's body; null where it was none of Spine's, e.g. of a proxy. */
  readonly problem: Problem | null;
  /** Seconds that it asks to wait. */
  readonly retryAfter: number | null;

  constructor(status: number, problem: Problem | null, retryAfter: number | null) {
    super(problem ? `${problem.title}: ${problem.detail}` : `The API answered ${status}.`);
    this.name = "SpineHttpError";
    this.status = status;
    this.problem = problem;
    this.retryAfter = retryAfter;
  }

  /** `invalid-params`, `not-found`, …: the stable key of the problem. */
  get code(): string | null {
    return this.problem?.code ?? null;
  }
}

/** The error in an answer. */
export async function errorOf(response: Response): Promise<SpineHttpError> {
  const isProblem = response.headers.get("content-type")?.includes("application/problem+json") ?? false;
  const problem = isProblem ? ((await response.json().catch(() => null)) as Problem | null) : null;
  return new SpineHttpError(response.status, problem, secondsOf(response.headers.get("retry-after")));
}

/** `Retry-After` has seconds, or a time, as proxies write it. */
function secondsOf(text: string | null): number | null {
  if (text === null) return null;
  const seconds = /^\s*\d+\s*$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1_000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : null;
}
