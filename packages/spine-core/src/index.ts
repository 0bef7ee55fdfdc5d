// The public face of spine-core, grouped by what one looks for. Suites for implementers: `spine-core/testing`.

export type {
  AcknowledgeOptions,
  Alerts,
  NewAlert,
  NewSilence,
  OpenAlertGroup,
} from "./alerting/alerts.ts";
export {
  ALERT_SEVERITIES,
  type Alert,
  type AlertChannel,
  type AlertNotification,
  type AlertSeverity,
  NOTIFY_REASONS,
  type NotifiedAlert,
  type NotifyReason,
  type SendOptions,
} from "./alerts/alert.ts";
export type { Acknowledgement, AlertGroup, GroupedAlert } from "./alerts/alert-group.ts";
export type {
  AlertOptions,
  AlertRoute,
  ExpectedData,
  ExpectedRun,
  Inhibition,
} from "./alerts/alert-options.ts";
export { type AlertQuery, type AlertStore, type StoredAlert, selectAlerts } from "./alerts/alert-store.ts";
export { selectDeliveries } from "./alerts/delivery-query.ts";
export { type FailureSeverity, failureSeverity, type RunFailure } from "./alerts/failure-alert.ts";
export { alertFingerprint } from "./alerts/fingerprint.ts";
export type { AlertMatch, Matcher } from "./alerts/match.ts";
export {
  type AlertDelivery,
  type AlertRecord,
  type AlertsDue,
  type ClaimedDelivery,
  type CompletionQuery,
  DELIVERY_STATUSES,
  type DeliveryEnd,
  type DeliveryQuery,
  type DeliveryStatus,
  type NotificationStore,
  type NotificationTransaction,
  type Silence,
  type StoredGroup,
} from "./alerts/notification-store.ts";
export {
  aBoolean,
  aFunction,
  anObject,
  anything,
  aText,
  checkArgument,
  checkOptions,
  type OptionKind,
  type OptionKinds,
  type OptionsOf,
  oneOf,
  required,
} from "./check-options.ts";
export { type Clock, systemClock } from "./clock.ts";
export { type Config, configFromEnv, type Env } from "./config.ts";
export { type ExecutionContext, type Partition, partitionKey } from "./context.ts";
export { createSpine } from "./create-spine.ts";
export { type ColumnBlock, columnOf, isBlock, type RowBatch, rowAt, rowsOf } from "./data/column-block.ts";
export type {
  ChunkWrite,
  DatasetChunk,
  DatasetRef,
  DatasetSchema,
  DatasetState,
  DatasetStore,
  DatasetWriter,
  Increment,
  JsonType,
  RejectQuery,
  RowOf,
  SealOptions,
  StoredReject,
} from "./data/dataset.ts";
export { decimal, fromUnits, toUnits } from "./data/decimal.ts";
export type { Lag, MarkKind, MarkValue } from "./data/mark.ts";
export { isByKey, type Merge, type MergeCounts } from "./data/merge.ts";
export { type PartitionValue, partitionValues } from "./data/partition-values.ts";
export {
  type Discard,
  REJECT_STATES,
  type RejectChoice,
  type RejectFilter,
  type RejectRecord,
  type RejectState,
  type RejectStore,
} from "./data/reject-store.ts";
export { type StagedPlan, type StagedTable, type StagedTables, stagedPlans } from "./data/staged-rows.ts";
export {
  type Column,
  type ColumnSpec,
  type ColumnType,
  DECIMAL_SCALE,
  defineTable,
  type RowFor,
  type Table,
  type TableOptions,
} from "./data/table.ts";
// Databases
export type { CallerTransaction, PostgresClient, SqliteDatabase } from "./database/caller-transaction.ts";
export {
  type Database,
  DIALECTS,
  type Dialect,
  type StateOptions,
  type StateStores,
} from "./database/database.ts";
export type {
  DatabaseReader,
  ReaderColumn,
  ReaderOptions,
  ReaderQuery,
  ReaderRows,
  ReaderTable,
} from "./database/database-reader.ts";
export type { AnySchema, DatabaseTransaction, RowStamp } from "./database/database-transaction.ts";
export { type Check, type CheckStatus, type Diagnosis, finding, healthy } from "./database/diagnosis.ts";
export { type Duration, toMs } from "./duration.ts";
export { encryptPayloads, type PayloadKeys } from "./encrypt-payloads.ts";
// Words that everything uses
export {
  ERROR_CATEGORIES,
  ERRORS,
  type ErrorCategory,
  type ErrorCode,
  type ErrorContext,
  type ErrorJson,
  QualityError,
  SourceError,
  SpineError,
  type SpineErrorOptions,
  TransientError,
  ValidationError,
} from "./errors.ts";
export type { RunChanged, SpineEvents, StepEnded, StepProgressed, StepStarted } from "./events.ts";
export { type ArrivalRange, type Arrivals, checkArrivalRange } from "./history/arrivals.ts";
export type {
  AlertAttachment,
  Attachment,
  CheckpointAttachment,
  CursorAttachment,
  LoadAttachment,
  LogAttachment,
  ManifestAttachment,
  PartitionAttachment,
  ProgressAttachment,
  QualityAttachment,
} from "./history/attachment.ts";
export { checkQueueChange, checkQueueName } from "./history/check-queue.ts";
export {
  CURSORS_OF,
  type CursorName,
  type CursorOf,
  type CursorRecord,
  type CursorStore,
} from "./history/cursor-store.ts";
export { EncodedHistory } from "./history/encoded-history.ts";
export { checkEventRange, type EventRange } from "./history/event-range.ts";
export { type Hint, type Hints, silentHints } from "./history/hints.ts";
// History
export type {
  AdvanceCommit,
  ChildEnd,
  Claim,
  ClaimedRun,
  ClaimRequest,
  CommitOptions,
  CommitResult,
  ControlCommit,
  CreateCommit,
  EndsAs,
  Fence,
  FirstAttempts,
  HistoryStore,
  Inbox,
  NewRun,
  OutageOptions,
  RunChange,
  RunCommit,
  RunGlance,
  SignalCommit,
  SignalRecord,
  StepBegin,
  StepEnd,
  StepSkip,
  StepWait,
  Transition,
} from "./history/history-store.ts";
export {
  HistoryTracker,
  TRACKED,
  type TrackedRun,
  type TrackedStep,
  type TrackOptions,
} from "./history/history-tracker.ts";
export type {
  AffectedLoad,
  Affecting,
  DatasetOrigin,
  LineageStore,
  LoadRecord,
} from "./history/lineage-store.ts";
export type { ManifestEntry, ManifestStore, Stages } from "./history/manifest-store.ts";
export type {
  PartitionQuery,
  PartitionRecord,
  PartitionState,
  PartitionStore,
} from "./history/partition-store.ts";
export {
  type PriorValues,
  type QualityHistory,
  type QualityStore,
  type StoredResult,
  selectResults,
  selectTrend,
  type TrendKey,
  type TrendPoint,
  type TrendQuery,
  trendKey,
} from "./history/quality-store.ts";
export {
  OPEN_QUEUE,
  type QueueRecord,
  type QueueSettings,
  type QueueState,
  type QueueStore,
  type RateLimit,
} from "./history/queue-store.ts";
export {
  type CheckpointRecord,
  type ErrorSummary,
  isTerminal,
  type Metrics,
  type RowCounts,
  RUN_STATUSES,
  type RunDetail,
  type RunEvent,
  type RunRecord,
  type RunStatus,
  type RunSummary,
  STEP_STATUSES,
  type StepProgress,
  type StepRecord,
  type StepStatus,
} from "./history/records.ts";
export { type LogEntry, type ReadLogsOptions, type RunLogs, selectLogs } from "./history/run-logs.ts";
export { runOutputs } from "./history/run-outputs.ts";
export {
  pageOf,
  pageSize,
  type RunFilter,
  type RunPage,
  type RunQuery,
  type RunSelection,
  selectRuns,
} from "./history/run-query.ts";
export {
  type CountOptions,
  type RunCount,
  type RunStatistics,
  type RunTotals,
  selectCount,
  selectTotals,
  type TotalsQuery,
} from "./history/run-statistics.ts";
export { skipOutput, UNCHANGED } from "./history/skip-output.ts";
export { checkTags } from "./history/tags.ts";
export type { DueRuns, WorkerState, Workload, WorkloadOptions } from "./history/workload.ts";
export { newId } from "./ids.ts";
export {
  canonicalJson,
  decodeJson,
  encodeJson,
  type Json,
  type JsonLimits,
  type JsonValue,
  PAYLOAD_LIMITS,
} from "./json.ts";
export {
  jsonLogger,
  LOG_LEVELS,
  type LogFields,
  type Logger,
  type LogLevel,
  silentLogger,
} from "./logger.ts";
// Partitions
export type { BackfillItem, BackfillOptions, BackfillSelect } from "./partitions/backfill.ts";
export type { BackfillOutcome, BackfillReport } from "./partitions/backfill-flow.ts";
export {
  definePartitions,
  type PartitionSet,
  type PartitionsOptions,
} from "./partitions/define-partitions.ts";
export type { DateRange, ExpectedPartition } from "./partitions/expected.ts";
export type { Affected, Lineage, LoadLineage } from "./partitions/lineage.ts";
export {
  CELL_STATES,
  type CellState,
  type DoctorOptions,
  type PartitionCell,
  type PartitionFinding,
  type PartitionReport,
  type Partitions,
  type PartitionWindow,
  type WindowOptions,
} from "./partitions/partitions.ts";
export {
  type Calendar,
  type DailyOptions,
  daily,
  type MonthlyOptions,
  monthly,
  type Periods,
  type Weekday,
  type WeeklyOptions,
  weekly,
} from "./partitions/period.ts";
export { type Advance, WorkManifest } from "./partitions/work-manifest.ts";
export type { PayloadCodec } from "./payload-codec.ts";
export type { Plugin } from "./plugin.ts";
export {
  type ChangeLimits,
  type ChangeOf,
  type ChangeOptions,
  changeVsPrior,
} from "./quality/change-vs-prior.ts";
export * from "./quality/checks.ts";
export { freshness } from "./quality/freshness.ts";
// Quality and alerts
export {
  type PriorQuery,
  QUALITY_CATEGORIES,
  QUALITY_STATUSES,
  type QualityAccumulator,
  type QualityCategory,
  type QualityCheck,
  type QualityContext,
  type QualityFinding,
  type QualityInput,
  type QualityInspection,
  type QualityReport,
  type QualityResult,
  type QualityRows,
  type QualityStatus,
} from "./quality/quality-check.ts";
export { type RelationshipTarget, relationship } from "./quality/relationship.ts";
export { type SchemaColumn, schema } from "./quality/schema-check.ts";
export { type SqlAnswer, type SqlCheckOptions, sql } from "./quality/sql-check.ts";
export { type KnownSecret, type Redaction, redaction } from "./redaction.ts";
export { Registry } from "./registry.ts";
// Running
export type { CursorPlace, Cursors, FetchCursor } from "./runner/cursors.ts";
export type {
  Durable,
  Ended,
  Failed,
  Handle,
  Planned,
  Raced,
  Settled,
  StepResult,
  TransactionalResult,
  Wake,
} from "./runner/durable.ts";
export type { Queues } from "./runner/queues.ts";
export type { RedriveOptions, Rejects } from "./runner/rejects.ts";
export type { RetentionPolicy } from "./runner/retention.ts";
export {
  type BulkOptions,
  type BulkResult,
  CONTROLS,
  type Control,
  type Debounce,
  type RerunOptions,
  type RunHandle,
  type RunItem,
  type Runner,
  type RunOptions,
} from "./runner/runner.ts";
export type { ScheduleBackfill, ScheduleBackfillOptions } from "./scheduler/backfill-ticks.ts";
// Schedules
export { checkSchedule } from "./scheduler/check-schedule.ts";
export { CLOCK_NOTES, type ClockNote, clockNotes } from "./scheduler/clock-notes.ts";
export {
  CATCH_UP,
  type CatchUp,
  CLOSED_DAYS,
  OVERLAP,
  PAUSED_TICKS,
  SCHEDULE_STATUSES,
  type Schedule,
  type ScheduleRecord,
  type ScheduleSettings,
  type ScheduleStatus,
  type ScheduleTick,
  TICK_REASONS,
  TICK_STATUSES,
  type TickReason,
  type TickStatus,
} from "./scheduler/schedule.ts";
export {
  type DueSchedule,
  type LookRequest,
  type ScheduleDefinition,
  type ScheduleLook,
  type SchedulePosition,
  type ScheduleRow,
  type ScheduleStore,
  type SettledSchedules,
  type Settlement,
  type TickQuery,
  type TickRow,
  type TickWrite,
  tickKey,
} from "./scheduler/schedule-store.ts";
export type {
  OfRevision,
  ScheduleChanged,
  Schedules,
  ScheduleUpdate,
  TriggerOptions,
} from "./scheduler/schedules.ts";
export { environmentSecrets, type SecretOptions, type SecretResolver, secret } from "./secret.ts";
// Data
export {
  processBudgets,
  type RateBudget,
  type RateBudgets,
  type RateCell,
  rateCell,
  takeFrom,
} from "./sources/rate-budgets.ts";
export type {
  ChangedOptions,
  Page,
  Reject,
  Row,
  Source,
  SourceChange,
  StreamOptions,
} from "./sources/source.ts";
export type { Run, Spine, SpineOptions } from "./spine.ts";
export type { Final } from "./workflow/builder-options.ts";
// Workflows
export type { Approval, Collected } from "./workflow/composite-steps.ts";
export type { Contract } from "./workflow/contract.ts";
export { defineWorkflow, type WorkflowOptions } from "./workflow/define-workflow.ts";
export type { Bound, IncrementalOptions, MarkOf, Since } from "./workflow/incremental.ts";
export type { IngestResult, LoadResult } from "./workflow/load-result.ts";
export { Rejection, reject } from "./workflow/rejection.ts";
export type { RetryPolicy } from "./workflow/retry.ts";
export {
  type Disposition,
  type IngestStep,
  type OnError,
  Step,
  type StepKind,
  type Unchanged,
} from "./workflow/step.ts";
export type {
  AdvanceOptions,
  ItemContext,
  Progress,
  StepContext,
  UndoContext,
} from "./workflow/step-context.ts";
export { DISPOSITIONS, ON_ERROR, ON_UNCHANGED, type StepOptions } from "./workflow/step-options.ts";
export { innerSteps, pathIn, stepAt } from "./workflow/step-paths.ts";
export {
  type InputOf,
  type OutputsOf,
  WHEN_CHANGED,
  type WhenChanged,
  type Workflow,
  type WorkflowData,
} from "./workflow/workflow.ts";
