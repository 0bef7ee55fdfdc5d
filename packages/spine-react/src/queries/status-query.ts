import type { Query, QueryFunctionContext } from "@tanstack/react-query";
import { errorOf, type SpineClient, type Status } from "spine-http/client";
import { heardServerTime } from "../server-clock.ts";
import { query } from "./make-query.ts";
import type { SpineQuery } from "./query-types.ts";
import { spineKeys } from "./spine-keys.ts";

const INCLUDE = "steps,attempts,quality,metrics,progress";
/** A look that gets no answer ends, so that the next one is made. */
const LONGEST_MS = 30_000;

/** What stands in the cache was answered with this `ETag`. */
interface Known {
  readonly etag: string;
  readonly version: number;
}
/** Beside the queries, for the cache is the host's to read and to write. */
const known = new WeakMap<Query, Known>();

/** How a run stands: for those who follow it, without all the other queries. */
export function statusQuery(client: SpineClient, runId: string): SpineQuery<Status> {
  return query(spineKeys(client.baseUrl).status(runId), (context) => statusOf(client, runId, context));
}

/** How a run stands; what is in the cache already where nothing has changed since (304). */
async function statusOf(
  client: SpineClient,
  runId: string,
  { client: queryClient, queryKey }: QueryFunctionContext,
): Promise<Status> {
  const cached = queryClient.getQueryCache().find({ queryKey, exact: true });
  const before = cached?.state.data as Status | undefined;
  const last = cached && known.get(cached);
  const headers: Record<string, string> = {};
  if (last && before && last.version === before.version) headers["if-none-match"] = last.etag;
  const response = await client.send("GET", "/pipelines/status/{id}", {
    params: { id: runId },
    query: { include: INCLUDE },
    headers,
    // Not the query's own signal: what is under way is of use to whoever looks next.
    signal: AbortSignal.timeout(LONGEST_MS),
  });
  heardServerTime(response.headers.get("date"));
  if (response.status === 304 && before) return before;
  const isJson = response.headers.get("content-type")?.includes("json") ?? false;
  if (!response.ok || !isJson) throw await errorOf(response);
  const status = (await response.json()) as Status;
  const etag = response.headers.get("etag");
  if (cached && etag !== null) known.set(cached, { etag, version: status.version });
  return status;
}
