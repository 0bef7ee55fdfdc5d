/** That something happened which others may be waiting for. */
export interface Hint {
  /** There may be work: a run was queued, or a place in a queue became free. */
  readonly work?: boolean;
  /** Runs that were written to; `any` when it is not known which ones. */
  readonly changed?: readonly string[] | "any";
  /** Runs that somebody took out of their owner's hands, or left a message for: he is to look after them. */
  readonly taken?: readonly string[];
  /** Schedules were changed: their next times may be others. */
  readonly schedules?: boolean;
}

/**
 * How the processes on one database tell each other that it is worth looking: hints, of which any may be lost, late or
 * needless. What has to be found is found by looking every `pollMs`; hints only make it soon.
 */
export interface Hints {
  /** How often to look when there was no hint, in milliseconds: seldom where hints can be relied upon. May change. */
  readonly pollMs: number;
  /** Calls back with what other processes tell (never with what this one does). One listener; until `close`. */
  listen(call: (hint: Hint) => void): Promise<void>;
  /** Says whether this process wants to be told which runs changed; it is told of work and of its own runs anyhow. */
  follow(wanted: boolean): void;
  /** Tells the others, soon and together with what else there is to tell. Never throws, never keeps anybody waiting. */
  tell(hint: Hint): void;
  /** Ends listening; nothing is told any more. */
  close(): Promise<void>;
}

/** Where nothing can be told: everything is found by looking every `pollMs`. */
export function silentHints(pollMs: number): Hints {
  return { pollMs, listen: async () => {}, follow() {}, tell() {}, close: async () => {} };
}
