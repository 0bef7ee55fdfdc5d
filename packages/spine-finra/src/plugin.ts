import type { Plugin } from "spine-core";
import type { FinraOtcOptions } from "./finra-otc-options.ts";
import { ingestWeek } from "./ingest-week.ts";
import { type FinraScheduleOptions, isUsMarketDay, US_MARKET, weeklySchedules } from "./schedules.ts";
import { weekSource } from "./week-source.ts";

export interface FinraOptions {
  /**
   * The folders that weekly files may be read from; the working directory when left out. A path that leads
   * elsewhere, by a symbolic link too, is refused.
   */
  readonly fileRoots?: readonly string[];
  /**
   * The services that weeks may be asked of, by a run without a file: FINRA's own Query API, anonymously, when left out;
   * `[]` for none. With several, a run's `source` says which.
   */
  readonly queryApi?: FinraOtcOptions | readonly FinraOtcOptions[];
  /**
   * True: weeks are loaded by themselves on the day of their publication, each tier by a schedule of its own. They are there, and not
   * enabled, when left out. An object says besides which service they come from.
   */
  readonly schedules?: boolean | FinraScheduleOptions;
}

/**
 * FINRA's OTC Transparency data as a plugin: the source `finra.otc_transparency` (weekly files and the Query API), the workflow
 * `finra.otc_transparency.ingest_week` and its table, a weekly schedule for each tier (not enabled) and the calendar `us-market`. Data is FINRA's: see the README for its terms.
 *
 * @example
 * const spine = await createSpine({ database: sqlite("spine.db"), plugins: [finra({ fileRoots: ["./incoming"] })] });
 */
export function finra(options: FinraOptions = {}): Plugin {
  const { fileRoots, queryApi = {}, schedules = false } = options;
  const services = (Array.isArray as (value: unknown) => value is readonly FinraOtcOptions[])(queryApi)
    ? queryApi
    : [queryApi];
  const source = weekSource(fileRoots ? { roots: fileRoots } : {}, services);
  return Object.freeze({
    name: "finra",
    sources: Object.freeze([source]),
    workflows: Object.freeze([ingestWeek]),
    schedules: Object.freeze(
      weeklySchedules(typeof schedules === "boolean" ? { enabled: schedules } : schedules),
    ),
    calendars: Object.freeze({ [US_MARKET]: isUsMarketDay }),
  });
}
