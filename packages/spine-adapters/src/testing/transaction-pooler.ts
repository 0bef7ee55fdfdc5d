import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A pooler before a Postgres server: each transaction of a client gets whichever session is free. */
export interface TransactionPooler extends AsyncDisposable {
  readonly port: number;
  /** Sessions that it has opened at the server. */
  readonly sessions: number;
}

export interface TransactionPoolerOptions {
  /** Sessions at the server at most. */
  readonly most?: number;
  /** True: a client keeps its session, and only notifications are lost. */
  readonly sticks?: boolean;
}

interface Session {
  readonly socket: Socket;
  client: Client | undefined;
}

interface Client {
  readonly socket: Socket;
  session: Session | undefined;
  /** What it has sent and no session has got yet. */
  waiting: Buffer[];
}

const SSL_REQUEST = 80_877_103;
const TERMINATE = "X";
const READY = "Z";
const NOTIFICATION = "A";
const IDLE = "I";

/**
 * Starts a pooler before a server on this machine that asks for no password. What the first client said at its start is
 * said for all: settings of sessions are not the client's own here.
 */
export async function transactionPooler(
  target: number,
  { most = 20, sticks = false }: TransactionPoolerOptions = {},
): Promise<TransactionPooler> {
  const sockets = new Set<Socket>();
  const idle: Session[] = [];
  const queue: Client[] = [];
  let sessions = 0;
  let startup: Buffer | undefined;
  let greeting: Buffer | undefined;

  const own = (socket: Socket, onClose: () => void) => {
    sockets.add(socket);
    // Messages are passed on one by one, and none is to wait for the receipt of another.
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.on("close", () => {
      sockets.delete(socket);
      onClose();
    });
  };

  /** A session, ready to be given to a client. */
  const open = async (): Promise<Session> => {
    sessions += 1;
    const session: Session = { socket: connect(target, "127.0.0.1"), client: undefined };
    own(session.socket, () => {
      sessions -= 1;
      session.client?.socket.destroy();
      const at = idle.indexOf(session);
      if (at >= 0) idle.splice(at, 1);
    });
    session.socket.write(startup ?? Buffer.alloc(0));
    const said: Buffer[] = [];
    const ready = Promise.withResolvers<void>();
    eachMessage(session.socket, (type, message) => {
      if (greeting === undefined) said.push(message);
      if (type === READY) ready.resolve();
      if (!session.client || type === NOTIFICATION) return;
      session.client.socket.write(message);
      if (type === READY && message.toString("latin1", 5, 6) === IDLE && !sticks) free(session);
    });
    await ready.promise;
    greeting ??= Buffer.concat(said);
    return session;
  };

  const give = (session: Session, client: Client) => {
    session.client = client;
    client.session = session;
    for (const message of client.waiting.splice(0)) session.socket.write(message);
  };

  const free = (session: Session) => {
    if (session.client) session.client.session = undefined;
    session.client = undefined;
    const next = queue.shift();
    if (next) give(session, next);
    else idle.push(session);
  };

  /** The session that was freed last, a new one, or the next that will be free. */
  const find = async (client: Client): Promise<void> => {
    const session = idle.pop() ?? (sessions < most ? await open() : undefined);
    if (session) give(session, client);
    else queue.push(client);
  };

  const server = createServer((socket) => {
    const client: Client = { socket, session: undefined, waiting: [] };
    own(socket, () => {
      // Nobody knows what an ended client has left half-way.
      client.session?.socket.destroy();
    });
    const start = async (message: Buffer) => {
      startup ??= message;
      if (greeting === undefined) idle.push(await open());
      socket.write(greeting ?? Buffer.alloc(0));
      eachMessage(socket, (type, sent) => {
        if (type === TERMINATE) {
          if (client.session && sticks) free(client.session);
          socket.end();
          return;
        }
        client.waiting.push(sent);
        if (client.session) give(client.session, client);
        else if (client.waiting.length === 1) void find(client);
      });
    };
    socket.on("data", function first(data: Buffer) {
      if (data.readInt32BE(4) === SSL_REQUEST) {
        socket.write("N");
        return;
      }
      socket.off("data", first);
      void start(data);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    get sessions() {
      return sessions;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** Calls for each message of the protocol: a letter, and its length in the four bytes after it. */
function eachMessage(socket: Socket, call: (type: string, message: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on("data", (data: Buffer) => {
    rest = Buffer.concat([rest, data]);
    while (rest.length >= 5) {
      const length = 1 + rest.readInt32BE(1);
      if (rest.length < length) return;
      const message = rest.subarray(0, length);
      rest = rest.subarray(length);
      call(message.toString("latin1", 0, 1), message);
    }
  });
}
