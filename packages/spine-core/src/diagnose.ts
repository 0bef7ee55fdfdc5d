import type { AlertDelivery, AlertsDue } from "./alerts/notification-store.ts";
import { type Clock, within } from "./clock.ts";
import type { Database, StateStores } from "./database/database.ts";
import { type Check, type Diagnosis, finding, healthy } from "./database/diagnosis.ts";
import { SpineError, textOf } from "./errors.ts";
import type { Workload } from "./history/workload.ts";

export interface DiagnoseOptions {
  readonly database: Database;
  readonly stores: StateStores;
  /** The workflows that this process knows. */
  readonly workflows: readonly string[];
  /** Of these: the versions that runs are tied to. */
  readonly pinned?: ReadonlyMap<string, string>;
  readonly clock: Clock;
  /** True for a process that works on runs: it looks for them. */
  readonly working: boolean;
  /** The runs that are this process's and that it does not work on. */
  readonly unattended: () => Promise<readonly string[]>;
}

/** How long a run may wait for a worker before that is worth a word. */
const LONG_WAIT_MS = 60_000;
const ANSWER_MS = 10_000;
/** Whoever looks this often does not rely on being told. */
const SELDOM_MS = 1_000;
/** Deliveries that were given up: those of so long, and so many of the newest. */
const DEAD_MS = 86_400_000;
const MOST_DEAD = 100;
/** How long a message may wait for a process that has its channel. */
const UNTAKEN_MS = 5 * 60_000;
/** Names in a message; all are in the data. */
const MOST_NAMES = 5;

/** Looks at the database and at the work; what it finds wrong is in the answer, nothing is thrown. */
export async function diagnose(options: DiagnoseOptions): Promise<Diagnosis> {
  const { database, stores, clock, working } = options;
  const checks = [...(await databaseChecks(database))];
  // Who cannot reach the database hears nothing either, and who does not work does not listen for work.
  if (working && checks.every(({ name, status }) => name !== "database" || status !== "error")) {
    checks.push(wakingCheck(stores.hints.pollMs, database.dialect));
  }
  try {
    const { workflows, pinned = new Map() } = options;
    const workload = await answerOf(stores.history.workload({ pinned }));
    checks.push(...workChecks(workload, workflows, clock.now()));
    if (working) checks.push(unattendedCheck(await answerOf(options.unattended())));
    const { notifications } = stores;
    const dead = await answerOf(notifications.deliveries({ status: "DEAD", limit: MOST_DEAD }));
    checks.push(...deliveryChecks(dead, await answerOf(notifications.due())));
  } catch (error) {
    checks.push(workFailed(error, checks));
  }
  return { ok: checks.every(({ status }) => status !== "error"), checks };
}

async function databaseChecks(database: Database): Promise<readonly Check[]> {
  try {
    return await answerOf(database.diagnose());
  } catch (error) {
    return [failed("database", error)];
  }
}

/** Other calls wait for a database that does not answer; that it does not is what is asked here. */
async function answerOf<T>(work: Promise<T>): Promise<T> {
  if (await within(ANSWER_MS, work)) return await work;
  throw new SpineError("DATABASE_UNAVAILABLE", `There was no answer within ${ANSWER_MS / 1_000} s.`);
}

function failed(name: string, error: unknown): Check {
  return finding(
    "error",
    name,
    `The database could not be asked: ${textOf(error)}`,
    "See that the database runs and takes connections, then ask again.",
    { code: SpineError.is(error) ? error.code : "INTERNAL" },
  );
}

/** The database may well answer, and refuse: then its tables are not what they should be. */
function workFailed(error: unknown, checks: readonly Check[]): Check {
  const code = SpineError.is(error) ? error.code : "INTERNAL";
  const schema = checks.find(({ name, status }) => name === "schema" && status === "error");
  if (!schema && code !== "DATABASE_FAILED") return failed("work", error);
  return finding(
    "error",
    "work",
    `What there is to do cannot be read from Spine's tables: ${textOf(error)}`,
    schema
      ? "First do what the check `schema` says. Runs whose tables were dropped are only in a backup: restore it before Spine is started again."
      : "See whether somebody has dropped or changed tables of Spine's, and restore them from a backup.",
    { code },
  );
}

/** How other processes hear of new work. */
function wakingCheck(pollMs: number, dialect: Database["dialect"]): Check {
  if (pollMs >= SELDOM_MS || dialect === "sqlite")
    return healthy("waking", `Work is looked for when somebody tells, and every ${pollMs} ms.`, { pollMs });
  return finding(
    "warning",
    "waking",
    `This process cannot be told of new work and looks for it every ${pollMs} ms.`,
    "If the connection goes through a pooler that shares sessions (e.g. PgBouncer in transaction mode), give Spine a direct one.",
    { pollMs },
  );
}

/** What there is to do, and whether somebody does it. */
export function workChecks(
  { due, workers }: Workload,
  workflows: readonly string[],
  now: number,
): readonly Check[] {
  const alive = workers.filter((worker) => worker.alive);
  const gone = workers.filter((worker) => !worker.alive && worker.runs > 0);
  return [
    workersCheck(alive.length, due.length > 0),
    goneCheck(gone, alive.length),
    waitCheck(due, now),
  ].concat(unknownCheck(due, workflows, alive.length));
}

function workersCheck(alive: number, isWork: boolean): Check {
  if (alive > 0)
    return healthy("workers", `${alive} ${alive === 1 ? "process works" : "processes work"} on runs.`, {
      alive,
    });
  return finding(
    isWork ? "error" : "warning",
    "workers",
    isWork ? "No process works on runs, and some are due." : "No process works on runs.",
    "Start one: `createSpine` without `worker: false`, or `spine.start()`.",
    { alive },
  );
}

function goneCheck(gone: Workload["workers"], alive: number): Check {
  const runs = gone.reduce((sum, worker) => sum + worker.runs, 0);
  const data = { workers: gone.map(({ worker }) => worker), runs };
  if (gone.length === 0)
    return healthy("lost workers", "No run is in the hands of a process that is gone.", data);
  return finding(
    alive > 0 ? "warning" : "error",
    "lost workers",
    `${count(runs, "run is", "runs are")} in the hands of ${count(gone.length, "process", "processes")} that ${gone.length === 1 ? "is" : "are"} gone.`,
    alive > 0
      ? "Ask again in ten seconds: a process that knows their workflows takes them over. If they stay, none knows these workflows."
      : "Start a process that works: it takes them over.",
    data,
  );
}

/** @param runs in the hands of this process, which does not work on them. */
export function unattendedCheck(runs: readonly string[]): Check {
  const data = { runs };
  if (runs.length === 0) return healthy("own runs", "This process works on all runs that are its own.", data);
  return finding(
    "warning",
    "own runs",
    `${count(runs.length, "run is", "runs are")} in the hands of this process, and it does not work on ${runs.length === 1 ? "it" : "them"}.`,
    "Ask again in a minute: it gives them back as soon as the database takes it. If they stay, look at what it logs, and start it anew.",
    data,
  );
}

function waitCheck(due: Workload["due"], now: number): Check {
  const runs = due.reduce((sum, each) => sum + each.runs, 0);
  const oldest = due[0];
  const waitMs = oldest ? Math.max(0, now - Date.parse(oldest.oldestDueAt)) : 0;
  const data = { runs, waitMs, workflow: oldest?.workflow ?? null };
  if (!oldest || waitMs <= LONG_WAIT_MS)
    return healthy(
      "waiting runs",
      runs === 0 ? "No run waits for a worker." : `${count(runs, "run waits", "runs wait")}, none for long.`,
      data,
    );
  return finding(
    "warning",
    "waiting runs",
    `${count(runs, "run waits", "runs wait")} for a worker, the oldest (of "${oldest.workflow}") for ${Math.round(waitMs / 1_000)} s.`,
    "See whether its queue is paused or at its limit; else start more processes, or raise `concurrency`.",
    data,
  );
}

/** Which workflows the other processes know is not recorded: only that this one does not know them. */
function unknownCheck(due: Workload["due"], workflows: readonly string[], alive: number): readonly Check[] {
  const unknown = due.flatMap(({ workflow, runs, foreign = 0 }) => {
    if (!workflows.includes(workflow)) return [{ workflow, runs, version: "" }];
    return foreign > 0 ? [{ workflow, runs: foreign, version: " (another version)" }] : [];
  });
  const names = unknown.map(({ workflow }) => workflow);
  const runs = unknown.reduce((sum, each) => sum + each.runs, 0);
  const data = { workflows: names, runs };
  if (unknown.length === 0)
    return [healthy("unknown workflows", "This process knows the workflows of all runs that are due.", data)];
  const more = names.length > MOST_NAMES ? `, and ${names.length - MOST_NAMES} more` : "";
  const list = unknown
    .slice(0, MOST_NAMES)
    .map(({ workflow, version }) => `"${workflow}"${version}`)
    .join(", ");
  return [
    finding(
      "warning",
      "unknown workflows",
      `${count(runs, "run waits", "runs wait")} whose workflow this process does not know: ${list}${more}.`,
      alive > 1
        ? "If another process knows them (in that version), nothing is to be done. Else register them: `createSpine({ workflows: [...] })`, or its plugin."
        : "No other process works: register them, `createSpine({ workflows: [...] })`, or cancel these runs.",
      data,
    ),
  ];
}

/** What became of messages about alerts. @param dead the newest that were given up. */
export function deliveryChecks(
  dead: readonly AlertDelivery[],
  { now, deliveries }: Pick<AlertsDue, "now" | "deliveries">,
): readonly Check[] {
  const fresh = dead.filter(({ endedAt }) => endedAt !== null && now - Date.parse(endedAt) <= DEAD_MS);
  const late = [...deliveries].filter(([, at]) => now - at > UNTAKEN_MS).map(([channel]) => channel);
  return [deadCheck(fresh), untakenCheck(late)];
}

function deadCheck(dead: readonly AlertDelivery[]): Check {
  const channels = [...new Set(dead.map(({ channel }) => channel))];
  const [newest] = dead;
  const data = { deliveries: dead.length, channels, error: newest?.error ?? null };
  if (!newest) return healthy("dead deliveries", "No alert was given up within a day.", data);
  return finding(
    "warning",
    "dead deliveries",
    `${dead.length === MOST_DEAD ? "At least " : ""}${count(dead.length, "message", "messages")} about alerts could not be delivered within a day (${namesOf(channels)}); of the newest: ${newest.error}`,
    'See what is wrong with the channel (`spine.alerts.test("…")` sends it a message), then try them again: `spine.alerts.deliveries({ status: "DEAD" })` and `spine.alerts.redeliver(id)`.',
    data,
  );
}

function untakenCheck(channels: readonly string[]): Check {
  const data = { channels: [...channels] };
  if (channels.length === 0)
    return healthy("waiting deliveries", "No message about an alert waits for long.", data);
  return finding(
    "warning",
    "waiting deliveries",
    `Messages about alerts have been due for more than ${UNTAKEN_MS / 60_000} minutes, and no process takes them: ${namesOf(channels)}.`,
    "Start a process that has this channel (`createSpine({ alerts: { channels } })`, or its plugin) and works. Where it was removed on purpose, nothing is to be done: they are given up after a day.",
    data,
  );
}

function namesOf(names: readonly string[]): string {
  const more = names.length > MOST_NAMES ? `, and ${names.length - MOST_NAMES} more` : "";
  return `${names
    .slice(0, MOST_NAMES)
    .map((name) => `"${name}"`)
    .join(", ")}${more}`;
}

function count(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`;
}
