// The three promises through every death, on SQLite in a file and on Postgres.
//
// A database in memory is part of its process and dies with it: there is nothing left that another process could go on
// with, and nothing that was promised beyond the process. What can go wrong there is a write that is refused.

import { testCrashes, testRefusals } from "spine-core/testing";
import { memory, PLACES } from "./testing/places.ts";

for (const [name, open] of PLACES) {
  // On Postgres a life takes several times as long as on SQLite: unless all are asked for, it dies there at every third effect.
  const few = name === "Postgres" && process.env.SPINE_EVERY_DEATH === undefined;
  testCrashes(name, open, few ? { stride: 3 } : {});
}
testRefusals("SQLite in memory", memory);
