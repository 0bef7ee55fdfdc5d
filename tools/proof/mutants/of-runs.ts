// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are texts of sources
import type { Mutant } from "../mutant.ts";

const POSTGRES = "packages/spine-adapters/src/history/postgres";
const SQLITE = "packages/spine-adapters/src/history/sqlite";
const ENGINE = "packages/spine-core/src/runner";
const CRASHES = "packages/spine-adapters/src/engine-crashes.slow.test.ts";
const POSTGRES_SUITE = `${POSTGRES}/postgres-history-store.test.ts`;
const POSTGRES_FAULTS = `${POSTGRES}/postgres-faults.test.ts`;
const SQLITE_SUITE = `${SQLITE}/sqlite-history-store.test.ts`;
const TAKEOVER = [
  "the fence",
  "a takeover that is open in another transaction while a step commits: nothing of it is accepted",
];
const OF_SQLITE = ["history store: SQLite in a file"];
const OF_POSTGRES = ["history store: Postgres"];
const AFTER_DEATH = ["SQLite", "dies after each effect, before its answer: nothing is done twice"];

/**
 * Guarantees of a run and of what it writes. SQLite has no mutant for a fence that reads a snapshot and none for folding: one
 * writer at a time holds the file's lock from before it reads, and each commit is a unit of its own in the shared transaction.
 */
export const MUTANTS_OF_RUNS: readonly Mutant[] = [
  {
    name: "fence-removed-postgres",
    breaks: "whoever lost a run can still write to it",
    changes: [
      {
        file: `${POSTGRES}/flush-sql.ts`,
        find: " AND r.worker = f.worker AND r.token = f.token AND (r.status = 'RUNNING') IS TRUE",
        replace: "",
      },
    ],
    caughtBy: { file: POSTGRES_FAULTS, test: TAKEOVER },
    says: "fenced",
    quick: false,
  },
  {
    name: "fence-as-snapshot-postgres",
    breaks: "the fence is read beside the UPDATE: an owner whose run is being taken over still gets in",
    changes: [
      {
        file: `${POSTGRES}/flush-sql.ts`,
        find: "WHERE r.run_id = f.run_id AND r.worker = f.worker AND r.token = f.token AND (r.status = 'RUNNING') IS TRUE",
        replace: `WHERE r.run_id = f.run_id AND EXISTS (SELECT 1 FROM \${t.workflow_runs} o
  WHERE o.run_id = f.run_id AND o.worker = f.worker AND o.token = f.token AND o.status = 'RUNNING')`,
      },
    ],
    caughtBy: { file: POSTGRES_FAULTS, test: TAKEOVER },
    says: "fenced",
    quick: false,
  },
  {
    name: "acknowledge-before-commit-postgres",
    breaks: "a step counts as recorded before it is",
    changes: [
      {
        file: `${POSTGRES}/group-commit.ts`,
        find: "      const { answers, bases } = await this.#insist(\n",
        replace: `      for (const each of waiting) each.settle({ result: "committed", version: 0 });
      const { answers, bases } = await this.#insist(
`,
      },
    ],
    caughtBy: {
      file: POSTGRES_FAULTS,
      test: ["one statement for many commits", "nothing is acknowledged before it is committed"],
    },
    says: "expected true to be false",
    quick: false,
  },
  {
    name: "no-folding-postgres",
    breaks: "two commits of one run in one flush are two rows of an UPDATE, which takes only one of them",
    changes: [
      {
        file: `${POSTGRES}/flush.ts`,
        find: "const fold = this.#folds.get(runId) ?? emptyFold(runId, fence.worker, fence.token);",
        replace: "const fold = emptyFold(runId, fence.worker, fence.token);",
      },
      {
        file: `${POSTGRES}/flush.ts`,
        find: "    this.#folds.set(runId, fold);\n\n    for (const [index, end] of ending",
        replace:
          "    this.#folds.set(`${runId}/${this.#count}`, fold);\n\n    for (const [index, end] of ending",
      },
    ],
    caughtBy: {
      file: POSTGRES_FAULTS,
      test: [
        "one statement for many commits",
        "two writes of one run in one flush: version, events and numbers are exact",
      ],
    },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "message-before-the-wait-postgres",
    breaks: "a message that comes while the owner decides to wait is not looked for: the run sleeps on",
    changes: [
      {
        file: `${POSTGRES}/flush-sql.ts`,
        find: "CASE WHEN r.inbox > f.inbox THEN least(f.available_at, ${now}) ELSE f.available_at END",
        replace: "f.available_at",
      },
    ],
    caughtBy: {
      file: POSTGRES_SUITE,
      test: [...OF_POSTGRES, "does not lose a message that comes while the owner decides to wait"],
    },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "parent-and-child-in-one-statement-postgres",
    breaks: "a run is written and told of a child's end in one statement, which takes only one of the two",
    changes: [
      {
        file: `${POSTGRES}/flush.ts`,
        find: "    if (waker !== null && this.#folds.has(waker)) return false;\n",
        replace: "",
      },
    ],
    caughtBy: {
      file: `${POSTGRES}/postgres-messages.test.ts`,
      test: [
        "within a process, the end of a child and its parent's own write are in one statement after the other",
      ],
    },
    says: "to match object",
    quick: false,
  },
  {
    name: "unique-index-removed-postgres",
    breaks: "two starts with one key make two runs",
    changes: [
      {
        file: `${POSTGRES}/migrations/0001-initial.ts`,
        find: "CREATE UNIQUE INDEX workflow_runs_by_key",
        replace: "CREATE INDEX workflow_runs_by_key",
      },
    ],
    caughtBy: {
      file: POSTGRES_SUITE,
      test: [...OF_POSTGRES, "stores one run when many start with one key at the same time"],
    },
    says: "to have a length of 1 but got 20",
    quick: false,
  },
  {
    name: "fence-removed-sqlite",
    breaks: "whoever lost a run can still write to it",
    changes: [
      {
        file: `${SQLITE}/history-sql.ts`,
        find: "WHERE run_id = ? AND worker = ? AND token = ? AND status = 'RUNNING'",
        replace: "WHERE run_id = ? AND ? IS NOT NULL AND ? IS NOT NULL",
      },
    ],
    caughtBy: {
      file: `${SQLITE}/worker-death.test.ts`,
      test: ["a takeover that is not committed yet is waited for, and then fences the old owner"],
    },
    says: "fenced",
    quick: true,
  },
  {
    name: "unique-index-removed-sqlite",
    breaks: "two starts with one key make two runs",
    changes: [
      {
        file: `${SQLITE}/migrations/0001-initial.ts`,
        find: "CREATE UNIQUE INDEX ${t.prefix}workflow_runs_by_key",
        replace: "CREATE INDEX ${t.prefix}workflow_runs_by_key",
      },
      {
        file: `${SQLITE}/history-sql.ts`,
        find: "\nON CONFLICT (workflow_name, run_scope, run_key) WHERE run_key IS NOT NULL DO NOTHING",
        replace: "",
      },
    ],
    caughtBy: {
      file: SQLITE_SUITE,
      test: [...OF_SQLITE, "stores one run when many start with one key at the same time"],
    },
    says: "to have a length of 1 but got 20",
    quick: false,
  },
  {
    name: "acknowledge-before-commit-sqlite",
    breaks: "a step counts as recorded before it is",
    changes: [
      {
        file: "packages/spine-adapters/src/databases/sqlite/sqlite-pool.ts",
        find: "        const outcomes = await retryWhileBusy(() => commitTogether(writer, units), this.path);\n",
        replace: `        for (const unit of units) unit.settle(undefined);
        await new Promise((resolve) => setTimeout(resolve, 50));
        const outcomes = await retryWhileBusy(() => commitTogether(writer, units), this.path);
`,
      },
    ],
    caughtBy: {
      file: "packages/spine-adapters/src/databases/sqlite/sqlite-pool.test.ts",
      test: ["shared commits", "nothing is acknowledged before it is committed"],
    },
    // Not even the table that the tests work on.
    says: "no such table: t",
    quick: true,
  },
  {
    name: "acknowledge-before-sync-sqlite",
    breaks: "what is acknowledged may not survive a loss of power",
    changes: [
      {
        file: "packages/spine-adapters/src/databases/sqlite/sqlite-pool.ts",
        find: "        if (durable) void this.#settleOnceDurable(durable, units, outcomes);\n        else this.#settle(units, outcomes);\n",
        replace: "        durable?.catch(() => {});\n        this.#settle(units, outcomes);\n",
      },
    ],
    caughtBy: {
      file: "packages/spine-adapters/src/databases/sqlite/sqlite-pool.test.ts",
      test: ["the disk", "nothing is acknowledged, and nothing told to a reader, before it is on it"],
    },
    says: "first",
    quick: false,
  },
  {
    name: "no-shared-commit-sqlite",
    breaks: "each write is a commit of its own, however many wait",
    changes: [
      {
        file: "packages/spine-adapters/src/databases/sqlite/sqlite-pool.ts",
        find: "const MOST_UNITS_SYNCED = 32;",
        replace: "const MOST_UNITS_SYNCED = 1;",
      },
    ],
    caughtBy: {
      file: "packages/spine-adapters/src/databases/sqlite/sqlite-pool.test.ts",
      test: ["shared commits", "writes of one tick share one database commit"],
    },
    says: "expected 20 to be 1",
    quick: false,
  },
  {
    name: "finished-step-runs-again",
    breaks: "whoever takes a run over begins it from its first step",
    changes: [
      {
        file: `${ENGINE}/restore.ts`,
        find: "      state.steps.set(path, { ...at, status });\n      if (isUndo(path)) forget",
        replace: '      state.steps.set(path, { ...at, status: "PENDING" });\n      if (isUndo(path)) forget',
      },
    ],
    caughtBy: { file: CRASHES, test: AFTER_DEATH },
    says: "RAN_AGAIN",
    quick: false,
  },
  {
    name: "pages-read-again",
    breaks: "a fetch that goes on begins at its first page",
    changes: [
      {
        file: `${ENGINE}/steps/read-pages.ts`,
        find: "const cursor = following.sourceCursor(from.cursor);",
        replace: "const cursor = null;",
      },
    ],
    caughtBy: { file: CRASHES, test: AFTER_DEATH },
    says: "RAN_AGAIN",
    quick: false,
  },
  {
    name: "checkpoints-forgotten",
    breaks: "what a step recorded inside itself is done again by its next attempt",
    changes: [
      {
        file: `${ENGINE}/run-claims.ts`,
        find: "checkpoints: checkpointsByStep(claimed.checkpoints)",
        replace: "checkpoints: new Map()",
      },
    ],
    caughtBy: { file: CRASHES, test: AFTER_DEATH },
    says: "RAN_AGAIN",
    quick: false,
  },
  {
    name: "load-apart-from-its-record",
    breaks: "a load commits before its step is recorded: after a crash it is done twice",
    changes: [
      {
        file: `${ENGINE}/history-durable.ts`,
        find: "        await this.#write(attaching(next.transition, said), { transaction });\n",
        replace: "",
      },
      {
        file: `${ENGINE}/history-durable.ts`,
        find: "      }\n    });\n    this.#recorded(transition);\n",
        replace: "      }\n    });\n    await this.#write(transition);\n    this.#recorded(transition);\n",
      },
    ],
    caughtBy: { file: CRASHES, test: AFTER_DEATH },
    says: "EFFECT_DOUBLED",
    quick: false,
  },
  {
    name: "told-before-recorded",
    breaks: "listeners hear of a step whose result may still be lost",
    changes: [
      {
        file: `${ENGINE}/history-durable.ts`,
        find: "    await this.#withTelemetry((said) => this.#gate.share(() => write(said)));\n    this.#recorded(transition);\n",
        replace:
          "    this.#recorded(transition);\n    await this.#withTelemetry((said) => this.#gate.share(() => write(said)));\n",
      },
    ],
    caughtBy: {
      file: "packages/spine-adapters/src/engine-faults.test.ts",
      test: ["a commit that fails", "nothing is told before it is durable"],
    },
    says: "two",
    quick: false,
  },
  {
    name: "writer-shared-with-open-transaction",
    breaks: "what others commit is rolled back with a transaction that is held open and fails",
    changes: [
      {
        file: "packages/spine-adapters/src/databases/sqlite/sqlite-pool.ts",
        find: "  async #flush(): Promise<void> {\n    const unlock = await this.#mutex.lock();\n",
        replace: "  async #flush(): Promise<void> {\n    const unlock = () => {};\n",
      },
      {
        file: "packages/spine-adapters/src/databases/sqlite/commit-together.ts",
        find: '  connection.run("BEGIN IMMEDIATE");\n',
        replace: '  if (connection.inTransaction) return work();\n  connection.run("BEGIN IMMEDIATE");\n',
      },
    ],
    caughtBy: {
      file: "packages/spine-adapters/src/engine-transactions.test.ts",
      test: [
        "run A holds its transaction for half a second and throws, while run B completes 100 steps",
        "on SQLite: B waits for the one writer; none of B's steps is missing or undone, the event loop does not stop",
      ],
    },
    says: "There is no run",
    quick: false,
  },
  ...(["Postgres", "SQLite"] as const).map(
    (name): Mutant => ({
      name: `commit-by-a-step-${name.toLowerCase()}`,
      breaks:
        "a step commits what it wrote in its transaction before its record, which may then never be made",
      changes: [
        name === "SQLite"
          ? {
              file: "packages/spine-adapters/src/databases/sqlite/sqlite-dialect.ts",
              find: "    refuseTransactionEnd(sql, false);\n",
              replace: "",
            }
          : {
              file: "packages/spine-adapters/src/databases/postgres/postgres-dialect.ts",
              find: "    if (this.inTransaction) refuseTransactionEnd(sql, true);\n",
              replace: "",
            },
      ],
      caughtBy: {
        file: "packages/spine-adapters/src/engine-transactions.test.ts",
        test: [
          `a step's transaction on ${name}`,
          "cannot be ended from inside: COMMIT is refused, and what was written before it is gone",
        ],
      },
      says: "paid",
      quick: name === "SQLite",
    }),
  ),
  {
    name: "record-in-another-transaction-postgres",
    breaks: "a step is recorded in a transaction in which what it wrote is not",
    changes: [
      {
        file: "packages/spine-adapters/src/history/postgres/flush-sql.ts",
        find: "CASE WHEN ${IN_MARKED} THEN pg_current_xact_id()::text END",
        replace: "pg_current_xact_id()::text",
      },
    ],
    caughtBy: {
      file: "packages/spine-adapters/src/engine-transactions.test.ts",
      test: [
        "a step's transaction on Postgres",
        "is recorded in its own transaction only: one without its mark is refused",
      ],
    },
    says: "promise resolved",
    quick: false,
  },
];
