import type { QueryFunctionContext } from "@tanstack/react-query";
import type { Page, SpinePages, SpineQuery, SpineQueryKey } from "./query-types.ts";
import { retry, retryDelay } from "./retry.ts";

/** Options of one question. */
export function query<T>(
  queryKey: SpineQueryKey,
  queryFn: (context: QueryFunctionContext) => Promise<T>,
): SpineQuery<T> {
  // The tag that keys carry is a type only.
  return { queryKey: queryKey as SpineQuery<T>["queryKey"], queryFn, retry, retryDelay };
}

/** Options of a list that has pages. */
export function pages<T>(
  queryKey: SpineQueryKey,
  read: (cursor: string | undefined, signal: AbortSignal) => Promise<Page<T>>,
): SpinePages<T> {
  return {
    queryKey: queryKey as SpinePages<T>["queryKey"],
    queryFn: ({ pageParam, signal }) => read(pageParam, signal),
    initialPageParam: undefined,
    getNextPageParam: ({ next_cursor }) => next_cursor ?? undefined,
    retry,
    retryDelay,
  };
}

/** The items of a list that comes as a whole. */
export async function itemsOf<T>(answer: Promise<{ readonly items: readonly T[] }>): Promise<readonly T[]> {
  return (await answer).items;
}
