import type { QualityResult, TrendFilter, TrendItem } from "spine-http/client";
import { useSpine } from "../use-spine.ts";
import { type List, type ListOptions, useList, useWholeList } from "./use-list.ts";
import { useRefetchWhenChanged } from "./use-refetch-when-changed.ts";

/** What checks found in a run; asked again when the run has changed. */
export function useQuality(runId: string | null | undefined, options: ListOptions = {}): List<QualityResult> {
  const { enabled = true } = options;
  const list = useWholeList(useSpine().queries.quality(runId ?? ""), {
    ...options,
    enabled: enabled && !!runId,
  });
  useRefetchWhenChanged(enabled ? runId : null, list.refetch);
  return list;
}

/** What one check found from run to run, the newest first. */
export function useQualityTrend(filter: TrendFilter, options: ListOptions = {}): List<TrendItem> {
  return useList(useSpine().queries.trend(filter), options);
}
