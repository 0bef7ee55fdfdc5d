import { testLineageStore } from "spine-core/testing";
import { postgresHarness } from "../testing/postgres-harness.ts";
import { fileHarness } from "../testing/sqlite-harness.ts";

testLineageStore("SQLite", fileHarness);
testLineageStore("Postgres", postgresHarness);
