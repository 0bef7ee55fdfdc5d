import { testCursorStore } from "spine-core/testing";
import { postgresHarness } from "../../testing/postgres-harness.ts";

testCursorStore("Postgres", postgresHarness);
