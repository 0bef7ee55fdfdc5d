import type { SpineQueryKey } from "./query-types.ts";

export interface SpineKeys {
  readonly all: SpineQueryKey;
  /** All that is known of a run: its status, events, rejects, … */
  readonly run: (runId: string) => SpineQueryKey;
  readonly status: (runId: string) => SpineQueryKey;
  readonly runs: (filter?: object) => SpineQueryKey;
  readonly pipelines: () => SpineQueryKey;
  readonly schedules: () => SpineQueryKey;
  readonly partitions: (table?: string) => SpineQueryKey;
  readonly alerts: () => SpineQueryKey;
}

/**
 * The keys of what is kept of an API, to invalidate and look up: they begin with where it is, so that two of them share one cache.
 *
 * @example
 * const keys = spineKeys(client.baseUrl);
 * await queryClient.invalidateQueries({ queryKey: keys.runs() });
 */
export function spineKeys(baseUrl: string): SpineKeys {
  const all: SpineQueryKey = ["spine", baseUrl];
  const run = (runId: string) => [...all, "run", runId];
  return {
    all,
    run,
    status: (runId) => [...run(runId), "status"],
    runs: (filter) => [...all, "runs", ...(filter ? [filter] : [])],
    pipelines: () => [...all, "pipelines"],
    schedules: () => [...all, "schedules"],
    partitions: (table) => [...all, "partitions", ...(table === undefined ? [] : [table])],
    alerts: () => [...all, "alerts"],
  };
}
