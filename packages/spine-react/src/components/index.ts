"use client";
// What shows a run: styled by styles.css, themed by CSS variables.

export { AlertsPanel, type AlertsPanelProps } from "./alerts-panel.tsx";
export { BackfillDialog, type BackfillDialogProps } from "./backfill-dialog.tsx";
export { Button, type ButtonProps } from "./button.tsx";
export { Card, CardContent, CardHeader, type CardProps } from "./card.tsx";
export type { Series } from "./chart-plot.tsx";
export {
  ErrorBanner,
  type ErrorBannerProps,
  ErrorMessage,
  type ErrorMessageProps,
} from "./error-banner.tsx";
export { Field, type FieldIds, type FieldProps } from "./field.tsx";
export { defaultLabels, type LabelKey, type Labels } from "./labels.ts";
export { LaunchForm, type LaunchFormProps } from "./launch-form.tsx";
export type { CardLook, ListState, ViewState } from "./panel.tsx";
export { PartitionGrid, type PartitionGridProps } from "./partition-grid.tsx";
export { PipelineStatusCard, type PipelineStatusCardProps } from "./pipeline-status-card.tsx";
export { QualityPanel, type QualityPanelProps } from "./quality-panel.tsx";
export { QuarantineTable, type QuarantineTableProps } from "./quarantine-table.tsx";
export { RunActions, type RunActionsProps } from "./run-actions.tsx";
export { RunEventLog, type RunEventLogProps } from "./run-event-log.tsx";
export type { RunLinks } from "./run-name.tsx";
export { RunsTable, type RunsTableProps } from "./runs-table.tsx";
export { ScheduleManager, type ScheduleManagerProps } from "./schedule-manager.tsx";
export { Segments, type SegmentsProps } from "./segments.tsx";
export { SeriesChart, type SeriesChartProps } from "./series-chart.tsx";
export { Spinner } from "./spinner.tsx";
export { StatusAnnouncer, type StatusAnnouncerProps } from "./status-announcer.tsx";
export { StatusBadge, type StatusBadgeProps } from "./status-badge.tsx";
export { StepTimeline, type StepTimelineProps, type TimelineRun } from "./step-timeline.tsx";
export { Time } from "./time.tsx";
export type { TimelineStep } from "./timeline-rows.ts";
export type { NewToast, Toast } from "./toast-store.ts";
export { Toaster, type Toasts, useToast } from "./toaster.tsx";
export { useRunToasts } from "./use-run-toasts.ts";
