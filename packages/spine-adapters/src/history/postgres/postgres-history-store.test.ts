import { testHistoryStore } from "spine-core/testing";
import { postgresHarness } from "../../testing/postgres-harness.ts";

testHistoryStore("Postgres", postgresHarness);
