import { testManifestStore } from "spine-core/testing";
import { postgresHarness } from "../testing/postgres-harness.ts";
import { fileHarness } from "../testing/sqlite-harness.ts";

testManifestStore("SQLite", fileHarness);
testManifestStore("Postgres", postgresHarness);
