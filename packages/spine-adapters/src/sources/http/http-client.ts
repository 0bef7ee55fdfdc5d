import pRetry from "p-retry";
import { type KnownSecret, type RateBudgets, SourceError, SpineError } from "spine-core";
import { guardedAgent } from "../../net/guarded-agent.ts";
import { type GuardedResponse, guardedRequest } from "../../net/guarded-request.ts";
import { type Credentials, credentialsOf, type HttpAuth } from "./http-auth.ts";
import { asConnectionError, explainHttpError } from "./http-error.ts";
import type { Outgoing } from "./http-request.ts";
import { checkAuth, type HttpRules } from "./http-source-options.ts";
import { TokenKeeper } from "./oauth2.ts";
import { errorTextOf } from "./read-body.ts";
import { ReplyTimer } from "./reply-timer.ts";
import { retryAfterMs } from "./retry-after.ts";
import { actionFor } from "./status-action.ts";

/** An answer whose status is all right, and whose body is to be read. */
export interface Reply {
  readonly response: GuardedResponse;
  readonly timer: ReplyTimer;
  /** Its status says that there is nothing; there is no body to read. */
  readonly isEmpty: boolean;
  /** What must not be shown of it. */
  readonly secrets: readonly KnownSecret[];
}

export interface Asking {
  readonly budgets: RateBudgets;
  readonly signal: AbortSignal | undefined;
  /** In place of the source's own. */
  readonly auth: HttpAuth | undefined;
  /** A status that is all right here though it is not otherwise. */
  readonly accept?: number;
}

const FIRST_WAIT_MS = 200;
/** What is asked for again at once, and not only by the step's next attempt: what tends to be over in a moment. */
const MOMENTARY = ["TRANSIENT", "DEPENDENCY", "RATE_LIMIT", "SOURCE"];
const ACCEPT = {
  json: "application/json",
  jsonl: "application/x-ndjson, application/jsonl, application/json;q=0.5",
  csv: "text/csv, text/plain;q=0.9, */*;q=0.1",
  psv: "text/plain, text/csv;q=0.9, */*;q=0.1",
  tsv: "text/tab-separated-values, text/plain;q=0.9, */*;q=0.1",
};

/** Sends the requests of one source: with its credentials, within its budget, by the rules of the network. */
export class HttpClient {
  readonly #rules: HttpRules;
  readonly #agent: ReturnType<typeof guardedAgent>;
  readonly #keepers = new WeakMap<HttpAuth, TokenKeeper>();

  constructor(rules: HttpRules) {
    this.#rules = rules;
    this.#agent = guardedAgent({ rules, connectMs: rules.timeouts.connectMs });
  }

  /**
   * Asks, and gives the answer to `read`; both again at once, a few times, where an error may be over in a moment. The error that
   * is left says what happened where, and shows no secret.
   */
  async ask<T>(outgoing: Outgoing, asking: Asking, read: (reply: Reply) => Promise<T>): Promise<T> {
    const { signal } = asking;
    const { quickRetries, longestWaitMs } = this.#rules;
    const auth = asking.auth === undefined ? this.#rules.auth : checkAuth(this.#rules.name, asking.auth);
    return await pRetry(() => this.#once(outgoing, auth, asking, read), {
      retries: quickRetries,
      minTimeout: FIRST_WAIT_MS,
      randomize: true,
      ...(signal ? { signal } : {}),
      shouldRetry: ({ error }) =>
        SpineError.is(error) &&
        error.retryable &&
        MOMENTARY.includes(error.category) &&
        error.code !== "SOURCE_CHANGED" &&
        error.code !== "RATE_BUDGET_USED" &&
        (error.retryAfterMs ?? 0) <= longestWaitMs,
      onFailedAttempt: async ({ error, retriesLeft }) => {
        const wait = SpineError.is(error) ? (error.retryAfterMs ?? 0) : 0;
        if (retriesLeft > 0 && wait > 0 && wait <= longestWaitMs) await sleep(wait, signal);
      },
    });
  }

  async #once<T>(
    outgoing: Outgoing,
    auth: HttpAuth | null,
    asking: Asking,
    read: (reply: Reply) => Promise<T>,
  ): Promise<T> {
    const { name, rate } = this.#rules;
    let secrets: readonly KnownSecret[] = [];
    let reply: Reply | undefined;
    try {
      for (let refreshed = false; ; refreshed = true) {
        if (rate) await this.#wait(rate, asking);
        const credentials = await this.#credentials(auth, asking.signal);
        secrets = credentials.secrets;
        reply = await this.#send(outgoing, credentials, asking.signal);
        const { status } = reply.response;
        const action = status === asking.accept ? "accept" : actionFor(status, this.#rules.status);
        if (action === "accept" || action === "empty") {
          if (action === "empty") drop(reply.response);
          return await read({ ...reply, isEmpty: action === "empty" });
        }
        if (action !== "refresh-token" || auth?.kind !== "oauth2" || refreshed)
          throw await this.#refusal(reply, action);
        this.#keeper(auth).refused(credentials);
        drop(reply.response);
      }
    } catch (error) {
      if (reply) drop(reply.response);
      // Whoever aborted gets back the very reason that they gave.
      asking.signal?.throwIfAborted();
      throw explainHttpError(asConnectionError(error), { name, url: outgoing.url, secrets });
    }
  }

  /** Waits until the budget lets the request through, or gives up the attempt until then. */
  async #wait(rate: NonNullable<HttpRules["rate"]>, { budgets, signal }: Asking): Promise<void> {
    const { longestWaitMs } = this.#rules;
    const wait = await budgets.take({ ...rate, upToMs: longestWaitMs });
    if (wait <= longestWaitMs) return await sleep(wait, signal);
    throw new SpineError(
      "RATE_BUDGET_USED",
      `The budget "${rate.name}" of ${rate.limit} requests in ${rate.perMs} ms is used up. The step goes on when it is its turn.`,
      { retryAfterMs: Math.ceil(wait) },
    );
  }

  async #credentials(auth: HttpAuth | null, signal: AbortSignal | undefined): Promise<Credentials> {
    if (auth?.kind !== "oauth2") return await credentialsOf(auth);
    const asked = this.#keeper(auth).credentials(async ({ url, headers, body }) => {
      // Whoever else waits for the token still wants it when this one gives up.
      const timer = new ReplyTimer(this.#rules.timeouts, undefined);
      const request = { url, method: "POST" as const, headers, body, signal: timer.signal };
      const response = await timer.during("headers", () => guardedRequest(this.#agent, this.#rules, request));
      const text = await errorTextOf(response, timer);
      return { status: response.status, text, retryAfterMs: this.#askedWait(response) };
    });
    return await unlessAborted(asked, signal);
  }

  /** How long the other side asks to be left alone, as far as it is believed. */
  #askedWait(response: GuardedResponse): number | null {
    const asked = retryAfterMs(response.header("retry-after"), response.header("date"), Date.now());
    return asked === null ? null : Math.min(asked, this.#rules.maxRetryAfterMs);
  }

  #keeper(auth: Extract<HttpAuth, { readonly kind: "oauth2" }>): TokenKeeper {
    const known = this.#keepers.get(auth) ?? new TokenKeeper(auth);
    this.#keepers.set(auth, known);
    return known;
  }

  async #send(
    { url, method, headers, body }: Outgoing,
    credentials: Credentials,
    signal: AbortSignal | undefined,
  ): Promise<Reply> {
    const whole = new URL(url);
    for (const [name, value] of Object.entries(credentials.query)) whole.searchParams.set(name, value);
    const timer = new ReplyTimer(this.#rules.timeouts, signal);
    const request = {
      url: whole,
      method,
      headers: {
        accept: ACCEPT[this.#rules.format],
        "accept-encoding": "gzip, br",
        "user-agent": "spine",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
        ...credentials.headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: timer.signal,
    };
    const response = await timer.during("headers", () => guardedRequest(this.#agent, this.#rules, request));
    return { response, timer, isEmpty: false, secrets: credentials.secrets };
  }

  /** The error of a status that is none of success, with what the other side says about it. */
  async #refusal({ response, timer }: Reply, action: string): Promise<SpineError> {
    const { status } = response;
    const asked = this.#askedWait(response);
    const wait = asked === null ? {} : { retryAfterMs: asked };
    const said = (await errorTextOf(response, timer).catch(() => "")).slice(0, 500);
    const detail = { status, ...(said === "" ? {} : { said }) };
    switch (action) {
      case "retry":
        return new SpineError("TRANSIENT", `The other side answered with the status ${status}.`, {
          ...wait,
          detail,
        });
      case "rate-limited":
        return new SpineError("RATE_LIMITED", `The other side says that it is asked too often (${status}).`, {
          ...wait,
          detail,
        });
      case "refresh-token":
      case "deny":
        return new SpineError(
          "PERMISSION_DENIED",
          `The other side refuses the request (${status}). Check \`auth\`, and what its account may see.`,
          { detail },
        );
      case "not-found":
        return new SourceError(`There is nothing (${status}).`, { code: "SOURCE_NOT_FOUND", detail });
      default: {
        const where = response.header("location") === null ? "" : " It leads elsewhere, as to a login page.";
        const isRedirect = status >= 300 && status < 400;
        return new SourceError(`The other side answered with the status ${status}.${where}`, {
          code: isRedirect ? "SOURCE_FORMAT" : "SOURCE_REFUSED",
          detail,
        });
      }
    }
  }
}

/** The outcome of the work, or the signal's reason once that aborts; the work goes on. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return await work;
  const left = new AbortController();
  const aborted = new Promise<never>((_resolve, reject) => {
    const abort = () => reject(signal.reason as Error);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true, signal: left.signal });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    left.abort();
  }
}

function drop({ body }: GuardedResponse): void {
  body.destroy();
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (ms <= 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  });
}
