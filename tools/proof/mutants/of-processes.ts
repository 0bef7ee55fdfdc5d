// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are texts of sources
import type { Mutant } from "../mutant.ts";

const POSTGRES = "packages/spine-adapters/src/history/postgres";
const SQLITE = "packages/spine-adapters/src/history/sqlite";
const ENGINE = "packages/spine-core/src/runner";
const LIVENESS = `${POSTGRES}/liveness.timed.test.ts`;
const WORKER_BEATS = `${POSTGRES}/worker-beats.timed.test.ts`;
const OWNED = "packages/spine-adapters/src/engine-owned.test.ts";
const REGISTER = "packages/spine-adapters/src/history/worker-register.test.ts";

/** Guarantees of many processes on one database: who is alive, who takes what, who is told. */
export const MUTANTS_OF_PROCESSES: readonly Mutant[] = [
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
    quick: false,
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
    name: "no-thread-for-beats-postgres",
    breaks:
      "a step that keeps the main thread busy keeps its process from saying that it lives, and loses its run",
    changes: [
      {
        file: `${POSTGRES}/worker-beats.ts`,
        find: '    if (!beating) return this.#mainLoop(null);\n    this.#by = "thread";\n',
        replace:
          '    if (true) return this.#mainLoop(beating ? "thread" : null);\n    this.#by = "thread";\n',
      },
    ],
    caughtBy: {
      file: LIVENESS,
      test: ["a worker process", "whose main thread is busy for 15 seconds loses nothing"],
    },
    says: "to deeply equal []",
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
        file: `${ENGINE}/run-starts.ts`,
        find: "await history.createIn(transaction, [plan.commit])",
        replace: "await history.commit([plan.commit])",
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
  {
    name: "own-runs-not-looked-for",
    breaks: "a run whose claim failed after its commit stays this process's for ever, and nobody works on it",
    changes: [
      {
        file: `${ENGINE}/run-claims.ts`,
        find: "for (const { runId, token } of await unattended.find())",
        replace: "for (const { runId, token } of (await unattended.find()).slice(0, 0))",
      },
    ],
    caughtBy: {
      file: OWNED,
      test: ["SQLite", "a claim that fails after its commit: the run is given back, and done"],
    },
    says: "timed out",
    quick: false,
  },
  {
    name: "control-aborts-what-is-there",
    breaks: "a retry aborts the execution that has claimed the run meanwhile: it is RUNNING for ever",
    changes: [
      {
        file: `${ENGINE}/durable-runner.ts`,
        find: "      this.#active.abort(runId, execution, stopped);\n",
        replace: "      this.#active.abort(runId, execution ?? this.#active.of(runId), stopped);\n",
      },
      {
        file: `${ENGINE}/run-controls.ts`,
        find: "    if (made?.changed) controlled(made.status, made.workflow);\n",
        replace:
          "    await this.#options.get(runId);\n    if (made?.changed) controlled(made.status, made.workflow);\n",
      },
    ],
    caughtBy: {
      file: OWNED,
      test: ["SQLite", "retry, when the run is at work again before the caller is answered: it ends"],
    },
    says: "timed out",
    quick: false,
  },
  {
    name: "stop-waits-for-outage",
    breaks:
      "a process that is told to stop while its server is away waits for as long as its claims and commits do",
    changes: [
      {
        file: `${ENGINE}/durable-runner.ts`,
        find: "      this.#stopped.abort(stopped);\n",
        replace: "",
      },
      {
        file: `${ENGINE}/durable-runner.ts`,
        find: "const LET_GO_MS = 10_000;",
        replace: "const LET_GO_MS = 300_000;",
      },
    ],
    caughtBy: {
      file: "packages/spine-adapters/src/engine-outages.timed.test.ts",
      test: [
        "Postgres",
        "away for seven seconds when it is stopped: the process stops at once, and who waits is told",
      ],
    },
    says: "to be less than",
    quick: false,
  },
];
