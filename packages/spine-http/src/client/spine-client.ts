import type { Method } from "../operation.ts";
import type { SpineOperations } from "../operations/index.ts";
import { type RunEvents, type StreamedRuns, type StreamOptions, streamEvents } from "./event-stream.ts";
import { errorOf, isOf } from "./http-error.ts";
import type { AnswerOf, At, ClientOperation, PathOf, RequestOf, Rest } from "./types.ts";

export interface ClientOptions {
  /** Where the API is: `/spine`, or `https://ops.example.com/spine`. */
  readonly baseUrl: string;
  /** Sent with every request, e.g. `() => ({ authorization: "Bearer …" })`. */
  readonly headers?: () => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>;
  /** For cookies: `include` for those of another origin. */
  readonly credentials?: "omit" | "same-origin" | "include";
  /** The platform's own when left out. */
  readonly fetch?: typeof fetch;
}

type Call<Op extends ClientOperation, M extends Method> = <const P extends PathOf<Op, M>>(
  path: P,
  ...rest: Rest<At<Op, M, P>>
) => Promise<AnswerOf<At<Op, M, P>>>;

/** A client whose paths, parameters and answers have the types of the operation table. */
export interface SpineClient<Op extends ClientOperation = SpineOperations> {
  /** Where the API is, without a slash at its end. */
  readonly baseUrl: string;
  readonly get: Call<Op, "GET">;
  readonly post: Call<Op, "POST">;
  readonly patch: Call<Op, "PATCH">;
  readonly put: Call<Op, "PUT">;
  readonly delete: Call<Op, "DELETE">;
  /** The answer with its status and headers, whatever the status: for ETags. */
  send(method: Method, path: string, request?: AnyRequest): Promise<Response>;
  /**
   * What happens to runs, as it happens, with a new connection where one was cut: nothing is missing and nothing comes twice. Ends once
   * all of them have; of a pipeline (`{ pipeline }`) with `signal` only.
   */
  events(runs: StreamedRuns, options?: StreamOptions): RunEvents;
}

export type AnyRequest = Pick<RequestOf<ClientOperation>, "headers" | "signal"> & {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
};

/**
 * A typed client of the API, for browsers and everywhere that has `fetch`.
 *
 * @example
 * const client = createClient({ baseUrl: "/spine" });
 * const started = await client.post("/pipelines/run/{name}", { params: { name: "demo.hello" }, body: { params: { name: "Ann" } } });
 * if ("execution_id" in started) {
 *   const status = await client.get("/pipelines/status/{id}", { params: { id: started.execution_id } });
 *   console.log(status.status, status.steps.length);
 * }
 */
export function createClient<Op extends ClientOperation = SpineOperations>(
  options: ClientOptions,
): SpineClient<Op> {
  const { baseUrl, headers = async () => ({}), credentials = "same-origin" } = options;
  const ask = options.fetch ?? ((...request: Parameters<typeof fetch>) => fetch(...request));
  const base = baseUrl.endsWith("/") ? baseUrl.slice(0, -1) : baseUrl;
  const send = async (method: Method, path: string, request: AnyRequest = {}): Promise<Response> => {
    const hasBody = request.body !== undefined;
    return await ask(`${base}${fill(path, request.params ?? {})}${queryOf(request.query)}`, {
      method,
      credentials,
      headers: {
        accept: "application/json",
        ...(hasBody ? { "content-type": "application/json" } : {}),
        ...(await headers()),
        ...request.headers,
      },
      ...(hasBody ? { body: JSON.stringify(request.body) } : {}),
      ...(request.signal ? { signal: request.signal } : {}),
    });
  };
  const call = (method: Method) => async (path: string, request?: AnyRequest) => {
    const response = await send(method, path, request);
    if (!response.ok || isOf(response, "text/html")) throw await errorOf(response);
    if (response.status === 204) return null;
    return isOf(response, "json") ? await response.json() : await response.text();
  };
  // The table's types stand for what the server checks: what it answers fits them.
  const typed = <M extends Method>(method: M) => call(method) as unknown as Call<Op, M>;
  return {
    baseUrl: base,
    get: typed("GET"),
    post: typed("POST"),
    patch: typed("PATCH"),
    put: typed("PUT"),
    delete: typed("DELETE"),
    send,
    events: (runs, streamOptions) => streamEvents(send, runs, streamOptions),
  };
}

/** The path with its parameters; a step inside of others keeps its slashes. */
function fill(path: string, params: Readonly<Record<string, string>>): string {
  return path.replaceAll(/\{(\w+)(\+?)\}/g, (_, name: string, isMany: string) => {
    const value = params[name] ?? "";
    return isMany === "" ? encodeSegment(value) : value.split("/").map(encodeSegment).join("/");
  });
}

/**
 * `encodeURIComponent` leaves all that need not be encoded, which is what the server takes. Dots it leaves too, and `fetch` would
 * resolve them: a name would lead to another operation.
 */
function encodeSegment(value: string): string {
  if (value === "" || value === "." || value === "..")
    throw new TypeError(`"${value}" cannot stand in a path of the API: nothing there has such a name.`);
  return encodeURIComponent(value);
}

function queryOf(query: Readonly<Record<string, unknown>> = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null) search.append(name, String(one));
    }
  }
  const text = search.toString();
  return text === "" ? "" : `?${text}`;
}
