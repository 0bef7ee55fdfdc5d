import { testPartitionStore } from "spine-core/testing";
import { postgresHarness } from "../testing/postgres-harness.ts";
import { fileHarness } from "../testing/sqlite-harness.ts";

testPartitionStore("SQLite", fileHarness);
testPartitionStore("Postgres", postgresHarness);
