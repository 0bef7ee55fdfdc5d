// Streams that are cut at random while eight writers hold their commits back: each event once, in its order.

import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { type HistoryStore, HistoryTracker, type Spine, silentLogger } from "spine-core";
import { seeded } from "spine-core/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { toNodeHandler } from "../adapters/node.ts";
import { insecureNoAuth } from "../auth/insecure-no-auth.ts";
import { createClient } from "../client/index.ts";
import { createHandler, type SpineHandler } from "../handler.ts";
import { DATABASES, demoSpine } from "../testing/demo.ts";

const WRITERS = 8;
/** 1,000 by `npm run proof -- --http`. */
const CUTS = Number(process.env.SPINE_HTTP_CUTS ?? 100);

/** Headers are shorter, and come without events at first. */
const WITH_EVENTS = 800;

describe.each(DATABASES)("%s", (_name, open) => {
  let spine: Spine;
  let handler: SpineHandler;
  let server: Server;
  const sockets = new Set<Socket>();

  beforeAll(async () => {
    spine = await demoSpine(await open(), { worker: false });
    handler = createHandler(spine, { auth: insecureNoAuth(), logger: silentLogger, limits: { pingMs: 50 } });
    server = createServer(toNodeHandler(handler));
    server.on("connection", (socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterAll(async () => {
    handler.close();
    server.closeAllConnections();
    server.close();
    await spine.stop();
  });

  /** Breaks so many connections off, one after another. */
  const cut = async (times: number, random: () => number) => {
    for (let cuts = 0; cuts < times; ) {
      await delay(random() * 12);
      const open = [...sockets];
      const socket = open[Math.floor(random() * open.length)];
      // Only one that has got events: where all are cut before, nothing could be missing or come twice.
      if (!socket || socket.bytesWritten < WITH_EVENTS) continue;
      socket.resetAndDestroy();
      cuts += 1;
    }
  };

  test(
    `${CUTS / 4} cuts of a stream over a pipeline: each of its runs is told, whole and once`,
    async () => {
      const random = seeded(43);
      const { port } = server.address() as AddressInfo;
      const client = createClient({ baseUrl: `http://127.0.0.1:${port}` });
      const heldBack = withHeldBackCommits(spine, random);
      const trackers = Array.from({ length: WRITERS }, () => new HistoryTracker(heldBack));
      const leaving = new AbortController();
      const seen: string[] = [];
      const begun = Promise.withResolvers<void>();
      const read = async () => {
        const options = { retryMs: 1, signal: leaving.signal };
        for await (const event of client.events({ pipeline: "demo.hello" }, options)) {
          seen.push(`${event.execution_id} ${event.seq}`);
          begun.resolve();
        }
      };
      const ids: string[] = [];
      let isOver = false;
      const end = Promise.withResolvers<void>();
      // One that has begun before, and some of another pipeline.
      const first = trackers[0]?.trackWorkflow("demo.hello", {}, async ({ runId }) => {
        ids.push(runId);
        await end.promise;
      });
      const reading = read();
      await begun.promise;
      const writers = trackers.map(async (tracker, index) => {
        for (let runs = 0; !isOver; runs += 1) {
          const name = runs % 5 === 4 ? "demo.rows" : "demo.hello";
          await tracker.trackWorkflow(name, {}, async (run) => {
            if (name === "demo.hello") ids.push(run.runId);
            for (let step = 0; step < index % 3; step += 1)
              await run.trackStep(`step${step}`, "lambda", async () => {});
          });
        }
      });
      await cut(CUTS / 4, random);
      isOver = true;
      await Promise.all(writers);
      end.resolve();
      await first;
      const written = new Map<string, string[]>();
      for (const id of ids)
        written.set(
          id,
          (await spine.history.events(id)).map(({ seq }) => `${id} ${seq}`),
        );
      const total = [...written.values()].reduce((sum, { length }) => sum + length, 0);
      await expect.poll(() => seen.length, { timeout: 30_000 }).toBeGreaterThanOrEqual(total);
      // What came twice would come now.
      await delay(1_000);
      leaving.abort();
      await reading;
      expect(ids.length).toBeGreaterThan(2 * WRITERS);
      const told = Map.groupBy(seen, (event) => event.slice(0, event.indexOf(" ")));
      expect([...told.keys()].sort()).toEqual([...ids].sort());
      for (const id of ids) expect(told.get(id)).toEqual(written.get(id));
      await Promise.all(trackers.map((tracker) => tracker.close()));
    },
    60_000 + CUTS * 100,
  );

  test(
    `${CUTS / 2} cuts: no event is missing, none comes twice, and the order is kept`,
    async () => {
      const random = seeded(42);
      const { port } = server.address() as AddressInfo;
      const client = createClient({ baseUrl: `http://127.0.0.1:${port}` });
      const heldBack = withHeldBackCommits(spine, random);
      const trackers = Array.from({ length: WRITERS }, () => new HistoryTracker(heldBack));
      let isOver = false;
      const ids: string[] = [];
      const begun = Promise.withResolvers<void>();
      const writers = trackers.map((tracker, index) =>
        tracker.trackWorkflow(`demo.writer${index}`, {}, async (run) => {
          ids.push(run.runId);
          if (ids.length === WRITERS) begun.resolve();
          for (let step = 0; !isOver; step += 1) await run.trackStep(`step${step}`, "lambda", async () => {});
        }),
      );
      await begun.promise;
      const read = async (runs: string | readonly string[]) => {
        const seen: string[] = [];
        for await (const event of client.events(runs, { retryMs: 1 }))
          seen.push(`${event.execution_id} ${event.seq}`);
        return seen;
      };
      const readers = [read(ids), read(ids.slice(0, 3)), read(ids[0] as string)];
      await cut(CUTS / 2, random);
      isOver = true;
      await Promise.all(writers);
      const seen = await Promise.all(readers);
      const written = new Map<string, string[]>();
      for (const id of ids)
        written.set(
          id,
          (await spine.history.events(id)).map(({ seq }) => `${id} ${seq}`),
        );
      const of = (events: readonly string[] | undefined, id: string) =>
        events?.filter((event) => event.startsWith(id));
      for (const id of ids) expect(of(seen[0], id)).toEqual(written.get(id));
      for (const id of ids.slice(0, 3)) expect(of(seen[1], id)).toEqual(written.get(id));
      expect(seen[2]).toEqual(written.get(ids[0] as string));
      await Promise.all(trackers.map((tracker) => tracker.close()));
    },
    60_000 + CUTS * 100,
  );
});

/** Each commit in a transaction that stays open for a while: what was written first is seen last now and then. */
function withHeldBackCommits(spine: Spine, random: () => number): HistoryStore {
  const { history, database } = spine;
  return new Proxy(history, {
    get(target, name) {
      if (name !== "commit") {
        const member: unknown = Reflect.get(target, name);
        return typeof member === "function" ? member.bind(target) : member;
      }
      return (commits: Parameters<HistoryStore["commit"]>[0]) =>
        database.transaction(async (transaction) => {
          const results = await history.commit(commits, { transaction });
          await delay(random() * 4);
          return results;
        });
    },
  });
}
