import { testRunStatistics } from "spine-core/testing";
import { fileHarness, memoryHarness } from "../../testing/sqlite-harness.ts";

testRunStatistics("SQLite in a file", fileHarness);
testRunStatistics("SQLite in memory", memoryHarness);
