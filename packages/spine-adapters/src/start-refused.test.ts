// Connections to Postgres on which no run can be started: each says what it is and what to do.
import pg from "pg";
import { createSpine, defineWorkflow, silentLogger } from "spine-core";
import { expect, onTestFinished, test } from "vitest";
import { postgres } from "./databases/postgres.ts";
import { connected } from "./testing/caller-connections.ts";
import { createTestDatabase } from "./testing/shared-postgres.ts";

const workflow = defineWorkflow({ name: "demo.refused" }).step("first", () => "done");

async function spineAt(url: string) {
  const spine = await createSpine({ database: postgres(url), logger: silentLogger });
  onTestFinished(() => spine.stop());
  return spine;
}

const readOnly = {
  code: "TRANSACTION_INVALID",
  message: expect.stringContaining("Begin it without READ ONLY") as string,
};

test("a read-only transaction of a client, known or not", async () => {
  const url = await createTestDatabase();
  const spine = await spineAt(url);
  const transaction = await connected(url);
  onTestFinished(() => transaction.end());
  for (let times = 0; times < 2; times += 1) {
    await transaction.query("BEGIN READ ONLY");
    await expect(spine.run(workflow, {}, { transaction })).rejects.toMatchObject(readOnly);
    await transaction.query("ROLLBACK");
  }
  await transaction.query("BEGIN");
  const run = await spine.run(workflow, {}, { transaction });
  await transaction.query("COMMIT");
  await run.result();
});

test("a read-only transaction of Spine's query builder", async () => {
  const spine = await spineAt(await createTestDatabase());
  const transaction = spine.database.kysely
    .transaction()
    .setAccessMode("read only")
    .execute((trx) => spine.run(workflow, {}, { transaction: trx }));
  await expect(transaction).rejects.toMatchObject(readOnly);
  expect((await (await spine.run(workflow, {})).result()).outputs).toEqual({ first: "done" });
});

test("a client that the host has ended, known or not", async () => {
  const url = await createTestDatabase();
  const spine = await spineAt(url);
  for (const isKnown of [false, true]) {
    const transaction = await connected(url);
    if (isKnown) await (await spine.run(workflow, {}, { transaction })).result();
    await transaction.end();
    await expect(spine.run(workflow, {}, { transaction })).rejects.toMatchObject({
      code: "TRANSACTION_INVALID",
      message: expect.stringContaining("Is it still open") as string,
      retryable: false,
    });
  }
});

test("a client whose connection has broken", async () => {
  const url = await createTestDatabase();
  const spine = await spineAt(url);
  const transaction = await connected(url);
  await transaction.query("BEGIN");
  await spine.run(workflow, {}, { transaction });
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  onTestFinished(() => admin.end());
  const { rows } = await transaction.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  const ended = new Promise((resolve) => transaction.once("end", resolve));
  await admin.query("SELECT pg_terminate_backend($1)", [rows[0]?.pid]);
  await ended;
  await expect(spine.run(workflow, {}, { transaction })).rejects.toMatchObject({
    code: "DATABASE_UNAVAILABLE",
    message: expect.stringContaining("Begin that again on a new connection") as string,
  });
  expect((await spine.history.list({})).items).toEqual([]);
});
