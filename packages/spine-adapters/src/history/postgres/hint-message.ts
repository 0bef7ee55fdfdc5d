import type { Hint } from "spine-core";

/** The server takes 8000 bytes at a time. */
const MOST_BYTES = 7_900;
/** A run id in JSON, with its comma, of which a message has room for so many beside the rest. */
const IDS_PER_MESSAGE = 150;

/** What processes send each other: hints, and who wants to know which runs changed. */
export interface HintMessage {
  /** The sender: nobody is told what he said himself. */
  readonly from: string;
  readonly work?: true;
  readonly changed?: readonly string[] | "any";
  readonly taken?: readonly string[];
  readonly schedules?: true;
  /** The sender wants to know which runs change, or does not any more. */
  readonly follows?: boolean;
  /** The sender has begun to listen: followers are to say so again. */
  readonly hello?: true;
  /** The sender finds out whether it hears itself. */
  readonly echo?: string;
}

/** The texts to send for one message: its lists are spread over as many as are needed. */
export function textsOf(message: HintMessage): readonly string[] {
  const { changed, taken, ...rest } = message;
  const changes = Array.isArray(changed) ? chunksOf(changed) : [];
  const takes = chunksOf(taken ?? []);
  const texts: string[] = [];
  const count = Math.max(1, changes.length, takes.length);
  for (let index = 0; index < count; index += 1) {
    const part = {
      ...(index === 0 ? rest : { from: message.from }),
      ...(index === 0 && changed === "any" ? { changed } : {}),
      ...(changes[index] ? { changed: changes[index] } : {}),
    };
    const takenPart = takes[index];
    const whole = JSON.stringify(takenPart ? { ...part, taken: takenPart } : part);
    if (Buffer.byteLength(whole) <= MOST_BYTES) texts.push(whole);
    else texts.push(JSON.stringify(part), JSON.stringify({ from: message.from, taken: takenPart }));
  }
  return texts;
}

/** What a text says; undefined for one that is none of ours (anybody may notify on a channel). */
export function readMessage(text: string | undefined): HintMessage | undefined {
  try {
    const message = JSON.parse(text ?? "") as HintMessage | null;
    return typeof message?.from === "string" ? message : undefined;
  } catch {
    return undefined;
  }
}

/** The hint in a message; undefined where there is none for somebody who does (not) follow. */
export function hintIn(message: HintMessage, follows: boolean): Hint | undefined {
  const { work, changed, taken, schedules } = message;
  const hint: Hint = {
    ...(work === true ? { work } : {}),
    ...(follows && changed !== undefined ? { changed } : {}),
    ...(taken === undefined ? {} : { taken }),
    ...(schedules === true ? { schedules } : {}),
  };
  return Object.keys(hint).length > 0 ? hint : undefined;
}

function chunksOf(ids: readonly string[]): readonly (readonly string[])[] {
  return Array.from({ length: Math.ceil(ids.length / IDS_PER_MESSAGE) }, (_, index) =>
    ids.slice(index * IDS_PER_MESSAGE, (index + 1) * IDS_PER_MESSAGE),
  );
}
