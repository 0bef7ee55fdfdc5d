import { ValidationError } from "../errors.ts";

const MOST = 20;
const LONGEST = 100;
// The letters of control codes would be invisible in a list, and Postgres refuses NUL.
const CONTROL = /\p{Cc}/u;

/**
 * The tags of a run in their stored form: each once, sorted.
 *
 * @throws ValidationError that names what is wrong with which tag.
 */
export function checkTags(tags: readonly string[] = []): readonly string[] {
  const given: unknown = tags;
  if (!Array.isArray(given)) throw refusal("are no list of texts");
  if (given.length > MOST) throw refusal(`are ${given.length}; a run can have ${MOST}`);
  for (const [index, tag] of given.entries()) {
    const why = reason(tag);
    if (why) throw refusal(`cannot be used: number ${index + 1} ${why}`, index);
  }
  return [...new Set(tags)].sort((a, b) => (a < b ? -1 : 1));
}

function reason(tag: unknown): string | null {
  if (typeof tag !== "string") return "is no text";
  if (tag.trim() === "") return "is empty";
  if (tag.length > LONGEST) return `has ${tag.length} characters, the limit is ${LONGEST}`;
  return CONTROL.test(tag) || !tag.isWellFormed() ? "holds characters that are no text" : null;
}

function refusal(message: string, index?: number): ValidationError {
  const path = index === undefined ? "/tags" : `/tags/${index}`;
  return new ValidationError(`The tags of a run ${message}.`, { detail: { issues: [{ path, message }] } });
}
