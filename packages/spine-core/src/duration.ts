import { SpineError } from "./errors.ts";

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds, or a number with a unit: `500`, `"250ms"`, `"30s"`, `"5m"`, `"2h"`, `"7d"`. */
export type Duration = number | `${number}${keyof typeof UNITS}`;

/** The duration in milliseconds; refuses anything that is not a finite, non-negative duration. */
export function toMs(duration: Duration): number {
  const ms = typeof duration === "number" ? duration : parse(duration);
  if (Number.isFinite(ms) && ms >= 0) return ms;
  throw new SpineError(
    "CONFIG_INVALID",
    `"${duration}" is not a duration. Use milliseconds or a number with ms, s, m, h or d, e.g. "30s".`,
  );
}

function parse(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  if (!match) return Number.NaN;
  return Number(match[1]) * UNITS[match[2] as keyof typeof UNITS];
}
