import type {
  AlertGroup,
  AllowedAction,
  Attempt,
  Event,
  PartitionCell,
  Problem,
  QualityResult,
  Reject,
  Run,
  Schedule,
  Status,
  Step,
} from "spine-http/client";
import { SpineHttpError } from "spine-http/client";
import type { TimelineStep } from "../timeline-rows.ts";

// What the API answers, for stories and tests: whole and typed, so that a change of the wire is seen here.

const NOW = Date.now();

/** So many seconds ago; in the future where there is a minus. */
export function ago(seconds: number): string {
  return new Date(NOW - seconds * 1_000).toISOString();
}

const RUN_ID = "0193a5c2-7d1e-7c40-9f3a-52b1c8d7e604";

export function runFixture(facts: Partial<Run> = {}): Run {
  return {
    execution_id: RUN_ID,
    pipeline: "finra.otc_transparency.ingest_week",
    domain: "finra",
    partition: { week: "2026-11-16", tier: "T1" },
    tags: [],
    status: "RUNNING",
    version: 12,
    error: null,
    error_code: null,
    error_category: null,
    triggered_by: "schedule:finra_weekly",
    parent_execution_id: null,
    rerun_of: null,
    queue: "default",
    priority: 0,
    created_at: ago(48),
    started_at: ago(44),
    completed_at: null,
    duration: null,
    available_at: null,
    deadline: null,
    ...facts,
  };
}

export function stepFixture(name: string, facts: Partial<TimelineStep> = {}): TimelineStep & Step {
  return {
    name,
    kind: "step",
    parent: null,
    status: "PENDING",
    attempts: 0,
    started_at: null,
    completed_at: null,
    duration: null,
    error: null,
    error_code: null,
    error_category: null,
    rows: null,
    metrics: {},
    retry_at: null,
    waiting_for: null,
    waiting_until: null,
    skip_reason: null,
    progress: null,
    ...facts,
  } as TimelineStep & Step;
}

/** A step that ran from so many seconds ago, for so many seconds. */
export function doneStep(name: string, from: number, seconds: number, facts: Partial<TimelineStep> = {}) {
  return stepFixture(name, {
    status: "COMPLETED",
    attempts: 1,
    started_at: ago(from),
    completed_at: ago(from - seconds),
    duration: seconds,
    ...facts,
  });
}

export function attemptFixture(facts: Partial<Attempt> & Pick<Attempt, "attempt">): Attempt {
  return {
    step_id: `${RUN_ID}-${facts.attempt}`,
    seq: facts.attempt,
    name: "fetch",
    kind: "fetch",
    status: "FAILED",
    started_at: ago(44),
    completed_at: ago(41),
    duration: 3,
    error: "FINRA answered 503 Service Unavailable",
    error_code: "SOURCE_UNAVAILABLE",
    error_category: "TRANSIENT",
    rows: null,
    metrics: {},
    retry_at: null,
    ...facts,
  };
}

const NO_ERROR = { error: null, error_code: null, error_category: null } as const;

/** Failed twice, went well the third time. */
export const retriedFetch = doneStep("fetch", 29, 7.4, {
  kind: "fetch",
  attempts: 3,
  rows: { in: 18_240, out: 18_240, rejected: 0 },
  metrics: { pages: 4, bytes: 2_731_904 },
  history: [
    attemptFixture({ attempt: 1, retry_at: ago(38) }),
    attemptFixture({
      attempt: 2,
      started_at: ago(38),
      completed_at: ago(34.5),
      duration: 3.5,
      retry_at: ago(29),
    }),
    attemptFixture({
      attempt: 3,
      status: "COMPLETED",
      started_at: ago(29),
      completed_at: ago(21.6),
      duration: 7.4,
      ...NO_ERROR,
    }),
  ],
});

export const ACTIONS: readonly AllowedAction[] = (
  ["cancel", "pause", "resume", "retry", "rerun", "signal"] as const
).map((action) => {
  const allowed = action === "cancel" || action === "pause" || action === "rerun";
  return { action, allowed, reason: allowed ? null : "The run has not ended." };
});

function statusFixture(facts: Partial<Status> = {}): Status {
  return {
    ...runFixture(),
    error_detail: null,
    definition: "CURRENT",
    steps: [
      retriedFetch,
      doneStep("transform", 21.6, 6.1, {
        kind: "transform",
        rows: { in: 18_240, out: 18_203, rejected: 37 },
      }),
      stepFixture("venues", { kind: "map", status: "RUNNING", attempts: 1, started_at: ago(15.5) }),
      doneStep("venues/XNYS", 15.4, 4.2, { parent: "venues", rows: { in: 9_100, out: 9_100, rejected: 0 } }),
      stepFixture("venues/XNAS", {
        parent: "venues",
        status: "RUNNING",
        attempts: 1,
        started_at: ago(15.2),
        progress: {
          rows: null,
          done: 6,
          total: 10,
          unit: "pages",
          message: null,
          at: ago(1),
        },
      }),
      stepFixture("quality", { kind: "quality" }),
      stepFixture("load", { kind: "load" }),
      stepFixture("summary"),
    ] as Status["steps"],
    quality: [],
    metrics: {},
    allowed_actions: [...ACTIONS],
    ...facts,
  };
}

export const runningRun = statusFixture();

export const pendingRun = statusFixture({
  status: "PENDING",
  created_at: ago(5),
  started_at: null,
  steps: ["fetch", "transform", "quality", "load"].map((name) => stepFixture(name)) as Status["steps"],
});

export const completedRun = statusFixture({
  status: "COMPLETED",
  completed_at: ago(2),
  duration: 42,
  metrics: { total_records: 18_203 },
  allowed_actions: ACTIONS.map((each) => ({
    ...each,
    allowed: each.action === "rerun",
    reason: each.action === "rerun" ? null : "The run has ended.",
  })),
  steps: [
    retriedFetch,
    doneStep("transform", 21.6, 6.1, { kind: "transform", rows: { in: 18_240, out: 18_203, rejected: 37 } }),
    doneStep("quality", 15.5, 1.9, { kind: "quality", rows: { in: 18_203, out: 18_203, rejected: 0 } }),
    stepFixture("restate", { status: "SKIPPED", skip_reason: "nothing was restated" }),
    doneStep("load", 13.6, 11.2, { kind: "load", rows: { in: 18_203, out: 18_203, rejected: 0 } }),
    doneStep("summary", 2.4, 0.04),
  ] as Status["steps"],
});

const FAILURE = {
  error: "sumTo(share): the shares of venue XNAS add up to 0.9312, not to 1 ± 0.0001",
  error_code: "QUALITY_FAILED",
  error_category: "DATA_QUALITY",
} as const;

export const failedRun = statusFixture({
  status: "FAILED",
  completed_at: ago(13),
  duration: 31,
  ...FAILURE,
  allowed_actions: ACTIONS.map((each) => ({
    ...each,
    allowed: each.action === "rerun" || each.action === "retry",
    reason: null,
  })),
  steps: [
    retriedFetch,
    doneStep("transform", 21.6, 6.1, { kind: "transform", rows: { in: 18_240, out: 18_203, rejected: 37 } }),
    doneStep("quality", 15.5, 1.9, { status: "FAILED", kind: "quality", ...FAILURE }),
    stepFixture("load", { kind: "load" }),
    stepFixture("summary"),
  ] as Status["steps"],
});

/** Between two attempts, and behind a step that waits for somebody. */
export const waitingRun = statusFixture({
  status: "WAITING",
  steps: [
    doneStep("approve", 44, 18, { kind: "wait", waiting_for: "approval" }),
    stepFixture("publish", {
      status: "FAILED",
      attempts: 2,
      started_at: ago(14),
      completed_at: ago(11),
      duration: 3,
      error: "FINRA answered 503 Service Unavailable",
      error_code: "SOURCE_UNAVAILABLE",
      error_category: "TRANSIENT",
      retry_at: ago(-25),
      history: [
        attemptFixture({ attempt: 1, started_at: ago(26), completed_at: ago(22), retry_at: ago(14) }),
        attemptFixture({ attempt: 2, started_at: ago(14), completed_at: ago(11), retry_at: ago(-25) }),
      ],
    }),
    stepFixture("confirm", {
      kind: "wait",
      status: "WAITING",
      attempts: 1,
      started_at: ago(20),
      waiting_for: "approval",
    }),
    stepFixture("summary"),
  ] as Status["steps"],
});

/** 500 steps, as a map over many items makes them. */
export const longRun = statusFixture({
  created_at: ago(610),
  started_at: ago(600),
  steps: [
    stepFixture("symbols", { kind: "map", status: "RUNNING", attempts: 1, started_at: ago(600) }),
    ...Array.from({ length: 499 }, (_, index) => {
      const name = `symbols/${String(index).padStart(4, "0")}`;
      if (index < 440)
        return doneStep(name, 600 - index * 1.3, 1.2 + (index % 7), {
          parent: "symbols",
          rows: { in: 40 + index, out: 40 + index, rejected: 0 },
        });
      if (index < 450)
        return stepFixture(name, { parent: "symbols", status: "RUNNING", attempts: 1, started_at: ago(20) });
      return stepFixture(name, { parent: "symbols" });
    }),
  ] as Status["steps"],
});

export const problem: Problem = {
  type: "https://spine.dev/problems/unavailable",
  title: "Service unavailable",
  status: 503,
  detail: "The database does not answer. Nothing was lost; the same request goes well once it is back.",
  instance: "/spine/pipelines/status",
  code: "unavailable" as Problem["code"],
  category: "DEPENDENCY",
  retryable: true,
  request_id: "req_8c1f04d2",
};
export const httpError = new SpineHttpError(503, problem, null);
export const notFound = new SpineHttpError(
  404,
  {
    ...problem,
    title: "Not found",
    status: 404,
    code: "not-found",
    retryable: false,
    detail: "Execution not found: there is no run with this id.",
  },
  null,
);

export const runs: readonly Run[] = [
  runFixture(),
  runFixture({
    execution_id: "0193a5bf-1200-7d11-8a01-aa01bb02cc03",
    status: "COMPLETED",
    created_at: ago(3_700),
    started_at: ago(3_690),
    completed_at: ago(3_640),
    duration: 50.2,
  }),
  runFixture({
    execution_id: "0193a5b0-4400-7e22-9b02-bb11cc22dd33",
    status: "FAILED",
    pipeline: "pricing.daily_prices",
    partition: { day: "2026-11-24" },
    triggered_by: "api:ann",
    created_at: ago(9_000),
    started_at: ago(9_000),
    completed_at: ago(8_996),
    duration: 4.1,
    error: "Alpha Vantage answered 429 Too Many Requests",
    error_code: "RATE_LIMITED",
    error_category: "TRANSIENT",
  }),
  runFixture({
    execution_id: "0193a5a1-0000-7f33-8c03-cc33dd44ee55",
    status: "WAITING",
    pipeline: "finra.otc_transparency.backfill_range",
    partition: null,
    triggered_by: "cli",
    created_at: ago(86_400),
    started_at: ago(86_390),
  }),
  runFixture({
    execution_id: "0193a590-0000-7044-8d04-dd55ee66ff77",
    status: "CANCELLED",
    pipeline: "pricing.adjusted_prices",
    partition: null,
    created_at: ago(190_000),
    started_at: ago(190_000),
    completed_at: ago(189_880),
    duration: 120,
  }),
];

function check(name: string, facts: Partial<QualityResult>): QualityResult {
  return {
    execution_id: RUN_ID,
    step: "quality",
    check: name,
    category: "INTEGRITY",
    status: "PASS",
    blocking: true,
    message: "as expected",
    actual: null,
    expected: null,
    rows_tested: 18_203,
    rows_failed: 0,
    samples: [],
    at: ago(13.7),
    ...facts,
  };
}

export const quality: readonly QualityResult[] = [
  check("rowCount", {
    category: "COMPLETENESS",
    actual: "18203",
    expected: "at least 1",
    message: "18203 rows",
  }),
  check("sumTo(share)", {
    status: "FAIL",
    category: "BUSINESS_RULE",
    message: "the shares of 1 of 42 venues do not add up",
    actual: "0.9312",
    expected: "1 ± 0.0001",
    rows_failed: 12,
    samples: ['{"venue":"XNAS","share":"0.9312"}', '{"venue":"XNAS","symbol":"AAPL","share":"0.0421"}'],
  }),
  check("range(price)", {
    status: "WARN",
    blocking: false,
    message: "3 prices are above 10000",
    actual: "3",
    expected: "0",
    rows_failed: 3,
    samples: ['{"symbol":"BRK.A","price":"742100"}'],
  }),
  check("unique(key)", { message: "18203 keys, each once" }),
  check("relationship(venue)", {
    status: "ERROR",
    message: "the table of venues could not be read",
    rows_tested: 0,
  }),
];

export const rejects: readonly Reject[] = ["BAD_NUMBER", "BAD_NUMBER", "MISSING_FIELD", "UNKNOWN_VENUE"].map(
  (code, index) => ({
    execution_id: RUN_ID,
    step: "transform",
    index,
    code,
    message:
      code === "BAD_NUMBER"
        ? "totalWeeklyShareQuantity: “12,5oo” is no number"
        : "issueSymbolIdentifier is missing",
    line: 411 + index * 97,
    file: "otc-weekly-2026-11-16.txt",
    row: {
      issueSymbolIdentifier: `SYM${index}`,
      totalWeeklyShareQuantity: "12,5oo",
      marketParticipant: "XNAS",
    },
    state: index === 3 ? ("DISCARDED" as const) : ("OPEN" as const),
    redriven_by: null,
    discarded: index === 3 ? { reason: "a test venue", by: "ann", at: ago(60) } : null,
  }),
);

const STATES = [
  "READY",
  "READY",
  "READY",
  "FAILED",
  "READY",
  "READY",
  "RUNNING",
  "MISSING",
  "NOT_DUE",
] as const;
export const cells: readonly PartitionCell[] = ["T1", "T2", "OTCE"].flatMap((tier, row) =>
  Array.from({ length: 16 }, (_, week) => {
    const start = new Date(Date.UTC(2026, 7, 10 + week * 7)).toISOString().slice(0, 10);
    const end = new Date(Date.UTC(2026, 7, 14 + week * 7)).toISOString().slice(0, 10);
    const state = week < 9 ? "READY" : (STATES[(week - 8 + row * 2) % STATES.length] ?? "READY");
    return {
      partition: { week: start, tier },
      key: `week=${start},tier=${tier}`,
      start,
      end,
      due_at: `${end}T22:00:00.000Z`,
      state,
      execution_id: state === "READY" ? RUN_ID : null,
      load_id: null,
      rows: state === "READY" ? 17_000 + week * 113 : null,
      loaded_at: state === "READY" ? ago(90_000) : null,
    };
  }),
);

function schedule(name: string, facts: Partial<Schedule>): Schedule {
  return {
    name,
    pipeline: "finra.otc_transparency.ingest_week",
    params: {},
    cron: null,
    every: null,
    at: null,
    timezone: "America/New_York",
    enabled: true,
    catch_up: { policy: "latest", max: 1, window: 86_400 },
    overlap: "skip",
    misfire_grace: 60,
    jitter: 0,
    start_at: null,
    end_at: null,
    calendar: null,
    closed_days: "skip",
    paused_ticks: "skip",
    queue: null,
    priority: 0,
    tags: [],
    status: "ACTIVE",
    reason: null,
    declared_by: "code",
    next_tick_at: ago(-7_200),
    waiting: 0,
    paused_at: null,
    created_at: ago(900_000),
    updated_at: ago(900_000),
    version: 1,
    revision: "1-a",
    ...facts,
  };
}

export const schedules: readonly Schedule[] = [
  schedule("finra_weekly", { cron: "0 18 * * 1" }),
  schedule("prices_every_15_min", { pipeline: "pricing.daily_prices", every: 900, next_tick_at: ago(-420) }),
  schedule("venue_share", {
    pipeline: "finra.otc_transparency.compute_venue_share",
    cron: "30 6 * * 2-6",
    status: "PAUSED",
    reason: "Paused by ann until the new symbols are in.",
    next_tick_at: null,
    paused_at: ago(4_000),
  }),
];

export const alertGroups: readonly AlertGroup[] = [
  {
    group_id: "0193a5c2-0000-7000-8000-000000000001",
    channels: ["slack", "pagerduty"],
    labels: { domain: "finra" },
    since: ago(1_900),
    notified_at: ago(1_860),
    notifications: 1,
    alerts: [
      {
        fingerprint: "a".repeat(64),
        status: "FIRING",
        severity: "CRITICAL",
        title: "finra.otc_transparency.ingest_week failed",
        message: "The shares of venue XNAS add up to 0.9312, not to 1 ± 0.0001.",
        source: "finra.otc_transparency.ingest_week",
        execution_id: RUN_ID,
        labels: { pipeline: "finra.otc_transparency.ingest_week", tier: "T1" },
        raised: 3,
        since: ago(1_900),
        raised_at: ago(300),
        acknowledged_by: null,
      },
      {
        fingerprint: "b".repeat(64),
        status: "FIRING",
        severity: "WARNING",
        title: "A run that should have happened did not",
        message: "finra_weekly was due at 18:00 and has not started.",
        source: "finra_weekly",
        execution_id: null,
        labels: { schedule: "finra_weekly" },
        raised: 1,
        since: ago(900),
        raised_at: ago(900),
        acknowledged_by: "ann",
      },
    ],
  },
];

const EVENTS: readonly [type: string, data: unknown][] = [
  ["run.created", { triggered_by: "schedule:finra_weekly" }],
  ["run.started", {}],
  ["step.started", { step: "fetch", attempt: 1 }],
  ["step.failed", { step: "fetch", attempt: 1, error: "FINRA answered 503 Service Unavailable" }],
  ["step.started", { step: "fetch", attempt: 2 }],
  ["step.completed", { step: "fetch", attempt: 2, rows: { in: 18_240, out: 18_240, rejected: 0 } }],
  ["step.started", { step: "transform", attempt: 1 }],
];
export const events: readonly Event[] = EVENTS.map(([type, data], index) => ({
  execution_id: RUN_ID,
  seq: index + 1,
  type,
  at: ago(48 - index * 4),
  data,
}));

export const paramsSchema = {
  type: "object",
  properties: {
    tier: { type: "string", enum: ["T1", "T2", "OTCE"], description: "FINRA's tier of the symbols." },
    week_ending: { type: "string", format: "date", title: "Week ending" },
    limit: { type: "integer", minimum: 1, maximum: 5_000, default: 5_000 },
    dry: { type: "boolean", default: false, title: "Only look" },
    symbols: { type: "array", items: { type: "string" } },
    source: {
      type: "object",
      properties: {
        url: { type: "string", format: "uri" },
        api_key: {
          type: "string",
          description: "A reference, e.g. env:FINRA_API_KEY.",
          "x-spine-secret": true,
        },
      },
      required: ["url"],
    },
    note: { anyOf: [{ type: "string", maxLength: 2_000 }, { type: "null" }] },
  },
  required: ["tier", "week_ending"],
};
