import type { QueryClient } from "@tanstack/react-query";
import type { SpineClient } from "spine-http/client";
import type { Labels } from "./components/labels.ts";
import { useInner } from "./provider.tsx";
import { type SpineQueries, spineQueries } from "./queries/spine-queries.ts";

export interface SpineContext {
  readonly client: SpineClient;
  readonly queryClient: QueryClient;
  readonly queries: SpineQueries;
  readonly locale: string | undefined;
  readonly timeZone: string | undefined;
  readonly labels: Partial<Labels>;
}

/** What the provider was given, for hooks and components of one's own. @throws Error outside of a SpineProvider. */
export function useSpine(): SpineContext {
  const { client, queryClient, locale, timeZone, labels } = useInner();
  return { client, queryClient, queries: spineQueries(client), locale, timeZone, labels };
}
