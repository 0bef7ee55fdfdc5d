/** How a trailer is recognised, and what it says. */
export interface TrailerForm {
  /** Fields that a trailer can have at most: a record with more is none. */
  readonly fields: number;
  matches(raw: string): boolean;
  /** The number of records that it announces; NaN where that is no whole number. */
  count(raw: string): number;
}

/** Labels that stand before a count, in any case: `TRAILER|123`, `T,123`, `Total records: 123`. */
const LABELS =
  "T|TR|TRL|TLR|TRAILER|FOOTER|EOF|END|COUNT|(?:TOTAL|ROW|ROWS|RECORD|RECORDS)(?:[ _](?:COUNT|ROWS|RECORDS))?";

/**
 * @param trailer what the options say: "count" for the bare number of records or one behind a usual label, or an
 *   expression over the whole line with the group `count`
 */
export function trailerForm(trailer: "count" | RegExp | null, delimiter: string): TrailerForm | null {
  if (trailer === null) return null;
  // Neither remembers where an earlier test ended.
  const expression =
    trailer === "count"
      ? usualForm(delimiter)
      : new RegExp(trailer.source, trailer.flags.replace(/[gy]/g, ""));
  return {
    fields: trailer === "count" ? 2 : Number.POSITIVE_INFINITY,
    matches: (raw) => expression.test(raw),
    count: (raw) => {
      const text = expression.exec(raw)?.groups?.count ?? "";
      return /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    },
  };
}

function usualForm(delimiter: string): RegExp {
  const separator = `[${delimiter.replace(/[\\\]^-]/, "\\$&")}:=]`;
  return new RegExp(`^(?:"?(?:${LABELS})"? ?${separator} ?)?"?(?<count>\\d{1,15})"?$`, "i");
}
