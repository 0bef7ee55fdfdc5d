import { useEffect, useRef, useState } from "react";
import type { Status } from "spine-http/client";
import { usePipelineStatus } from "../hooks/use-pipeline-status.ts";
import { useDisplay } from "./display.ts";

/** Changes within this time are told together. */
const TOGETHER_MS = 3_000;

export type StatusAnnouncerProps =
  | { readonly runId: string | null | undefined }
  | { readonly run: Status | undefined };

/** Tells screen readers what changes about a run, not what it is: failures at once, the rest politely and together. */
export function StatusAnnouncer(props: StatusAnnouncerProps) {
  return "run" in props ? <Announcer {...props} /> : <LiveAnnouncer {...props} />;
}

function LiveAnnouncer({ runId }: { readonly runId: string | null | undefined }) {
  return <Announcer run={usePipelineStatus(runId).run} />;
}

function Announcer({ run }: { readonly run: Status | undefined }) {
  const display = useDisplay();
  const known = useRef<Status | undefined>(undefined);
  const waiting = useRef<{ status: string; steps: number }>({ status: "", steps: 0 });
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const [said, setSaid] = useState("");
  const [failed, setFailed] = useState("");
  useEffect(() => {
    const before = known.current;
    known.current = run;
    if (!run || before?.execution_id !== run.execution_id) return;
    const done = ({ steps }: Status) => steps.filter(({ status }) => status === "COMPLETED").length;
    waiting.current.steps += Math.max(0, done(run) - done(before));
    if (before.status !== run.status) {
      const text = display.text("becomes", { name: run.pipeline, status: display.status(run.status) });
      if (run.status === "FAILED") setFailed(run.error === null ? text : `${text}. ${run.error}`);
      else setFailed("");
      waiting.current.status = run.status === "FAILED" ? "" : text;
    }
    if (timer.current !== undefined || (waiting.current.steps === 0 && waiting.current.status === "")) return;
    timer.current = setTimeout(() => {
      const { status, steps } = waiting.current;
      timer.current = undefined;
      waiting.current = { status: "", steps: 0 };
      setSaid([steps > 0 ? display.count("stepsCompleted", steps) : "", status].filter(Boolean).join(". "));
    }, TOGETHER_MS);
  }, [run, display]);
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      timer.current = undefined;
    },
    [],
  );
  return (
    <div className="spine-root spine-hidden">
      <div role="status">{said}</div>
      <div role="alert">{failed}</div>
    </div>
  );
}
