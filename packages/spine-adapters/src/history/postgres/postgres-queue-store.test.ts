import { testQueueStore } from "spine-core/testing";
import { postgresHarness } from "../../testing/postgres-harness.ts";

testQueueStore("Postgres", postgresHarness);
