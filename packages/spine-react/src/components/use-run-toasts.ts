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
  const known = useRef<Pick<Status, "execution_id" | "completed_at"> | null>(null);
  const failure = useRef<number | null>(null);
  const retry = useRef(onRetry);
  useEffect(() => {
    retry.current = onRetry;
  });
  useEffect(() => {
    if (!run) return;
    const before = known.current;
    known.current = run;
    const isNew = before?.execution_id !== run.execution_id;
    // A retry may have ended again before anybody looked.
    const isSame = !isNew && before.completed_at === run.completed_at;
    if (!isNew && !isSame && failure.current !== null) {
      // It goes on: that it has failed, and may be retried, is over.
      toast.dismiss(failure.current);
      failure.current = null;
    }
    if (!isTerminal(run.status) || isSame || (isNew && !startedHere)) return;
    if (run.status === "COMPLETED") {
      const records = recordsOf(run);
      toast.success(records === null ? text("runCompleted") : count("processed", records), run.pipeline);
    } else if (run.status === "FAILED") {
      const may = run.allowed_actions.some(({ action, allowed }) => action === "retry" && allowed);
      const ask = retry.current;
      const again = async () => {
        try {
          await ask?.();
        } catch (error) {
          // The toast that offered it is gone.
          toast.error(error as Error, { onRetry: () => void again() });
        }
      };
      failure.current = toast.show({
        kind: "error",
        title: text("runFailed"),
        detail: run.error ?? run.error_code,
        onRetry: may && ask ? () => void again() : null,
      });
    }
  }, [run, toast, text, count, startedHere]);
}
