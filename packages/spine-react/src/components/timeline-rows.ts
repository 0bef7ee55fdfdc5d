import type { Attempt, Run, Step } from "spine-http/client";

/** A step with all its attempts, oldest first; without them it is drawn from what it says of its newest one. */
export type TimelineStep = Step & { readonly history?: readonly Attempt[] | undefined };

/** What is drawn for a stretch of time. */
export interface Segment {
  /** `backoff`: the wait between a failed attempt and the next. `wait`: the step itself waits, for a time or a signal. */
  readonly kind: "queue" | "work" | "backoff" | "wait";
  /** ms since the epoch. */
  readonly from: number;
  /** Null: it goes on. */
  readonly to: number | null;
  readonly status: Step["status"];
  /** 1 for the first attempt. */
  readonly attempt: number;
}

export interface TimelineRow {
  readonly step: TimelineStep;
  /** How many steps it is inside of. */
  readonly depth: number;
  /** Its name without those of the steps it is inside of. */
  readonly label: string;
  /** True: others are inside of it. */
  readonly isOuter: boolean;
}

/** The steps as rows, in their order, with where they stand. */
export function rowsOf(steps: readonly TimelineStep[]): readonly TimelineRow[] {
  const depths = new Map<string, number>();
  const outer = new Set(steps.map(({ parent }) => parent));
  return steps.map((step) => {
    const { name, parent } = step;
    const above = parent === null ? -1 : (depths.get(parent) ?? -1);
    const depth = above + 1;
    depths.set(name, depth);
    const isBelow = parent !== null && above >= 0 && name.startsWith(`${parent}/`);
    return { step, depth, label: isBelow ? name.slice(parent.length + 1) : name, isOuter: outer.has(name) };
  });
}

/** The attempts of a step, its waits between them, and what it waits for itself. */
export function segmentsOf(step: TimelineStep): readonly Segment[] {
  const attempts = attemptsOf(step);
  return attempts.flatMap((attempt, index): Segment[] => {
    const next = attempts[index + 1];
    const from = Date.parse(attempt.started_at);
    const to = attempt.completed_at === null ? null : Date.parse(attempt.completed_at);
    const kind = attempt.status === "WAITING" ? "wait" : "work";
    const own: Segment = { kind, from, to, status: attempt.status, attempt: attempt.attempt };
    if (attempt.retry_at === null || to === null) return [own];
    const until = next ? Date.parse(next.started_at) : Date.parse(attempt.retry_at);
    return until > to ? [own, { ...own, kind: "backoff", from: to, to: until }] : [own];
  });
}

type AttemptFacts = Pick<
  Attempt,
  "attempt" | "status" | "started_at" | "completed_at" | "duration" | "error" | "error_code" | "retry_at"
>;

export function attemptsOf(step: TimelineStep): readonly AttemptFacts[] {
  if (step.history && step.history.length > 0) return step.history;
  if (step.started_at === null) return [];
  const { status, started_at, completed_at, duration, error, error_code, retry_at } = step;
  return [
    { attempt: step.attempts, status, started_at, completed_at, duration, error, error_code, retry_at },
  ];
}

/** Whether a step that failed is tried again. */
export function isRetrying(step: Step): boolean {
  return step.status === "FAILED" && step.retry_at !== null;
}

/** The time that a run has waited before its first step began; null where it has not waited. */
export function queueOf(run: Pick<Run, "created_at" | "started_at" | "completed_at">): Segment | null {
  const from = Date.parse(run.created_at);
  const end = run.started_at ?? run.completed_at;
  const to = end === null ? null : Date.parse(end);
  // What starts at once waits some milliseconds too: that is no queue.
  if (to !== null && to - from < SHORTEST_QUEUE_MS) return null;
  return { kind: "queue", from, to, status: "PENDING", attempt: 0 };
}
const SHORTEST_QUEUE_MS = 100;
