import type { QualityCheck, QualityFinding } from "spine-core";
import type { IngestWeekParams } from "./ingest-week-params.ts";
import { weekFirstPublishedOn } from "./publication.ts";
import type { OtcTradeActivity } from "./trade-activity.ts";

type DatedRow = Pick<OtcTradeActivity, "week_start" | "tier" | "last_update_date">;

/**
 * Some row is dated as only the named week can be. The files do not say their week, so a file of another week would be
 * taken for the named one. Single rows may be restated on the day on which another week first comes out; where all are
 * dated so, it is that other week, unless the run was told the date (`last_update_date`).
 */
export const ownWeek: QualityCheck<DatedRow> = Object.freeze<QualityCheck<DatedRow>>({
  name: "ownWeek",
  category: "INTEGRITY",
  blocking: true,
  memory: "constant",
  start({ params }) {
    const { last_update_date, source } = params as IngestWeekParams;
    // The Query API names the week of each row, and its source refuses any other.
    const told = last_update_date !== null || source !== undefined;
    let own = 0;
    let last = "";
    let other: { readonly date: string; readonly week: string } | null = null;
    return {
      add({ week_start, tier, last_update_date: date }) {
        if (date !== last) {
          const week = weekFirstPublishedOn(date, tier);
          other = week === null || week === week_start ? null : { date, week };
          last = date;
        }
        if (other === null) own += 1;
      },
      finish(): QualityFinding {
        if (told || own > 0 || other === null) {
          return {
            status: "PASS",
            message: told ? "the rows' week or date was named" : "dated as the week can be",
            actual: own,
          };
        }
        return {
          status: "FAIL",
          message: `every row is dated like another week, e.g. ${other.date}, when week ${other.week} was first published. Name the week that the file holds (week_ending); if FINRA restated all of this week on that day, name the day too (last_update_date)`,
          actual: own,
          expected: "a row dated as the week can be",
        };
      },
    };
  },
});
