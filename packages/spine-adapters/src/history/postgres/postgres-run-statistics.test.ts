import { testRunStatistics } from "spine-core/testing";
import { postgresHarness } from "../../testing/postgres-harness.ts";

testRunStatistics("Postgres", postgresHarness);
