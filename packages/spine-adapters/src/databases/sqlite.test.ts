import { testDatabase } from "spine-core/testing";
import { fileHarness, memoryHarness } from "../testing/sqlite-harness.ts";

testDatabase("SQLite in a file", fileHarness);
testDatabase("SQLite in memory", memoryHarness);
