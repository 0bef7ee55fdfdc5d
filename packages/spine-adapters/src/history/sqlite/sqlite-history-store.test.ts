import { testHistoryStore } from "spine-core/testing";
import { fileHarness, memoryHarness } from "../../testing/sqlite-harness.ts";

testHistoryStore("SQLite in a file", fileHarness);
testHistoryStore("SQLite in memory", memoryHarness, {
  skip: [
    {
      reason: "nobody outside the process can have a database in memory",
      tests: ["takes over the runs of a worker that died, and refuses it from then on"],
    },
  ],
});
