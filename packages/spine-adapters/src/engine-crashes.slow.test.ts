// The three promises through every death, on SQLite in a file and on Postgres.
//
// A database in memory is part of its process and dies with it: there is nothing left that another process could go on
// with, and nothing that was promised beyond the process. What can go wrong there is a write that is refused.

import { testCrashes, testRefusals } from "spine-core/testing";
import { memory, PLACES } from "./testing/places.ts";

for (const [name, open] of PLACES) testCrashes(name, open);
testRefusals("SQLite in memory", memory);
