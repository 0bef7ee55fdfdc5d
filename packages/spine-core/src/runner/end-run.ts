import type { ErrorJson } from "../errors.ts";
import type { Transition } from "../history/history-store.ts";
import type { RunDetail } from "../history/records.ts";

/** The transition that ends a run with everything of it that is under way. */
export function endOf({ steps }: RunDetail, error: ErrorJson): Transition {
  return {
    ended: steps
      .filter(({ status }) => status === "RUNNING" || status === "WAITING")
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
