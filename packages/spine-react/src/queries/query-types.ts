import type { DataTag, QueryFunctionContext } from "@tanstack/react-query";

export type SpineQueryKey = readonly unknown[];

/** Options of one question, for `useQuery`, `prefetchQuery`, `ensureQueryData`, … */
export interface SpineQuery<T> {
  readonly queryKey: DataTag<SpineQueryKey, T, Error>;
  readonly queryFn: (context: QueryFunctionContext) => Promise<T>;
  readonly retry: (failures: number, error: Error) => boolean;
  readonly retryDelay: (failures: number, error: Error) => number;
  readonly staleTime?: number;
}

/** A page of a list of the API. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next_cursor: string | null;
}

/** Options of a list that has pages, for `useInfiniteQuery` and `prefetchInfiniteQuery`. */
export interface SpinePages<T, Cursor = string | undefined> {
  readonly queryKey: DataTag<
    SpineQueryKey,
    { readonly pages: Page<T>[]; readonly pageParams: Cursor[] },
    Error
  >;
  readonly queryFn: (context: QueryFunctionContext<SpineQueryKey, Cursor>) => Promise<Page<T>>;
  readonly initialPageParam: Cursor;
  readonly getNextPageParam: (last: Page<T>, pages: readonly Page<T>[], cursor: Cursor) => Cursor | undefined;
  readonly retry: (failures: number, error: Error) => boolean;
  readonly retryDelay: (failures: number, error: Error) => number;
}
