import { useEffect, useRef } from "react";
import { usePipelineStatus } from "./use-pipeline-status.ts";

/** Asks again for something of a run when its status says that the run has changed since. */
export function useRefetchWhenChanged(runId: string | null | undefined, refetch: () => void): void {
  const version = usePipelineStatus(runId).run?.version;
  const seen = useRef<{ readonly runId: string | null | undefined; readonly version: number } | null>(null);
  useEffect(() => {
    if (version === undefined) return;
    const isFirst = seen.current?.runId !== runId;
    if (!isFirst && seen.current?.version !== version) refetch();
    seen.current = { runId, version };
  }, [runId, version, refetch]);
}
