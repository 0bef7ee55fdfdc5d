import type { Tier } from "../../tiers.ts";
import { seededRandom } from "../random.ts";
import type { QueryRecord } from "./query-record.ts";

/** A week that FINRA publishes again, with some of its rows changed. */
export interface Restatement {
  /** Any day of the week, `YYYY-MM-DD`. */
  readonly weekStart: string;
  readonly tier: Tier;
  /** The day of the restatement: the `lastUpdateDate` of the rows that it changes. */
  readonly on: string;
  /** How many rows get another number of shares; 3 when left out. */
  readonly changed?: number;
  /** How many rows are taken away; none when left out. */
  readonly removed?: number;
  /** How many rows come new, of symbols that the week had not; none when left out. */
  readonly added?: number;
}

/** The rows of a week after a restatement; which of them change is the same each time. */
export function restate(records: readonly QueryRecord[], restatement: Restatement): QueryRecord[] {
  const { tier, on, changed = 3, removed = 0, added = 0 } = restatement;
  const random = seededRandom(`${tier}/${restatement.weekStart}/${on}`);
  const rows = [...records];
  const good = () => {
    const from = random.int(rows.length);
    const at = [...rows.keys()].map((index) => (from + index) % rows.length);
    return at.find(
      (index) => rows[index]?.issueSymbolIdentifier !== null && rows[index]?.lastUpdateDate !== on,
    );
  };
  for (let left = removed; left > 0; left--) {
    const at = good();
    if (at !== undefined) rows.splice(at, 1);
  }
  for (let left = changed; left > 0; left--) {
    const at = good();
    const row = at === undefined ? undefined : rows[at];
    if (at === undefined || row === undefined) break;
    rows[at] = {
      ...row,
      totalWeeklyShareQuantity: Number(row.totalWeeklyShareQuantity) + 100,
      lastUpdateDate: on,
    };
  }
  const pattern = rows.find((row) => row.issueSymbolIdentifier !== null);
  for (let n = 1; pattern && n <= added; n++) {
    rows.push({
      ...pattern,
      issueSymbolIdentifier: `ZR${on.slice(5).replace("-", "")}N${n}`,
      issueName: `Restated Issue ${n}`,
      lastUpdateDate: on,
    });
  }
  return rows;
}
