import { sql } from "kysely";
import type { ColumnType } from "../data/table.ts";
import type { QualityContext, QualityInspection, QualityRows } from "./quality-check.ts";

type Columns = Readonly<Record<string, ColumnType>>;

/** What the engine gives to checks that look again. */
export interface InspectionServices {
  readonly signal: AbortSignal;
  readonly prior: QualityContext["prior"];
  /** The checked dataset as a table with these columns, and those of other steps beside it, for as long as `work` goes on. */
  withRows(
    asked: { readonly columns: Columns; readonly others: Readonly<Record<string, Columns>> },
    work: (rows: QualityRows) => Promise<void>,
  ): Promise<void>;
}

/** A check under way that may look again. */
interface Inspected {
  inspect(): QualityInspection | null;
  fail(error: unknown): void;
}

interface Look extends Inspected {
  readonly inspection: QualityInspection;
}

/**
 * Lets checks look again. Those that ask for texts only, which every value can be, share one table of the dataset; one with other
 * types has a table of its own, so that a value that does not fit them is an ERROR of that check alone.
 */
export async function inspectAll(checks: readonly Inspected[], services: InspectionServices): Promise<void> {
  const { signal, prior } = services;
  const looks = checks.flatMap((check): readonly Look[] => {
    const inspection = check.inspect();
    return inspection === null ? [] : [{ ...check, inspection }];
  });
  const look = async ({ inspection, fail }: Look, rows: QualityRows | null) => {
    signal.throwIfAborted();
    // After an error Postgres goes on with nothing: what a check asks that it refuses is undone alone.
    const db = rows?.dialect === "postgres" ? rows.db : null;
    if (db) await sql`SAVEPOINT spine_check`.execute(db);
    try {
      await inspection.look({ signal, prior, rows });
    } catch (error) {
      signal.throwIfAborted();
      fail(error);
      if (db) await sql`ROLLBACK TO SAVEPOINT spine_check`.execute(db);
    }
  };
  for (const one of looks) if (one.inspection.columns === null) await look(one, null);
  const asking = looks.filter(({ inspection }) => inspection.columns !== null);
  const shared = asking.filter(({ inspection }) => isOfTexts(inspection));
  const groups = [
    ...(shared.length > 0 ? [shared] : []),
    ...asking.filter((one) => !shared.includes(one)).map((one) => [one]),
  ];
  for (const group of groups) {
    signal.throwIfAborted();
    try {
      await services.withRows(askedBy(group), async (rows) => {
        for (const one of group) {
          await look(one, rows);
        }
      });
    } catch (error) {
      signal.throwIfAborted();
      for (const one of group) one.fail(error);
    }
  }
}

function isOfTexts({ columns, others = {} }: QualityInspection): boolean {
  return [columns ?? {}, ...Object.values(others)].every((one) =>
    Object.values(one).every((type) => type === "text"),
  );
}

function askedBy(group: readonly Look[]): {
  readonly columns: Columns;
  readonly others: Readonly<Record<string, Columns>>;
} {
  const others: Record<string, Columns> = {};
  for (const { inspection } of group) {
    for (const [step, columns] of Object.entries(inspection.others ?? {})) {
      others[step] = { ...others[step], ...columns };
    }
  }
  return {
    columns: Object.assign({}, ...group.map(({ inspection }) => inspection.columns)) as Columns,
    others,
  };
}
