import type { ErrorJson } from "../errors.ts";
import type { Transition } from "../history/history-store.ts";
import type { RunDetail } from "../history/records.ts";

/** The end of a run that cannot go on, with its attempts under way. A retry begins these again. */
export function failClaimed(detail: RunDetail, error: ErrorJson): Transition {
  return {
    ended: detail.steps
      .filter((step) => step.completedAt === null)
      .map(({ name, attempt }) => ({
        name,
        attempt,
        status: "FAILED",
        output: null,
        error,
        rows: null,
        metrics: {},
        retryAt: null,
      })),
    begun: [],
    run: { status: "FAILED", error, endsAs: null },
    attachments: [],
  };
}
