import { testDatabase } from "spine-core/testing";
import { postgresHarness } from "../testing/postgres-harness.ts";

testDatabase("Postgres", postgresHarness);
