import { testRejectStore } from "spine-core/testing";
import { postgresHarness } from "../testing/postgres-harness.ts";
import { fileHarness, memoryHarness } from "../testing/sqlite-harness.ts";

testRejectStore("SQLite in a file", fileHarness);
testRejectStore("SQLite in memory", memoryHarness);
testRejectStore("Postgres", postgresHarness);
