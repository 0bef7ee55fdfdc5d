// A process that works on a queue: opened when it says that it is ready, at work when it is told so.
import { serveAsWorker } from "../harness/fork-worker.ts";
import type { Environment } from "../harness/system.ts";
import { SYSTEMS } from "../systems/catalog.ts";

const { system, ...environment } = JSON.parse(process.argv[2] ?? "{}") as Environment & { system: string };
const open = SYSTEMS.find(({ name }) => name === system)?.queue;
if (!open) throw new Error(`${system} is no queue.`);
const session = await open(environment);
serveAsWorker(async (message) => {
  if (message === "work") await session.work();
  else await session.close();
});
