import type { WorkflowData } from "../workflow/workflow.ts";
import { advance, type Happened, isAtRest, nextTime } from "./advance.ts";
import type { Durable, Ended, Handle, Settled, StepResult, TransactionalResult, Wake } from "./durable.ts";
import { type Advance, apply, type RunState } from "./run-state.ts";

/** Runs the code of one attempt of the step with this path. */
export type StepBody = (
  path: string,
  attempt: number,
  signal: AbortSignal,
) => Promise<StepResult | TransactionalResult>;

/**
 * Drives a run until it ends or has to wait; `state` is then the state that it is left in. One loop with one
 * await at a time, no graph of promises: an engine that journals what is awaited sees the same order again.
 *
 * @param lost attempts to record as ended before anything else: those of an owner that is gone.
 *   `null` when the state's running attempts have just been recorded as begun (an inline start).
 */
export async function interpret(
  workflow: WorkflowData,
  state: RunState,
  lost: readonly Ended[] | null,
  durable: Durable,
  body: StepBody,
): Promise<void> {
  const open = new Map<string, Handle>();

  const record = async (settled: readonly Settled[], more: Omit<Happened, "ended">): Promise<void> => {
    let left = settled;
    let also: Omit<Happened, "ended"> = more;
    do {
      let next: Advance | undefined;
      left = await durable.record(left, (ended) => {
        next = advance(workflow, state, { ended, ...also }, durable.now(), durable.random());
        return next;
      });
      if (!next) return;
      apply(state, next);
      also = {};
      for (const path of next.stopped) {
        const handle = open.get(path);
        if (handle) durable.abandon(handle);
        open.delete(path);
      }
    } while (left.length > 0);
  };

  if (lost) await record(lost, {});
  while (!isAtRest(state)) {
    for (const [path, attempt] of state.running) {
      if (open.has(path)) continue;
      const run = (signal: AbortSignal) => body(path, attempt, signal);
      open.set(path, durable.step({ step: path, attempt }, run));
    }
    const { settled, ...more } = await durable.race([...open.values()], wakeOf(state));
    for (const { step } of settled) open.delete(step);
    await record(settled, more);
  }
}

const UNDISTURBED: Wake = { at: null, messages: "none", children: [] };

/** What a run is to be woken by. */
function wakeOf(state: RunState): Wake {
  const at = nextTime(state);
  if (state.waiting.size === 0) return at === null ? UNDISTURBED : { ...UNDISTURBED, at };
  const children: string[] = [];
  let isSignal = false;
  for (const { child, signal } of state.waiting.values()) {
    if (child !== null) children.push(child);
    if (signal !== null) isSignal = true;
  }
  if (!isSignal && children.length === 0) return { at, messages: "none", children };
  return { at, messages: state.unread ? "unread" : "awaited", children };
}
