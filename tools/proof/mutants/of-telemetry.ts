import type { Mutant } from "../mutant.ts";

const ENGINE = "packages/spine-core/src/runner";
const HISTORY = "packages/spine-adapters/src/history";
const PROGRESS = "packages/spine-adapters/src/engine-progress.test.ts";
const TELEMETRY = `${ENGINE}/run-telemetry.test.ts`;
const OF_ANOTHER = "does not say of an attempt what another one has said, nor of one that has ended or waits";
const UNHEARD =
  "an attempt of which nothing is heard for too long fails, whatever its code does, and is tried again";

/** Guarantees of what steps say while they go on: signs of life, and how far they have come. */
export const MUTANTS_OF_TELEMETRY: readonly Mutant[] = [
  {
    name: "silence-unheeded",
    breaks: "a step that hangs stays RUNNING for ever, although it has a heartbeatTimeout",
    changes: [
      {
        file: `${ENGINE}/attempt-limits.ts`,
        find: "    if (left > 0) stopTimer = clock.after(left, look);\n    else call();\n",
        replace: "    stopTimer = clock.after(Math.max(left, ms), look);\n",
      },
    ],
    caughtBy: { file: PROGRESS, test: ["SQLite", "by one clock", UNHEARD] },
    says: "work 1 FAILED",
    quick: false,
  },
  {
    name: "signs-of-life-unheard",
    breaks: "a step that says all the time that it lives is ended as if it did not",
    changes: [
      {
        file: `${ENGINE}/attempt-limits.ts`,
        find: "      heardAt = clock.now();\n",
        replace: "",
      },
    ],
    caughtBy: { file: PROGRESS, test: ["SQLite", "by one clock", UNHEARD] },
    says: "work 1 RUNNING",
    quick: false,
  },
  {
    name: "silent-code-waited-for",
    breaks: "a step that does not listen to its signal is waited for, although its heartbeatTimeout is over",
    changes: [
      {
        file: `${ENGINE}/execute-step.ts`,
        find: "isLimited(step) ?",
        replace: "step.timeoutMs !== null ?",
      },
    ],
    caughtBy: { file: PROGRESS, test: ["SQLite", "by one clock", UNHEARD] },
    says: "work 1 FAILED",
    quick: false,
  },
  {
    name: "progress-of-an-earlier-attempt",
    breaks: "an attempt that has just begun is shown as far as the one before it had come",
    changes: [
      {
        file: `${HISTORY}/progress-rows.ts`,
        find: " && each.attempt === attempt",
        replace: "",
      },
    ],
    caughtBy: {
      file: `${HISTORY}/sqlite/sqlite-history-store.test.ts`,
      test: ["history store: SQLite in a file", OF_ANOTHER],
    },
    says: "first#1 FAILED null",
    quick: false,
  },
  {
    name: "progress-kept-for-ever",
    breaks: "how far runs had come stays in the database when they are removed",
    changes: [
      {
        file: `${HISTORY}/sqlite/prune-runs.ts`,
        find: "    tables.step_progress,\n",
        replace: "",
      },
    ],
    caughtBy: {
      file: `${HISTORY}/sqlite/sqlite-history-store.test.ts`,
      test: ["history store: SQLite in a file", "forgets how far a run had come when it is removed"],
    },
    says: "first#1 RUNNING",
    quick: false,
  },
  {
    name: "progress-with-its-secret",
    breaks: "a secret that a step says in its progress stands in the database",
    changes: [
      {
        file: `${ENGINE}/run-progress.ts`,
        find: "const text = this.#of.redaction?.text(given) ?? given;",
        replace: "const text = given;",
      },
    ],
    caughtBy: {
      file: TELEMETRY,
      test: ["texts are made fit: without secrets, storable, and not longer than they may be"],
    },
    says: "redacted",
    quick: false,
  },
  {
    name: "progress-of-what-is-over",
    breaks: "a step that is over within a second costs a write of its own",
    changes: [
      {
        file: `${ENGINE}/run-progress.ts`,
        find: "    return this.#isNew && !this.#isSilenced;\n",
        replace: "    return this.#isNew;\n",
      },
      {
        file: `${ENGINE}/run-progress.ts`,
        find: "    this.#isOver = true;\n    this.forget();\n",
        replace: "    this.#isOver = true;\n",
      },
    ],
    caughtBy: {
      file: TELEMETRY,
      test: [
        "an attempt that is over, or aborted, within that second costs no write, nor does what its code still says",
      ],
    },
    says: "one#2 5",
    quick: false,
  },
];
