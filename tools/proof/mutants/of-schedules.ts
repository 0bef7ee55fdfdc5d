import type { Mutant } from "../mutant.ts";

const SCHEDULER = "packages/spine-core/src/scheduler";
const STORE = "packages/spine-adapters/src/history/sql-schedule-store.ts";
const STORE_TEST = "packages/spine-adapters/src/history/sql-schedule-store.test.ts";
const SETTLE = `${SCHEDULER}/settle-schedule.ts`;
const SETTLE_TEST = `${SCHEDULER}/settle-schedule.test.ts`;
const ENGINE_TEST = "packages/spine-adapters/src/engine-schedules.test.ts";

/** Guarantees of schedules: each tick once, none lost against the policy, and operators have their way. */
export const MUTANTS_OF_SCHEDULES: readonly Mutant[] = [
  {
    name: "tick-not-unique",
    breaks: "a tick that was run already is run again, where a clock is put back or two processes meet",
    changes: [{ file: STORE, find: "WHERE t.run_id IS NULL RETURNING", replace: "WHERE true RETURNING" }],
    caughtBy: {
      file: STORE_TEST,
      test: ["schedule store: SQLite in a file", "a tick that has a run keeps it"],
    },
    says: "s@1970-01-01T00:00:01.000Z",
    quick: true,
  },
  {
    name: "stale-settlement-taken",
    breaks:
      "a process that decided by a schedule as it was before it was changed, or before another one settled it, has its way",
    changes: [
      {
        file: STORE,
        find: "s.name = v.name AND s.version = v.version",
        replace: "s.name = v.name",
      },
    ],
    caughtBy: {
      file: STORE_TEST,
      test: ["schedule store: SQLite in a file", "settles nothing of a schedule that was changed meanwhile"],
    },
    says: "a was changed",
    quick: false,
  },
  {
    name: "catch-up-cap-ignored",
    breaks: "after an outage all that was missed is run at once, whatever cap the schedule has",
    changes: [{ file: SETTLE, find: "fresh.slice(-most)", replace: "fresh.slice(-MOST_TICKS)" }],
    caughtBy: { file: SETTLE_TEST, test: ["a cap and a window bound what is caught up"] },
    says: "01:00 STARTED CAUGHT_UP",
    quick: false,
  },
  {
    name: "missed-ticks-run",
    breaks: "a schedule that does not catch up runs all ticks of an outage once it is over",
    changes: [
      { file: SETTLE, find: "now - dueAt(name, tick, jitter) <= misfireGrace", replace: "misfireGrace >= 0" },
    ],
    caughtBy: {
      file: SETTLE_TEST,
      test: ["after ten hours none, the latest, or all of the ticks that were missed are caught up"],
    },
    says: "01:00 STARTED",
    quick: false,
  },
  {
    name: "overlap-ignored",
    breaks: "a run begins beside the one before it, although the schedule says that it is skipped",
    changes: [
      {
        file: SETTLE,
        find: 'const isFree = !state.busy || settings.overlap === "allow";',
        replace: 'const isFree = settings.overlap !== "queue";',
      },
    ],
    caughtBy: {
      file: SETTLE_TEST,
      test: ["while a run is not over its schedule says what becomes of the next tick"],
    },
    says: "skipped while r1 runs",
    quick: false,
  },
  {
    name: "paused-ticks-run",
    breaks: "what was missed while somebody had paused a schedule is run as soon as he resumes it",
    changes: [
      {
        file: SETTLE,
        find: '  if (missed === "skip") {',
        replace: '  if (missed === "skip" && !settings.enabled) {',
      },
    ],
    caughtBy: { file: SETTLE_TEST, test: ["after a pause it goes on with the next tick, or catches up"] },
    says: "PAUSED",
    quick: false,
  },
  {
    name: "next-tick-chained",
    breaks: "an interval is counted from when it was last looked at, and moves away from its start",
    changes: [
      {
        file: `${SCHEDULER}/next-ticks.ts`,
        find: "first + Math.max(0, Math.floor((after - first) / every) + 1) * every",
        replace: "Math.max(first, after) + every",
      },
    ],
    caughtBy: {
      file: `${SCHEDULER}/next-ticks.test.ts`,
      test: ["an interval is counted from its start, whenever it is asked"],
    },
    says: "2026-01-05T11:07",
    quick: false,
  },
  {
    name: "edited-cron-runs-old-tick",
    breaks: "a tick of the times that a schedule had before it was changed is run after the change",
    changes: [
      {
        file: `${SCHEDULER}/schedules.ts`,
        find: "{ ...base, ...fromNow(row, settings, calendars, now) }",
        replace: "{ ...base, anchor: now }",
      },
    ],
    caughtBy: {
      file: ENGINE_TEST,
      test: [
        "SQLite",
        "other times count from the change on, which the answer says; other fields leave them as they are",
      ],
    },
    says: "the old tick is not looked at",
    quick: false,
  },
  {
    name: "closed-day-run",
    breaks: "a schedule with a calendar of trading days runs on the others as well",
    changes: [{ file: SETTLE, find: "if (!grid.isOpen(tick))", replace: "if (false)" }],
    caughtBy: { file: SETTLE_TEST, test: ["ticks of days that its calendar does not have are skipped"] },
    says: "CLOSED_DAY",
    quick: false,
  },
  {
    name: "unknown-ticks-settled",
    breaks:
      "a tick that came while nobody knew its workflow is never caught up, although the schedule says so",
    changes: [
      {
        file: SETTLE,
        find: "  const position = { pausedAt, settledTo, queued, ...next, unknown: true };",
        replace:
          "  const position = { pausedAt, settledTo: settledTo > 0 ? now : 0, queued, ...next, unknown: true };",
      },
    ],
    caughtBy: {
      file: ENGINE_TEST,
      test: [
        "SQLite",
        "a tick is left to who knows its workflow; once it is late it is told as missed, and caught up all the same",
      ],
    },
    says: "STARTED CAUGHT_UP",
    quick: false,
  },
];
