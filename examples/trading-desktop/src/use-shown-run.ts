import { useSyncExternalStore } from "react";

const PREFIX = "#/runs/";

/** The run that is shown, kept in the address: it is there after a reload, and can be sent to somebody. */
export function useShownRun(): readonly [string | null, (runId: string) => void] {
  const hash = useSyncExternalStore(subscribe, () => location.hash);
  const runId = hash.startsWith(PREFIX) ? decodeURIComponent(hash.slice(PREFIX.length)) : "";
  return [runId === "" ? null : runId, show];
}

function show(runId: string): void {
  location.hash = PREFIX + encodeURIComponent(runId);
}

function subscribe(listener: () => void): () => void {
  addEventListener("hashchange", listener);
  return () => removeEventListener("hashchange", listener);
}
