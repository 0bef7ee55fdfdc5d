import { testScheduleStore } from "spine-core/testing";
import { postgresHarness } from "../testing/postgres-harness.ts";
import { fileHarness } from "../testing/sqlite-harness.ts";

testScheduleStore("SQLite in a file", fileHarness);
testScheduleStore("Postgres", postgresHarness);
