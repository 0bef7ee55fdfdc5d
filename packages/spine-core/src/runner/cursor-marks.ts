import type { CursorAttachment } from "../history/attachment.ts";
import type { CheckpointRecord } from "../history/records.ts";
import type { JsonValue } from "../json.ts";

/** What a fetch leaves to the end of its run is recorded under, with the number of its attempt behind it. */
const CURSORS = "spine:cursor#";

/** The checkpoint that keeps how far a fetch has come until its run is completed. */
export function cursorCheckpoint(
  step: string,
  attempt: number,
  cursors: readonly CursorAttachment[],
): { readonly kind: "checkpoint"; readonly step: string; readonly key: string; readonly value: string } {
  return { kind: "checkpoint", step, key: `${CURSORS}${attempt}`, value: JSON.stringify(cursors) };
}

/** What the fetches of a run have left to its end: by step, of the newest attempt that left something. */
export function cursorsIn(
  checkpoints: readonly CheckpointRecord[],
): ReadonlyMap<string, readonly CursorAttachment[]> {
  const newest = new Map<string, readonly [attempt: number, JsonValue]>();
  for (const { step, key, value } of checkpoints) {
    if (!key.startsWith(CURSORS)) continue;
    const attempt = Number(key.slice(CURSORS.length));
    if (attempt >= (newest.get(step)?.[0] ?? 0)) newest.set(step, [attempt, value]);
  }
  return new Map([...newest].map(([step, [, value]]) => [step, value as unknown as CursorAttachment[]]));
}

/** Those of the checkpoints of a run with which one that repeats it knows how far the fetches that it keeps have come. */
export function keptCursors(
  checkpoints: readonly CheckpointRecord[],
  isKept: (step: string) => boolean,
): readonly { readonly kind: "checkpoint"; step: string; key: string; value: string }[] {
  return checkpoints
    .filter(({ step, key }) => key.startsWith(CURSORS) && isKept(step))
    .map(({ step, key, value }) => ({ kind: "checkpoint", step, key, value: JSON.stringify(value) }));
}
