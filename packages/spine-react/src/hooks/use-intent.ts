import { useCallback, useRef } from "react";
import { isTransient } from "../queries/retry.ts";

/**
 * One `Idempotency-Key` for each thing that somebody wants: the same as long as it is not known what became of it, so that a request
 * whose answer was lost and that is sent again does nothing twice. What is wanted again after an answer is a new thing.
 */
export function useIntent(): <T>(what: unknown, send: (key: string) => Promise<T>) => Promise<T> {
  const open = useRef(new Map<string, string>());
  return useCallback(async (what, send) => {
    const name = JSON.stringify(what);
    const key = open.current.get(name) ?? newKey();
    open.current.set(name, key);
    try {
      const answer = await send(key);
      open.current.delete(name);
      return answer;
    } catch (error) {
      if (!isTransient(error)) open.current.delete(name);
      throw error;
    }
  }, []);
}

/** `crypto.randomUUID` is there in secure contexts only, and not where a page in a local network has no TLS. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
