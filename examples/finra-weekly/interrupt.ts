import { constants } from "node:os";
import { SpineError } from "spine-core";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;
type Interruption = (typeof SIGNALS)[number];

/**
 * A signal that is aborted by Ctrl-C and by SIGTERM, with an error that says which it was. A second one ends the
 * process at once. Call `end` when nothing is left to interrupt.
 */
export function catchInterrupts(): { readonly signal: AbortSignal; readonly end: () => void } {
  const controller = new AbortController();
  const abort = (name: Interruption) => {
    end();
    controller.abort(
      new SpineError("STOPPED", `Stopped by ${name}. The same command goes on where this one was.`, {
        context: { signal: name },
      }),
    );
  };
  const end = () => {
    for (const name of SIGNALS) process.off(name, abort);
  };
  for (const name of SIGNALS) process.on(name, abort);
  return { signal: controller.signal, end };
}

/** What a shell says of a process that ended by a signal: 130 after Ctrl-C, 143 after SIGTERM. */
export function exitCodeOf(signal: AbortSignal): number {
  const name = (signal.reason as SpineError).context.signal as Interruption;
  return 128 + constants.signals[name];
}

/** The work's result; rejects with the signal's reason as soon as it is aborted. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let abort = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
