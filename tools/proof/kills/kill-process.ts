import { setTimeout as delay } from "node:timers/promises";
import { createSpine, type Spine, SpineError, silentLogger } from "spine-core";
import { withCrashPoints } from "spine-core/testing";
import { Book } from "./book.ts";
import { databaseAt } from "./database-at.ts";
import type { Command, Job, Said, Starts } from "./job.ts";
import {
  APPROVAL,
  APPROVED,
  appendedTable,
  effectsTable,
  fate,
  nthWorkflow,
  replacedTable,
  workload,
  YES,
} from "./workload.ts";

// A process to be killed. It loads everything, says "standby" and waits for its job, so that one that dies is replaced at once.

let spine: Spine | undefined;
let enough = false;
process.on("message", (message: Job | Command) => {
  if (message === "enough") enough = true;
  else if (message === "stop") void leave();
  else void work(message);
});
process.on("SIGTERM", () => void leave());
process.on("disconnect", () => process.exit());
say("standby");

function say(what: Said): void {
  process.send?.(what);
}

async function leave(): Promise<void> {
  enough = true;
  await spine?.stop();
  say("gone");
  process.exit();
}

async function send(runId: string, name: string, payload: unknown, id: string): Promise<void> {
  await spine?.signal(runId, name, payload, { id });
}

async function work(job: Job): Promise<void> {
  const book = new Book(job.books);
  let left = job.diesAt?.nth ?? 0;
  const { clockOffsetMs = 0 } = job;
  if (clockOffsetMs !== 0) {
    const right = Date.now;
    Date.now = () => right() + clockOffsetMs;
  }
  const inner = databaseAt(job.address);
  const database = job.diesAt
    ? withCrashPoints(inner, (point) => {
        if (point !== job.diesAt?.point || enough) return;
        left -= 1;
        if (left !== 0) return;
        book.note({ what: "dies", point });
        process.kill(process.pid, "SIGKILL");
      })
    : inner;
  spine = await createSpine({
    database,
    workflows: workload(book, send).filter(({ name }) => job.workflows?.includes(name) ?? true),
    worker: false,
    concurrency: job.concurrency ?? 10,
    logger: silentLogger,
    // Whoever works on a run is killed more often here than anywhere else.
    maxCrashes: 1_000,
  });
  for (const table of [effectsTable, appendedTable, replacedTable]) await database.ensureTable(table);
  spine.on("step.ended", ({ runId, step, status }) => {
    if (status === "COMPLETED") book.note({ what: "kept", runId, step });
  });
  if (job.worker) await spine.start();
  say("ready");
  if (!job.starts) return;
  await start(spine, book, job.starts);
  say("started all");
}

/** What an operator does: approves the run, or cancels it on its way. It may have ended by then, or the process be on its way out. */
async function drive(at: Spine, runId: string, n: number): Promise<void> {
  await delay(Math.random() * 200);
  try {
    if (fate(n) === "is cancelled") await at.cancel(runId);
    else await at.signal(runId, APPROVAL, JSON.parse(YES), { id: APPROVED });
  } catch (error) {
    const { code, retryable } = SpineError.from(error);
    // The proof itself approves what is left in the end.
    if (code !== "RUN_CONFLICT" && !retryable) throw error;
  }
}

async function start(at: Spine, book: Book, starts: Starts): Promise<void> {
  const { prefix, again, from, count = Number.POSITIVE_INFINITY, everyMs, most, workflow } = starts;
  let open = 0;
  const one = async (n: number) => {
    const key = `${prefix}${n}`;
    book.note({ what: "asked", key });
    const name = workflow ?? nthWorkflow(n);
    const run = await at.run(name, { n: starts.n ?? n }, { key });
    book.note({ what: "accepted", key, runId: run.id });
    if (name === "kill.kinds") void drive(at, run.id, starts.n ?? n);
    open += 1;
    // How it ended is the auditor's business.
    const over = () => {
      open -= 1;
    };
    void run.result().then(over, over);
  };
  for (const n of again) await one(n);
  for (let n = from; n < from + count && !enough; n++) {
    while (open >= most && !enough) await delay(5);
    await one(n);
    await delay(Math.random() * everyMs);
  }
}
