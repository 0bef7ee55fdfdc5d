import { testRateBudgets } from "spine-core/testing";
import { postgresHarness } from "../../testing/postgres-harness.ts";

testRateBudgets("Postgres", postgresHarness);
