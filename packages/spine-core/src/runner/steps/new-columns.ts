import type { DatasetRef, JsonType } from "../../data/dataset.ts";
import { type Column, type ColumnType, DECIMAL_SCALE, isColumnName, type Table } from "../../data/table.ts";
import type { Database } from "../../database/database.ts";
import { SpineError } from "../../errors.ts";
import type { LoadStep } from "../../workflow/step.ts";

/** Columns that one load may add: more of them are no columns, but values that became names. */
const MOST = 100;

/**
 * The table with the columns that its rows have and its definition has not, which are added to it where the load says so:
 * nullable, because rows that are there have none. Texts are text, true and false are boolean, all else is JSON, which holds it
 * as it is.
 */
export async function withNewColumns(
  { name: step, into, newColumns }: Pick<LoadStep, "name" | "into" | "newColumns">,
  { schema = {} }: DatasetRef,
  database: Database,
): Promise<Table> {
  if (newColumns !== "add") return into;
  const added = Object.entries(schema).filter(([name]) => !Object.hasOwn(into.columns, name));
  if (added.length === 0) return into;
  const refuse = (why: string): never => {
    throw new SpineError("LOAD_FAILED", `Step "${step}" cannot add columns to table "${into.name}": ${why}`, {
      context: { table: into.name, step },
    });
  };
  if (added.length > MOST)
    refuse(`the rows have ${added.length} that it has not, and a load adds at most ${MOST}.`);
  const wrong = added.find(([name]) => !isColumnName(name) || /^(?:sqlite|spine)_/.test(name));
  if (wrong)
    refuse(
      `${JSON.stringify(wrong[0])} cannot name one. Rename the field in the transform; a name has lower-case letters, digits and _, starts with a letter, and has at most 63 characters.`,
    );
  const columns = added.map(([name, types]): [string, Column] => [
    name,
    { type: typeOf(types), nullable: true, scale: DECIMAL_SCALE },
  ]);
  return await database.addColumns(into, Object.fromEntries(columns));
}

function typeOf(types: readonly JsonType[]): ColumnType {
  const present = types.filter((type) => type !== "null");
  if (present.length === 1 && present[0] === "boolean") return "boolean";
  return present.every((type) => type === "string") ? "text" : "json";
}
