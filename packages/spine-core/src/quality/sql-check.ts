import { type Compilable, type Kysely, sql as raw } from "kysely";
import { aFunction, anObject, checkArgument } from "../check-options.ts";
import type { ColumnType } from "../data/table.ts";
import type { AnySchema } from "../database/database-transaction.ts";
import { SpineError } from "../errors.ts";
import { valueText } from "./check-texts.ts";
import {
  defineCheck,
  type Failures,
  failures,
  givenOptions,
  MAX_SAMPLES,
  ROW_CHECK,
  type RowCheckOptions,
  verdictOn,
} from "./define-check.ts";
import type { QualityCheck, QualityContext, QualityInspection } from "./quality-check.ts";

/** What a question gives: a query whose rows are those that fail, or such rows, or how many they are. */
export type SqlAnswer = Compilable | Promise<readonly unknown[] | number> | readonly unknown[] | number;

export interface SqlCheckOptions extends RowCheckOptions {
  /** The columns that the table has, with their types; all columns of the dataset as text when left out. */
  readonly columns?: Readonly<Record<string, ColumnType>>;
}

/**
 * A rule of your own in SQL over the dataset, which is a table beside the tables of Spine's own database for as long as it is asked
 * about. Give the query that selects what fails: its rows are counted, and the first 20 fetched, by the database. Or await it
 * yourself and return rows, or a number. A query that the database refuses is an ERROR of this check. Without rows it is SKIPPED.
 *
 * @throws SpineError CONFIG_INVALID for a name or a question that is none.
 * @example
 * sql("no symbol twice in a venue", (db, table) =>
 *   db.selectFrom(table).select(["venue", "symbol"]).groupBy(["venue", "symbol"]).having((e) => e.fn.countAll(), ">", 1))
 */
export function sql(
  name: string,
  question: (db: Kysely<AnySchema>, table: string) => SqlAnswer,
  options: SqlCheckOptions = {},
): QualityCheck<object> {
  const whose = { of: "sql", code: "CONFIG_INVALID" } as const;
  checkArgument(
    "name",
    name,
    { is: "a text", fits: (value) => typeof value === "string" && value !== "" },
    whose,
  );
  checkArgument("question", question, aFunction, whose);
  const { columns, ...rest } = givenOptions(name, options);
  if (columns !== undefined) checkArgument("columns", columns, anObject, whose);
  const verdict = verdictOn(name, rest, name);
  const start: QualityCheck<object>["start"] = (input) => {
    let bad: Failures | null = null;
    return {
      add: () => {},
      addColumns: () => {},
      inspect(): QualityInspection | null {
        const { rows, schema = {}, columns: all = Object.keys(schema) } = input;
        if (rows === 0) return null;
        const asked = columns ?? Object.fromEntries(all.map((one) => [one, "text" as const]));
        return {
          columns: asked,
          async look(context: QualityContext) {
            if (context.rows === null) throw new SpineError("INTERNAL", "The dataset is no table.");
            bad = await ask(context.rows.db, question(context.rows.db, context.rows.table));
          },
        };
      },
      finish() {
        if (input.rows === 0) return { status: "SKIPPED", message: "there are no rows" };
        if (bad === null) throw new SpineError("INTERNAL", "Nobody asked the database.");
        return verdict(bad);
      },
      save: () => null,
      restore: () => {},
    };
  };
  return defineCheck(name, "BUSINESS_RULE", rest, "constant", start, ROW_CHECK);
}

async function ask(db: Kysely<AnySchema>, answer: SqlAnswer): Promise<Failures> {
  const bad = failures();
  if (isQuery(answer)) {
    // The query of the caller, as he wrote it, inside of one that counts.
    const query = answer as unknown as ReturnType<typeof raw>;
    const { rows } = await raw<{ n: unknown }>`SELECT count(*) AS n FROM (${query}) AS failing`.execute(db);
    bad.count = Number(rows[0]?.n);
    if (bad.count === 0) return bad;
    const first =
      await raw<object>`SELECT * FROM (${query}) AS failing LIMIT ${raw.lit(MAX_SAMPLES)}`.execute(db);
    bad.samples.push(...first.rows.map(valueText));
    return bad;
  }
  const found = await answer;
  if (typeof found === "number" && Number.isSafeInteger(found) && found >= 0) bad.count = found;
  else if (Array.isArray(found)) for (const row of found) bad.add(valueText(row));
  else
    throw new SpineError(
      "VALIDATION_FAILED",
      "The question gave neither a query, nor rows, nor a number from 0.",
    );
  return bad;
}

function isQuery(answer: SqlAnswer): answer is Compilable {
  return typeof answer === "object" && answer !== null && "compile" in answer && "toOperationNode" in answer;
}
