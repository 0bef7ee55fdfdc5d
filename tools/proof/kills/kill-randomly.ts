import { setTimeout as delay } from "node:timers/promises";
import { type CrashPoint, DURABLE_EFFECTS, seeded } from "spine-core/testing";
import type { KillFindings } from "./audit-kills.ts";
import { readBooks } from "./book.ts";
import type { Member } from "./crew.ts";
import type { Address } from "./database-at.ts";
import type { Job, Starts } from "./job.ts";
import { Stage } from "./stage.ts";

export interface KillOptions {
  readonly address: Address;
  /** What `bundleProcess` made. */
  readonly code: string;
  /** A folder for books; nothing of the database under test is in it. */
  readonly folder: string;
  readonly kills: number;
  /** Which processes die, when and where; what the machine does meanwhile is another matter. */
  readonly seed: number;
  readonly workers?: number;
  /** The workflow of all runs; of all kinds when left out. */
  readonly workflow?: string;
  readonly onKill?: (kills: number) => void;
}

export interface KillReport extends KillFindings {
  readonly kills: number;
  /** Of these, those of processes that only start runs. */
  readonly client_kills: number;
  /** Of these, those at a chosen moment of a commit, a claim or a transaction. */
  readonly aimed_kills: number;
  /** Runs that are there in the end, children included. */
  readonly runs: number;
  /** Attempts that a death cut. */
  readonly attempts_cut: number;
  /** From the last kill to the end of the last run, in milliseconds. */
  readonly drained_ms: number;
  /** What processes said that ended by themselves, which none may. */
  readonly accidents: readonly string[];
}

const CLIENT = "client-";
const AIMS: readonly CrashPoint[] = DURABLE_EFFECTS.flatMap((effect) => [
  `before ${effect}` as const,
  `after ${effect}` as const,
]);
/** The mean wait between two kills, in milliseconds; what a process needs to start comes on top. */
const MEAN_WAIT_MS = 100;
/** How long a process that is to die at a moment of its own may take to get there. */
const AIMED_MS = 800;

/**
 * Kills real processes at random moments (SIGKILL) while they work on runs of many kinds and while clients start these, and
 * compares in the end what was promised with what is there.
 */
export async function killRandomly(options: KillOptions): Promise<KillReport> {
  const { address, code, folder, kills, seed, workers = 3, workflow, onKill } = options;
  const random = seeded(seed);
  await using stage = await Stage.open({ address, code, folder, spares: workers });
  const { books } = stage;

  const of = workflow === undefined ? {} : { workflow };
  let lives = 0;
  /** One worker in three has a moment of its own at which it dies, unless it is killed before. */
  const workerJob = (): Partial<Job> => {
    const starts = { prefix: `inline-${++lives}-`, from: 0, again: [], everyMs: 150, most: 4, ...of };
    const job = { worker: true, starts };
    const aimed = random() < 1 / 3;
    const point = AIMS[Math.floor(random() * AIMS.length)] ?? "after advance";
    const nth = 1 + Math.floor(random() * 12);
    return aimed ? { ...job, diesAt: { point, nth } } : job;
  };
  const clientJob = (last: Member | null): Partial<Job> => {
    const left = last ? leftBy(last, books) : { from: 0, again: [] };
    return {
      address,
      books,
      worker: false,
      starts: { prefix: CLIENT, ...left, everyMs: 60, most: 4 * workers, ...of },
    };
  };

  const staff = await Promise.all(Array.from({ length: workers }, () => stage.hire(workerJob())));
  let client = await stage.hire(clientJob(null));
  await Promise.all([...staff, client].map((member) => member.says("ready").catch(() => {})));

  let killed = 0;
  let clientKills = 0;
  let aimedKills = 0;
  const count = () => {
    killed += 1;
    onKill?.(killed);
  };
  while (killed < kills) {
    // Now and then several at once.
    if (random() > 0.15) await delay(random() * 2 * MEAN_WAIT_MS);
    // Whoever went by itself is replaced first: it is a kill too.
    const at = staff.findIndex((member) => !member.isAlive);
    if (at >= 0) {
      aimedKills += 1;
      count();
      staff[at] = await stage.hire(workerJob());
      continue;
    }
    if (random() < 0.12) {
      clientKills += 1;
      await client.kill();
      count();
      client = await stage.hire(clientJob(client));
      continue;
    }
    const victim = Math.floor(random() * staff.length);
    const member = staff[victim];
    if (!member) continue;
    // Most die at work, some while they start.
    if (random() > 0.2) await Promise.race([member.says("ready").catch(() => {}), delay(5_000)]);
    if (member.job.diesAt && random() < 0.8) await Promise.race([member.gone(), delay(AIMED_MS)]);
    if (member.isAlive) await member.kill();
    else aimedKills += 1;
    count();
    staff[victim] = await stage.hire(workerJob());
  }
  const lastKill = performance.now();
  for (const member of [client, ...staff]) member.tell("enough");
  await stage.drained();
  const drained_ms = Math.round(performance.now() - lastKill);
  const outcome = await stage.finish();
  const steps = outcome.runs.flatMap(({ detail }) => detail?.steps ?? []);
  return {
    ...outcome,
    kills: killed,
    client_kills: clientKills,
    aimed_kills: aimedKills,
    runs: outcome.runs.length,
    attempts_cut: steps.filter(({ error }) => error?.code === "WORKER_LOST").length,
    drained_ms,
  };
}

/** What the next client has to start: what the last one was to start and was not told of, and all new numbers. */
function leftBy({ job, pid }: Member, books: string): Pick<Starts, "from" | "again"> {
  const numbers = (what: string) =>
    new Set(
      entries.filter((entry) => entry.what === what).map(({ key = "" }) => Number(key.slice(CLIENT.length))),
    );
  const entries = readBooks(books, pid);
  const [asked, accepted] = [numbers("asked"), numbers("accepted")];
  const again = [...new Set([...(job.starts?.again ?? []), ...asked])].filter((n) => !accepted.has(n));
  return { from: Math.max(job.starts?.from ?? 0, ...[...asked].map((n) => n + 1)), again };
}
