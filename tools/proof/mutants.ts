// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are texts of sources
import type { Mutant } from "./mutant.ts";

const POSTGRES = "packages/spine-adapters/src/history/postgres";
const SQLITE = "packages/spine-adapters/src/history/sqlite";
const ENGINE = "packages/spine-core/src/runner";
const CRASHES = "packages/spine-adapters/src/engine-crashes.slow.test.ts";
const POSTGRES_SUITE = `${POSTGRES}/postgres-history-store.test.ts`;
const POSTGRES_FAULTS = `${POSTGRES}/postgres-faults.test.ts`;
const LIVENESS = `${POSTGRES}/liveness.slow.test.ts`;
const WORKER_BEATS = `${POSTGRES}/worker-beats.slow.test.ts`;
const SQLITE_SUITE = `${SQLITE}/sqlite-history-store.test.ts`;
const REGISTER = "packages/spine-adapters/src/history/worker-register.test.ts";
const TAKEOVER = [
  "the fence",
  "a takeover that is open in another transaction while a step commits: nothing of it is accepted",
];
const OF_SQLITE = ["history store: SQLite in a file"];
const OF_POSTGRES = ["history store: Postgres"];
const AFTER_DEATH = ["SQLite", "dies after each effect, before its answer: nothing is done twice"];

/**
 * Each guarantee, broken in one place. SQLite has no mutant for a fence that reads a snapshot and none for folding: one
 * writer at a time holds the file's lock from before it reads, and each commit is a unit of its own in the shared transaction.
 */
export const MUTANTS: readonly Mutant[] = [
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
    quick: true,
  },
  {
    name: "acknowledge-before-commit-postgres",
    breaks: "a step counts as recorded before it is",
    changes: [
      {
        file: `${POSTGRES}/group-commit.ts`,
        find: "      const { answers, bases } = await this.#insist(lane, flush);\n",
        replace: `      for (const each of waiting) each.settle({ result: "committed", version: 0 });
      const { answers, bases } = await this.#insist(lane, flush);
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
        find: "    this.#folds.set(runId, fold);\n\n    for (const [index, end] of ended",
        replace:
          "    this.#folds.set(`${runId}/${this.#count}`, fold);\n\n    for (const [index, end] of ended",
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
    quick: true,
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
    name: "drain-loop-removed",
    breaks: "one wake-up is one look: what came in meanwhile waits for the poll",
    changes: [
      {
        file: `${ENGINE}/work-loop.ts`,
        find: "      while (this.#again && this.#running) {\n",
        replace: "      if (this.#again && this.#running) {\n",
      },
      { file: `${ENGINE}/work-loop.ts`, find: "      if (this.#again) this.wake();\n", replace: "" },
    ],
    caughtBy: {
      file: `${ENGINE}/work-loop.test.ts`,
      test: [
        "woken while it looks, it looks again: one wake-up may stand for many things, and none waits for the poll",
      ],
    },
    says: "to have a length of 2 but got 1",
    quick: true,
  },
  {
    name: "register-before-lock-sqlite",
    breaks: "a worker that has just come is taken for one that is gone",
    changes: [
      {
        file: `${SQLITE}/sqlite-history-store.ts`,
        find: `      await this.#locks.hold(worker);
      await this.#pool.write((connection) => markAlive(connection, this.#sql, worker, this.#now()));
`,
        replace: `      await this.#pool.write((connection) => markAlive(connection, this.#sql, worker, this.#now()));
      await this.#locks.hold(worker);
`,
      },
    ],
    caughtBy: { file: REGISTER, test: ["SQLite: a worker holds its lock before it is in the register"] },
    says: "It is in no file of locks",
    quick: true,
  },
  {
    name: "register-before-lock-postgres",
    breaks: "a worker that has just come is taken for one that is gone",
    changes: [
      {
        file: `${POSTGRES}/worker-beats.ts`,
        find: "      if (lockKey !== null && !(await beats.hold(lockKey))) throw taken(worker);\n",
        replace: `      await beats.begin({ worker, lockKey, startedAt });
      if (lockKey !== null && !(await beats.hold(lockKey))) throw taken(worker);
`,
      },
    ],
    caughtBy: { file: REGISTER, test: ["Postgres: a worker holds its lock before it is in the register"] },
    says: "It holds no lock",
    quick: false,
  },
  {
    name: "finished-step-runs-again",
    breaks: "whoever takes a run over begins it from its first step",
    changes: [
      {
        file: `${ENGINE}/run-state.ts`,
        find: '        steps.set(record.name, { ...at, status: "COMPLETED" });\n        outputs',
        replace: "        outputs",
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
        file: `${ENGINE}/steps/fetch-step.ts`,
        find: "cursor: from.cursor",
        replace: "cursor: null",
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
        file: `${ENGINE}/durable-runner.ts`,
        find: "checkpoints: byStep(claimed.checkpoints)",
        replace: "checkpoints: new Map(byStep([]))",
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
        find: "        await this.#write(attaching(planned, logs), { transaction });\n",
        replace: "",
      },
      {
        file: `${ENGINE}/history-durable.ts`,
        find: "      }),\n    );\n    this.#options.onRecorded(transition);\n",
        replace:
          "      }),\n    );\n    await this.#write(transition);\n    this.#options.onRecorded(transition);\n",
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
        find: "    await this.#withLogs((logs) => this.#gate.share(() => write(logs)));\n    this.#options.onRecorded(transition);\n",
        replace:
          "    this.#options.onRecorded(transition);\n    await this.#withLogs((logs) => this.#gate.share(() => write(logs)));\n",
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
  {
    name: "one-lock-proves-death-postgres",
    breaks: "one broken connection is taken for the death of its process",
    changes: [
      {
        file: `${POSTGRES}/gone-workers.ts`,
        find: " AND pg_try_advisory_xact_lock(${worker}.lock_key + 1) END",
        replace: " END",
      },
    ],
    caughtBy: {
      file: WORKER_BEATS,
      test: ["who is gone", "is who has neither of his locks, or has not beaten for too long"],
    },
    says: "second",
    quick: false,
  },
  {
    name: "no-grace-after-restart-postgres",
    breaks: "a server that was away for a while takes the runs from everybody when it is back",
    changes: [
      {
        file: `${POSTGRES}/gone-workers.ts`,
        find: "  WHEN clock_timestamp() < ${RESTARTED} AND ${worker}.last_beat < pg_postmaster_start_time() THEN false\n",
        replace: "",
      },
    ],
    caughtBy: {
      file: LIVENESS,
      test: ["a worker process", "loses nothing when the server crashes and is away for 8 seconds"],
    },
    says: "to deeply equal []",
    quick: false,
  },
  {
    name: "beats-count-while-the-server-is-away-postgres",
    breaks: "the time in which nobody could beat counts against everybody",
    changes: [
      {
        file: `${POSTGRES}/gone-workers.ts`,
        find: "greatest(${worker}.last_beat, ${RESTARTED})",
        replace: "${worker}.last_beat",
      },
    ],
    caughtBy: {
      file: LIVENESS,
      test: ["a worker process", "loses nothing when the server crashes and is away for 8 seconds"],
    },
    says: "to deeply equal []",
    quick: false,
  },
  {
    name: "beats-of-a-silent-process-postgres",
    breaks: "a process whose main thread hangs for ever keeps its runs for ever",
    changes: [
      { file: `${POSTGRES}/beat-thread.ts`, find: "return unanswered < patience;", replace: "return true;" },
    ],
    caughtBy: {
      file: WORKER_BEATS,
      test: ["beats", "stop when the main thread does not answer, and go on when it does"],
    },
    says: "silent",
    quick: false,
  },
  {
    name: "beats-after-leaving-postgres",
    breaks: "a worker that has left is registered as alive again by a beat under way",
    changes: [
      {
        file: `${POSTGRES}/postgres-history-store.ts`,
        find: "    await this.#beats.end(worker);\n",
        replace: "",
      },
    ],
    caughtBy: {
      file: LIVENESS,
      test: ["a worker process", "that leaves gives its runs away at once, and says so"],
    },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "queue-not-locked-postgres",
    breaks: "two claims at the same time each count what the other has not taken yet, and let in too many",
    changes: [
      {
        file: `${POSTGRES}/claim-runs.ts`,
        find: "ORDER BY name FOR UPDATE`",
        replace: "ORDER BY name`",
      },
    ],
    caughtBy: {
      file: `${POSTGRES}/claim-locks.test.ts`,
      test: [
        "a claim from a queue with limits waits for one that is under way, and counts what that one took",
      ],
    },
    says: "expected true to be false",
    quick: false,
  },
  {
    name: "start-beside-the-callers-transaction",
    breaks: "a run that was started in a transaction of the caller's exists although he rolls back",
    changes: [
      {
        file: `${ENGINE}/durable-runner.ts`,
        find: "await this.#history.createIn(transaction, [plan.commit])",
        replace: "await this.#history.commit([plan.commit])",
      },
    ],
    caughtBy: {
      file: "packages/spine-adapters/src/start-in-transaction.test.ts",
      test: ["on Postgres, through a client of pg", "a run that is rolled back never was"],
    },
    says: "expected true to be false",
    quick: false,
  },
  {
    name: "takeover-held-back-sqlite",
    breaks: "the runs of a worker that died wait for places that they have themselves",
    changes: [
      {
        file: `${SQLITE}/sqlite-history-store.ts`,
        find: "const lost = lostRuns(connection, this.#sql, request, gone).map(claimed);",
        replace: `const lost = lostRuns(connection, this.#sql, request, gone)
          .filter(() => this.#plan(connection, request, now).chosen.length > 0)
          .map(claimed);`,
      },
    ],
    caughtBy: {
      file: `${SQLITE}/sqlite-queue-store.test.ts`,
      test: [
        "queue store: SQLite in a file",
        "takes over the runs of a worker that died, whatever the limits are",
      ],
    },
    says: "to have a length of 2 but got",
    quick: false,
  },
  {
    name: "rate-counts-what-goes-on",
    breaks: "a run that waited is held back by the rate of those that begin",
    changes: [
      {
        file: "packages/spine-adapters/src/history/queue-room.ts",
        find: "return isBegun(rank) ? availableAt : Math.max(availableAt, this.#firstFrom());",
        replace: "return Math.max(availableAt, this.#firstFrom());",
      },
    ],
    caughtBy: {
      file: `${SQLITE}/sqlite-queue-store.test.ts`,
      test: ["queue store: SQLite in a file", "does not count what goes on, and does not hold it back"],
    },
    says: "to match object",
    quick: false,
  },
  {
    name: "callers-transaction-of-another-database",
    breaks: "a run is stored in a database where nobody looks for it",
    changes: [
      {
        file: "packages/spine-adapters/src/databases/sqlite/sqlite-pool.ts",
        find: 'return file !== "" && canonicalPath(file) === (await this.open());',
        replace: "return true;",
      },
    ],
    caughtBy: {
      file: "packages/spine-adapters/src/start-in-transaction.test.ts",
      test: ["SQLite", "another file is refused, whatever its tables; a link to the same one is not"],
    },
    says: "instead of rejecting",
    quick: false,
  },
  {
    name: "hints-of-our-own-commits-sqlite",
    breaks: "each process is woken by what it writes itself, thousands of times a second",
    changes: [
      {
        file: "packages/spine-adapters/src/databases/sqlite/sqlite-pool.ts",
        find: 'open.writer.get<{ data_version: number }>("PRAGMA data_version")',
        replace: 'open.reader.get<{ data_version: number }>("PRAGMA data_version")',
      },
    ],
    caughtBy: {
      file: `${SQLITE}/sqlite-hints.test.ts`,
      test: ["what this process itself commits is not told, however much it is"],
    },
    says: "to deeply equal []",
    quick: false,
  },
];
