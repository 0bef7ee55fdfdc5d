import {
  type Database,
  isTerminal,
  RUN_STATUSES,
  type RunDetail,
  type RunSummary,
  type StateStores,
  systemClock,
} from "spine-core";
import type { AuditedRun } from "spine-core/testing";
import { type Address, databaseAt } from "./database-at.ts";
import { expectedOf } from "./undone.ts";
import {
  APPROVAL,
  APPROVED,
  appendedTable,
  effectsTable,
  replacedTable,
  SUPERSEDED,
  YES,
} from "./workload.ts";

const AT_A_TIME = 20;

/** A look at everything that the runs left behind, on a connection of its own. */
export class Observer implements AsyncDisposable {
  readonly #database: Database;
  readonly #stores: StateStores;

  private constructor(database: Database, stores: StateStores) {
    this.#database = database;
    this.#stores = stores;
  }

  /** Makes the tables where they are missing. */
  static async open(address: Address): Promise<Observer> {
    const database = databaseAt(address);
    const stores = await database.connect({ clock: systemClock });
    for (const table of [effectsTable, appendedTable, replacedTable]) await database.ensureTable(table);
    return new Observer(database, stores);
  }

  get database(): Database {
    return this.#database;
  }

  /** Runs that have not ended. */
  async unfinished(): Promise<readonly RunSummary[]> {
    return await this.#all({ status: RUN_STATUSES.filter((status) => !isTerminal(status)) });
  }

  /** Approves what nobody does any more: who was to may be dead. Sent again, it is the same approval. */
  async approve(runs: readonly RunSummary[]): Promise<void> {
    const waiting = runs.filter(({ workflow, status }) => workflow === "kill.kinds" && status === "WAITING");
    await this.#stores.history.commit(
      waiting.map(({ runId }) => ({
        kind: "signal",
        runId,
        signalId: APPROVED,
        name: APPROVAL,
        payload: YES,
      })),
    );
  }

  async look(): Promise<readonly AuditedRun[]> {
    const { history } = this.#stores;
    const effects = await this.#effects();
    const all = await this.#all({});
    for (const { parentRunId, parentStep } of all) {
      // Those that are started by hand from inside a step have no step that waits for them.
      if (parentRunId !== null && parentStep !== null) add(effects, parentRunId, `child of ${parentStep}`);
    }
    const left = all.map(({ runId }) => runId);
    const cancelled = new Set(all.flatMap(({ runId, status }) => (status === "CANCELLED" ? [runId] : [])));
    const runs: AuditedRun[] = [];
    const lookOn = async () => {
      for (let runId = left.pop(); runId !== undefined; runId = left.pop()) {
        const [detail, events] = await Promise.all([history.get(runId), history.events(runId)]);
        const found = [...(effects.get(runId) ?? []), ...(await this.#signals(detail))];
        const isOfCancelled = cancelled.has(detail?.run.parentRunId ?? "");
        runs.push({ runId, detail, events, effects: found, ...expectedOf(detail, found, isOfCancelled) });
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, lookOn));
    return runs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database.close();
  }

  async #all(query: Parameters<StateStores["history"]["list"]>[0]): Promise<readonly RunSummary[]> {
    const runs: RunSummary[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = await this.#stores.history.list({ ...query, limit: 200, ...(cursor ? { cursor } : {}) });
      runs.push(...page.items);
      cursor = page.nextCursor;
    }
    return runs;
  }

  /** What steps got that waited for signals, and what nobody took. */
  async #signals(detail: RunDetail | undefined): Promise<readonly string[]> {
    const waits = detail?.steps.filter(({ kind, status, output }) => {
      return kind === "wait" && status === "COMPLETED" && output !== null;
    });
    if (!detail || !waits || waits.length === 0) return [];
    const inbox = await this.#stores.history.inbox(detail.run.runId, []);
    return [
      ...waits.map(({ name, output }) => `${name} took ${JSON.stringify(output)}`),
      ...(inbox?.signals ?? []).map(({ name }) => `signal ${name} is left`),
    ];
  }

  async #effects(): Promise<Map<string, string[]>> {
    const { kysely } = this.#database;
    const made = new Map<string, string[]>();
    const effects: { run: string; effect: string }[] = await kysely
      .selectFrom(effectsTable.name)
      .select(["run", "effect"])
      .execute();
    for (const { run, effect } of effects) add(made, run, `effect ${effect}`);
    for (const name of [appendedTable.name, replacedTable.name, SUPERSEDED]) {
      const rows: { run: string; n: number }[] = await kysely.selectFrom(name).select(["run", "n"]).execute();
      for (const { run, n } of rows) add(made, run, name === SUPERSEDED ? `superseded row ${n}` : `row ${n}`);
    }
    return made;
  }
}

function add(effects: Map<string, string[]>, run: string, effect: string): void {
  const known = effects.get(run);
  if (known) known.push(effect);
  else effects.set(run, [effect]);
}
