import { type InfiniteData, useInfiniteQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo } from "react";
import type { Event } from "spine-http/client";
import type { Page, SpineQueryKey } from "../queries/query-types.ts";
import { useSpine } from "../use-spine.ts";
import { OWN_OPTIONS } from "./own-options.ts";
import type { List, ListOptions } from "./use-list.ts";
import { usePipelineStatus } from "./use-pipeline-status.ts";

const NONE: readonly never[] = [];

/**
 * What has happened to a run, the oldest first. Once all of it was fetched (`hasMore` is false), what happens is added as it happens.
 *
 * @example
 * function Events({ runId }: { readonly runId: string }) {
 *   const { items } = useRunEvents(runId);
 *   return <ol>{items.map(({ seq, type, at }) => <li key={seq}>{`${at} ${type}`}</li>)}</ol>;
 * }
 */
export function useRunEvents(
  runId: string | null | undefined,
  options: Omit<ListOptions, "interval"> = {},
): List<Event> {
  const { queryClient, queries } = useSpine();
  const { enabled: isOn = true } = options;
  const enabled = isOn && !!runId;
  const { run } = usePipelineStatus(enabled ? runId : null);
  const query = useInfiniteQuery<Page<Event>, Error, InfiniteData<Page<Event>>, SpineQueryKey, number>(
    {
      ...OWN_OPTIONS,
      ...queries.events(runId ?? ""),
      enabled,
      // What has happened does not change: only what is behind it is asked for.
      staleTime: Number.POSITIVE_INFINITY,
      refetchOnWindowFocus: false,
      refetchOnReconnect: false,
    },
    queryClient,
  );
  const { data, error, isPending, isPaused, isFetching, fetchNextPage, isFetchingNextPage, refetch } = query;
  const items = useMemo(() => data?.pages.flatMap((page) => page.items) ?? NONE, [data]);
  const hasMore = data?.pages.at(-1)?.next_cursor != null;
  const last = items.at(-1)?.seq ?? 0;
  // A run's version counts its events.
  const isBehind = data !== undefined && run !== undefined && run.version > last;
  useEffect(() => {
    if (enabled && isBehind && !hasMore && !isFetching && error === null) void fetchNextPage();
  }, [enabled, isBehind, hasMore, isFetching, error, fetchNextPage]);
  return {
    items,
    isLoading: enabled && isPending,
    error,
    isStale: data !== undefined && (error !== null || isPaused),
    hasMore,
    fetchMore: useCallback(() => void fetchNextPage(), [fetchNextPage]),
    isFetchingMore: isFetchingNextPage,
    refetch: useCallback(() => void refetch(), [refetch]),
  };
}
