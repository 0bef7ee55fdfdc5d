export { type ArraySourceOptions, arraySource } from "./array-source.ts";
export type { DatabaseHarness, OpenedDatabase, SuiteOptions } from "./suite.ts";
export { testDatabase } from "./test-database.ts";
export { testDatasetStore } from "./test-dataset-store.ts";
export { testHistoryStore } from "./test-history-store.ts";
export { testRunStatistics } from "./test-run-statistics.ts";
export { type SourceFactory, type SourceFixture, testSource } from "./test-source.ts";
