const CIRCLE = "M8 1.75a6.25 6.25 0 1 0 0 12.5 6.25 6.25 0 0 0 0-12.5";
const CHECK = `${CIRCLE}M5.2 8.2l2 2 3.7-4.2`;
const CROSS = `${CIRCLE}M5.8 5.8l4.4 4.4m0-4.4-4.4 4.4`;
const CLOCK = `${CIRCLE}M8 4.6V8l2.3 1.5`;
const PAUSE = `${CIRCLE}M6.4 5.8v4.4m3.2-4.4v4.4`;
const SLASH = `${CIRCLE}M3.7 3.7l8.6 8.6`;
const TRIANGLE = "M8 2.2 14.3 13H1.7ZM8 6.4v3.1m0 1.7v.1";
const OCTAGON = "M5.4 1.75h5.2l3.65 3.65v5.2l-3.65 3.65H5.4L1.75 10.6V5.4ZM8 4.9v3.7m0 2v.1";

/** Each status has a shape of its own: what colour says, it says too. */
const SHAPES: Readonly<Record<string, string>> = {
  COMPLETED: CHECK,
  PASS: CHECK,
  READY: CHECK,
  ACTIVE: CHECK,
  REDRIVEN: CHECK,
  FAILED: CROSS,
  FAIL: CROSS,
  ERROR: OCTAGON,
  CRITICAL: OCTAGON,
  WARN: TRIANGLE,
  WARNING: TRIANGLE,
  MISSING: "M4.8 8h6.4",
  RUNNING: "M8 1.75a6.25 6.25 0 1 1-6.25 6.25",
  REDRIVING: "M8 1.75a6.25 6.25 0 1 1-6.25 6.25",
  WAITING: CLOCK,
  PAUSED: PAUSE,
  CANCELLED: SLASH,
  DISCARDED: SLASH,
  DISABLED: SLASH,
  SKIPPED: "M3 4.2 7.4 8 3 11.8ZM8.2 4.2 12.6 8l-4.4 3.8ZM13.6 4.2v7.6",
  INFO: `${CIRCLE}M8 7.4v3.5m0-5.9v.1`,
  chevron: "M6 3.8 10.2 8 6 12.2",
  close: "M4.2 4.2l7.6 7.6m0-7.6-7.6 7.6",
  copy: "M5.75 5.75h7.5v7.5h-7.5ZM10.2 2.75H2.75v7.5",
  done: "M3.4 8.4l3 3 6.2-6.8",
};

/** What a status means for whoever looks: its colour. */
const TONES: Readonly<Record<string, string>> = {
  COMPLETED: "ok",
  PASS: "ok",
  READY: "ok",
  ACTIVE: "ok",
  REDRIVEN: "ok",
  RUNNING: "run",
  REDRIVING: "run",
  INFO: "run",
  FAILED: "fail",
  FAIL: "fail",
  ERROR: "fail",
  CRITICAL: "fail",
  WARN: "warn",
  WARNING: "warn",
  MISSING: "warn",
  WAITING: "wait",
  PAUSED: "wait",
};

export function toneOf(status: string): string {
  return TONES[status] ?? "idle";
}

/** Decoration: what it says stands beside it as text. */
export function Icon({ name }: { readonly name: string }) {
  return (
    <svg className="spine-icon" data-icon={name} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={SHAPES[name] ?? CIRCLE} />
    </svg>
  );
}
