// A step's transaction is marked when it begins, with a setting that ends with it. The record of the step, the last statement before
// COMMIT, asks for the mark: it is refused in a transaction that came after a COMMIT or ROLLBACK in between, and in none at all.

const MARK = "spine.in_transaction";

/** Sent together with BEGIN. */
export const MARK_TRANSACTION = `SET LOCAL ${MARK} = on`;

/** True in a marked transaction; anywhere else the statement fails: the setting is unknown there, or empty after an earlier transaction. */
export const IN_MARKED = `current_setting('${MARK}')::bool`;

/** True for the failure of a statement that asked for the mark where there is none. */
export function isOutsideOfMarked(sqlState: string, message: string): boolean {
  if (sqlState === "42704") return message.includes(MARK);
  return sqlState === "22P02" && message.includes('type boolean: ""');
}
