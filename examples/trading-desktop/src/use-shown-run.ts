import { useSyncExternalStore } from "react";

const PREFIX = "#/runs/";

/** The run that is shown, kept in the address: it is there after a reload, and can be sent to somebody. */
export function useShownRun(): readonly [string | null, (runId: string) => void] {
  const hash = useSyncExternalStore(subscribe, () => location.hash);
  const runId = hash.startsWith(PREFIX) ? decoded(hash.slice(PREFIX.length)) : "";
  return [runId === "" ? null : runId, show];
}

/** An address may be cut off anywhere on its way: what is no text names no run. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

function show(runId: string): void {
  location.hash = PREFIX + encodeURIComponent(runId);
}

function subscribe(listener: () => void): () => void {
  addEventListener("hashchange", listener);
  return () => removeEventListener("hashchange", listener);
}
