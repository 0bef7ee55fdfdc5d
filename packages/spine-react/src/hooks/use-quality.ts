import type { QualityResult, TrendFilter, TrendItem } from "spine-http/client";
import { useInner } from "../provider.tsx";
import { type List, type ListOptions, useList, useWholeList } from "./use-list.ts";
import { useRefetchWhenChanged } from "./use-refetch-when-changed.ts";

/** What checks found in a run; asked again when the run has changed. */
export function useQuality(runId: string | null | undefined, options: ListOptions = {}): List<QualityResult> {
  const { enabled = true } = options;
  const list = useWholeList(useInner().queries.quality(runId ?? ""), {
    ...options,
    enabled: enabled && !!runId,
  });
  useRefetchWhenChanged(enabled ? runId : null, list.refetch);
  return list;
}

/** What one check found from run to run, the newest first. */
export function useQualityTrend(filter: TrendFilter, options: ListOptions = {}): List<TrendItem> {
  return useList(useInner().queries.trend(filter), options);
}
