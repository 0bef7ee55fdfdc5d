import { createSpine, defineWorkflow, silentLogger } from "spine-core";
import { CALLERS } from "./caller-connections.ts";
import { type Address, databaseAt } from "./places.ts";

// A host in a process of its own, for tests that kill it: `node caller-process.ts <place> <connection> <key> <address…>`. It
// starts a run in a transaction, says its id, and commits when it is told to.

const [place = "", name = "", key = "", ...rest] = process.argv.slice(2);
const address = rest as unknown as Address;
const spine = await createSpine({ database: databaseAt(address), worker: false, logger: silentLogger });
const begin = CALLERS[place]?.[name];
if (!begin) throw new Error(`There is no connection "${name}" on ${place}.`);
const open = await begin(address, spine.database);
const workflow = defineWorkflow({ name: "demo.called" }).step("first", () => "done");
const run = await spine.run(workflow, {}, { key, transaction: open.transaction });
process.on("message", () => {
  void open.commit().then(() => process.send?.("committed"));
});
process.send?.(run.id);
