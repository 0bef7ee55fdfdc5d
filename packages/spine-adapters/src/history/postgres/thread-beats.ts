import { existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { Beats } from "./beat-loop.ts";
import type { WorkerEntry } from "./beat-statement.ts";
import type { BeatMessage, BeatPassword, BeatRequest, BeatThreadPlan } from "./beat-thread-messages.ts";

const START_MS = 10_000;
const CLOSE_MS = 1_000;
/** How often the main thread shows that it runs. */
const ANSWER_MS = 500;

export interface ThreadBeatsOptions {
  /** A password that is a function stays here: the thread asks for it with each connection. */
  readonly plan: Omit<BeatThreadPlan, "answers" | "asksPassword">;
  readonly report: (gone: readonly string[]) => void;
  /** Called once when the thread has ended though nobody closed it. */
  readonly onLost: (reason: string) => void;
}

/** Where the thread's file is: beside this one in the sources, beside the package's entry once it is built. */
function threadFile(): URL | undefined {
  const { url } = import.meta;
  const paths = url.endsWith(".ts")
    ? ["./beat-thread.ts"]
    : ["./beat-thread.js", "./databases/beat-thread.js"];
  return paths.map((path) => new URL(path, url)).find((file) => existsSync(file));
}

/** Beats from a thread of their own. */
export class ThreadBeats implements Beats {
  readonly #worker: Worker;
  readonly #answering: NodeJS.Timeout;
  readonly #waiting = new Map<number, PromiseWithResolvers<boolean>>();
  #next = 0;
  #hasEnded = false;

  /** Starts the thread. Throws where there can be none: a bundle without its file, options that no thread can be given. */
  static async start(options: ThreadBeatsOptions): Promise<ThreadBeats> {
    const file = threadFile();
    if (!file) throw new Error("the file of the thread is not where this code is (a bundle?)");
    const answers = new Int32Array(new SharedArrayBuffer(4));
    const { plan } = options;
    const { password, ...config } = plan.config;
    const asksPassword = typeof password === "function";
    const worker = new Worker(file, {
      workerData: {
        ...plan,
        config: asksPassword ? config : plan.config,
        asksPassword,
        answers,
      } satisfies BeatThreadPlan,
      // Hooks of the host (loaders, instruments) are not for this thread.
      execArgv: [],
      name: "spine-beats",
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const late = setTimeout(() => reject(new Error("the thread did not start in time")), START_MS);
    const beats = new ThreadBeats(worker, answers, options, { resolve, reject });
    try {
      await promise;
    } catch (error) {
      beats.#stopAnswering();
      void worker.terminate();
      throw error;
    } finally {
      clearTimeout(late);
    }
    beats.#rest();
    return beats;
  }

  private constructor(
    worker: Worker,
    answers: Int32Array<SharedArrayBuffer>,
    { plan, report, onLost }: ThreadBeatsOptions,
    start: { readonly resolve: () => void; readonly reject: (error: Error) => void },
  ) {
    this.#worker = worker;
    this.#answering = setInterval(() => Atomics.add(answers, 0, 1), ANSWER_MS);
    this.#answering.unref();
    const ended = (reason: string) => {
      start.reject(new Error(reason));
      if (this.#hasEnded) return;
      this.#stopAnswering();
      for (const { reject } of this.#waiting.values()) reject(new Error(`Connection terminated: ${reason}`));
      this.#waiting.clear();
      onLost(reason);
    };
    worker.on("error", (error) => ended(`the thread failed: ${String(error)}`));
    worker.on("exit", (code) => ended(`the thread ended (${code})`));
    worker.on("message", (message: BeatMessage) => {
      if (message.kind === "ready") start.resolve();
      else if (message.kind === "gone") report(message.workers);
      else if (message.kind === "password") void this.#tellPassword(plan.config.password as () => unknown);
      else this.#answered(message);
    });
  }

  hold(lockKey: string): Promise<boolean> {
    return this.#ask({ do: "hold", lockKey });
  }

  async begin(entry: WorkerEntry): Promise<void> {
    await this.#ask({ do: "begin", entry });
  }

  async end(worker: string): Promise<void> {
    await this.#ask({ do: "end", worker });
  }

  async release(lockKey: string): Promise<void> {
    await this.#ask({ do: "release", lockKey });
  }

  async withoutLocks(): Promise<void> {
    await this.#ask({ do: "withoutLocks" });
  }

  async close(): Promise<void> {
    if (this.#hasEnded) return;
    const closed = this.#ask({ do: "close" }).catch(() => {});
    this.#stopAnswering();
    // A database that is away must not keep us.
    await Promise.race([closed, delay(CLOSE_MS, undefined, { ref: false })]);
    await this.#worker.terminate();
  }

  #ask(request: BeatRequest): Promise<boolean> {
    if (this.#hasEnded) return Promise.reject(new Error("Connection terminated: the thread has ended."));
    this.#next += 1;
    const waiting = Promise.withResolvers<boolean>();
    this.#waiting.set(this.#next, waiting);
    // As long as somebody waits for its answer the process has to stay.
    this.#worker.ref();
    this.#worker.postMessage({ id: this.#next, request });
    return waiting.promise;
  }

  async #tellPassword(ask: () => unknown): Promise<void> {
    let password: string | null = null;
    try {
      const given = await ask();
      if (typeof given === "string") password = given;
    } catch {
      // The thread is told that there is none, and asks again with its next connection.
    }
    this.#worker.postMessage({ password } satisfies BeatPassword);
  }

  #answered(message: Extract<BeatMessage, { readonly id: number }>): void {
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    this.#rest();
    if (message.kind === "answer") waiting?.resolve(message.value);
    else waiting?.reject(Object.assign(new Error(message.failure.message), definedOf(message.failure)));
  }

  #rest(): void {
    if (this.#waiting.size === 0) this.#worker.unref();
  }

  #stopAnswering(): void {
    this.#hasEnded = true;
    clearInterval(this.#answering);
  }
}

function definedOf(failure: object): object {
  return Object.fromEntries(Object.entries(failure).filter(([, value]) => value !== undefined));
}
