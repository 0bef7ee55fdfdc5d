import { testQueueStore } from "spine-core/testing";
import { fileHarness, memoryHarness } from "../../testing/sqlite-harness.ts";

testQueueStore("SQLite in a file", fileHarness);
testQueueStore("SQLite in memory", memoryHarness, {
  skip: [
    {
      reason: "nobody outside the process can have a database in memory",
      tests: ["takes over the runs of a worker that died, whatever the limits are"],
    },
  ],
});
