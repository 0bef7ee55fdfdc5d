import { testDatasetStore } from "spine-core/testing";
import { postgresHarness } from "../testing/postgres-harness.ts";

testDatasetStore("Postgres", postgresHarness);
