// A host that dies, or commits, in a process of its own.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createSpine, defineWorkflow, silentLogger } from "spine-core";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { type Address, placeOn } from "./testing/places.ts";

const PROCESS = join(import.meta.dirname, "testing/caller-process.ts");
const workflow = defineWorkflow({ name: "demo.called" }).step("first", () => "done");
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

test.each([
  ["SQLite", "database.transaction"],
  ["SQLite", "DatabaseSync"],
  ["SQLite", "Kysely on a DatabaseSync"],
  ["Postgres", "database.transaction"],
  ["Postgres", "a client of pg"],
  ["Postgres", "Kysely with PostgresDialect"],
])(
  "on %s, through %s: a process that is killed before COMMIT leaves no run; one that commits is heard of",
  async (name, caller) => {
    const place = await placeOn(name);
    const spine = await createSpine({
      database: place.database(),
      logger: silentLogger,
      workflows: [workflow],
    });
    onTestFinished(async () => {
      await spine.stop();
      place.remove();
    });
    const exists = async (runId: string) => (await spine.history.glance([runId])).length > 0;
    const host = async (key: string) => {
      const child = fork(PROCESS, [name, caller, key, ...(place.address satisfies Address)], {
        execArgv: ["--conditions=spine-source", "--no-warnings"],
      });
      children.push(child);
      const [runId] = (await once(child, "message")) as [string];
      return { child, runId };
    };
    const killed = await host("killed");
    killed.child.kill("SIGKILL");
    await once(killed.child, "exit");
    expect(await exists(killed.runId)).toBe(false);

    const other = await host("commits");
    expect(await exists(other.runId)).toBe(false);
    const committed = once(other.child, "message");
    other.child.send("commit");
    await committed;
    const run = await spine.attach(other.runId);
    expect((await run.result()).outputs).toEqual({ first: "done" });
  },
);
