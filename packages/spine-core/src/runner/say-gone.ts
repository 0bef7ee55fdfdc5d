import { within } from "../clock.ts";
import { textOf } from "../errors.ts";
import type { HistoryStore } from "../history/history-store.ts";
import type { Logger } from "../logger.ts";

/** How long a database is given to take it, in milliseconds. */
const TELL_MS = 5_000;

/** Tells the database that a process stops. One that is away keeps no process from stopping: it finds out by itself who is gone. */
export async function sayGone(
  history: Pick<HistoryStore, "beat">,
  worker: string,
  logger: Logger,
): Promise<void> {
  const message = "The database was not told that this process stops; it finds out by itself.";
  try {
    const inTime = await within(TELL_MS, history.beat(worker, "gone"));
    if (!inTime) logger.warn(message, { error: `It did not answer within ${TELL_MS} ms.` });
  } catch (error) {
    logger.warn(message, { error: textOf(error) });
  }
}
