import { testDatasetStore } from "spine-core/testing";
import { fileHarness, memoryHarness } from "../testing/sqlite-harness.ts";

testDatasetStore("SQLite in a file", fileHarness);
testDatasetStore("SQLite in memory", memoryHarness);
