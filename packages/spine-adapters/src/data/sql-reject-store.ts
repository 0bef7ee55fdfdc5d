import { type Kysely, type RawBuilder, sql } from "kysely";
import {
  type AnySchema,
  type Clock,
  type DatabaseTransaction,
  type Dialect,
  type Discard,
  type RejectChoice,
  type RejectFilter,
  type RejectRecord,
  type RejectState,
  type RejectStore,
  ValidationError,
} from "spine-core";
import { isoTime } from "../history/iso-time.ts";
import type { StateTables } from "../history/state-tables.ts";
import { type RejectRow, readReject } from "./dataset-rows.ts";

interface SqlRejectOptions {
  readonly kysely: Kysely<AnySchema>;
  readonly dialect: Dialect;
  readonly tables: StateTables;
  readonly clock: Clock;
}

interface StatedRow extends RejectRow {
  readonly state: RejectState;
  readonly taken_by: string | null;
  readonly discard_reason: string | null;
  readonly discarded_by: string | null;
  readonly discarded_at: string | null;
}

type Sql = RawBuilder<unknown>;
const DEFAULT_REJECTS = 100;

/** What became of refused rows, in SQL that both databases understand. */
export class SqlRejectStore implements RejectStore {
  readonly #kysely: Kysely<AnySchema>;
  readonly #clock: Clock;
  readonly #isPostgres: boolean;
  readonly #rejects: Sql;
  readonly #datasets: Sql;
  readonly #runs: Sql;

  constructor({ kysely, dialect, tables, clock }: SqlRejectOptions) {
    this.#kysely = kysely;
    this.#clock = clock;
    this.#isPostgres = dialect === "postgres";
    this.#rejects = sql.raw(tables.rejects);
    this.#datasets = sql.raw(tables.datasets);
    this.#runs = sql.raw(tables.workflow_runs);
  }

  async list(filter: RejectFilter): Promise<readonly RejectRecord[]> {
    const { runId, step, code, state, limit = DEFAULT_REJECTS, after } = filter;
    if (after !== undefined && step === undefined) {
      throw new ValidationError("`after` counts within one step: name the step whose rejects go on.");
    }
    // A run that is not there any more had ended: what it may have loaded is not driven once more.
    const found = await sql<StatedRow>`SELECT * FROM (
  SELECT d.dataset_id, d.step_name, r.position, r.code, r.message, r.line, r.file, CAST(r.raw AS TEXT) AS raw,
    CAST(r.taken_by AS TEXT) AS taken_by, r.discard_reason, r.discarded_by, r.discarded_at,
    CASE WHEN r.taken_by IS NOT NULL AND coalesce(w.status, 'COMPLETED') = 'COMPLETED' THEN 'REDRIVEN'
      WHEN r.discarded_at IS NOT NULL THEN 'DISCARDED'
      WHEN r.taken_by IS NOT NULL AND w.status NOT IN ('FAILED', 'CANCELLED') THEN 'REDRIVING'
      ELSE 'OPEN' END AS state
  FROM ${this.#datasets} d JOIN ${this.#rejects} r ON r.dataset_id = d.dataset_id
  LEFT JOIN ${this.#runs} w ON w.run_id = r.taken_by
  WHERE d.run_id = ${runId} ${step === undefined ? sql`` : sql`AND r.dataset_id = ${this.#datasetOf(runId, step)}`}
    ${code === undefined ? sql`` : sql`AND r.code = ${code}`} AND r.position > ${after ?? -1}
) found ${state === undefined ? sql`` : sql`WHERE state = ${state}`}
ORDER BY ${step === undefined ? sql`dataset_id,` : sql``} position LIMIT ${limit}`.execute(this.#kysely);
    return found.rows.map((row) => readStated(runId, row));
  }

  async discard(choice: RejectChoice, { reason, by }: Omit<Discard, "at">): Promise<number> {
    const at = isoTime(this.#clock.now());
    return await this.#change(
      this.#kysely,
      sql`discard_reason = ${reason}, discarded_by = ${by}, discarded_at = ${at}`,
      choice,
      this.#isOpen(),
    );
  }

  async restore(choice: RejectChoice): Promise<number> {
    const nothing = sql`discard_reason = NULL, discarded_by = NULL, discarded_at = NULL`;
    return await this.#change(this.#kysely, nothing, choice, sql`r.discarded_at IS NOT NULL`);
  }

  async take(choice: RejectChoice, runId: string, { kysely }: DatabaseTransaction): Promise<number> {
    return await this.#change(kysely, sql`taken_by = ${runId}`, choice, this.#isOpen());
  }

  async taken(runId: string, { kysely }: DatabaseTransaction): Promise<number> {
    const lock = this.#isPostgres ? sql`FOR UPDATE` : sql``;
    const { rows } = await sql`SELECT position FROM ${this.#rejects}
WHERE taken_by = ${runId} AND discarded_at IS NULL ${lock}`.execute(kysely);
    return rows.length;
  }

  async #change(
    kysely: Kysely<AnySchema>,
    set: Sql,
    { runId, step, code, indexes }: RejectChoice,
    isMeant: Sql,
  ): Promise<number> {
    const { numAffectedRows = 0n } = await sql`UPDATE ${this.#rejects} AS r SET ${set}
WHERE r.dataset_id = ${this.#datasetOf(runId, step)}
  ${code === undefined ? sql`` : sql`AND r.code = ${code}`}
  ${indexes === undefined ? sql`` : sql`AND r.position IN (${this.#numbers(indexes)})`} AND ${isMeant}`.execute(
      kysely,
    );
    return Number(numAffectedRows);
  }

  /** One value, so that the rejects of a step are read from their place on, in the order of their index. */
  #datasetOf(runId: string, step: string): Sql {
    return sql`(SELECT dataset_id FROM ${this.#datasets} WHERE run_id = ${runId} AND step_name = ${step})`;
  }

  /** Neither put aside nor in a run that may still load it. */
  #isOpen(): Sql {
    return sql`r.discarded_at IS NULL AND (r.taken_by IS NULL OR EXISTS (
  SELECT 1 FROM ${this.#runs} w WHERE w.run_id = r.taken_by AND w.status IN ('FAILED', 'CANCELLED')))`;
  }

  /** Any number of them as one parameter. */
  #numbers(numbers: readonly number[]): Sql {
    const text = JSON.stringify(numbers);
    return this.#isPostgres
      ? sql`SELECT CAST(value AS bigint) FROM json_array_elements_text(CAST(${text} AS json))`
      : sql`SELECT value FROM json_each(${text})`;
  }
}

function readStated(runId: string, row: StatedRow): RejectRecord {
  const { state, taken_by, discard_reason, discarded_by, discarded_at } = row;
  const isTaken = state === "REDRIVING" || state === "REDRIVEN";
  const counts = { position: Number(row.position), line: row.line === null ? null : Number(row.line) };
  return {
    ...readReject(runId, { ...row, ...counts }),
    state,
    redrivenBy: isTaken ? taken_by : null,
    discarded:
      state === "DISCARDED"
        ? { reason: discard_reason ?? "", by: discarded_by, at: discarded_at ?? "" }
        : null,
  };
}
