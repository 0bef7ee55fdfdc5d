import { Cron } from "croner";
import { wallClock } from "./next-ticks.ts";

/**
 * What a change of the clocks does to a tick. `CLOCKS_CHANGED`: they changed since the tick before, so that it is an hour more or less
 * behind it. `SKIPPED_TIME`: its time of day does not exist on that day, and it comes right behind the gap. `REPEATED_TIME`: its time
 * of day comes twice on that day.
 */
export const CLOCK_NOTES = ["CLOCKS_CHANGED", "SKIPPED_TIME", "REPEATED_TIME"] as const;

export interface ClockNote {
  /** The tick, ISO time in UTC. */
  readonly at: string;
  readonly note: (typeof CLOCK_NOTES)[number];
  /** For people: `The clocks of Europe/Berlin go forward by 1 h before it, to UTC+02:00.` */
  readonly message: string;
}

const DAY_MS = 86_400_000;

/**
 * What changes of the clocks do to ticks of a cron schedule; nothing to those of intervals.
 *
 * @param times ticks in their order, as `schedules.preview` returns them.
 */
export function clockNotes(
  times: readonly string[],
  { cron, timezone }: { readonly cron: string | null; readonly timezone: string },
): readonly ClockNote[] {
  if (cron === null) return [];
  const pattern = new Cron(cron, { timezone: "UTC", paused: true });
  return times.flatMap((at, index): readonly ClockNote[] => {
    const tick = Date.parse(at);
    const offset = offsetAt(tick, timezone);
    const notes: ClockNote[] = [];
    const { time } = wallClock(tick, timezone);
    const before = times[index - 1];
    // Of the first one, whatever changed on the day before it.
    const earlier = offsetAt(before === undefined ? tick - DAY_MS : Date.parse(before), timezone);
    if (offset !== earlier) {
      const way = offset > earlier ? "forward" : "back";
      const by = Math.abs(offset - earlier) / 60_000;
      const message = `The clocks of ${timezone} go ${way} by ${spelt(by)} before it, to ${zoneOf(offset)}.`;
      notes.push({ at, note: "CLOCKS_CHANGED", message });
    }
    // Right behind a gap, at a time that the pattern, read on a clock that never changes, does not have.
    if (offsetAt(tick - 1_000, timezone) < offset && !pattern.match(new Date(tick + offset))) {
      const message = `Its time of day does not exist on that day: it comes at ${time}, when the clocks have gone forward.`;
      notes.push({ at, note: "SKIPPED_TIME", message });
    }
    const fold = offset - offsetAt(tick + DAY_MS, timezone);
    const unfold = offsetAt(tick - DAY_MS, timezone) - offset;
    const isFirst = fold > 0 && offsetAt(tick + fold, timezone) === offset - fold;
    const isSecond = unfold > 0 && offsetAt(tick - unfold, timezone) === offset + unfold;
    if (isFirst || isSecond) {
      const message = `${time} comes twice on that day: this is the ${isFirst ? "first" : "second"} time.`;
      notes.push({ at, note: "REPEATED_TIME", message });
    }
    return notes;
  });
}

/** How far the clocks of a zone are ahead of UTC, in ms. */
function offsetAt(ms: number, timezone: string): number {
  const { date, time } = wallClock(ms, timezone);
  return Date.parse(`${date}T${time}Z`) - Math.floor(ms / 1_000) * 1_000;
}

function zoneOf(offset: number): string {
  const minutes = Math.abs(offset) / 60_000;
  const two = (part: number) => String(Math.floor(part)).padStart(2, "0");
  return `UTC${offset < 0 ? "-" : "+"}${two(minutes / 60)}:${two(minutes % 60)}`;
}

function spelt(minutes: number): string {
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${minutes} min`;
}
