// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are texts of sources
import type { Mutant } from "../mutant.ts";

const ENGINE = "packages/spine-core/src/runner";
const STEPS = `${ENGINE}/steps`;
const STORE = "packages/spine-adapters/src/data/sql-reject-store.ts";
const REDRIVE = "packages/spine-adapters/src/engine-redrive.test.ts";

/** Guarantees of contracts, and of rejects that are driven again. */
export const MUTANTS_OF_REJECTS: readonly Mutant[] = [
  {
    name: "redriven-twice",
    breaks: "two callers drive the same rejects again, and the rows are loaded twice",
    changes: [
      {
        file: STORE,
        find: "sql`taken_by = ${runId}`, choice, this.#isOpen()",
        replace: "sql`taken_by = ${runId}`, choice, sql`1 = 1`",
      },
    ],
    caughtBy: {
      file: REDRIVE,
      test: ["SQLite", "two callers at once: one drives the rows again, the other is told"],
    },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "redriven-by-a-run-retried-late",
    breaks: "a run that is retried after another has driven its rejects again loads them once more",
    changes: [
      {
        file: `${STEPS}/load-step.ts`,
        find: "if (input.redriven) await checkTaken(",
        replace: "if (input.redriven && step.name === '') await checkTaken(",
      },
    ],
    caughtBy: {
      file: REDRIVE,
      test: ["SQLite", "a run that failed and is retried loads nothing that another run has driven since"],
    },
    says: "RUN_CONFLICT",
    quick: false,
  },
  {
    name: "redrive-replaces-the-partition",
    breaks: "the rows that are driven again replace those of their partition that were loaded before",
    changes: [
      {
        file: `${STEPS}/load-step.ts`,
        find: "input.redriven ? adding(step) : step",
        replace: "step",
      },
    ],
    caughtBy: {
      file: REDRIVE,
      test: [
        "SQLite",
        "a fix of the code: only what was refused runs again, with its lines and files, and is added to its partition",
      ],
    },
    says: "to deeply equal [ Array(10) ]",
    quick: false,
  },
  {
    name: "redrive-without-its-marks",
    breaks:
      "a process that dies between a run and its marks leaves a run whose rows may be driven again once more",
    changes: [
      {
        file: `${ENGINE}/redrive.ts`,
        find: "await history.createIn(transaction, [commit])",
        replace: "await history.commit([commit])",
      },
    ],
    caughtBy: {
      file: REDRIVE,
      test: [
        "Postgres",
        "a process that dies before transaction leaves no mark without a run, and no run without its rows",
      ],
    },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "discarded-values-forgotten",
    breaks: "after a crash, values that were left out before it are not counted",
    changes: [
      {
        file: `${STEPS}/transform-step.ts`,
        find: "discardedUntil(state.cursor)",
        replace: "discardedUntil(null)",
      },
    ],
    caughtBy: {
      file: "packages/spine-adapters/src/engine-contracts.test.ts",
      test: ["SQLite", "after a death between two chunks it goes on counting"],
    },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "unknown-fields-of-the-row-before",
    breaks:
      "a row with as many fields as the one before counts as one of the same, and its unknown fields pass",
    changes: [
      {
        file: `${STEPS}/contracted-row.ts`,
        find: "if (same && count === keys.length)",
        replace: "if (count === keys.length)",
      },
    ],
    caughtBy: {
      file: `${STEPS}/contracted-row.test.ts`,
      test: ["rows of one shape and of others count alike"],
    },
    says: "to be 12",
    quick: false,
  },
];
