import { isDeepStrictEqual } from "node:util";
import { createSpine, defineWorkflow, newId, type RunDetail, type Spine, silentLogger } from "spine-core";
import { z } from "zod";
import type { Measurement } from "../harness/measurement.ts";
import { payload } from "../harness/payload.ts";
import type { System } from "../harness/system.ts";
import { spineDatabase } from "../systems/spine.ts";
import { copyInPostgres } from "./copy-in-postgres.ts";
import { copyInSqlite } from "./copy-in-sqlite.ts";

/** A run to be made from one that Spine made. */
export interface Copy {
  readonly original: string;
  readonly runId: string;
  readonly at: string;
}

/** Makes copies of runs: all their rows in all tables, under other ids and times. */
export type CopyRuns = (database: string, copies: () => Iterable<readonly Copy[]>) => Promise<void>;

// What each value repeats after, prime to one another: every combination of them occurs.
const [WORKFLOWS, DESKS, WEEKS, FAILURES] = [3, 19, 200, 11];
const ORIGINALS = 600;
/** Runs in one statement. */
const BATCH = 10_000;
/** How far back the history reaches. */
const HISTORY_MS = 90 * 86_400_000;

export const SEEDED_WORKFLOWS = Array.from({ length: WORKFLOWS }, (_, index) => `bench.seeded-${index}`);
export const SEEDED_DOMAINS = ["bench", "other"];

/** The week of a run's partition, and the tag of its desk. */
export function weekOf(index: number): string {
  return new Date(Date.UTC(2018, 0, 1 + 7 * (index % WEEKS))).toISOString().slice(0, 10);
}

export function deskOf(index: number): string {
  return `desk-${index % DESKS}`;
}

/**
 * A history of `count` runs over 90 days: 600 that Spine runs itself (three workflows of two steps, one in eleven
 * failed), and copies of their rows. Copying takes seconds where running a million would take an hour; what a copy
 * looks like is compared with its original. Returns the ids.
 */
export async function seedRuns(
  system: System,
  measurement: Measurement,
  count: number,
): Promise<readonly string[]> {
  const { database } = measurement;
  const spine = await open(system, measurement, true);
  const originals = await Promise.all(Array.from({ length: ORIGINALS }, (_, n) => runOriginal(spine, n)));
  await spine.stop();

  const ids: string[] = [];
  const start = Date.now() - HISTORY_MS;
  const step = HISTORY_MS / count;
  function* copies(): Iterable<readonly Copy[]> {
    const all = count - ORIGINALS;
    for (let first = 0; first < all; first += BATCH) {
      yield Array.from({ length: Math.min(BATCH, all - first) }, (_, offset) => {
        const ms = Math.floor(start + (first + offset) * step);
        const runId = idAt(ms);
        ids.push(runId);
        const original = originals[(first + offset) % ORIGINALS] ?? "";
        return { original, runId, at: new Date(ms).toISOString() };
      });
    }
  }
  await (system.database === "sqlite" ? copyInSqlite : copyInPostgres)(database, copies);
  await check(system, measurement, originals, ids);
  return ids;
}

function open(system: System, measurement: Measurement, worker: boolean): Promise<Spine> {
  return createSpine({
    database: spineDatabase(system.database, measurement),
    workflows: SEEDED_WORKFLOWS.map((name, index) => seededWorkflow(name, index)),
    concurrency: 50,
    worker,
    logger: silentLogger,
  });
}

function seededWorkflow(name: string, index: number) {
  return defineWorkflow({
    name,
    domain: SEEDED_DOMAINS[index % SEEDED_DOMAINS.length] ?? "bench",
    params: z.object({ id: z.number(), week: z.string() }),
    partition: ({ params: { week } }) => ({ week }),
  })
    .step("read", ({ params: { id } }) => payload(id, 0))
    .step("write", ({ params: { id } }) => {
      if (id % FAILURES === 0)
        throw new Error(id % 2 === 0 ? "The connection timed out." : "The table is locked.");
      return payload(id, 1);
    });
}

async function runOriginal(spine: Spine, n: number): Promise<string> {
  const workflow = SEEDED_WORKFLOWS[n % WORKFLOWS] ?? "";
  const run = await spine.run(workflow, { id: n, week: weekOf(n) }, { tags: [deskOf(n), "seeded"] });
  await run.result().catch(() => {});
  return run.id;
}

/** A run id of a time in the past. */
function idAt(ms: number): string {
  const time = ms.toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}${newId().slice(13)}`;
}

/** Copies say what their originals say, in all but ids and times. */
async function check(
  system: System,
  measurement: Measurement,
  originals: readonly string[],
  ids: readonly string[],
): Promise<void> {
  const spine = await open(system, measurement, false);
  try {
    for (let index = 0; index < ids.length; index += Math.ceil(ids.length / 50)) {
      const [copy, original] = [ids[index] ?? "", originals[index % ORIGINALS] ?? ""];
      const same = async (id: string) => {
        const events = await spine.history.events(id);
        return withoutTimes({ ...(await spine.get(id)), events }, id);
      };
      if (isDeepStrictEqual(await same(copy), await same(original))) continue;
      throw new Error(`The copy ${copy} is not what Spine wrote as ${original}.`);
    }
  } finally {
    await spine.stop();
  }
}

function withoutTimes(detail: RunDetail & { readonly events: unknown }, id: string): unknown {
  return JSON.parse(JSON.stringify(detail).replaceAll(id, "id"), (name, value: unknown) =>
    /(^a|A)t$/.test(name) && typeof value === "string" ? "time" : value,
  );
}
