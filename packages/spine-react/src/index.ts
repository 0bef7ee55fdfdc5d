"use client";
// The provider and the hooks.

export type { Action } from "./hooks/use-action.ts";
export {
  type AlertAction,
  type AlertActions,
  useAlertActions,
  useAlertGroups,
  useAlerts,
  useChannels,
  useDeliveries,
  useSilences,
} from "./hooks/use-alerts.ts";
export { type Backfill, useBackfill } from "./hooks/use-backfill.ts";
export { useHealth, useSession } from "./hooks/use-health.ts";
export type { List, ListOptions, One } from "./hooks/use-list.ts";
export { usePartitionReport, usePartitions, usePartitionTables } from "./hooks/use-partitions.ts";
export {
  type PipelineStatus,
  type PipelineStatusOptions,
  usePipelineStatus,
} from "./hooks/use-pipeline-status.ts";
export { usePipeline, usePipelines } from "./hooks/use-pipelines.ts";
export { useQuality, useQualityTrend } from "./hooks/use-quality.ts";
export { type RejectAction, type RejectSelection, type Rejects, useRejects } from "./hooks/use-rejects.ts";
export {
  type RunAction,
  type RunActionAnswers,
  type RunActionOptions,
  type RunActions,
  useRunActions,
} from "./hooks/use-run-actions.ts";
export { useRunEvents } from "./hooks/use-run-events.ts";
export { type RunPipeline, type RunPipelineOptions, useRunPipeline } from "./hooks/use-run-pipeline.ts";
export { useRuns } from "./hooks/use-runs.ts";
export {
  type ScheduleAction,
  type ScheduleActions,
  usePreview,
  useSchedules,
  useTicks,
} from "./hooks/use-schedules.ts";
export { isTerminal } from "./is-terminal.ts";
export type { Connection } from "./live/followed-run.ts";
export { SpineProvider, type SpineProviderProps } from "./provider.tsx";
export { type SpineContext, useSpine } from "./use-spine.ts";
