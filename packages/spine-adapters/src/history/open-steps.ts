import type { StepBegin, StepWait } from "spine-core";

/**
 * An attempt under way. It has no row of its own before it ends: the run's row, which every write changes for its
 * fence, names it (`open_steps`). So a step costs one insert, and is counted and visible before it starts all the same.
 */
export interface OpenStep extends StepBegin, Waits {
  /** Position in the run's order of attempts. */
  readonly seq: number;
  /** The number of the event that told its beginning. */
  readonly event: number;
  /** When it began, ISO time. */
  readonly at: string;
}

/** What an attempt has beside it once it only waits. */
interface Waits {
  /** What it waits for, and until when (ISO time); left out while its code runs. */
  readonly wait?: { readonly reason: string | null; readonly until: string | null };
}

/** An attempt that begins in the write under way, whose event and time only the database knows. */
export interface BegunStep extends StepBegin, Waits {
  readonly seq: number;
  /** The number of its event among those of the write. */
  readonly pos: number;
}

/** How attempts under way are stored: JSON text, null when there are none. */
export function writeOpenSteps(steps: readonly (OpenStep | BegunStep)[]): string | null {
  return steps.length === 0 ? null : JSON.stringify(steps);
}

/** What is stored beside attempts that began in the run's last write that changed them. */
export interface OpenBase {
  /** The run's version before that write. */
  readonly version: number;
  readonly at: string;
}

/** The attempts under way that a run's row names. */
export function readOpenSteps(text: string | null, base: OpenBase | null = null): readonly OpenStep[] {
  if (text === null) return [];
  const steps = JSON.parse(text) as readonly (OpenStep | BegunStep)[];
  return steps.map((step) => ("event" in step ? step : began(step, base ?? { version: 0, at: "" })));
}

/** An attempt after the write in which it began. */
export function began({ pos, ...step }: BegunStep, base: OpenBase): OpenStep {
  return { ...step, event: base.version + pos, at: base.at };
}

/** Attempts under way, some of which only wait from now on. @param isoTime a time as the database stores it. */
export function withWaits<Step extends OpenStep | BegunStep>(
  open: readonly Step[],
  waiting: readonly StepWait[],
  isoTime: (ms: number) => string,
): readonly Step[] {
  if (waiting.length === 0) return open;
  return open.map((step) => {
    const wait = waiting.find(isAttempt(step));
    if (!wait) return step;
    return {
      ...step,
      wait: { reason: wait.reason, until: wait.until === null ? null : isoTime(wait.until) },
    };
  });
}

/** True for the attempt of a step that another fact names. */
export function isAttempt(of: { readonly name: string; readonly attempt: number }) {
  return (step: { readonly name: string; readonly attempt: number }): boolean =>
    step.name === of.name && step.attempt === of.attempt;
}
