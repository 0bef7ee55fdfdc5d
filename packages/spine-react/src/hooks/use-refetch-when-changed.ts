import { useEffect, useRef } from "react";
import { usePipelineStatus } from "./use-pipeline-status.ts";

/** Asks again for something of a run when its status says that the run has changed since. */
export function useRefetchWhenChanged(runId: string | null | undefined, refetch: () => void): void {
  useRefetchWhenOther(runId, usePipelineStatus(runId).run?.version, refetch);
}

/** Asks again for something when a number that tells of it is another one than before. */
export function useRefetchWhenOther(
  of: string | null | undefined,
  version: number | undefined,
  refetch: () => void,
): void {
  const seen = useRef<{ readonly of: string | null | undefined; readonly version: number } | null>(null);
  useEffect(() => {
    if (version === undefined) return;
    const isFirst = seen.current?.of !== of;
    if (!isFirst && seen.current?.version !== version) refetch();
    seen.current = { of, version };
  }, [of, version, refetch]);
}
