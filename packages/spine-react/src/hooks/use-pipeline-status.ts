import { useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useSyncExternalStore } from "react";
import type { Status, Step } from "spine-http/client";
import { isTerminal } from "../is-terminal.ts";
import type { Connection } from "../live/followed-run.ts";
import { useInner } from "../provider.tsx";
import { statusQuery } from "../queries/status-query.ts";
import { OWN_OPTIONS } from "./own-options.ts";

export interface PipelineStatusOptions {
  /** How often it is asked while no events come, in ms; 2,000 when left out. */
  readonly interval?: number;
  /** False: this component needs no events. */
  readonly live?: boolean;
  /** False: nothing is asked. */
  readonly enabled?: boolean;
}

export interface PipelineStatus {
  /** Undefined until the first answer. */
  readonly run: Status | undefined;
  readonly steps: readonly Step[];
  /** True once the run has ended: nothing is asked any more. */
  readonly isTerminal: boolean;
  /** True until the first answer, or until it fails. */
  readonly isLoading: boolean;
  /** Why the last look failed: a `SpineHttpError` where the API answered one; null once a look goes well. */
  readonly error: Error | null;
  /** True: what is shown is older than it should be, for the last looks failed, or the browser is offline. */
  readonly isStale: boolean;
  /** When it was last known to be as shown. */
  readonly lastUpdated: Date | null;
  /** `live`: changes are told; `polling`: it is asked again and again; `off`: nothing is asked, e.g. because it has ended. */
  readonly connection: Connection;
  /** Asks now. */
  readonly refetch: () => void;
}

const INTERVAL_MS = 2_000;
const NO_STEPS: readonly Step[] = [];

/**
 * How a run stands, kept up to date until it has ended: by events where the server offers them, else by asking every two seconds.
 * However many components look at a run, it is asked about once.
 *
 * @param runId the `execution_id`; null or undefined while there is none.
 * @example
 * function Progress({ runId }: { readonly runId: string }) {
 *   const { run, steps, error } = usePipelineStatus(runId);
 *   if (!run) return error ? <p role="alert">{error.message}</p> : <p>…</p>;
 *   return <p>{`${run.status}: ${steps.filter(({ status }) => status === "COMPLETED").length} of ${steps.length}`}</p>;
 * }
 */
export function usePipelineStatus(
  runId: string | null | undefined,
  options: PipelineStatusOptions = {},
): PipelineStatus {
  const { client, queryClient, runs, live: mayBeLive } = useInner();
  const { interval = INTERVAL_MS, live = true, enabled = true } = options;
  const id = enabled && runId ? runId : null;
  const query = statusQuery(client, runId ?? "");
  const { data, error, isPending, isPaused } = useQuery(
    {
      ...OWN_OPTIONS,
      ...query,
      enabled: id !== null,
      // When it is asked again is decided where all that look at it are known.
      staleTime: Number.POSITIVE_INFINITY,
      refetchOnWindowFocus: false,
      refetchOnReconnect: false,
      refetchInterval: false,
      retry: false,
    },
    queryClient,
  );
  const isLive = live && mayBeLive;
  useEffect(
    () => (id === null ? undefined : runs.follow(id, { interval, live: isLive })),
    [runs, id, interval, isLive],
  );
  const connection = useSyncExternalStore(
    runs.subscribe,
    () => (id === null ? "off" : runs.connection(id)),
    () => "off" as const,
  );
  // Kept while the next look is under way, where TanStack forgets it: an error is no flicker.
  const failure = useSyncExternalStore(
    runs.subscribe,
    () => (id === null ? null : runs.failure(id)),
    () => null,
  );
  const shown = error ?? failure;
  const hasEnded = data !== undefined && isTerminal(data.status);
  return {
    run: data,
    steps: data?.steps ?? NO_STEPS,
    isTerminal: hasEnded,
    isLoading: id !== null && isPending && shown === null,
    error: shown,
    isStale: data !== undefined && !hasEnded && (shown !== null || isPaused),
    // Read when it is needed: that it was asked again and nothing has changed is no reason to render.
    get lastUpdated() {
      const at = queryClient.getQueryState(query.queryKey)?.dataUpdatedAt ?? 0;
      return at === 0 ? null : new Date(at);
    },
    connection,
    refetch: useCallback(() => (id === null ? undefined : runs.look(id)), [runs, id]),
  };
}
