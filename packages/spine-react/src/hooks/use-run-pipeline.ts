import { useCallback } from "react";
import type { RunRequest, RunStarted } from "spine-http/client";
import { useSpine } from "../use-spine.ts";
import { useAction } from "./use-action.ts";
import { useIntent } from "./use-intent.ts";

export type RunPipelineOptions = Omit<RunRequest, "params" | "dry_run"> & {
  /** Stands in for the one that is made for each intent. */
  readonly idempotencyKey?: string;
};

export interface RunPipeline {
  /** Starts a run. @throws SpineHttpError `invalid-params` with `problem.errors`, … */
  readonly start: (params?: unknown, options?: RunPipelineOptions) => Promise<RunStarted>;
  /** Only checks parameters, and returns them as a run would get them. @throws SpineHttpError `invalid-params` */
  readonly check: (params?: unknown) => Promise<unknown>;
  readonly isPending: boolean;
  readonly error: Error | null;
  /** The run that was started last. */
  readonly data: RunStarted | undefined;
  readonly reset: () => void;
}

/**
 * Starts runs of a pipeline. Each start has an `Idempotency-Key` of its own, which it keeps where the network fails and it is sent
 * again, by itself or by a click on "Retry": there is one run.
 *
 * @example
 * function RunButton() {
 *   const { start, isPending, data } = useRunPipeline("demo.report");
 *   const run = () => start({ day: "2026-01-05" }).catch(() => {});
 *   return (
 *     <>
 *       <button type="button" disabled={isPending} onClick={run}>Run</button>
 *       {data && <PipelineStatusCard runId={data.execution_id} />}
 *     </>
 *   );
 * }
 */
export function useRunPipeline(name: string): RunPipeline {
  const { client, queries } = useSpine();
  const intent = useIntent();
  const { run, pending, ...rest } = useAction<
    readonly [name: string, params: unknown, options: RunPipelineOptions],
    RunStarted
  >({
    // The pipeline that was meant: by now another one may be shown.
    send: ([name, params, options]) =>
      intent([name, params, options], async (key) => {
        const { idempotencyKey = key, ...body } = options;
        const answer = await client.post("/pipelines/run/{name}", {
          params: { name },
          body: { ...body, params },
          headers: { "idempotency-key": idempotencyKey },
        });
        if ("execution_id" in answer) return answer;
        throw new TypeError("It was not asked for a dry run.");
      }),
    isRepeatable: true,
    changes: () => [queries.keys.runs(), queries.keys.pipelines()],
  });
  return {
    start: useCallback((params = {}, options = {}) => run([name, params, options]), [run, name]),
    check: useCallback(
      async (params = {}) => {
        const body = { params, dry_run: true };
        const answer = await client.post("/pipelines/run/{name}", { params: { name }, body });
        return "dry_run" in answer ? answer.params : params;
      },
      [client, name],
    ),
    isPending: pending !== null,
    ...rest,
  };
}
