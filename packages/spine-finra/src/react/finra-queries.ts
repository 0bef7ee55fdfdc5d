import type { SpineClient } from "spine-http/client";
import { spineKeys } from "spine-react/queries";
import { finraApi, type WeekOfTier } from "../client/finra-api.ts";
import type { TierName } from "../tiers.ts";

interface Asking {
  readonly signal: AbortSignal;
}

/**
 * Options for TanStack Query of FINRA's data; all keys begin with `all`.
 *
 * @example
 * const finra = finraQueries(client);
 * await queryClient.prefetchQuery(finra.week({ tier: "T1", week_ending: "2026-03-06" }));
 * await queryClient.invalidateQueries({ queryKey: finra.all });
 */
export function finraQueries(client: SpineClient) {
  const api = finraApi(client);
  const all = [...spineKeys(client.baseUrl).all, "finra"] as const;
  return {
    all,
    week: (query: WeekOfTier & { readonly limit?: number }) => ({
      queryKey: [...all, "week", query] as const,
      queryFn: ({ signal }: Asking) => api.week(query, { signal }),
    }),
    weeks: (query: { readonly tier: TierName; readonly limit?: number }) => ({
      queryKey: [...all, "weeks", query] as const,
      queryFn: ({ signal }: Asking) => api.weeks(query, { signal }),
    }),
    tradeActivity: (query: WeekOfTier & { readonly symbol?: string; readonly limit?: number }) => ({
      queryKey: [...all, "trade-activity", query] as const,
      queryFn: ({ signal }: Asking) => api.tradeActivity(query, { signal }),
    }),
  } as const;
}
