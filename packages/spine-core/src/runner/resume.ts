import { end, goOnInside } from "./begin-step.ts";
import type { Draft } from "./draft.ts";

// A run that was rebuilt from its history goes on with the steps that its workflow has now, which may be others than it began with.

/** Ends what does not go on: it is cancelled, and so are the runs that it waited for. */
export function endInterrupted(draft: Draft): void {
  for (const [path, { attempt, child, error }] of draft.before.interrupted) {
    end(draft, path, { status: "CANCELLED", attempt, error: error?.toJSON() ?? null });
    if (child !== null) draft.cancelled.push(child);
  }
}

/** Begins what the steps that are under way would have begun by now. Where nothing has changed, that is nothing. */
export function resume(draft: Draft): void {
  for (const [path] of draft.all<number>("entered")) {
    const step = draft.at(path);
    if (step && draft.step(path).status === "RUNNING") goOnInside(draft, path, step);
  }
}
