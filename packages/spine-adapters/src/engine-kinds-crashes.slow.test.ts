// The same deaths as in `engine-crashes.slow.test.ts` for steps that are made of others, that wait, that run other workflows, and
// that are undone.

import { everyKind, everyUndo, testCrashes } from "spine-core/testing";
import { PLACES } from "./testing/places.ts";

for (const [name, open] of PLACES) {
  testCrashes(`every kind of step, ${name}`, open, everyKind);
  testCrashes(`a run that is undone, ${name}`, open, everyUndo);
}
