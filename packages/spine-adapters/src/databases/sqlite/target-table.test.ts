import { defineTable } from "spine-core";
import { expect, test } from "vitest";
import { SqlitePool } from "./sqlite-pool.ts";
import { createTargetTable } from "./target-table.ts";

const trades = defineTable({
  name: "trades",
  columns: { symbol: "text", week: "date", tier: "text", shares: "decimal" },
  key: ["symbol", "tier", "week"],
  partition: ["week", "tier"],
  captures: "trades_captures",
});

const foreignPartition = defineTable({
  name: "loose",
  columns: { id: "integer", part: "text" },
  key: ["id"],
  partition: ["part"],
});

test("a partition's rows are found through an index, never by reading the table", async () => {
  const pool = new SqlitePool(":memory:", "full");
  await pool.write((connection) => {
    createTargetTable(connection, trades);
    createTargetTable(connection, foreignPartition);
  });
  const plan = (sql: string) =>
    pool.read((connection) =>
      connection
        .all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`)
        .map(({ detail }) => detail)
        .join(),
    );
  expect(await plan("SELECT rowid FROM trades WHERE week = 'a' AND tier = 'b'")).toContain(
    "INDEX trades_key",
  );
  expect(await plan("SELECT * FROM trades_captures WHERE week = 'a' AND tier = 'b'")).toContain(
    "INDEX trades_captures_partition",
  );
  expect(await plan("SELECT rowid FROM loose WHERE part = 'a'")).toContain("INDEX loose_partition");
  await pool.close();
});

test("a key on other columns than the index in the file is refused", async () => {
  const pool = new SqlitePool(":memory:", "full");
  await pool.write((connection) => createTargetTable(connection, trades));
  const other = defineTable({
    name: "trades",
    columns: { symbol: "text", week: "date", tier: "text", shares: "decimal" },
    key: ["symbol", "week"],
  });
  const refused = pool.write((connection) => createTargetTable(connection, other));
  await expect(refused).rejects.toThrow(/index "trades_key".*\(week, tier, symbol\).*\(symbol, week\)/);
  await pool.close();
});

test("a table of Spine's own is not taken for a target", async () => {
  const pool = new SqlitePool(":memory:", "full");
  await pool.write((connection) =>
    connection.script("CREATE TABLE loads (load_id TEXT NOT NULL PRIMARY KEY)"),
  );
  const loads = defineTable({ name: "loads", columns: { id: "text" }, key: ["id"] });
  const refused = pool.write((connection) => createTargetTable(connection, loads));
  await expect(refused).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  await pool.close();
});
