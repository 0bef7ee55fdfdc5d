import { jsonLogger, newId, type Spine, SpineError } from "spine-core";
import type { z } from "zod";
import { type FetchFacts, fetchThrough } from "./adapters/fetch.ts";
import { Access } from "./auth/access.ts";
import type { Principal } from "./auth/auth.ts";
import { holds } from "./auth/permissions.ts";
import { segmentsOf } from "./canonical-path.ts";
import { checkOrigin, corsHeaders, optionsResponse } from "./cross-origin.ts";
import { checkHandlerOptions, type HandlerOptions, LIMITS } from "./handler-options.ts";
import type { HttpRequest, HttpResponse } from "./http-request.ts";
import { readJson } from "./json-body.ts";
import type { AnyOperation } from "./operation.ts";
import { OPERATIONS } from "./operations/index.ts";
import { HttpProblem, PROBLEMS } from "./problems.ts";
import { issuesOf, QueryReader } from "./query-reader.ts";
import { type Found, paramsOf, Router } from "./router.ts";
import { servicesOf } from "./services.ts";
import { toProblem } from "./to-problem.ts";
import { problemOf } from "./wire/problem.ts";
import { WriteLimit, type WritesLeft } from "./write-limit.ts";

/** The API of a Spine, to be mounted. */
export interface SpineHandler {
  readonly basePath: string;
  /** The table that it serves. */
  readonly operations: readonly AnyOperation[];
  /** Answers a request as plain data; adapters are made of it. Never rejects. */
  handle(request: HttpRequest): Promise<HttpResponse>;
  /** Answers a WHATWG request: Hono, Next, Bun, Deno. */
  fetch(request: Request, facts?: FetchFacts): Promise<Response>;
  /** Ends its streams; requests after it are answered 503. The Spine goes on. */
  close(): void;
}

/** An operation with what is made of it once. */
interface Served {
  readonly operation: AnyOperation;
  readonly query: QueryReader | null;
}

const API_VERSION = "1";
const JSON_HEADERS = {
  "content-type": "application/json",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "spine-api-version": API_VERSION,
};
const PROBLEM_HEADERS = { ...JSON_HEADERS, "content-type": "application/problem+json" };
/** Names that stand in the place of a pipeline's in paths. */
const RESERVED = [
  "run",
  "status",
  "events",
  "cancel",
  "pause",
  "resume",
  "retry",
  "rerun",
  "signal",
  "approve",
];

/**
 * The API of a Spine, safe by default: nobody is let in without `auth`, other sites' pages are kept out, and what a request may cost
 * is limited.
 *
 * @throws SpineError CONFIG_INVALID for an option that means nothing, or none for `auth`.
 * @example
 * const handler = createHandler(spine, {
 *   basePath: "/spine",
 *   auth: apiKeys([{ key: process.env.SPINE_API_KEY ?? "", principal: { id: "ops", permissions: "operator" } }]),
 * });
 * createServer(toNodeHandler(handler)).listen(4111, "127.0.0.1");
 */
export function createHandler(spine: Spine, options: HandlerOptions): SpineHandler {
  checkHandlerOptions(options);
  const { auth, cors = null, readOnly = false, audit } = options;
  const basePath = options.basePath === "/" ? "" : (options.basePath ?? "");
  const limits = { ...LIMITS, ...options.limits };
  const logger = options.logger ?? jsonLogger("ERROR");
  const operations: readonly AnyOperation[] = Object.freeze([...OPERATIONS, ...(options.operations ?? [])]);
  refuseReserved(spine);
  const router = routerOf(operations);
  const services = servicesOf(spine, options, limits, operations);
  const writes = new WriteLimit(limits.writesPerSecond);
  const pathOf = (path: string) => basePath + path;

  const find = (request: HttpRequest): Found<Served> | null => {
    const { path } = request;
    // Before anything else: what is compared and routed has one spelling.
    const segments = segmentsOf(path);
    if (!segments) {
      throw new HttpProblem(
        "bad-path",
        "The path is not in its one spelling: without dot segments, double slashes, `;` or `\\`, and with nothing encoded that need not be.",
      );
    }
    const isOurs = basePath === "" || path.startsWith(`${basePath}/`);
    return isOurs ? router.find(segments.slice(baseLength)) : null;
  };
  const baseLength = basePath === "" ? 0 : basePath.slice(1).split("/").length;

  const allow = async (
    operation: AnyOperation,
    principal: Principal,
    params: ReturnType<typeof paramsOf>,
  ) => {
    const { permission } = operation;
    if (permission === null) return;
    if (!holds(principal.permissions, permission)) {
      throw new HttpProblem("forbidden", `"${principal.id}" does not have the permission \`${permission}\`.`);
    }
    if (principal.scope && operation.scoping === "whole") {
      throw new HttpProblem(
        "forbidden",
        `\`${operation.id}\` is about everything in this Spine, and "${principal.id}" may see a part of it.`,
      );
    }
    const access = { principal, operation: operation.id, permission, params };
    if (auth.authorize && (await auth.authorize(access)) !== true)
      throw new HttpProblem("forbidden", `"${principal.id}" may not do this.`);
  };

  const answer = async (request: HttpRequest, asked: Asked): Promise<HttpResponse> => {
    if (services.feed.closing.aborted)
      throw new HttpProblem("draining", "This process is being stopped. Ask again in a few seconds.", {
        retryAfterSeconds: 2,
      });
    const found = find(request);
    if (!found) throw new HttpProblem("not-found", "There is nothing at this path.");
    const { method } = request;
    const { methods } = found;
    if (method === "OPTIONS") return optionsResponse(request, allowed(methods), cors);
    const route = methods.get(method) ?? (method === "HEAD" ? methods.get("GET") : undefined);
    if (!route) {
      const allow = allowed(methods).join(", ");
      throw new HttpProblem("method-not-allowed", `This path has ${allow}.`, { headers: { allow } });
    }
    const served = route.item;
    const params = paramsOf(route, found);
    const { operation } = served;
    const isWrite = operation.method !== "GET";
    const principal = operation.permission === null ? NOBODY : await auth.authenticate(request);
    if (!isPrincipal(principal)) {
      throw new HttpProblem("unauthenticated", "Say who asks, in the way that this service expects.", {
        headers: { "www-authenticate": 'Bearer realm="spine"' },
      });
    }
    let reason: string | null = null;
    const work = async (): Promise<HttpResponse> => {
      await allow(operation, principal, params);
      if (isWrite) {
        checkOrigin(request, cors);
        if (readOnly)
          throw new HttpProblem("forbidden", "Nothing can be changed here: the API is read only.");
        asked.limit = writes.take(principal.id);
        if (asked.limit.problem) throw asked.limit.problem;
      }
      const reply = await operation.handle({
        spine,
        params,
        query: readQuery(served, request.query),
        body: operation.body ? await readBody(operation, request, limits) : undefined,
        principal,
        access: new Access(spine, principal),
        request,
        services,
        stillAllowed: async () => {
          const now = await auth.authenticate(request);
          if (!isPrincipal(now) || JSON.stringify(now) !== JSON.stringify(principal)) return false;
          await allow(operation, now, params);
          return true;
        },
        remark: (text) => {
          reason = text;
        },
        path: pathOf,
      });
      return responseOf(reply);
    };
    if (!isWrite || !audit) return await work();
    const told = { principal, operation: operation.id, params, requestId: asked.id() };
    const tell = async (status: number) => {
      try {
        await audit({ ...told, reason, status, at: new Date().toISOString() });
      } catch (error) {
        // What was done is done, and answered as such.
        logger.error("The audit was not told of a change.", {
          ...told,
          principal: principal.id,
          status,
          error: SpineError.from(error, "INTERNAL").message,
        });
      }
    };
    try {
      const response = await work();
      void tell(response.status);
      return response;
    } catch (error) {
      void tell(PROBLEMS[toProblem(error).code].status);
      throw error;
    }
  };

  const handler: SpineHandler = {
    basePath,
    operations,
    async handle(request) {
      const asked = new Asked();
      let response: HttpResponse;
      try {
        response = await answer(request, asked);
      } catch (error) {
        const problem = toProblem(error);
        if (problem.code === "internal") {
          // Its message is for whoever runs the process; Spine's own are without secrets.
          logger.error("A request failed.", {
            requestId: asked.id(),
            method: request.method,
            code: SpineError.is(error) ? error.code : "INTERNAL",
            error: SpineError.from(error, "INTERNAL").message,
          });
        }
        response = problemResponse(problem, request.path, asked.id());
      }
      if (request.method === "HEAD") response = await withoutBody(response);
      const more = asked.headers();
      if (more === NONE && !cors) return response;
      return { ...response, headers: { ...response.headers, ...more, ...corsHeaders(request, cors) } };
    },
    fetch: (request, facts) => fetchThrough(handler, request, facts),
    close: () => services.feed.close(),
  };
  return handler;
}

const NONE: Readonly<Record<string, string>> = Object.freeze({});

/** What becomes known of a request while it is answered. */
class Asked {
  /** Of a request that changes something: how many more of them may come. */
  limit: WritesLeft | null = null;
  #id: string | null = null;

  /** Its id, which stands in problems, in the log and in the audit. */
  id(): string {
    this.#id ??= newId();
    return this.#id;
  }

  headers(): Readonly<Record<string, string>> {
    if (this.#id === null) return this.limit?.headers ?? NONE;
    return { "x-request-id": this.#id, ...this.limit?.headers };
  }
}

/** Who asks for what everybody may. */
const NOBODY: Principal = Object.freeze({ id: "nobody", permissions: Object.freeze([]) });

function isPrincipal(given: Principal | null): given is Principal {
  return typeof given === "object" && given !== null && typeof given.id === "string" && given.id !== "";
}

/** A pipeline of such a name could not be asked for. */
function refuseReserved({ workflows }: Spine): void {
  const name = RESERVED.find((reserved) => workflows.has(reserved));
  if (name === undefined) return;
  throw new SpineError(
    "CONFIG_INVALID",
    `A pipeline is named "${name}", which is a word of the API. Rename it, e.g. "demo.${name}".`,
  );
}

function routerOf(operations: readonly AnyOperation[]): Router<Served> {
  const router = new Router<Served>();
  const ids = new Set<string>();
  for (const operation of operations) {
    if (ids.has(operation.id))
      throw new SpineError(
        "CONFIG_INVALID",
        `Two operations are named "${operation.id}". Rename one of them.`,
      );
    ids.add(operation.id);
    const query = operation.query ? new QueryReader(operation.query as z.ZodType) : null;
    router.add(operation.method, operation.path, { operation, query });
  }
  return router;
}

function allowed(methods: ReadonlyMap<string, unknown>): readonly string[] {
  const known = [...methods.keys()];
  return [...known, ...(known.includes("GET") ? ["HEAD"] : []), "OPTIONS"].sort();
}

function readQuery({ query, operation }: Served, text: string): unknown {
  if (query) return query.read(text);
  if (text === "") return undefined;
  const [name = ""] = new URLSearchParams(text).keys();
  throw new HttpProblem("bad-query", `\`${operation.id}\` has no query.`, {
    errors: [{ path: `/${name.slice(0, 200)}`, code: "unrecognized_keys", message: "is not known" }],
  });
}

async function readBody(
  operation: AnyOperation,
  request: HttpRequest,
  limits: typeof LIMITS,
): Promise<unknown> {
  const json = await readJson(request, limits);
  if (json === undefined && !operation.bodyOptional)
    throw new HttpProblem("bad-json", "There is no body. Send JSON.", {});
  const given: unknown = json ?? {};
  const parsed = (operation.body as z.ZodType).safeParse(operation.bareParams ? withParams(given) : given);
  if (parsed.success) return parsed.data;
  const errors = issuesOf(parsed.error, "");
  const list = errors.map(({ path, message }) => `${path}: ${message}`).join("; ");
  throw new HttpProblem("invalid-body", `The body does not fit: ${list.slice(0, 1_000)}.`, { errors });
}

/** A body without `params` is the parameters themselves. */
function withParams(given: unknown): unknown {
  const isBare =
    typeof given === "object" && given !== null && !Array.isArray(given) && !Object.hasOwn(given, "params");
  return isBare ? { params: given } : given;
}

function responseOf(reply: {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}): HttpResponse {
  const { status, body, headers } = reply;
  const isRaw = headers?.["content-type"] !== undefined || body === null;
  return {
    status,
    headers: headers ? { ...JSON_HEADERS, ...headers } : JSON_HEADERS,
    body: isRaw ? (body as HttpResponse["body"]) : JSON.stringify(body),
  };
}

function problemResponse(problem: HttpProblem, path: string, requestId: string): HttpResponse {
  const { headers, retryAfterSeconds } = problem.facts;
  return {
    status: PROBLEMS[problem.code].status,
    headers: {
      ...PROBLEM_HEADERS,
      ...(retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) }),
      ...headers,
    },
    body: JSON.stringify(problemOf(problem, path.slice(0, 500), requestId)),
  };
}

async function withoutBody(response: HttpResponse): Promise<HttpResponse> {
  const { body } = response;
  if (body !== null && typeof body === "object" && Symbol.asyncIterator in body) {
    // What a stream holds is given back once it was begun and left.
    const stream = body[Symbol.asyncIterator]();
    await stream.next();
    await stream.return?.();
  }
  return { ...response, body: null };
}
