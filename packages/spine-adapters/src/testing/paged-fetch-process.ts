// Begins to fetch a hundred pages, and kills itself while it makes one of them.
import { createSpine, silentLogger } from "spine-core";
import { bookedSource, pagedFlow } from "./paged-fetch.ts";
import { type Address, databaseAt } from "./places.ts";

const [book = "", dies = "", ...address] = process.argv.slice(2);
const source = bookedSource(book, (page) => {
  if (page === Number(dies)) process.kill(process.pid, "SIGKILL");
});
const flow = pagedFlow(source);
const spine = await createSpine({
  database: databaseAt(address as unknown as Address),
  workflows: [flow],
  logger: silentLogger,
});
await (await spine.run(flow, {}, { key: "paged" })).result();
