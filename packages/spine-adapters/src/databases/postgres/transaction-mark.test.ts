import { expect, onTestFinished, test } from "vitest";
import { createTestDatabase } from "../../testing/index.ts";
import { asDriverError, sqlState } from "./postgres-error.ts";
import { postgresSettings } from "./postgres-options.ts";
import { PostgresPools } from "./postgres-pools.ts";
import { runTransaction } from "./run-transaction.ts";
import { IN_MARKED, isOutsideOfMarked } from "./transaction-mark.ts";

test("a transaction has its mark until it ends, whatever comes after it on the connection", async () => {
  const pools = new PostgresPools(postgresSettings(await createTestDatabase()));
  onTestFinished(() => pools.close());
  const ask = `SELECT ${IN_MARKED} AS mark`;
  const refused = async (asked: Promise<unknown>) => {
    const error: unknown = await asked.catch((reason: unknown) => reason);
    return isOutsideOfMarked(sqlState(error) ?? "", asDriverError(error).message);
  };
  const user = await pools.acquire("user");
  expect(await refused(user.query(ask))).toBe(true);
  user.release();
  for (const again of [[], ["BEGIN"], ["BEGIN", "SAVEPOINT a"]]) {
    await runTransaction(pools, async ({ client }) => {
      expect((await client.query(ask)).rows).toEqual([{ mark: true }]);
      await client.query("SAVEPOINT a");
      await client.query("ROLLBACK TO a");
      expect((await client.query(ask)).rows).toEqual([{ mark: true }]);
      for (const statement of ["COMMIT", ...again]) await client.query(statement);
      expect(await refused(client.query(ask))).toBe(true);
    }).catch((error: unknown) => expect(error).toMatchObject({ code: "TRANSACTION_INVALID" }));
  }
});
