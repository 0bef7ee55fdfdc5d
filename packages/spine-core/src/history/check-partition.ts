import { checkText } from "../check-text.ts";
import { type Partition, partitionKey } from "../context.ts";
import { ValidationError } from "../errors.ts";

/** Its text stands in indexes. */
const LONGEST = 1_000;

/**
 * The partition as it is, when it can be stored.
 *
 * @param whose names it in the error, e.g. `of "demo.flow"`.
 */
export function checkPartition(partition: Partition | null, whose: string): Partition | null {
  if (partition === null) return null;
  if (typeof partition !== "object") {
    throw new ValidationError(`The partition ${whose} is no object of texts.`);
  }
  for (const [name, value] of Object.entries(partition)) {
    checkText(name, `A name in the partition ${whose}`, LONGEST);
    checkText(value, `The value "${name}" of the partition ${whose}`, LONGEST);
  }
  checkText(partitionKey(partition), `The text of the partition ${whose}`, LONGEST);
  return partition;
}
