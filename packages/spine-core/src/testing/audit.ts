import type { RunDetail, RunEvent, RunStatus } from "../history/records.ts";
import type { LedgerEntry } from "./ledger.ts";

/** What is there of a run in the end, read through the ports. */
export interface AuditedRun {
  readonly runId: string;
  readonly detail: RunDetail | undefined;
  readonly events: readonly RunEvent[];
  /** What its transactions and loads left behind, one text each; equal ones count. */
  readonly effects: readonly string[];
  /** What they ought to have left behind. */
  readonly expected: readonly string[];
  /** How it ought to have ended; COMPLETED when left out. */
  readonly endsAs?: RunStatus;
}

export const VIOLATIONS = {
  RUN_LOST: "an accepted run is not there, or did not come to its end",
  RAN_AGAIN: "something that was recorded ran again",
  RECORDED_TWICE: "a step has more than one COMPLETED attempt",
  TOLD_TOO_EARLY: "a step was told to be finished and was not in the history",
  EFFECT_MISSING: "an effect that commits with its step is not there",
  EFFECT_DOUBLED:
    "an effect that commits with its step is there more often than once, or was never asked for",
  EVENTS_WRONG: "the events have gaps, or are not as many as the version says",
  ATTEMPTS_WRONG: "attempts have gaps, or one of a finished run is not ended",
  ROWS_WRONG: "rows in are not rows out and rejected ones",
} as const;

export interface Violation {
  readonly code: keyof typeof VIOLATIONS;
  readonly runId: string;
  readonly detail: string;
}

/** What is broken, as a text: how often each promise, and the first cases. */
export function describeViolations(violations: readonly Violation[]): string {
  const codes = new Set(violations.map(({ code }) => code));
  const counts = [...codes].map((code) => {
    const times = violations.filter((violation) => violation.code === code).length;
    return `${code} (${VIOLATIONS[code]}): ${times}`;
  });
  const cases = violations.slice(0, 10).map((violation) => `  ${JSON.stringify(violation)}`);
  return [...counts, ...cases].join("\n");
}

/**
 * Whether the promises were kept: an accepted run is never lost, what is recorded never runs again and is recorded once,
 * effects happen exactly once. Compares what a ledger saw with what is there in the end; pure.
 */
export function audit(entries: readonly LedgerEntry[], runs: readonly AuditedRun[]): readonly Violation[] {
  const found: Violation[] = [];
  const byId = new Map(runs.map((run) => [run.runId, run]));
  for (const { what, runId } of entries) {
    if (what === "accepted" && !byId.get(runId)?.detail) {
      found.push({ code: "RUN_LOST", runId, detail: "it is not in the history" });
    }
  }
  for (const run of runs) {
    const say = (code: Violation["code"], detail: string) =>
      void found.push({ code, runId: run.runId, detail });
    const seen = entries.filter(({ runId }) => runId === run.runId);
    checkOrder(seen, say);
    checkEffects(run, say);
    if (run.detail) checkRecords(run, run.detail, say);
  }
  return found;
}

type Say = (code: Violation["code"], detail: string) => void;

/** In the order in which it was seen: what is recorded does not begin again. */
function checkOrder(entries: readonly LedgerEntry[], say: Say): void {
  const recorded = new Set<string>();
  for (const entry of entries) {
    if (entry.what === "acknowledged") recorded.add(entry.unit);
    if (entry.what === "started" && recorded.has(entry.unit)) say("RAN_AGAIN", entry.unit);
    if (entry.what === "died") {
      const steps = [...recorded].filter((unit) => !unit.includes("#"));
      for (const step of steps) {
        if (!entry.completed.includes(step)) say("TOLD_TOO_EARLY", `${step}, death ${entry.point}`);
      }
      for (const step of entry.completed) recorded.add(step);
    }
  }
}

function checkEffects({ effects, expected }: AuditedRun, say: Say): void {
  const wanted = new Set(expected);
  const there = new Map<string, number>();
  for (const effect of effects) there.set(effect, (there.get(effect) ?? 0) + 1);
  for (const effect of wanted) if (!there.has(effect)) say("EFFECT_MISSING", effect);
  for (const [effect, times] of there) {
    if (times > 1 || !wanted.has(effect)) say("EFFECT_DOUBLED", `${effect}, ${times} times`);
  }
}

function checkRecords(
  { events, endsAs = "COMPLETED" }: AuditedRun,
  { run, steps }: RunDetail,
  say: Say,
): void {
  if (run.status !== endsAs) say("RUN_LOST", `it is ${run.status}: ${run.error?.message ?? "no error"}`);
  if (events.length !== run.version || events.some(({ seq }, index) => seq !== index + 1)) {
    say("EVENTS_WRONG", `version ${run.version}, events ${events.map(({ seq }) => seq).join(" ")}`);
  }
  if (steps.some(({ seq }, index) => seq !== index + 1)) {
    say("ATTEMPTS_WRONG", `positions ${steps.map(({ seq }) => seq).join(" ")}`);
  }
  const attempts = new Map<string, number>();
  const completed = new Set<string>();
  for (const { name, attempt, status, rows } of steps) {
    if (attempt !== (attempts.get(name) ?? 0) + 1)
      say("ATTEMPTS_WRONG", `${name} has no attempt before ${attempt}`);
    attempts.set(name, attempt);
    if (status === "RUNNING" || status === "PENDING" || status === "WAITING")
      say("ATTEMPTS_WRONG", `${name} #${attempt} is ${status}`);
    if (status !== "COMPLETED") continue;
    if (completed.has(name)) say("RECORDED_TWICE", name);
    completed.add(name);
    if (rows && rows.in !== rows.out + rows.rejected) {
      say("ROWS_WRONG", `${name}: ${rows.in} in, ${rows.out} out, ${rows.rejected} rejected`);
    }
  }
}
