// Works on what is there until it is killed, or until there is nothing left of the run.
import { createSpine, silentLogger } from "spine-core";
import { ingestFlow } from "./ingest-flow.ts";
import { type Address, databaseAt } from "./places.ts";

const [runId = "", book = "", ...address] = process.argv.slice(2);
const spine = await createSpine({
  database: databaseAt(address as unknown as Address),
  workflows: [ingestFlow(book)],
  logger: silentLogger,
  // More processes than usual end at work on one run.
  maxCrashes: 1_000,
});
await (await spine.attach(runId)).result();
await spine.stop();
