import type { Clock } from "../clock.ts";
import type { Database, StateStores } from "../database/database.ts";
import { SpineError, textOf } from "../errors.ts";
import type { CreateCommit } from "../history/history-store.ts";
import type { Registry } from "../registry.ts";
import type { WorkflowData } from "../workflow/workflow.ts";
import type { ScheduleSettings } from "./schedule.ts";
import { type Settlement, type TickWrite, tickKey } from "./schedule-store.ts";
import { planTick } from "./tick-runs.ts";

export interface Settling {
  readonly database: Pick<Database, "transaction">;
  readonly stores: Pick<StateStores, "history" | "schedules">;
  readonly workflows: Registry<WorkflowData>;
  readonly clock: Clock;
}

/** A settlement with the settings that its runs are made by. */
export interface Planned {
  readonly settings: ScheduleSettings;
  readonly settlement: Settlement;
  /** Ticks that get a run. */
  readonly starts: readonly number[];
}

/** A run that was stored for a tick. */
export interface StartedTick {
  readonly schedule: string;
  readonly scheduledAt: number;
  readonly runId: string;
  readonly workflow: string;
}

export interface SettledTicks {
  /** Schedules that nobody else had changed. */
  readonly schedules: ReadonlySet<string>;
  readonly started: readonly StartedTick[];
}

/**
 * Settles ticks and stores their runs: in one transaction, so that there is no tick without its run, no run without its tick, and one of
 * both whatever others do at the same time. A tick whose parameters are refused is MISSED, with what was wrong.
 */
export async function settleTicks(
  { database, stores, workflows, clock }: Settling,
  planned: readonly Planned[],
): Promise<SettledTicks> {
  const commits = new Map<string, CreateCommit>();
  const settlements: Settlement[] = [];
  for (const { settings, settlement, starts } of planned) {
    const rows = new Map(settlement.ticks.map((tick) => [tick.scheduledAt, tick]));
    for (const scheduledAt of starts) {
      const row = rows.get(scheduledAt);
      if (!row) continue;
      try {
        const { commit } = await planTick(workflows.get(settings.workflow), settings, scheduledAt, clock);
        commits.set(tickKey(settings.name, scheduledAt), commit);
        rows.set(scheduledAt, { ...row, runId: commit.run.runId });
      } catch (error) {
        rows.set(scheduledAt, refused(row, error));
      }
    }
    settlements.push({ ...settlement, ticks: [...rows.values()] });
  }
  return await store({ database, stores }, settlements, commits);
}

function refused(tick: TickWrite, error: unknown): TickWrite {
  return { ...tick, status: "MISSED", reason: "REFUSED", detail: textOf(error) };
}

/** A run of this key is there already: of a schedule of the same name that was removed, say. */
class KnownRuns extends Error {
  readonly runs: ReadonlyMap<string, string>;

  constructor(runs: ReadonlyMap<string, string>) {
    super("Runs of these ticks exist");
    this.runs = runs;
  }
}

async function store(
  { database, stores }: Pick<Settling, "database" | "stores">,
  settlements: readonly Settlement[],
  commits: ReadonlyMap<string, CreateCommit>,
): Promise<SettledTicks> {
  try {
    return await database.transaction(async (transaction) => {
      const { schedules, ticks } = await stores.schedules.settle(transaction, settlements);
      const own = [...commits].filter(([key]) => ticks.has(key));
      const creates = own.map(([, commit]) => commit);
      const results = creates.length > 0 ? await stores.history.commit(creates, { transaction }) : [];
      const known = new Map<string, string>();
      for (const [index, [key]] of own.entries()) {
        const result = results[index];
        if (result?.result === "duplicate") known.set(key, result.runId);
        else if (result?.result !== "committed")
          throw new SpineError("HISTORY_CONFLICT", `The run of tick ${key} was neither stored nor found.`);
      }
      if (known.size > 0) throw new KnownRuns(known);
      const started = settlements.flatMap(({ name, ticks: rows }) =>
        rows.flatMap(({ scheduledAt }) => {
          const commit = ticks.has(tickKey(name, scheduledAt)) && commits.get(tickKey(name, scheduledAt));
          return commit
            ? [{ schedule: name, scheduledAt, runId: commit.run.runId, workflow: commit.run.workflow }]
            : [];
        }),
      );
      return { schedules, started };
    });
  } catch (error) {
    const known = knownRuns(error);
    if (!known) throw error;
    const others = new Map([...commits].filter(([key]) => !known.has(key)));
    const withRuns = settlements.map((settlement) => ({
      ...settlement,
      ticks: settlement.ticks.map((tick) => {
        const runId = known.get(tickKey(settlement.name, tick.scheduledAt));
        return runId === undefined ? tick : { ...tick, runId };
      }),
    }));
    return await store({ database, stores }, withRuns, others);
  }
}

/** A database may wrap what its work throws. */
function knownRuns(error: unknown): ReadonlyMap<string, string> | undefined {
  for (let each = error; each instanceof Error; each = each.cause)
    if (each instanceof KnownRuns) return each.runs;
  return undefined;
}
