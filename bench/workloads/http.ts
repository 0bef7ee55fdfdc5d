import { Agent, request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { forkWorker } from "../harness/fork-worker.ts";
import type { Measurement } from "../harness/measurement.ts";
import { type Figures, median, percentile } from "../harness/statistics.ts";
import type { System } from "../harness/system.ts";
import type { HttpServers } from "./http-process.ts";

const PROCESS = new URL("http-process.ts", import.meta.url);
const KEY = "load-0123456789abcdef";

interface Side {
  /** Sends a GET; its status and ETag. */
  ask(
    port: number,
    path: string,
    headers?: Readonly<Record<string, string>>,
  ): Promise<{ readonly status: number; readonly etag: string }>;
}

/**
 * What a request costs the server beside bare `node:http` (CPU time for 400 bytes of JSON, with a key that is checked), and what a
 * thousand pollers of a status do to each other, beside ten. Both sides of a ratio take turns.
 */
export async function measureHttp(_system: System, { sizes }: Measurement): Promise<Figures> {
  const { rounds = 3, requests = 1_500, pollers = 1_000 } = sizes;
  const worker = await forkWorker(PROCESS, { key: KEY });
  const agent = new Agent({ keepAlive: true, maxSockets: 2_000 });
  const side: Side = { ask: (port, path, headers) => get(agent, port, path, headers) };
  try {
    const servers = (await worker.ask("open")) as HttpServers;
    const cpuUs = async (port: number, count: number): Promise<number> => {
      await worker.ask("begin");
      await inTurn(side, port, count);
      return ((await worker.ask("end")) as number) / count;
    };
    // Both are compiled before they are measured.
    for (const port of [servers.bare, servers.api]) await inTurn(side, port, 4_000);
    const costs: { readonly bare: number; readonly api: number }[] = [];
    for (let round = 0; round < rounds * 2; round += 1)
      costs.push({ bare: await cpuUs(servers.bare, requests), api: await cpuUs(servers.api, requests) });

    const path = `/spine/pipelines/status/${servers.runId}`;
    const { etag } = await side.ask(servers.api, path);
    const poll = (count: number, times: number, everyMs: number) =>
      pollFor(side, servers.api, path, { etag, count, times, everyMs });
    // All connections are there before it counts.
    await poll(pollers, 1, 500);
    const waits: { readonly ten: number; readonly all: number }[] = [];
    for (let round = 0; round < rounds; round += 1) {
      // Ten ask so seldom that their p99 would be a single number: they are watched twenty times as often.
      waits.push({ ten: await poll(10, 20, 100), all: await poll(pollers, 1, 2_000) });
    }
    return {
      bareCpuUs: median(costs.map(({ bare }) => bare)),
      apiCpuUs: median(costs.map(({ api }) => api)),
      cpuVsBare: median(costs.map(({ bare, api }) => api / bare)),
      tenP99: median(waits.map(({ ten }) => ten)),
      pollersP99: median(waits.map(({ all }) => all)),
      pollersVsTen: median(waits.map(({ ten, all }) => all / ten)),
    };
  } finally {
    agent.destroy();
    await worker.kill();
  }
}

/** So many requests, eight at a time. */
async function inTurn(side: Side, port: number, count: number): Promise<void> {
  let left = count;
  const one = async () => {
    while (left-- > 0) {
      const { status } = await side.ask(port, "/spine/load/01900000-0000-7000-8000-000000000000");
      if (status !== 200) throw new Error(`A request was answered ${status}.`);
    }
  };
  await Promise.all(Array.from({ length: 8 }, one));
}

interface Polling {
  readonly etag: string;
  readonly count: number;
  readonly times: number;
  readonly everyMs: number;
}

/** The p99 of what pollers wait for their 304, ms. */
async function pollFor(
  side: Side,
  port: number,
  path: string,
  { etag, count, times, everyMs }: Polling,
): Promise<number> {
  const waited: number[] = [];
  const poller = async (index: number) => {
    // They come at any time, not all at once.
    await delay((index / count) * everyMs);
    for (let time = 0; time < times; time += 1) {
      const begun = performance.now();
      const { status } = await side.ask(port, path, { "if-none-match": etag });
      if (status !== 304) throw new Error(`A poll was answered ${status}.`);
      const took = performance.now() - begun;
      waited.push(took);
      await delay(Math.max(0, everyMs - took));
    }
  };
  await Promise.all(Array.from({ length: count }, (_, index) => poller(index)));
  return percentile(waited, 99);
}

function get(agent: Agent, port: number, path: string, headers: Readonly<Record<string, string>> = {}) {
  return new Promise<{ readonly status: number; readonly etag: string }>((resolve, reject) => {
    const to = { host: "127.0.0.1", port, path, agent };
    request({ ...to, headers: { authorization: `Bearer ${KEY}`, ...headers } }, (response) => {
      response.resume();
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, etag: String(response.headers.etag) }),
      );
    })
      .on("error", reject)
      .end();
  });
}
