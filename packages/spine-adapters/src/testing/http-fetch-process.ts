import { createSpine, silentLogger } from "spine-core";
import { hundredPagesFlow } from "./http-fetch-workflow.ts";
import { type Address, databaseAt } from "./places.ts";

// A process that reads pages until it is killed: `node http-fetch-process.ts <key> <url> <address…>`.

const [key = "", url = "", ...address] = process.argv.slice(2);
const spine = await createSpine({
  database: databaseAt(address as unknown as Address),
  workflows: [hundredPagesFlow],
  logger: silentLogger,
});
const run = await spine.run(hundredPagesFlow, { url }, { key });
await run.result();
await spine.stop();
