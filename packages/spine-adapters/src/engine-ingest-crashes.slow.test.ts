// An ingest through every death: its target is as before or whole, never doubled, and no staging table is left.

import { everyIngest, testCrashes } from "spine-core/testing";
import { PLACES } from "./testing/places.ts";

for (const [name, open] of PLACES)
  testCrashes(name, open, { subject: everyIngest, again: false, reason: "others do so" });
