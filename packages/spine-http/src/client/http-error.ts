import type { Problem } from "../wire/problem.ts";

/** What a request got as an answer that was no good one, or as one that is none of the API's: a login page, say. */
export class SpineHttpError extends Error {
  readonly status: number;
  /** The answer's body; null where it was none of Spine's, e.g. of a proxy. */
  readonly problem: Problem | null;
  /** Seconds that it asks to wait. */
  readonly retryAfter: number | null;

  constructor(status: number, problem: Problem | null, retryAfter: number | null) {
    super(problem ? `${problem.title}: ${problem.detail}` : plainly(status));
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

/** What stands between may answer in the API's place, and call it a success: proxies that ask for a login, or show a page of their own. */
function plainly(status: number): string {
  return status < 400
    ? "Something else than the API has answered: check its address, and whether you are logged in."
    : `The API answered ${status}.`;
}

/** The error in an answer. */
export async function errorOf(response: Response): Promise<SpineHttpError> {
  const isProblem = isOf(response, "application/problem+json");
  const problem = isProblem ? ((await response.json().catch(() => null)) as Problem | null) : null;
  return new SpineHttpError(response.status, problem, secondsOf(response.headers));
}

/** Whether an answer says that it is of a type. */
export function isOf(response: Response, type: string): boolean {
  return response.headers.get("content-type")?.includes(type) ?? false;
}

/** `Retry-After` has seconds, or a time, as proxies write it: by their clock, which the browser's needs not agree with. */
function secondsOf(headers: Headers): number | null {
  const text = headers.get("retry-after");
  if (text === null) return null;
  const now = Date.parse(headers.get("date") ?? "") || Date.now();
  const seconds = /^\s*\d+\s*$/.test(text) ? Number(text) : (Date.parse(text) - now) / 1_000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : null;
}
