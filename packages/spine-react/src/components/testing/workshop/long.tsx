// A run of 500 steps, and a button behind which one of them changes: what a change costs is measured here.
import { useState } from "react";
import { flushSync } from "react-dom";
import { createRoot } from "react-dom/client";
import type { Status } from "spine-http/client";
import { StepTimeline } from "../../index.ts";
import { longRun } from "../fixtures.ts";

declare global {
  interface Window {
    /** Ms that the first drawing took. */
    drawn: number;
    /** Lets the next step complete; returns how many ms it took until that was in the page. */
    change: () => number;
  }
}

let next = 450;
/** As a poll with structural sharing leaves it: what has not changed is the same object. */
function changed(run: Status): Status {
  const at = next++;
  return {
    ...run,
    steps: run.steps.map((step, index) =>
      index === at
        ? {
            ...step,
            status: "COMPLETED" as const,
            attempts: 1,
            started_at: run.started_at,
            completed_at: run.started_at,
            duration: 1,
          }
        : step,
    ),
  };
}

function Long() {
  const [run, setRun] = useState(longRun);
  window.change = () => {
    const from = performance.now();
    flushSync(() => setRun(changed));
    document.body.getBoundingClientRect();
    return performance.now() - from;
  };
  return <StepTimeline run={run} mode="timed" />;
}

const root = document.getElementById("root");
if (root) {
  const from = performance.now();
  flushSync(() => createRoot(root).render(<Long />));
  document.body.getBoundingClientRect();
  window.drawn = performance.now() - from;
}
