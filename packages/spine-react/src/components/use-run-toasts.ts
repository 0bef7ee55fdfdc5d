import { useEffect, useRef } from "react";
import type { Status } from "spine-http/client";
import { isTerminal } from "../is-terminal.ts";
import { useDisplay } from "./display.ts";
import { recordsOf } from "./records-of.ts";
import { useToast } from "./toaster.tsx";

/**
 * Tells how a run ended: how many records it has processed, or why it failed, with a retry. Of a run that had ended when it was
 * first seen it is told only where it is this page's own (`startedHere`): a quick one may be over before anybody looks.
 *
 * @example
 * const { run } = usePipelineStatus(runId);
 * const { act } = useRunActions(runId);
 * useRunToasts(run, { onRetry: () => act("retry") });
 */
export function useRunToasts(
  run: Status | undefined,
  options: {
    readonly onRetry?: (() => unknown) | undefined;
    readonly startedHere?: boolean | undefined;
  } = {},
): void {
  const { onRetry, startedHere = false } = options;
  const { text, count } = useDisplay();
  const toast = useToast();
  const known = useRef<{ readonly id: string; readonly isOver: boolean } | null>(null);
  const failure = useRef<number | null>(null);
  const retry = useRef(onRetry);
  useEffect(() => {
    retry.current = onRetry;
  });
  useEffect(() => {
    if (!run) return;
    const before = known.current;
    const isOver = isTerminal(run.status);
    known.current = { id: run.execution_id, isOver };
    const isNew = before?.id !== run.execution_id;
    // It goes on: that it had failed is no news any more.
    if (!isOver && !isNew && failure.current !== null) {
      toast.dismiss(failure.current);
      failure.current = null;
    }
    if (!isOver || (isNew ? !startedHere : before.isOver)) return;
    if (run.status === "COMPLETED") {
      const records = recordsOf(run);
      toast.success(records === null ? text("runCompleted") : count("processed", records), run.pipeline);
    } else if (run.status === "FAILED") {
      const may = run.allowed_actions.some(({ action, allowed }) => action === "retry" && allowed);
      failure.current = toast.show({
        kind: "error",
        title: text("runFailed"),
        detail: run.error ?? run.error_code,
        onRetry: may && retry.current ? () => void retry.current?.() : null,
      });
    }
  }, [run, toast, text, count, startedHere]);
}
