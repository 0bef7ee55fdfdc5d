import { expect, test } from "vitest";
import { refuseTransactionEnd } from "./transaction-end.ts";

const REFUSED = { code: "TRANSACTION_INVALID" };

test.each([
  "COMMIT",
  "commit;",
  "  ;\n COMMIT AND CHAIN",
  "ROLLBACK",
  "rollback work",
  "Rollback Transaction",
  "BEGIN",
  "begin immediate",
  "START  TRANSACTION READ ONLY",
  "END",
  "ABORT",
  "PREPARE TRANSACTION 'x'",
  "COMMIT PREPARED 'x'",
  "-- a note\nCOMMIT",
  "/* a note */ COMMIT",
  "/* a; -- note */-- and\r\n;COMMIT",
  "ROLLBACK; SELECT 1",
])("%j ends a transaction, or begins one", (sql) => {
  for (const nested of [true, false]) expect(() => refuseTransactionEnd(sql, nested)).toThrow(Error);
  expect(() => refuseTransactionEnd(sql, true)).toThrow(expect.objectContaining(REFUSED) as Error);
});

test.each([
  "",
  "--",
  "/* COMMIT",
  "SELECT 1",
  "SAVEPOINT a",
  "RELEASE a",
  "ROLLBACK TO a",
  "ROLLBACK TRANSACTION TO SAVEPOINT a",
  "rollback work to a",
  "PREPARE x AS SELECT 1",
  "INSERT INTO beginnings VALUES ('COMMIT')",
  "/* COMMIT */ SELECT 1",
  "DO $$ BEGIN PERFORM 1; END $$",
  "commits",
])("%j does neither", (sql) => {
  for (const nested of [true, false]) expect(() => refuseTransactionEnd(sql, nested)).not.toThrow();
});

test("comments hold others on Postgres, and none on SQLite", () => {
  expect(() => refuseTransactionEnd("/* a /* b */ c */ COMMIT", true)).toThrow("COMMIT cannot be sent");
  expect(() => refuseTransactionEnd("/* a /* b */ COMMIT", false)).toThrow("COMMIT cannot be sent");
});
