// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are texts of sources
import type { Mutant } from "../mutant.ts";

const ENGINE = "packages/spine-core/src/runner";
const INCREMENTAL = "packages/spine-adapters/src/engine-incremental.test.ts";
const HELD_MARKS = "packages/spine-adapters/src/engine-held-marks.test.ts";
const SQLITE_CURSORS = "packages/spine-adapters/src/history/sqlite/sqlite-cursor-store.test.ts";
const POSTGRES_CURSORS = "packages/spine-adapters/src/history/postgres/postgres-cursor-store.test.ts";
const DATABASE_SOURCE = "packages/spine-adapters/src/sources/database";

/** Guarantees of sources, datasets and of fetches that follow each other. */
export const MUTANTS_OF_DATA: readonly Mutant[] = [
  {
    name: "asking-for-news-outside-the-budget",
    breaks:
      "asking whether anything is new counts in this process alone: all together ask more often than they may",
    changes: [
      {
        file: `${ENGINE}/steps/following.ts`,
        find: "{ since, signal: context.signal, budgets }",
        replace: "{ since, signal: context.signal }",
      },
    ],
    caughtBy: {
      file: "packages/spine-adapters/src/engine-http.test.ts",
      test: [
        "SQLite",
        "asking whether anything is new takes its place in the budget, and is not done again after the wait",
      ],
    },
    says: "WAITING 1 false",
    quick: false,
  },
  {
    name: "rejects-without-their-file",
    breaks: "a row that a transform refuses has a line, and nobody knows of which file",
    changes: [
      {
        file: `${ENGINE}/steps/transform-step.ts`,
        find: "lines: chunk.lines ? lines : null, file, rejects",
        replace: "lines: chunk.lines ? lines : null, rejects",
      },
    ],
    caughtBy: {
      file: "packages/spine-adapters/src/sources/file-source-glob.test.ts",
      test: ["as one source", "in a run, rows that are refused later know their file too"],
    },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "mark-moves-past-failed-load",
    breaks: "a load that failed, and whose failure was taken, lets the mark go on: its rows are never loaded",
    changes: [{ file: `${ENGINE}/advance.ts`, find: "held.has(fetch) ? [] : cursors", replace: "cursors" }],
    caughtBy: {
      file: HELD_MARKS,
      test: [
        "SQLite",
        "a load that fails, or whose transform does, holds the mark; what it read comes again",
      ],
    },
    says: "to be null",
    quick: false,
  },
  {
    name: "mark-moves-past-load-left-out",
    breaks: "a load that was left out because what it needed failed counts as one that nobody wanted",
    changes: [
      {
        file: `${ENGINE}/held-marks.ts`,
        find: '|| (turn === "left" && isBroken)',
        replace: "",
      },
    ],
    caughtBy: {
      file: HELD_MARKS,
      test: [
        "SQLite",
        "a load that is left out because its transform failed holds it; one that nobody wanted does not",
      ],
    },
    says: "to be null",
    quick: false,
  },
  {
    name: "cursor-moves-backwards-sqlite",
    breaks: "a run that ends late takes the mark back: rows are read again",
    changes: [
      {
        file: "packages/spine-adapters/src/history/sqlite/write-attachments.ts",
        find: " AND (position IS NULL OR position < excluded.position)",
        replace: "",
      },
    ],
    caughtBy: {
      file: SQLITE_CURSORS,
      test: ["cursor store: SQLite in a file", "moves a cursor forwards only, by code points"],
    },
    says: "to deeply equal",
    quick: true,
  },
  {
    name: "cursor-moves-backwards-postgres",
    breaks: "a run that ends late takes the mark back: rows are read again",
    changes: [
      {
        file: "packages/spine-adapters/src/history/postgres/flush-sql.ts",
        find: " AND (k.position IS NULL OR k.position < excluded.position)",
        replace: "",
      },
    ],
    caughtBy: {
      file: POSTGRES_CURSORS,
      test: ["cursor store: Postgres", "moves a cursor forwards only, by code points"],
    },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "reset-undone-by-a-run-under-way",
    breaks: "a run that read the mark before an operator reset it sets it again",
    changes: [
      {
        file: "packages/spine-adapters/src/history/sqlite/write-attachments.ts",
        find: "WHERE resets = excluded.resets AND",
        replace: "WHERE",
      },
    ],
    caughtBy: {
      file: SQLITE_CURSORS,
      test: [
        "cursor store: SQLite in a file",
        "a run that read the cursor before it was reset does not move it",
      ],
    },
    says: "expected 'n9' to be 'n2'",
    quick: false,
  },
  {
    name: "mark-moves-with-the-fetch",
    breaks: "a run that fails behind its fetch has moved the mark: its rows are never loaded",
    changes: [
      {
        file: `${ENGINE}/advance.ts`,
        find: "    draft.attachments.push(cursorCheckpoint(path, attempt, result.cursors));",
        replace: "    draft.attachments.push(...result.cursors);",
      },
    ],
    caughtBy: {
      file: INCREMENTAL,
      test: [
        "SQLite",
        "a run that fails or is cancelled does not move the mark: the next one reads the same again",
      ],
    },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "mark-forgotten-by-a-rerun",
    breaks: "a run that is repeated from behind its fetch does not move the mark: its rows are loaded twice",
    changes: [
      { file: `${ENGINE}/run-starts.ts`, find: "run, inherited, checkpoints }", replace: "run, inherited }" },
    ],
    caughtBy: {
      file: INCREMENTAL,
      test: [
        "SQLite",
        "a run that is repeated from behind its fetch moves the mark to where that fetch came",
      ],
    },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "rows-at-the-mark-again",
    breaks: "rows at the mark are delivered by each run again",
    changes: [
      {
        file: `${ENGINE}/steps/increment.ts`,
        find: "return this.#known.seen.size > 0 && this.#known.seen.has(this.#hash(row, mark));",
        replace: "return false;",
      },
    ],
    caughtBy: {
      file: INCREMENTAL,
      test: [
        "SQLite",
        "delivers what is new, and rows at the mark that came since, once; it counts what it leaves out",
      ],
    },
    says: "to match object",
    quick: false,
  },
  {
    name: "rows-before-a-crash-forgotten",
    breaks:
      "a fetch that goes on does not know which rows it had stored at the mark: the next run has them again",
    changes: [
      {
        file: `${ENGINE}/steps/fetch-step.ts`,
        find: "  if (isResumed) await following.lookAt(ref);\n",
        replace: "",
      },
    ],
    caughtBy: {
      file: INCREMENTAL,
      test: ["SQLite", "goes on behind the last page after a crash, with the same bounds and the same mark"],
    },
    says: "to match object",
    quick: false,
  },
  {
    name: "damaged-chunk-read",
    breaks: "rows that are not those that were stored are read as if they were",
    changes: [
      {
        file: "packages/spine-adapters/src/data/chunk-codec.ts",
        find: "if (hashOf(bytes) !== hash) throw",
        replace: "if (hashOf(bytes) === null) throw",
      },
    ],
    caughtBy: {
      file: "packages/spine-adapters/src/data/damaged-chunks.test.ts",
      test: ["SQLite", "a chunk with the rows of another one, whole as these are"],
    },
    says: "instead of rejecting",
    quick: false,
  },
  {
    name: "key-not-unique-unseen",
    breaks: "of two rows with one key on two pages, one is left out without a word",
    changes: [
      {
        file: `${DATABASE_SOURCE}/database-source.ts`,
        find: "const isTwice = index + 1 < delivered || ",
        replace: "const isTwice = ",
      },
    ],
    caughtBy: {
      file: `${DATABASE_SOURCE}/database-source.test.ts`,
      test: [
        "SQLite",
        "a key that is twice only by the rules of the database is an error, and no row is left out",
      ],
    },
    says: "instead of rejecting",
    quick: false,
  },
];
