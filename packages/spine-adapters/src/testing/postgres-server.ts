import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chownSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { SpineError } from "spine-core";
import { postgresBinaries, serverUser } from "./postgres/postgres-binaries.ts";

export interface PostgresServerOptions {
  /** False by default: what is tested does not depend on it. True for figures and for what survives a crash. */
  readonly fsync?: boolean;
  /** Further settings of the server, e.g. `{ shared_buffers: "512MB" }`. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  /** The server ends when the process with this id does; this process by default. */
  readonly owner?: number;
  /** A file that holds its URL once it is ready, and that goes when it ends. */
  readonly urlFile?: string;
}

/** How a server stops: `fast` rolls back what is open, `immediate` is a crash. */
type StopMode = "fast" | "immediate";

const SIGNALS = { fast: "SIGINT", immediate: "SIGQUIT" } as const;
const START_MS = 30_000;

/**
 * Starts a throw-away Postgres server from the binaries that npm installs. It listens on a free port of this
 * machine only and on a Unix socket, works as root too, and it ends, with its files, when the process that it
 * belongs to ends, however that ends.
 *
 * @example
 * await using server = await startPostgres();
 * const database = postgres(server.url());
 */
export async function startPostgres(options: PostgresServerOptions = {}): Promise<PostgresServer> {
  const root = mkdtempSync(join(tmpdir(), "spine-pg-"));
  const data = join(root, "data");
  mkdirSync(data, { mode: 0o700 });
  const user = serverUser();
  if (user) for (const path of [root, data]) chownSync(path, user.uid, user.gid);
  const binaries = postgresBinaries(tmpdir());
  try {
    const flags = [
      "-U",
      "postgres",
      "-A",
      "trust",
      "-E",
      "UTF8",
      "--locale=C",
      "--no-sync",
      "--no-instructions",
    ];
    await run(join(binaries, "initdb"), ["-D", data, ...flags], root);
    const server = new PostgresServer({ root, binaries, port: await freePort(), options });
    await server.start();
    return server;
  } catch (error) {
    rmSync(root, { recursive: true, force: true });
    throw error;
  }
}

interface Placement {
  readonly root: string;
  readonly binaries: string;
  readonly port: number;
  readonly options: PostgresServerOptions;
}

/** A throw-away server; see {@link startPostgres}. */
export class PostgresServer implements AsyncDisposable {
  readonly port: number;
  /** The directory of its Unix socket. */
  readonly socket: string;
  readonly #placement: Placement;
  #process: ChildProcess | undefined;
  #watchdog: ChildProcess | undefined;

  constructor(placement: Placement) {
    this.#placement = placement;
    this.port = placement.port;
    this.socket = placement.root;
  }

  /** The process id of the server; undefined while it is stopped. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** The URL of one of its databases. */
  url(database = "postgres"): string {
    return `postgres://postgres@127.0.0.1:${this.port}/${database}`;
  }

  /** Starts it again after `kill` or `halt`, with the data that it had. */
  async start(): Promise<void> {
    const { root, binaries, port, options } = this.#placement;
    const { fsync = false, settings = {}, owner = process.pid, urlFile } = options;
    const all = {
      fsync,
      full_page_writes: fsync,
      shared_buffers: "128MB",
      max_wal_size: "4GB",
      max_connections: 200,
      shared_preload_libraries: "pg_stat_statements",
      // Databases of all tests share its entries: beyond 5,000 it forgets those of others, and counts go down.
      "pg_stat_statements.max": 50_000,
      log_min_messages: "warning",
      ...settings,
    };
    const flags = Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${String(value)}`]);
    const args = ["-D", join(root, "data"), "-p", String(port), "-h", "127.0.0.1", "-k", root, ...flags];
    const log = openSync(join(root, "log"), "a");
    const child = spawn(join(binaries, "postgres"), args, {
      ...serverUser(),
      cwd: root,
      // Its own group: an interrupt from the keyboard is for us, and the watchdog does the rest.
      detached: true,
      stdio: ["ignore", log, log],
      env: { ...process.env, LC_ALL: "C" },
    });
    child.unref();
    this.#process = child;
    this.#watchdog ??= watch(owner, root, urlFile);
    await this.#ready(child);
    if (urlFile === undefined) return;
    writeFileSync(`${urlFile}.new`, this.url());
    renameSync(`${urlFile}.new`, urlFile);
  }

  /** Stops it and removes its files. */
  async stop(): Promise<void> {
    await this.halt("immediate");
    this.#watchdog?.kill();
    const { root, options } = this.#placement;
    rmSync(root, { recursive: true, force: true, maxRetries: 3 });
    if (options.urlFile) rmSync(options.urlFile, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Stops it; the data stay. */
  async halt(mode: StopMode = "fast"): Promise<void> {
    await this.#end(SIGNALS[mode]);
  }

  /** Kills it as the end of a machine would. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async restart(mode: StopMode = "fast"): Promise<void> {
    await this.halt(mode);
    await this.start();
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.ref();
    child.kill(signal);
    await ended;
  }

  async #ready(child: ChildProcess): Promise<void> {
    const start = performance.now();
    while (performance.now() - start < START_MS) {
      if (child.exitCode !== null || child.signalCode !== null) break;
      if (isReady(this.#placement.root, child.pid)) return;
      await delay(5);
    }
    const log = readFileSync(join(this.#placement.root, "log"), "utf8").slice(-2_000);
    throw new SpineError("DATABASE_UNAVAILABLE", `The Postgres server did not start:\n${log}`);
  }
}

/** The server writes its state into the eighth line of this file. */
function isReady(root: string, pid: number | undefined): boolean {
  try {
    const lines = readFileSync(join(root, "data/postmaster.pid"), "utf8").split("\n");
    return lines[0] === String(pid) && lines[7]?.trim() === "ready";
  } catch {
    return false;
  }
}

/** A process that ends the server and removes its files when its owner is gone, even by `kill -9`. */
function watch(owner: number, root: string, urlFile = root): ChildProcess {
  const script = `while kill -0 ${owner} 2>/dev/null; do sleep 1; done
kill -QUIT $(head -1 "$1/data/postmaster.pid") 2>/dev/null; sleep 1; rm -rf "$1" "$2"`;
  const child = spawn("sh", ["-c", script, "sh", root, urlFile], { detached: true, stdio: "ignore" });
  child.unref();
  return child;
}

async function run(file: string, args: readonly string[], cwd: string): Promise<void> {
  const child = spawn(file, args, {
    ...serverUser(),
    cwd,
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, LC_ALL: "C" },
  });
  let said = "";
  child.stderr.on("data", (text) => {
    said += String(text);
  });
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new SpineError("DATABASE_UNAVAILABLE", `${file} failed (${code}): ${said}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}
