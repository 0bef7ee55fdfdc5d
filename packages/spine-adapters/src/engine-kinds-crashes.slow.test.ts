// The same deaths as in `engine-crashes.slow.test.ts` for steps that are made of others, that wait, that run other workflows, and
// that are undone.
//
// On Postgres a life takes several times as long as on SQLite: unless all are asked for (SPINE_EVERY_DEATH=1), it dies there at every
// eighth moment only, once; and of a run that is undone, one time after the other in one run. What is recorded after one effect is
// what is recorded before the next one.

import { type CrashOptions, everyKind, everyUndo, testCrashes } from "spine-core/testing";
import { PLACES } from "./testing/places.ts";

for (const [name, open] of PLACES) {
  const few = name === "Postgres" && process.env.SPINE_EVERY_DEATH === undefined;
  const reason = "it takes long on Postgres: SPINE_EVERY_DEATH=1";
  const some: CrashOptions = few ? { stride: 8, when: ["after"], again: false, reason } : {};
  testCrashes(`every kind of step, ${name}`, open, { subject: everyKind, ...some });
  testCrashes(`a run that is undone, ${name}`, open, {
    subject: everyUndo,
    ...(few ? { when: [], reason } : {}),
  });
}
