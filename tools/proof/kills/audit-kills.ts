import type { RunEvent } from "spine-core";
import { type AuditedRun, audit, type LedgerEntry } from "spine-core/testing";
import type { Entry } from "./book.ts";
import { undoFindings } from "./undone.ts";

/** What a proof by killing found. The first four have to be 0. */
export interface KillFindings {
  /** Accepted runs that are not there or not complete, and steps that were told to be recorded and are not. */
  readonly lost: number;
  /** Steps recorded twice, effects and rows that are not there exactly once, keys with two runs. */
  readonly double_commits: number;
  /** Bodies that began after their step or part was recorded, or that began again though nothing had cut them. */
  readonly finished_reexecuted: number;
  /** Signs of a write by somebody who had lost the run: gaps in the events, attempts out of order. */
  readonly stale_accepted: number;
  /** For each death that left runs behind: how long until all of them were in other hands, in milliseconds. */
  readonly recoveries: readonly number[];
  /** Runs that changed hands because their worker was gone. */
  readonly takeovers: number;
  /**
   * Bodies that began in a process after others had taken its run over, wrongly, for it lived. Nobody can stop these; what they
   * write is refused. 0 where nobody is stopped or cut off.
   */
  readonly zombie_bodies: number;
  /** What exactly was found. */
  readonly violations: readonly Finding[];
}

type Count = "lost" | "double_commits" | "finished_reexecuted" | "stale_accepted";

export interface Finding {
  readonly count: Count;
  readonly code: string;
  readonly runId: string;
  readonly detail: string;
}

/** The auditor of spine-core says what is broken; here it is put under the promise that it breaks. */
const COUNTS: Readonly<Record<string, Count>> = {
  RUN_LOST: "lost",
  TOLD_TOO_EARLY: "lost",
  RECORDED_TWICE: "double_commits",
  EFFECT_MISSING: "double_commits",
  EFFECT_DOUBLED: "double_commits",
  ROWS_WRONG: "double_commits",
  KEY_TWICE: "double_commits",
  RAN_AGAIN: "finished_reexecuted",
  BEGAN_FINISHED: "finished_reexecuted",
  BEGAN_TWICE: "finished_reexecuted",
  TAKEN_FROM_LIVING: "finished_reexecuted",
  EVENTS_WRONG: "stale_accepted",
  ATTEMPTS_WRONG: "stale_accepted",
  OUT_OF_ORDER: "stale_accepted",
  NOT_UNDONE: "lost",
  UNDONE: "stale_accepted",
  UNDO_ORDER: "stale_accepted",
};

export interface KillFacts {
  /** All books in the order of time. */
  readonly entries: readonly Entry[];
  /** All runs that are there. */
  readonly runs: readonly AuditedRun[];
  /** Process → when it was killed. Null where runs may be taken from the living, who are stopped or cut off. */
  readonly deaths: ReadonlyMap<number, number> | null;
}

/** Compares what processes saw with what is there in the end. Pure. */
export function auditKills({ entries: all, runs, deaths }: KillFacts): KillFindings {
  const violations: Finding[] = [];
  const find = (code: string, runId: string, detail: string) => {
    violations.push({ count: COUNTS[code] ?? "stale_accepted", code, runId, detail });
  };
  const entries = deaths === null ? withoutZombies(all, runs) : all;
  for (const { code, runId, detail } of audit(entries.flatMap(ledgerEntry), runs)) find(code, runId, detail);

  const seen = Map.groupBy(entries, ({ runId }) => runId);
  const latest = new Map<number, number>();
  let takeovers = 0;
  for (const run of runs) {
    const say = (code: string, detail: string) => find(code, run.runId, detail);
    checkBodies(run, seen.get(run.runId) ?? [], say);
    checkOrder(run, say);
    for (const [code, what] of run.detail ? undoFindings(run.detail) : []) say(code, what);
    for (const { lostPid, at, worker } of takeoversIn(run.events)) {
      takeovers += 1;
      if (deaths === null) continue;
      const died = deaths.get(lostPid);
      if (died === undefined || at < died - 1)
        say("TAKEN_FROM_LIVING", `by ${worker} from ${lostPid} at ${at}, which died at ${died}`);
      else latest.set(lostPid, Math.max(latest.get(lostPid) ?? 0, at - died));
    }
  }
  checkKeys(entries, runs, find);

  const times = (count: Count) => violations.filter((violation) => violation.count === count).length;
  return {
    lost: times("lost"),
    double_commits: times("double_commits"),
    finished_reexecuted: times("finished_reexecuted"),
    stale_accepted: times("stale_accepted"),
    recoveries: [...latest.values()].sort((a, b) => a - b),
    takeovers,
    zombie_bodies: all.length - entries.length,
    violations,
  };
}

function withoutZombies(entries: readonly Entry[], runs: readonly AuditedRun[]): readonly Entry[] {
  const taken = new Map(runs.map(({ runId, events }) => [runId, takeoversIn(events)]));
  return entries.filter(
    ({ what, runId = "", pid, at }) =>
      what !== "began" ||
      !taken.get(runId)?.some((takeover) => takeover.lostPid === pid && takeover.at <= at),
  );
}

/** The smallest value that 99 of 100 do not exceed; null where there are none. */
export function p99(sorted: readonly number[]): number | null {
  return sorted[Math.ceil(sorted.length * 0.99) - 1] ?? null;
}

function ledgerEntry({ what, runId, step, part }: Entry): readonly LedgerEntry[] {
  if (runId === undefined) return [];
  const unit = part === undefined ? (step ?? "") : `${step}#${part}`;
  if (what === "accepted") return [{ what, runId }];
  if (what === "began") return [{ what: "started", runId, unit }];
  if (what === "kept") return [{ what: "acknowledged", runId, unit }];
  return [];
}

type Say = (code: string, detail: string) => void;

/** What began, and what was told, beside what is recorded. */
function checkBodies({ detail }: AuditedRun, entries: readonly Entry[], say: Say): void {
  const completed = new Map<string, number>();
  for (const { name, status, completedAt } of detail?.steps ?? []) {
    if (status === "COMPLETED" && completedAt !== null) completed.set(name, Date.parse(completedAt));
  }
  const attempts = new Set<string>();
  for (const { what, at, pid, step = "", part, attempt } of entries) {
    if (part !== undefined) continue;
    const end = completed.get(step);
    if (what === "began") {
      // Times of a database have milliseconds only, and are rounded.
      if (end !== undefined && at > end + 1)
        say("BEGAN_FINISHED", `${step} #${attempt} began ${at - end} ms after its end, in ${pid}`);
      if (attempts.has(`${step}#${attempt}`)) say("BEGAN_TWICE", `${step} #${attempt}, again in ${pid}`);
      attempts.add(`${step}#${attempt}`);
    } else if (what === "kept" && (end === undefined || end > at + 1)) {
      say("TOLD_TOO_EARLY", `${step} was told at ${at}, and ended at ${end}`);
    }
  }
}

/**
 * Steps run one after another, and so do the attempts of a step inside of another one: each begins when the one before it has
 * ended, not earlier.
 */
function checkOrder({ detail }: AuditedRun, say: Say): void {
  const last = new Map<string, string>();
  for (const { name, attempt, startedAt, completedAt } of detail?.steps ?? []) {
    const line = name.includes("/") ? name : "";
    const before = last.get(line) ?? "";
    if (startedAt < before)
      say("OUT_OF_ORDER", `${name} #${attempt} began at ${startedAt}, the one before it ended at ${before}`);
    last.set(line, completedAt ?? startedAt);
  }
}

function checkKeys(
  entries: readonly Entry[],
  runs: readonly AuditedRun[],
  find: (code: string, runId: string, detail: string) => void,
): void {
  const byKey = new Map<string, string>();
  const meet = (key: string, runId: string) => {
    const known = byKey.get(key);
    if (known !== undefined && known !== runId) find("KEY_TWICE", runId, `${key} is also ${known}`);
    byKey.set(key, runId);
  };
  for (const { runId, detail } of runs)
    if (detail?.run.key) meet(`${detail.run.workflow} ${detail.run.key}`, runId);
  const workflows = new Map(runs.map(({ runId, detail }) => [runId, detail?.run.workflow]));
  for (const { what, key, runId } of entries) {
    const workflow = runId === undefined ? undefined : workflows.get(runId);
    if (what === "accepted" && key !== undefined && runId !== undefined && workflow)
      meet(`${workflow} ${key}`, runId);
  }
}

interface Takeover {
  readonly lostPid: number;
  readonly worker: string;
  readonly at: number;
}

function takeoversIn(events: readonly RunEvent[]): readonly Takeover[] {
  return events.flatMap(({ at, data }) => {
    const { reason, lost_worker, worker } = data as Readonly<Record<string, unknown>>;
    if (reason !== "takeover") return [];
    return [{ lostPid: pidOf(lost_worker), worker: String(worker), at: Date.parse(at) }];
  });
}

/** Workers are called by host, process and a random part. */
export function pidOf(worker: unknown): number {
  return Number(/-(\d+)-[0-9a-f]+$/.exec(String(worker))?.[1]);
}
