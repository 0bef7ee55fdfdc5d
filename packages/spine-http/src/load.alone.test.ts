// What a request costs beside bare `node:http`, and what a thousand pollers do to each other.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LOAD_KEY, type LoadServer } from "./testing/load-process.ts";

let child: ChildProcess;
let server: LoadServer;
const agent = new Agent({ keepAlive: true, maxSockets: 2_000 });

beforeAll(async () => {
  child = fork(join(import.meta.dirname, "testing/load-process.ts"));
  [server] = (await once(child, "message")) as [LoadServer];
});
afterAll(() => {
  agent.destroy();
  child.kill();
});

test("the Node adapter takes at most twice the CPU time of bare node:http for 400 bytes of JSON", async () => {
  const path = "/spine/load/01900000-0000-7000-8000-000000000000";
  const round = async (port: number, requests: number) => {
    await cpu("begin");
    let left = requests;
    const worker = async () => {
      while (left-- > 0) await ask(port, path);
    };
    await Promise.all(Array.from({ length: 8 }, worker));
    return (await cpu("end")) / requests;
  };
  // Both are compiled before they are measured; then they take turns, so that what else goes on hits both.
  for (const port of [server.bare, server.api]) await round(port, 4_000);
  const took = { bare: Number.POSITIVE_INFINITY, api: Number.POSITIVE_INFINITY };
  for (let times = 0; times < 6; times += 1) {
    // What else goes on in the machine only adds to it: the least of each is what it takes.
    took.bare = Math.min(took.bare, await round(server.bare, 1_500));
    took.api = Math.min(took.api, await round(server.api, 1_500));
  }
  console.log(`CPU time per request: bare ${took.bare.toFixed(0)} µs, API ${took.api.toFixed(0)} µs`);
  expect(took.api / took.bare).toBeLessThanOrEqual(2);
});

test("a thousand pollers at 2 s: p99 at most five times that of ten", async () => {
  const path = `/spine/pipelines/status/${server.runId}`;
  const { etag } = await ask(server.api, path);
  const poll = async (pollers: number, rounds: number, everyMs: number) => {
    const times: number[] = [];
    let unchanged = 0;
    const poller = async (index: number) => {
      // They come at any time, not all at once.
      await delay((index / pollers) * everyMs);
      for (let round = 0; round < rounds; round += 1) {
        const begun = performance.now();
        const { status } = await ask(server.api, path, { "if-none-match": etag });
        const took = performance.now() - begun;
        times.push(took);
        if (status === 304) unchanged += 1;
        await delay(Math.max(0, everyMs - took));
      }
    };
    await Promise.all(Array.from({ length: pollers }, (_, index) => poller(index)));
    times.sort((a, b) => a - b);
    return { p99: times[Math.floor(times.length * 0.99)] ?? 0, share: unchanged / times.length };
  };
  await poll(1_000, 1, 500);
  // Ten pollers ask so seldom that their p99 would be a single number: they are watched twenty times as often.
  const ten = await poll(10, 20, 100);
  const thousand = await poll(1_000, 1, 2_000);
  console.log(`p99 of ten pollers ${ten.p99.toFixed(1)} ms, of a thousand ${thousand.p99.toFixed(1)} ms`);
  expect(thousand.share).toBe(1);
  expect(thousand.p99).toBeLessThanOrEqual(5 * ten.p99);
});

async function cpu(message: "begin" | "end"): Promise<number> {
  const answer = once(child, "message");
  child.send(message);
  const [{ cpuUs }] = (await answer) as [{ readonly cpuUs: number }];
  return cpuUs;
}

function ask(port: number, path: string, headers: Readonly<Record<string, string>> = {}) {
  return new Promise<{ readonly status: number; readonly etag: string }>((resolve, reject) => {
    const options = {
      port,
      host: "127.0.0.1",
      path,
      agent,
      headers: { authorization: `Bearer ${LOAD_KEY}`, ...headers },
    };
    request(options, (response) => {
      response.resume();
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, etag: String(response.headers.etag) }),
      );
    })
      .on("error", reject)
      .end();
  });
}
