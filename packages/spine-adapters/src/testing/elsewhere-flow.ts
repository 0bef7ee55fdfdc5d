import { type Database, type DatabaseTransaction, defineTable, defineWorkflow } from "spine-core";
import { arraySource } from "spine-core/testing";
import { z } from "zod";

const Price = z.object({ day: z.string(), symbol: z.string(), price: z.string() });
const pricesOf = (name: string, captures?: string) =>
  defineTable({
    name,
    columns: { day: "date", symbol: "text", price: "decimal" },
    key: ["day", "symbol"],
    partition: ["day"],
    ...(captures ? { captures } : {}),
  });

const given = (name: string) =>
  defineWorkflow({
    name: `demo.elsewhere_${name}`,
    params: z.object({ day: z.string(), prices: z.record(z.string(), z.string()) }),
    partition: ({ params: { day } }) => ({ day }),
  }).fetch("fetch", {
    from: {
      name: "given",
      stream: (rows: readonly z.output<typeof Price>[]) => arraySource(rows).stream({}),
    },
    request: ({ params: { day, prices } }) =>
      Object.entries(prices).map(([symbol, price]) => ({ day, symbol, price })),
  });

/** Prices of a day, added to a table of another database. */
export const appendElsewhere = given("append").load("load", {
  from: "fetch",
  into: pricesOf("far_prices"),
  database: "warehouse",
  disposition: "append",
});

/** The same in the place of those of the day. */
export const replaceElsewhere = given("replace").load("load", {
  from: "fetch",
  into: pricesOf("far_days", "far_days_captures"),
  database: "warehouse",
  disposition: "replace-partition",
});

/** The same by their keys. */
export const mergeElsewhere = given("merge").load("load", {
  from: "fetch",
  into: pricesOf("far_merged"),
  database: "warehouse",
  disposition: "merge",
});

/** The database, with something that happens once a transaction that has written rows is committed, before anybody is told. */
export function afterWriting(database: Database, then: () => void): Database {
  return {
    ...database,
    async transaction(work) {
      let wrote = false;
      const result = await database.transaction((transaction) => {
        const noticed: DatabaseTransaction = {
          kysely: transaction.kysely,
          insertRows(...rows) {
            wrote = true;
            return transaction.insertRows(...rows);
          },
          supersede: (...those) => transaction.supersede(...those),
          mergeRows: (...rows) => transaction.mergeRows(...rows),
          moveStaged: (...rows) => transaction.moveStaged(...rows),
          dropStaged: (dataset) => transaction.dropStaged(dataset),
        };
        return work(noticed);
      });
      if (wrote) then();
      return result;
    },
  };
}
