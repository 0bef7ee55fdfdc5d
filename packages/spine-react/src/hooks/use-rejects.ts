import { useMemo } from "react";
import type {
  DiscardRequest,
  RedriveRequest,
  Reject,
  RejectChoice,
  RejectFilter,
  RunStarted,
} from "spine-http/client";
import { useSpine } from "../use-spine.ts";
import { useAction } from "./use-action.ts";
import { useIntent } from "./use-intent.ts";
import { type List, type ListOptions, useList } from "./use-list.ts";
import { usePipelineStatus } from "./use-pipeline-status.ts";
import { useRefetchWhenOther } from "./use-refetch-when-changed.ts";

/** Which of the rows are meant; all of the step when nothing is said. */
export type RejectSelection = Omit<RejectChoice, "step">;

export interface Rejects extends List<Reject> {
  /** The step whose rows these are; null where none has refused any. */
  readonly step: string | null;
  /** The steps that have refused rows, with how many. */
  readonly steps: readonly { readonly name: string; readonly rejected: number }[];
  readonly discard: (selection: RejectSelection, reason: string) => Promise<{ readonly changed: number }>;
  readonly restore: (selection: RejectSelection) => Promise<{ readonly changed: number }>;
  /** Starts a run whose input they are, as they are or mended (`edits`, by `index`). */
  readonly redrive: (selection: Omit<RedriveRequest, "step">) => Promise<RunStarted>;
  readonly pending: RejectAction | null;
  readonly actionError: Error | null;
  readonly reset: () => void;
}
export type RejectAction = "discard" | "restore" | "redrive";

interface Doing {
  readonly action: RejectAction;
  readonly send: () => Promise<unknown>;
}

/**
 * The rows that a step of a run refused, with their reasons, and what can be done with them; asked again when it has refused more.
 *
 * @param step its path; the first step that has refused any when left out.
 * @example
 * function Quarantine({ runId }: { readonly runId: string }) {
 *   const { items, redrive } = useRejects(runId);
 *   return (
 *     <>
 *       {items.map(({ index, code, message }) => <p key={index}>{`${code}: ${message}`}</p>)}
 *       <button type="button" onClick={() => redrive({}).catch(() => {})}>Try again</button>
 *     </>
 *   );
 * }
 */
export function useRejects(
  runId: string | null | undefined,
  step?: string | null,
  options: ListOptions & { readonly filter?: Omit<RejectFilter, "step"> } = {},
): Rejects {
  const { client, queries } = useSpine();
  const { enabled = true, filter = {} } = options;
  const { steps: all, isLoading, error: statusError } = usePipelineStatus(enabled ? runId : null);
  const steps = useMemo(
    () =>
      all.flatMap(({ name, rows }) => (rows && rows.rejected > 0 ? [{ name, rejected: rows.rejected }] : [])),
    [all],
  );
  const shown = step ?? steps[0]?.name ?? null;
  const list = useList(queries.rejects(runId ?? "", { ...filter, step: shown ?? "" }), {
    ...options,
    enabled: enabled && !!runId && shown !== null,
  });
  const rejected = steps.find(({ name }) => name === shown)?.rejected;
  useRefetchWhenOther(`${runId} ${shown}`, rejected, list.refetch);
  const intent = useIntent();
  const { run, pending, error, reset } = useAction<Doing, unknown>({
    send: ({ send }) => send(),
    isRepeatable: false,
    changes: () => [queries.keys.run(runId ?? ""), queries.keys.runs()],
  });
  const actions = useMemo(() => {
    const params = { id: runId ?? "" };
    const act = (action: RejectAction, send: () => Promise<unknown>) =>
      run({ action, send }) as Promise<never>;
    const of = <T extends object>(selection: T) => ({ ...selection, step: shown ?? "" });
    return {
      discard: (selection: RejectSelection, reason: string) => {
        const body: DiscardRequest = { ...of(selection), reason };
        return act("discard", () => client.post("/history/runs/{id}/rejects/discard", { params, body }));
      },
      restore: (selection: RejectSelection) =>
        act("restore", () =>
          client.post("/history/runs/{id}/rejects/restore", { params, body: of(selection) }),
        ),
      redrive: (selection: Omit<RedriveRequest, "step">) =>
        act("redrive", () =>
          intent([runId, shown, selection], (key) =>
            client.post("/history/runs/{id}/rejects/redrive", {
              params,
              body: of(selection),
              headers: { "idempotency-key": key },
            }),
          ),
        ),
    };
  }, [client, run, intent, runId, shown]);
  return {
    ...list,
    isLoading: list.isLoading || isLoading,
    error: list.error ?? statusError,
    step: shown,
    steps,
    ...actions,
    pending: pending?.action ?? null,
    actionError: error,
    reset,
  };
}
