export { type ArraySourceOptions, arraySource } from "./array-source.ts";
export { type AuditedRun, audit, describeViolations, VIOLATIONS, type Violation } from "./audit.ts";
export { everyIngest, stagingTables } from "./crash-ingest.ts";
export { everyKind, everyUndo } from "./crash-kinds.ts";
export { afterDeath, workUntilDone } from "./crash-life.ts";
export { CrashObserver } from "./crash-observer.ts";
export {
  type CrashPoint,
  DURABLE_EFFECTS,
  type DurableEffect,
  type Reach,
  withCrashPoints,
} from "./crash-points.ts";
export type { CrashSubject } from "./crash-subject.ts";
export { advanceCommit, createCommit, stepBegin, stepEnd } from "./history-samples.ts";
export { Ledger, type LedgerEntry } from "./ledger.ts";
export { type Mortal, mortal } from "./mortal.ts";
export { overlay } from "./overlay.ts";
export type { Place } from "./place.ts";
export { seeded } from "./seeded.ts";
export type { DatabaseHarness, OpenedDatabase, SuiteOptions } from "./suite.ts";
export {
  type ChannelFactory,
  type ChannelFixture,
  type ChannelMood,
  sampleNotification,
  testAlertChannel,
} from "./test-alert-channel.ts";
export { TestClock } from "./test-clock.ts";
export { type CrashOptions, testCrashes } from "./test-crashes.ts";
export { testCursorStore } from "./test-cursor-store.ts";
export { testDatabase } from "./test-database.ts";
export { testDatasetStore } from "./test-dataset-store.ts";
export { testHistoryStore } from "./test-history-store.ts";
export { testLineageStore } from "./test-lineage-store.ts";
export { testManifestStore } from "./test-manifest-store.ts";
export { testNotificationStore } from "./test-notification-store.ts";
export { testPartitionStore } from "./test-partition-store.ts";
export { testQueueStore } from "./test-queue-store.ts";
export { testRateBudgets } from "./test-rate-budgets.ts";
export { testRefusals } from "./test-refusals.ts";
export { testRejectStore } from "./test-reject-store.ts";
export { testRunStatistics } from "./test-run-statistics.ts";
export { testScheduleStore } from "./test-schedule-store.ts";
export { type SourceFactory, type SourceFixture, testSource } from "./test-source.ts";
