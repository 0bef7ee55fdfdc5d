// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are texts of sources
import type { Mutant } from "../mutant.ts";

const LOADS = "packages/spine-adapters/src/engine-loads.test.ts";
const PARTITIONS = "packages/spine-adapters/src/engine-load-partitions.test.ts";
const DATABASES = "packages/spine-adapters/src/databases";

/** What loads promise of their targets, broken. */
export const MUTANTS_OF_LOADS: readonly Mutant[] = [
  {
    name: "rows-of-another-partition",
    breaks: "rows of another partition are loaded beside those of the one that is recorded",
    changes: [
      {
        file: "packages/spine-core/src/data/partition-values.ts",
        find: "if (row < 0) continue;",
        replace: "if (row < 1_000_000) continue;",
      },
    ],
    caughtBy: {
      file: PARTITIONS,
      test: ["SQLite", "what is appended is added, the same or not; rows of another partition are refused"],
    },
    says: "promise resolved",
    quick: false,
  },
  {
    name: "wide-merge-believed",
    breaks:
      "a partition that lost rows to a merge of another one is said to have them, and is not loaded again",
    changes: [
      {
        file: "packages/spine-core/src/runner/steps/load-step.ts",
        find: "const isWide = merge !== null && changes.superseded > 0",
        replace: "const isWide = merge !== null && changes.superseded > 99",
      },
    ],
    caughtBy: {
      file: PARTITIONS,
      test: [
        "SQLite",
        "a merge by less than the partition's columns takes rows out of others, which are not known then",
      ],
    },
    says: "unchanged",
    quick: false,
  },
  {
    name: "partitions-not-forgotten",
    breaks: "a table that was replaced as a whole is said to have the partitions that it had before",
    changes: [
      {
        file: "packages/spine-core/src/runner/steps/load-step.ts",
        find: "if (partition === null ? columns.length > 0 : isWide)",
        replace: "if (partition === null ? columns.length > 99 : isWide)",
      },
    ],
    caughtBy: {
      file: LOADS,
      test: ["SQLite", "replace takes the place of all that was there, and of what was known of partitions"],
    },
    says: "to deeply equal []",
    quick: false,
  },
  {
    name: "content-of-the-last-load-only",
    breaks: "a partition that something was added to is taken for what was added, and is not loaded again",
    changes: [
      {
        file: "packages/spine-core/src/runner/steps/load-step.ts",
        find: "hash: isAll ? content : together(current, content)",
        replace: "hash: content",
      },
    ],
    caughtBy: {
      file: LOADS,
      test: ["SQLite", "a merge changes rows by their keys; its partition's content is both"],
    },
    says: "its content is not that of the last load",
    quick: false,
  },
  {
    name: "closes-beyond-the-partition",
    breaks: "a restated partition closes the rows of all others",
    changes: [
      {
        file: `${DATABASES}/merge-statements.ts`,
        find: "(${within} OR ${any(sameKey(relations))})",
        replace: "(${within} OR 1 = 1)",
      },
    ],
    caughtBy: {
      file: `${DATABASES}/sqlite.test.ts`,
      test: [
        "database: SQLite in memory",
        "changing dimensions close nothing outside of their partition, or nothing at all",
      ],
    },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "key-twice-unseen",
    breaks: "of two rows with one key the last one stays, and nobody is told",
    changes: [
      {
        file: `${DATABASES}/sqlite/merge-rows.ts`,
        find: "if (found) throw keyTwice(table.name, found);",
        replace: "if (found && rows === 0) throw keyTwice(table.name, found);",
      },
    ],
    caughtBy: {
      file: `${DATABASES}/sqlite.test.ts`,
      test: ["database: SQLite in memory", "two rows of one key are refused, and nothing changes"],
    },
    says: "promise resolved",
    quick: false,
  },
  {
    name: "another-load-each-time",
    breaks: "an attempt that loads into another database does not know that the one before it has done so",
    changes: [
      {
        file: "packages/spine-core/src/runner/steps/load-elsewhere.ts",
        find: '[runId, step, dataset].join("\\n")',
        replace: '[runId, step, dataset, String(Math.random())].join("\\n")',
      },
    ],
    caughtBy: {
      file: "packages/spine-adapters/src/engine-load-elsewhere.test.ts",
      test: ["from Postgres into SQLite", "an attempt whose commit was not answered is not done again"],
    },
    says: 'is in table "far_prices" already',
    quick: false,
  },
  {
    name: "any-name-as-a-new-column",
    breaks: "a field of a row that is to become a column puts its name into a statement, whatever it is",
    changes: [
      {
        file: "packages/spine-core/src/runner/steps/new-columns.ts",
        find: "!isColumnName(name) ||",
        replace: "",
      },
    ],
    caughtBy: {
      file: LOADS,
      test: [
        "columns that rows bring along, SQLite",
        "are refused where they cannot name a column, or hold what the column does not",
      ],
    },
    says: "to match object",
    quick: false,
  },
];
