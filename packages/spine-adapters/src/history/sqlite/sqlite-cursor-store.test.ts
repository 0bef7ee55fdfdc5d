import { testCursorStore } from "spine-core/testing";
import { fileHarness, memoryHarness } from "../../testing/sqlite-harness.ts";

testCursorStore("SQLite in a file", fileHarness);
testCursorStore("SQLite in memory", memoryHarness);
