import { Worker } from "node:worker_threads";

/** An idle thread that notes for how long it was kept from running. */
const IDLE = `
const { parentPort } = require("node:worker_threads");
const stalls = require("node:perf_hooks").monitorEventLoopDelay({ resolution: 5 });
parentPort.on("message", (message) => {
  if (message === "start") stalls.enable();
  parentPort.postMessage(stalls.max / 1e6);
});
`;

/** How long the machine itself keeps a thread from running meanwhile, in milliseconds: others want its processors too. */
export async function watchMachine(): Promise<() => Promise<number>> {
  const worker = new Worker(IDLE, { eval: true });
  const ask = (message: string) =>
    new Promise<number>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
      worker.postMessage(message);
    });
  await ask("start");
  return async () => {
    const longest = await ask("stop");
    await worker.terminate();
    return longest;
  };
}
