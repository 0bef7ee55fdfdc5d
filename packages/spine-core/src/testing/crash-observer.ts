import { systemClock } from "../clock.ts";
import type { Database, StateStores } from "../database/database.ts";
import type { AuditedRun } from "./audit.ts";
import { EXPECTED_EFFECTS, effectsTable, rowsTable } from "./crash-workflow.ts";
import type { Place } from "./place.ts";

/** Looks at what runs of the crash workflow left behind, on a connection of its own, through the ports. */
export class CrashObserver {
  readonly #database: Database;
  readonly #stores: Omit<StateStores, "hints">;

  constructor(database: Database, stores: Omit<StateStores, "hints">) {
    this.#database = database;
    this.#stores = stores;
  }

  static async open(place: Place): Promise<CrashObserver> {
    const database = place.database();
    const stores = await database.connect({ clock: systemClock });
    return new CrashObserver(database, stores);
  }

  async close(): Promise<void> {
    await this.#database.close();
  }

  /** The newest run with this key. */
  async find(key: string): Promise<string | undefined> {
    const { items } = await this.#stores.history.list({ limit: 200 });
    return items.find((run) => run.key === key)?.runId;
  }

  /** The steps of a run that stand in the history as finished. */
  async completed(runId: string): Promise<readonly string[]> {
    const { steps } = (await this.#stores.history.get(runId)) ?? { steps: [] };
    return steps.filter(({ status }) => status === "COMPLETED").map(({ name }) => name);
  }

  async look(runId: string): Promise<AuditedRun> {
    const { history, partitions } = this.#stores;
    const { kysely } = this.#database;
    const detail = await history.get(runId);
    const made: { effect: string }[] = await kysely
      .selectFrom(effectsTable.name)
      .select("effect")
      .where("run", "=", runId)
      .execute();
    const loaded: { n: number; _spine_load_id: string }[] = await kysely
      .selectFrom(rowsTable.name)
      .select(["n", "_spine_load_id"])
      .where("run", "=", runId)
      .execute();
    // Rows of a load that was done over would stand here.
    const superseded: { n: number }[] = await kysely
      .selectFrom(rowsTable.captures ?? rowsTable.name)
      .select("n")
      .where("run", "=", runId)
      .execute();
    const load = detail?.steps.find(({ name, status }) => name === "load" && status === "COMPLETED");
    const output = load?.output as { loadId?: string; inserted?: number } | undefined;
    const partition = await partitions.get(rowsTable.name, { run: runId });
    const known = (loadId: string | undefined) => (loadId === output?.loadId ? "" : " of an unknown load");
    return {
      runId,
      detail,
      events: await history.events(runId),
      effects: [
        ...made.map(({ effect }) => `effect ${effect}`),
        ...loaded.map((row) => `row ${row.n}${known(row._spine_load_id)}`),
        ...superseded.map(({ n }) => `superseded row ${n}`),
        `partition of ${partition?.rows} rows${known(partition?.loadId)}`,
        `record of ${output?.inserted} rows`,
      ],
      expected: EXPECTED_EFFECTS,
    };
  }
}
