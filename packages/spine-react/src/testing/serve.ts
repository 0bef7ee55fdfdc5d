import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { memory } from "spine-adapters/databases";
import { createSpine, type Spine, type SpineOptions, silentLogger } from "spine-core";
import { createHandler, type HandlerOptions, insecureNoAuth, toNodeHandler } from "spine-http";
import { onTestFinished } from "vitest";
import { broken, gated, report, rows, weeks } from "./demo.ts";

export interface Served {
  readonly spine: Spine;
  /** Of the API. */
  readonly url: string;
  /** `GET /pipelines/status/…` and so on, of all that were asked so far. */
  readonly asked: string[];
  /** How many streams of events are open. */
  readonly streams: () => number;
  /** Cuts all connections. */
  readonly cut: () => void;
  readonly close: () => Promise<void>;
}

/** A real Spine behind a real server, until the test is over. */
export async function serve(...options: Parameters<typeof openServer>): Promise<Served> {
  const served = await openServer(...options);
  onTestFinished(served.close);
  return served;
}

/** One with the workflows of `demo.ts`, a channel of alerts, and partitions, for all tests of a file. */
export async function openDemo(): Promise<Served> {
  return await openServer(
    {
      workflows: [gated, report, broken, rows],
      alerts: {
        channels: [{ name: "chat", send: async () => {} }],
        routes: [{ channels: ["chat"] }],
        groupWait: 0,
      },
    },
    { partitions: [{ partitions: weeks, params: ({ week_start = "" }) => ({ week: week_start }) }] },
  );
}

async function openServer(
  options: Omit<SpineOptions, "database">,
  handlerOptions: Partial<HandlerOptions> = {},
): Promise<Served> {
  const spine = await createSpine({ database: memory(), logger: silentLogger, ...options });
  const handler = createHandler(spine, {
    basePath: "/spine",
    auth: insecureNoAuth(),
    logger: silentLogger,
    ...handlerOptions,
  });
  const listener = toNodeHandler(handler);
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  let streams = 0;
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url?.replace("/spine", "")}`);
    if (request.url?.includes("/events?")) {
      streams += 1;
      response.on("close", () => {
        streams -= 1;
      });
    }
    listener(request, response);
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    spine,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/spine`,
    asked,
    streams: () => streams,
    cut: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    close: async () => {
      handler.close();
      server.closeAllConnections();
      server.close();
      await spine.stop();
    },
  };
}
