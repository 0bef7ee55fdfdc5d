import { testNotificationStore } from "spine-core/testing";
import { postgresHarness } from "../testing/postgres-harness.ts";
import { fileHarness, memoryHarness } from "../testing/sqlite-harness.ts";

testNotificationStore("SQLite in memory", memoryHarness);
testNotificationStore("SQLite in a file", fileHarness);
testNotificationStore("Postgres", postgresHarness);
