// The database goes away, or single connections to it, under load from several processes, on Postgres.

import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { sql } from "kysely";
import { cuttingProxy, startPostgres } from "spine-adapters/testing";
import { expect, onTestFinished, test } from "vitest";
import { begun, expectKept, hireClient, openStage, proofFixture, startRuns } from "./proof-fixture.ts";

proofFixture();

test("a server that crashes and is away for 8 s, with four workers: nothing lost, nothing twice, all complete", {
  timeout: 300_000,
}, async () => {
  const server = await startPostgres({ fsync: true });
  onTestFinished(() => server.stop());
  await using stage = await openStage({ url: server.url() });
  await stage.workers(4);
  const client = await hireClient(stage, 150, { everyMs: 20, most: 40 });
  await delay(1_500);
  await server.halt("immediate");
  await delay(8_000);
  await server.start();
  await client.says("started all");
  const outcome = await stage.finish(false);
  expectKept(outcome, 150);
  console.log(`takeovers after a restart: ${outcome.takeovers}`);
  expect(outcome.takeovers).toBe(0);
});

test("connections that are terminated at random: nothing lost, nothing twice, all complete", {
  timeout: 300_000,
}, async () => {
  await using stage = await openStage();
  await stage.workers(3);
  const client = await hireClient(stage, 150, { everyMs: 20, most: 30 });
  const { kysely } = stage.observer.database;
  let terminated = 0;
  while (!client.has("started all") && client.isAlive) {
    const { rows } = await sql<{ done: boolean }>`
SELECT pg_terminate_backend(pid) AS done FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
ORDER BY random() LIMIT 2`.execute(kysely);
    terminated += rows.length;
    await delay(100);
  }
  const outcome = await stage.finish(false);
  expectKept(outcome, 150);
  expect(terminated).toBeGreaterThan(20);
  console.log(`${terminated} connections terminated, ${outcome.takeovers} takeovers`);
  expect(outcome.takeovers).toBe(0);
});

test("answers that are lost, of COMMIT and of other writes: nothing lost, nothing twice, all complete", {
  timeout: 300_000,
}, async () => {
  await using stage = await openStage();
  if (!("url" in stage.address)) throw new Error("It is not on a server.");
  const url = new URL(stage.address.url);
  await using proxy = await cuttingProxy(Number(url.port));
  url.port = String(proxy.port);
  const address = { url: url.href };
  await stage.workers(2, { address });
  await stage.workers(1);
  const client = await hireClient(stage, 150, { everyMs: 20, most: 30, prefix: "cut-" });
  // Writes of the history name their worker, which is called after this machine.
  const marks = ["COMMIT", `${hostname()}-`];
  for (let n = 0; !client.has("started all") && client.isAlive; n++) {
    proxy.cutAfter(marks[n % marks.length] ?? "COMMIT");
    await delay(150);
  }
  const outcome = await stage.finish(false);
  expectKept(outcome, 150);
  expect(proxy.cuts).toBeGreaterThan(10);
  console.log(`${proxy.cuts} answers lost, ${outcome.takeovers} takeovers`);
  expect(outcome.takeovers).toBe(0);
});

test("a step that blocks the event loop for 15 s: one execution, and nobody takes the run over", {
  timeout: 120_000,
}, async () => {
  await using stage = await openStage();
  await stage.workers(1);
  await startRuns(stage, 1, { workflow: "kill.block", n: 15_000 });
  await begun(stage, 1);
  await stage.workers(1);
  const outcome = await stage.finish();
  expectKept(outcome, 1);
  expect(outcome.takeovers).toBe(0);
  expect(outcome.runs[0]?.detail?.steps.map(({ attempt, status }) => [attempt, status])).toEqual([
    [1, "COMPLETED"],
  ]);
});
