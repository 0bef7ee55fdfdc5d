import { useCallback } from "react";
import type {
  AllowedAction,
  Controlled,
  Decision,
  RerunRequest,
  RunStarted,
  Signal,
  SpineClient,
} from "spine-http/client";
import { useSpine } from "../use-spine.ts";
import { useAction } from "./use-action.ts";
import { useIntent } from "./use-intent.ts";
import { usePipelineStatus } from "./use-pipeline-status.ts";

/** What each action takes. */
export interface RunActionOptions {
  readonly cancel: { readonly reason?: string };
  readonly pause: { readonly reason?: string };
  readonly resume: { readonly reason?: string };
  readonly retry: Record<never, never>;
  readonly rerun: RerunRequest;
  readonly signal: Signal;
  readonly approve: Decision;
}
export type RunAction = keyof RunActionOptions;

/** What each action answers; a rerun is a run of its own. */
export interface RunActionAnswers {
  readonly cancel: Controlled;
  readonly pause: Controlled;
  readonly resume: Controlled;
  readonly retry: Controlled;
  readonly rerun: RunStarted;
  readonly signal: { readonly execution_id: string };
  readonly approve: { readonly execution_id: string };
}

export interface RunActions {
  /** What can be done now, and why not; empty until the status is known. */
  readonly actions: readonly AllowedAction[];
  /**
   * Does something with the run. `signal` and `approve` need their options.
   *
   * @throws SpineHttpError `conflict` where the run is in no state for it
   */
  readonly act: <A extends RunAction>(
    action: A,
    ...options: Record<never, never> extends RunActionOptions[A]
      ? [options?: RunActionOptions[A]]
      : [options: RunActionOptions[A]]
  ) => Promise<RunActionAnswers[A]>;
  /** What is under way. */
  readonly pending: RunAction | null;
  readonly error: Error | null;
  readonly reset: () => void;
}

interface Doing {
  /** The run that was meant when it was asked for: by now another one may be shown. */
  readonly of: string;
  readonly action: RunAction;
  readonly options: unknown;
}

const NO_ACTIONS: readonly AllowedAction[] = [];

/**
 * What can be done with a run, and does it.
 *
 * @example
 * function CancelButton({ runId }: { readonly runId: string }) {
 *   const { actions, act, pending } = useRunActions(runId);
 *   const cancel = actions.find(({ action }) => action === "cancel");
 *   const click = () => act("cancel", { reason: "by hand" }).catch(() => {});
 *   return (
 *     <button type="button" disabled={!cancel?.allowed || pending !== null} title={cancel?.reason ?? ""} onClick={click}>
 *       Cancel
 *     </button>
 *   );
 * }
 */
export function useRunActions(runId: string | null | undefined): RunActions {
  const { client, queries } = useSpine();
  const { run: status } = usePipelineStatus(runId);
  const intent = useIntent();
  const { run, pending, error, reset } = useAction<Doing, unknown>({
    send: ({ of, action, options }) =>
      intent([of, action, options], (key) => send(client, of, action, options, key)),
    // Not by itself: a retry whose answer was lost would be refused, for the run goes on already.
    isRepeatable: false,
    changes: ({ of }) => [queries.keys.run(of), queries.keys.runs()],
  });
  const of = runId ?? "";
  return {
    actions: status?.allowed_actions ?? NO_ACTIONS,
    act: useCallback(
      (action, ...[options = {}]) => run({ of, action, options }) as Promise<never>,
      [run, of],
    ),
    pending: pending?.action ?? null,
    error,
    reset,
  };
}

function send(
  client: SpineClient,
  id: string,
  action: RunAction,
  options: unknown,
  key: string,
): Promise<unknown> {
  const params = { id };
  switch (action) {
    case "cancel":
      return client.post("/pipelines/cancel/{id}", { params, body: options as RunActionOptions["cancel"] });
    case "pause":
      return client.post("/pipelines/pause/{id}", { params, body: options as RunActionOptions["pause"] });
    case "resume":
      return client.post("/pipelines/resume/{id}", { params, body: options as RunActionOptions["resume"] });
    case "retry":
      return client.post("/pipelines/retry/{id}", { params, body: {} });
    case "rerun": {
      const headers = { "idempotency-key": key };
      return client.post("/pipelines/rerun/{id}", { params, body: options as RerunRequest, headers });
    }
    case "signal": {
      const signal = options as Signal;
      return client.post("/pipelines/signal/{id}", { params, body: { ...signal, id: signal.id ?? key } });
    }
    case "approve":
      return client.post("/pipelines/approve/{id}", { params, body: options as Decision });
  }
}
