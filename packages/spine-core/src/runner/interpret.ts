import type { Step } from "../workflow/step.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import type { Durable, Ended, Handle, Settled, StepResult, TransactionalResult } from "./durable.ts";
import { type Advance, advance, apply, type RunState, running } from "./run-state.ts";

/** Runs the code of one attempt. */
export type StepBody = (
  step: Step,
  attempt: number,
  outputs: RunState["outputs"],
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
  const outputs = readOnly(state.outputs);

  const record = async (settled: readonly Settled[]): Promise<void> => {
    let next: Advance | undefined;
    await durable.record(settled, (ended) => {
      next = advance(workflow, state, ended, durable.now(), durable.random());
      return next.transition;
    });
    if (next) apply(state, next);
  };

  if (lost) await record(lost);
  for (;;) {
    for (const { step, attempt } of running(workflow, state)) {
      if (open.has(step.name)) continue;
      open.set(
        step.name,
        durable.step({ step: step.name, attempt }, () => body(step, attempt, outputs)),
      );
    }
    if (open.size === 0) return;
    const settled = await durable.race([...open.values()]);
    for (const { step } of settled) open.delete(step);
    await record(settled);
  }
}

/** What steps see of the outputs: a view that grows with the run, and that none of them can change. */
function readOnly<T extends object>(target: T): T {
  const refuse = () => false;
  return new Proxy(target, {
    set: refuse,
    defineProperty: refuse,
    deleteProperty: refuse,
    setPrototypeOf: refuse,
  });
}
