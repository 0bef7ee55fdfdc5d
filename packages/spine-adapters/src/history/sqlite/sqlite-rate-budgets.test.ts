import { testRateBudgets } from "spine-core/testing";
import { fileHarness, memoryHarness } from "../../testing/sqlite-harness.ts";

testRateBudgets("SQLite in a file", fileHarness);
testRateBudgets("SQLite in memory", memoryHarness);
