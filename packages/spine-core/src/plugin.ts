import type { AlertChannel } from "./alerts/alert.ts";
import type { Calendar } from "./partitions/period.ts";
import type { Schedule } from "./scheduler/schedule.ts";
import type { Source } from "./sources/source.ts";
import type { WorkflowData } from "./workflow/workflow.ts";

/**
 * What a package brings to a Spine: plain data. A plugin is usually a function that returns one, e.g.
 * `finra({ fileRoots: ["./incoming"] })`.
 */
export interface Plugin {
  /** Unique in a Spine. */
  readonly name: string;
  readonly workflows?: readonly WorkflowData[];
  // Not `object`: the rows of {} fit an interface and a registry of sources both.
  // biome-ignore lint/complexity/noBannedTypes: as above
  readonly sources?: readonly Source<never, {}>[];
  readonly alertChannels?: readonly AlertChannel[];
  /** When its workflows run; a plugin that is for many hosts brings them `enabled: false`. */
  readonly schedules?: readonly Schedule[];
  /** Days of business by name, for schedules. */
  readonly calendars?: Readonly<Record<string, Calendar>>;
}
