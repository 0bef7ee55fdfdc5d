import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** A process of a measurement that does what it is told, one message after another. */
export interface WorkerProcess {
  readonly child: ChildProcess;
  /** Sends a message and resolves with the answer to it. */
  ask(message: unknown): Promise<unknown>;
  /** `kill -9`; resolves when it is gone. */
  kill(): Promise<void>;
}

/** Starts a module of this folder's neighbours in a process of its own; resolves when it is ready. */
export async function forkWorker(module: URL, argument: unknown): Promise<WorkerProcess> {
  const child = fork(fileURLToPath(module), [JSON.stringify(argument)], {
    // What is built runs on what is built.
    execArgv: module.pathname.endsWith(".ts") ? ["--conditions=spine-source"] : [],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const answer = () =>
    new Promise<unknown>((resolve, reject) => {
      const ended = (code: number | null) => reject(new Error(`A worker process ended (${code}).`));
      child.once("exit", ended);
      child.once("message", (message) => {
        child.off("exit", ended);
        resolve(message);
      });
    });
  await answer();
  return {
    child,
    ask(message) {
      const answered = answer();
      child.send(message as object);
      return answered;
    },
    async kill() {
      child.kill("SIGKILL");
      await gone;
    },
  };
}

/** In the process itself: answers each message, after saying that it is ready. */
export function serveAsWorker(answer: (message: unknown) => Promise<unknown>): void {
  process.on("message", (message) => {
    answer(message).then(
      (value) => process.send?.(value ?? null),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
  process.send?.("ready");
}
