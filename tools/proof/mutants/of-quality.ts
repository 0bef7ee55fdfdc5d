// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are texts of sources
import type { Mutant } from "../mutant.ts";

const QUALITY = "packages/spine-core/src/quality";
const ENGINE = "packages/spine-adapters/src/engine-quality.test.ts";

/** Guarantees of checks, of what they found before, and of the alerts that they raise. */
export const MUTANTS_OF_QUALITY: readonly Mutant[] = [
  {
    name: "failure-without-alert",
    breaks: "a check stops a run, and nobody is told",
    changes: [
      {
        file: "packages/spine-core/src/runner/steps/quality-step.ts",
        find: "attachments: [...results, ...failed.map((result) => qualityAlert(context, result))],",
        replace: "attachments: [...results],",
      },
    ],
    caughtBy: {
      file: ENGINE,
      test: [
        "quality on SQLite",
        "raises an alert for each check that stops a run, with the run's failure, and its trend can be read",
      ],
    },
    says: "to have a length of 2 but got +0",
    quick: false,
  },
  {
    name: "compared-with-failed-runs",
    breaks: "a bad delivery that was stopped is what the next one is measured by",
    changes: [
      {
        file: "packages/spine-adapters/src/history/sqlite/sqlite-quality-store.ts",
        find: "AND r.status = 'COMPLETED' AND q.actual",
        replace: "AND q.actual",
      },
    ],
    caughtBy: {
      file: ENGINE,
      test: ["quality on SQLite", "compares with completed runs before, by their scope"],
    },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "query-refused-for-all",
    breaks: "one query that Postgres refuses makes every other check of the step an ERROR",
    changes: [
      {
        file: `${QUALITY}/inspect-checks.ts`,
        find: "if (db) await sql`ROLLBACK TO SAVEPOINT spine_check`.execute(db);",
        replace: "",
      },
    ],
    caughtBy: {
      file: ENGINE,
      test: [
        "quality on Postgres",
        "asks whatever else in SQL, and one that the database refuses harms no other",
      ],
    },
    says: "ERROR 0",
    quick: false,
  },
  {
    name: "texts-taken-for-numbers",
    breaks: 'once keys do not fit into memory, the text "1" and the number 1 count as one key',
    changes: [
      {
        file: `${QUALITY}/key-tally.ts`,
        find: "if (texts && others) throw mixed",
        replace: "if (!texts && !others) throw mixed",
      },
    ],
    caughtBy: {
      file: ENGINE,
      test: [
        "quality on SQLite",
        "does not tell texts from numbers by guessing: that is an ERROR, of that check alone",
      ],
    },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "ranges-as-floats",
    breaks: "a value that is a little too large passes, because as a float it is not",
    changes: [
      {
        file: `${QUALITY}/check-texts.ts`,
        find: "near > least && near < most",
        replace: "near >= least && near <= most",
      },
    ],
    caughtBy: {
      file: `${QUALITY}/checks.test.ts`,
      test: ["range", "compares decimals as text without losing digits"],
    },
    says: "expected 'PASS' to be 'FAIL'",
    quick: false,
  },
];
