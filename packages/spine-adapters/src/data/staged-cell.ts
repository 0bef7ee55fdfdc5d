import { type Column, SpineError, type StagedPlan, ValidationError } from "spine-core";

/** A row's value as a column takes it; what is no text is its JSON in a column of texts. */
export function stagedCell<T>(
  { name, dataset }: StagedPlan,
  encode: (value: unknown) => T,
  value: unknown,
  column: { readonly name: string; readonly type: Column["type"] },
  row: number,
): T {
  const isText = column.type === "text" && typeof value !== "string" && value !== null && value !== undefined;
  try {
    return encode(isText ? JSON.stringify(value) : value);
  } catch (error) {
    const why = SpineError.is(error) ? error.message : String(error);
    throw new ValidationError(
      `Row ${row} does not fit the column "${column.name}" of "${name}": ${why}. Use \`text\` for values of several types.`,
      { context: { dataset, column: column.name, row }, cause: error },
    );
  }
}

/** Rows that are on their way to a table have its columns, and no others. */
export function columnNotStaged(column: string): SpineError {
  return new SpineError(
    "CONFIG_INVALID",
    `A check asks about the column "${column}" in SQL, and the table that the rows are on their way to has none of that name. Ask about columns of the table, or use \`.fetch\`, \`.transform\`, \`.quality\` and \`.load\` as steps of their own.`,
    { context: { column } },
  );
}
