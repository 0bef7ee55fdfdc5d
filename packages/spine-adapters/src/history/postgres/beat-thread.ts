// The thread that says that the workers of this process are alive, so that a step which keeps the main thread busy loses
// nothing. It is started by thread-beats.ts. It loads nothing of ours but what it needs, because it has to start at once.
import { parentPort, workerData } from "node:worker_threads";
import type { Client } from "pg";
import { BeatLoop } from "./beat-loop.ts";
import type { BeatMessage, BeatPassword, BeatRequest, BeatThreadPlan } from "./beat-thread-messages.ts";
import { KeptConnection } from "./kept-connection.ts";

const { config, asksPassword, sql, beater, everyMs, patience, answers } = workerData as BeatThreadPlan;
const { default: pg } = await import("pg");

function say(message: BeatMessage): void {
  parentPort?.postMessage(message);
}

/** One connection is made at a time, so there is one question at a time. */
let answerPassword: ((password: string | null) => void) | undefined;

function askPassword(): Promise<string> {
  return new Promise((resolve, reject) => {
    answerPassword = (password) =>
      password === null ? reject(new Error("The function for the password failed.")) : resolve(password);
    say({ kind: "password" });
  });
}

async function connect(onLost: () => void): Promise<Client> {
  const client = new pg.Client(asksPassword ? { ...config, password: askPassword } : config);
  // Without a listener the end of an idle connection would end the thread.
  client.on("error", onLost);
  client.on("end", onLost);
  await client.connect();
  return client;
}

let seen = Atomics.load(answers, 0);
let unanswered = 0;

/**
 * Counted in beats, not in time: a process that was stopped and goes on has not been silent. Called once per beat.
 */
function mainThreadAnswers(): boolean {
  const now = Atomics.load(answers, 0);
  unanswered = now === seen ? unanswered + 1 : 0;
  seen = now;
  return unanswered < patience;
}

const loop = new BeatLoop({
  ...beater,
  connection: new KeptConnection({ connect }),
  sql,
  everyMs,
  report: (workers) => say({ kind: "gone", workers }),
  mayBeat: mainThreadAnswers,
});

async function perform(request: BeatRequest): Promise<boolean> {
  switch (request.do) {
    case "hold":
      return await loop.hold(request.lockKey);
    case "release":
      await loop.release(request.lockKey);
      return true;
    case "begin":
      await loop.begin(request.entry);
      return true;
    case "end":
      await loop.end(request.worker);
      return true;
    case "withoutLocks":
      await loop.withoutLocks();
      return true;
    case "close":
      await loop.close();
      return true;
  }
}

type Told = BeatPassword | { readonly id: number; readonly request: BeatRequest };

parentPort?.on("message", (told: Told) => {
  if ("password" in told) {
    answerPassword?.(told.password);
    return;
  }
  const { id, request } = told;
  perform(request).then(
    (value) => say({ kind: "answer", id, value }),
    (error: unknown) => {
      const { message, code, severity } = error as Partial<Record<"message" | "code" | "severity", string>>;
      say({ kind: "failure", id, failure: { message: message ?? String(error), code, severity } });
    },
  );
});
say({ kind: "ready" });
