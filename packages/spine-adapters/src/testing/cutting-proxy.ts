import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A TCP proxy that loses answers: what the client sent arrives, what the server says to it does not. */
export interface CuttingProxy extends AsyncDisposable {
  readonly port: number;
  /**
   * Cuts each connection that sends a message with this text, as soon as the server has answered it, and before the
   * answer is passed on. Counts down from `times`. Who connects after that waits for `until`.
   */
  cutAfter(text: string, times?: number, until?: Promise<unknown>): void;
  /** From now on nothing passes on the connections that there are, and nobody is told; new ones work. */
  silence(): void;
  /** How many connections were cut. */
  readonly cuts: number;
}

/** Starts a proxy before a server on this machine. */
export async function cuttingProxy(target: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  const silent = new WeakSet<Socket>();
  let text: string | undefined;
  let left = 0;
  let wait: Promise<unknown> | undefined;
  let cuts = 0;
  let closed: Promise<unknown> | undefined;
  const server = createServer({ pauseOnConnect: true }, (client) => {
    sockets.add(client);
    if (closed) void closed.then(() => pass(client));
    else pass(client);
  });
  const pass = (client: Socket) => {
    const upstream = connect(target, "127.0.0.1");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    let marked = false;
    client.resume();
    client.on("data", (data) => {
      if (silent.has(client)) return;
      if (text !== undefined && left > 0 && data.includes(text)) {
        left -= 1;
        marked = true;
      }
      upstream.write(data);
    });
    upstream.on("data", (data) => {
      if (silent.has(upstream)) return;
      if (marked) {
        cuts += 1;
        closed = wait;
        client.resetAndDestroy();
      } else {
        client.write(data);
      }
    });
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    get cuts() {
      return cuts;
    },
    cutAfter(mark, times = 1, until) {
      text = mark;
      left = times;
      wait = until;
    },
    silence() {
      for (const socket of sockets) silent.add(socket);
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
