// An ingest through every death: its target is as before or whole, never doubled, and no staging table is left.
//
// On Postgres a life takes several times as long as on SQLite: unless all are asked for (SPINE_EVERY_DEATH=1), it dies there at every
// second moment only.

import { everyIngest, testCrashes } from "spine-core/testing";
import { PLACES } from "./testing/places.ts";

for (const [name, open] of PLACES) {
  const few = name === "Postgres" && process.env.SPINE_EVERY_DEATH === undefined;
  testCrashes(`an ingest, ${name}`, open, {
    subject: everyIngest,
    again: false,
    reason: "its few effects are done in turn",
    ...(few ? { stride: 2, when: ["after"], reason: "it takes long on Postgres: SPINE_EVERY_DEATH=1" } : {}),
  });
}
