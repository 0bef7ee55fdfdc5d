import type { DatasetRef } from "../data/dataset.ts";
import type { StagedTables } from "../data/staged-rows.ts";
import type { InspectionServices } from "../quality/inspect-checks.ts";
import { datasetOf, type StepScope } from "./step-scope.ts";

/** The checked dataset by this name in SQL. */
const TABLE = "spine_rows";

/** What the checks of a step may ask beside the rows of their dataset. */
export function inspectionOf(scope: StepScope, input: DatasetRef): InspectionServices {
  const { context, datasets, database, quality } = scope;
  const { runId, workflow, step, signal } = context;
  return {
    signal,
    prior: ({ check, scope: like, limit }) =>
      quality.prior({ workflow, step, check, scope: like, before: runId, limit }),
    async withRows({ columns, others }, work) {
      const tables: Record<string, StagedTables[string]> = { [TABLE]: { dataset: input, columns } };
      const names = new Map<string, string>();
      for (const [other, itsColumns] of Object.entries(others)) {
        const name = `${TABLE}_${names.size + 2}`;
        names.set(other, name);
        tables[name] = { dataset: datasetOf(context, other), columns: itsColumns };
      }
      await datasets.withRows(tables, (db) =>
        work({ db, dialect: database.dialect, table: TABLE, others: names }),
      );
    },
  };
}
