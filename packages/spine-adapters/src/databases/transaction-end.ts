import { SpineError } from "spine-core";

/** Begins or ends a transaction; `ROLLBACK TO` a savepoint does neither. */
const CONTROL =
  /^(?:begin|start\s+transaction|commit|end|abort|prepare\s+transaction|rollback(?!(?:\s+(?:work|transaction))?\s+to\b))\b/i;

/**
 * Refuses a statement that begins or ends a transaction inside of an open one: what was written in it would be committed without
 * its record, or gone and recorded.
 *
 * @param nestedComments whether comments hold comments, as on Postgres.
 * @throws SpineError TRANSACTION_INVALID, before anything is sent.
 */
export function refuseTransactionEnd(sql: string, nestedComments: boolean): void {
  const word = CONTROL.exec(sql.slice(firstWord(sql, nestedComments)))?.[0];
  if (word === undefined) return;
  throw new SpineError(
    "TRANSACTION_INVALID",
    `${word.toUpperCase()} cannot be sent through an open transaction of Spine's: what is written in it is committed when its work returns, together with its record, and rolled back when it throws. Leave it out; what may fail by itself goes between savepoints.`,
  );
}

/** Where a statement begins: behind space, empty statements and comments. */
function firstWord(sql: string, nestedComments: boolean): number {
  let at = 0;
  let depth = 0;
  for (;;) {
    const two = sql.slice(at, at + 2);
    if (two === "/*" && (depth === 0 || nestedComments)) {
      depth += 1;
      at += 2;
    } else if (two === "*/" && depth > 0) {
      depth -= 1;
      at += 2;
    } else if (depth > 0 && at < sql.length) {
      at += 1;
    } else if (two === "--") {
      const end = sql.indexOf("\n", at);
      at = end === -1 ? sql.length : end;
    } else if (/^[\s;]$/.test(sql[at] ?? "")) {
      at += 1;
    } else {
      return at;
    }
  }
}
