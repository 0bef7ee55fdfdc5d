import { hashKey, type InfiniteData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useCallback, useMemo, useState } from "react";
import { useInner } from "../provider.tsx";
import type { Page, SpinePages, SpineQuery, SpineQueryKey } from "../queries/query-types.ts";
import { OWN_OPTIONS } from "./own-options.ts";

export interface ListOptions {
  /** How often it is asked again while it is seen, in ms; false: only when it is shown or something of it was changed here. */
  readonly interval?: number | false;
  /** False: nothing is asked. */
  readonly enabled?: boolean;
}

/** A list, as far as it was fetched. */
export interface List<T> {
  readonly items: readonly T[];
  /** True until the first answer, or until it fails. */
  readonly isLoading: boolean;
  readonly error: Error | null;
  /** True: what is shown is older than it should be, for the last request failed. */
  readonly isStale: boolean;
  readonly hasMore: boolean;
  /** Fetches the next page, where there is one. */
  readonly fetchMore: () => void;
  readonly isFetchingMore: boolean;
  readonly refetch: () => void;
}

const NONE: readonly never[] = [];
/** After an error it is asked again that rarely. */
const AFTER_ERROR_MS = 30_000;
/** A list is good for as long: components that come within this time share one answer. */
const FRESH_MS = 1_000;

/** @param paceOf how often it is asked again by what stands in it, where nothing else is said. */
export function useList<T>(
  options: SpinePages<T>,
  list: ListOptions,
  paceOf?: (items: readonly T[]) => number,
): List<T> {
  const { queryClient } = useInner();
  const { enabled = true } = list;
  const { data, error, isPending, isPaused, hasNextPage, fetchNextPage, isFetchingNextPage, refetch } =
    useInfiniteQuery<Page<T>, Error, InfiniteData<Page<T>>, SpineQueryKey, string | undefined>(
      {
        ...OWN_OPTIONS,
        ...options,
        enabled,
        staleTime: FRESH_MS,
        refetchInterval: (query) => {
          const interval = paceOf?.(query.state.data?.pages.flatMap(({ items }) => items) ?? NONE);
          return intervalOf({ ...(interval === undefined ? {} : { interval }), ...list })(query);
        },
      },
      queryClient,
    );
  const shown = useKept(options.queryKey, data, error);
  return {
    items: useMemo(() => data?.pages.flatMap(({ items }) => items) ?? NONE, [data]),
    isLoading: enabled && isPending && shown === null,
    error: shown,
    isStale: data !== undefined && (shown !== null || isPaused),
    hasMore: hasNextPage,
    fetchMore: useCallback(() => void fetchNextPage(), [fetchNextPage]),
    isFetchingMore: isFetchingNextPage,
    refetch: useCallback(() => void refetch(), [refetch]),
  };
}

/** A list that comes as a whole. */
export function useWholeList<T>(options: SpineQuery<readonly T[]>, list: ListOptions): List<T> {
  const { value, ...rest } = useOne(options, list);
  return { items: value ?? NONE, ...rest, hasMore: false, fetchMore: noMore, isFetchingMore: false };
}

export interface One<T> {
  readonly value: T | undefined;
  readonly isLoading: boolean;
  readonly error: Error | null;
  readonly isStale: boolean;
  readonly refetch: () => void;
}

/** One thing. */
export function useOne<T>(options: SpineQuery<T>, list: ListOptions): One<T> {
  const { queryClient } = useInner();
  const { enabled = true } = list;
  const { data, error, isPending, isPaused, refetch } = useQuery<T, Error, T, SpineQueryKey>(
    { ...OWN_OPTIONS, ...options, enabled, staleTime: FRESH_MS, refetchInterval: intervalOf(list) },
    queryClient,
  );
  const shown = useKept(options.queryKey, data, error);
  return {
    value: data,
    isLoading: enabled && isPending && shown === null,
    error: shown,
    isStale: data !== undefined && (shown !== null || isPaused),
    refetch: useCallback(() => void refetch(), [refetch]),
  };
}

/** The error, also while it is tried again: TanStack forgets it where there is nothing to show yet, and an error is no flicker. */
function useKept(queryKey: SpineQueryKey, data: unknown, error: Error | null): Error | null {
  const hash = hashKey(queryKey);
  const [kept, setKept] = useState<{ readonly hash: string; readonly error: Error } | null>(null);
  if (error !== null && (kept?.error !== error || kept.hash !== hash)) setKept({ hash, error });
  return error ?? (data === undefined && kept?.hash === hash ? kept.error : null);
}

function intervalOf({ interval = false }: ListOptions) {
  return (query: { readonly state: { readonly status: string } }) =>
    interval !== false && query.state.status === "error" ? Math.max(interval, AFTER_ERROR_MS) : interval;
}

function noMore(): void {}
