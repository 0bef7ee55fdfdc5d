// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are texts of sources
import type { Mutant } from "../mutant.ts";

const HTTP = "packages/spine-http/src";
const SECURITY = `${HTTP}/security.test.ts`;
const HANDLER = `${HTTP}/handler.test.ts`;

/** Guarantees of the HTTP API. */
export const MUTANTS_OF_HTTP: readonly Mutant[] = [
  {
    name: "http-path-spelt-twice",
    breaks: "a path in another spelling reaches an operation that a guard of the host's did not see",
    changes: [
      {
        file: `${HTTP}/canonical-path.ts`,
        find: "|| MISSPELT.test(path)) return null;",
        replace: ") return null;",
      },
    ],
    caughtBy: { file: SECURITY, test: ["another spelling of a path", "segments are decoded once"] },
    says: "to be null",
    quick: false,
  },
  {
    name: "http-no-permission",
    breaks: "an operation is carried out for somebody who does not have its permission",
    changes: [
      {
        file: `${HTTP}/handler.ts`,
        find: "if (!holds(principal.permissions, permission)) {",
        replace: "if (permission === '') {",
      },
    ],
    caughtBy: { file: HANDLER, test: ["who may ask", "keys: each with its permissions"] },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "http-rerun-past-host",
    breaks: "a run is given parameters that the host does not let in, by a rerun or a trigger",
    changes: [
      {
        file: `${HTTP}/operations/run-controls.ts`,
        find: "services.completeParams({ pipeline: original.workflow, params: body.params, principal });",
        replace: "((_: unknown) => body.params)(services);",
      },
    ],
    caughtBy: {
      file: HANDLER,
      test: ["the host has a word on the parameters of each run, by whichever door it is started"],
    },
    says: "to match object",
    quick: false,
  },
  {
    name: "schedule-stale-change",
    breaks: "who changes a schedule overwrites what somebody else has changed since he looked at it",
    changes: [
      {
        file: "packages/spine-core/src/scheduler/schedules.ts",
        find: "if (revision === undefined || revision === revisionOf(row)) return;",
        replace: "if (revision !== '') return;",
      },
    ],
    caughtBy: {
      file: `${HTTP}/operations/schedules.test.ts`,
      test: [
        "SQLite",
        "changes need the version that was looked at: of two who have seen the same, one comes first",
      ],
    },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "http-other-tenant",
    breaks: "a tenant reads a run of another one",
    changes: [
      {
        file: `${HTTP}/auth/access.ts`,
        find: "if (this.scope && !(await this.#isMine(detail.run)))",
        replace: "if (this.scope && runId === '' && !(await this.#isMine(detail.run)))",
      },
    ],
    caughtBy: {
      file: SECURITY,
      test: ["two tenants", "no operation lets one see or change anything of the other"],
    },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "http-etag-is-a-key",
    breaks: "who has got the ETag of another tenant's answer learns that his run has not changed",
    changes: [
      {
        file: `${HTTP}/operations/run-status.ts`,
        find: "return access.scope === null || services.readable.has(readKey(principal, runId));",
        replace:
          "return access.scope === null || runId !== '' || services.readable.has(readKey(principal, runId));",
      },
    ],
    caughtBy: {
      file: SECURITY,
      test: ["two tenants", "each sees its own: runs, and those that they started"],
    },
    says: "404",
    quick: false,
  },
  {
    name: "http-shared-keys",
    breaks: "a tenant's idempotency key finds the run of another one",
    changes: [
      {
        file: `${HTTP}/operations/pipelines.ts`,
        find: "scope: short(`api:${id}`)",
        replace: "scope: short(`api:${id.length > 0}`)",
      },
    ],
    caughtBy: { file: SECURITY, test: ["two tenants", "have runs of their own under the same key"] },
    says: "not to be",
    quick: false,
  },
  {
    name: "http-cross-site",
    breaks: "a page of another site starts runs in the name of who is signed in",
    changes: [
      {
        file: `${HTTP}/cross-origin.ts`,
        find: "if (SAFE.has(request.method)) return;",
        replace: "if (SAFE.has(request.method) || request.method === 'POST') return;",
      },
    ],
    caughtBy: {
      file: HANDLER,
      test: ["the error catalogue", "cross-origin (403): POST /pipelines/run/demo.hello"],
    },
    says: "cross-origin",
    quick: false,
  },
  {
    name: "http-told-message",
    breaks: "what failed inside is told to whoever asks, with statements and hosts in it",
    changes: [
      {
        file: `${HTTP}/to-problem.ts`,
        find: '"The request failed. What happened stands in the log of the process, under the id of this request."',
        replace: "String((error as Error).message)",
      },
    ],
    caughtBy: {
      file: HANDLER,
      test: ["the error catalogue", "what fails inside tells nothing but where to look for it"],
    },
    says: "password",
    quick: false,
  },
  {
    name: "http-stream-from-the-start",
    breaks: "a stream that is connected again begins anew, and events come twice",
    changes: [
      {
        file: `${HTTP}/operations/events.ts`,
        find: "[run, numbers[index] ?? given.get(run) ?? 0]",
        replace: "[run, (numbers[index] ?? given.get(run) ?? 0) * 0]",
      },
    ],
    caughtBy: {
      file: `${HTTP}/events/event-stream.slow.test.ts`,
      test: ["SQLite", "50 cuts: no event is missing, none comes twice, and the order is kept"],
    },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "http-arrival-passed-over",
    breaks:
      "a stream over a pipeline passes over a run whose transaction was held back while others committed",
    changes: [
      {
        file: "packages/spine-adapters/src/history/postgres/list-arrivals.ts",
        find: "SELECT pg_snapshot_xmin(pg_current_snapshot()) AS horizon",
        replace: "SELECT pg_snapshot_xmax(pg_current_snapshot()) AS horizon",
      },
    ],
    caughtBy: {
      file: "packages/spine-adapters/src/history/postgres/postgres-history-store.test.ts",
      test: ["history store: Postgres", "passes over no run that is held back in a transaction"],
    },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "http-lost-places",
    breaks:
      "callers who go before the answer take the places of streams with them, until nobody gets one any more",
    changes: [
      {
        file: `${HTTP}/events/run-feed.ts`,
        find: "if (signal.aborted) close();",
        replace: "",
      },
    ],
    caughtBy: {
      file: HANDLER,
      test: ["who has gone before his stream was begun leaves his place, and nobody watches the run for him"],
    },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "http-unheard-413",
    breaks: "whoever sends too much loses the connection and never hears why",
    changes: [
      {
        file: `${HTTP}/adapters/node.ts`,
        find: "request.iterator({ destroyOnReturn: false })",
        replace: "request.iterator({ destroyOnReturn: true })",
      },
    ],
    caughtBy: {
      file: `${HTTP}/adapters/node.test.ts`,
      test: ["whoever sends too much is told so, however much it is, and the connection goes on"],
    },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "http-audit-kills",
    breaks: "an audit that fails ends the process of the host",
    changes: [
      {
        file: `${HTTP}/handler.ts`,
        find: "await audit({ ...told, reason",
        replace: "void audit({ ...told, reason",
      },
    ],
    caughtBy: {
      file: HANDLER,
      test: ["who may ask", "an audit that fails is logged: what was done stays done, and is answered so"],
    },
    says: "to deeply equal",
    quick: false,
  },
  {
    name: "http-client-climbs",
    breaks: "a name that somebody has chosen leads the client to another operation",
    changes: [
      {
        file: `${HTTP}/client/spine-client.ts`,
        find: 'if (value === "" || value === "." || value === "..")',
        replace: 'if (value === "")',
      },
    ],
    caughtBy: {
      file: `${HTTP}/client/client.test.ts`,
      test: ["a name does not lead to another operation"],
    },
    says: "cannot stand in a path",
    quick: false,
  },
];
