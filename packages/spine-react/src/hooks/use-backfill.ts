import { useCallback } from "react";
import type { BackfillItem, BackfillRequest, RunStarted } from "spine-http/client";
import { useSpine } from "../use-spine.ts";
import { useAction } from "./use-action.ts";
import { useIntent } from "./use-intent.ts";

export interface Backfill {
  /** What a backfill would load; nothing is started. */
  readonly preview: (request: BackfillRequest) => Promise<readonly BackfillItem[]>;
  /** Starts it: one run, which starts a run for each partition. */
  readonly start: (request: BackfillRequest) => Promise<RunStarted>;
  readonly isPending: boolean;
  readonly error: Error | null;
  /** The run that was started last. */
  readonly data: RunStarted | undefined;
  readonly reset: () => void;
}

/**
 * Fills partitions of a table.
 *
 * @example
 * function FillMissing() {
 *   const { start, data } = useBackfill("finra_otc_weekly");
 *   if (data) return <PipelineStatusCard runId={data.execution_id} />;
 *   return <button type="button" onClick={() => start({ select: "missing" }).catch(() => {})}>Load what is missing</button>;
 * }
 */
export function useBackfill(table: string): Backfill {
  const { client, queries } = useSpine();
  const intent = useIntent();
  const { run, pending, ...rest } = useAction<readonly [table: string, body: BackfillRequest], RunStarted>({
    // The table that was meant: by now another one may be shown.
    send: ([table, body]) =>
      intent([table, body], async (key) => {
        const headers = { "idempotency-key": key };
        const answer = await client.post("/partitions/{table}/backfill", {
          params: { table },
          body: { ...body, dry_run: false },
          headers,
        });
        if ("execution_id" in answer) return answer;
        throw new TypeError("It was not asked for a dry run.");
      }),
    isRepeatable: true,
    changes: ([table]) => [queries.keys.partitions(table), queries.keys.runs()],
  });
  return {
    start: useCallback((body) => run([table, body]), [run, table]),
    preview: useCallback(
      async (body) => {
        const answer = await client.post("/partitions/{table}/backfill", {
          params: { table },
          body: { ...body, dry_run: true },
        });
        return "items" in answer ? answer.items : [];
      },
      [client, table],
    ),
    isPending: pending !== null,
    ...rest,
  };
}
